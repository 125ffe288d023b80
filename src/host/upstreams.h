/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The resolvers that the service uses: the configured ones, otherwise those of the system, followed as they change. */

#include <systemd/sd-event.h>

#include "basic/macro.h"
#include "net/dns-upstream.h"

typedef struct Upstreams Upstreams;

/* Where the system's resolvers are listed. */
typedef struct UpstreamFiles {
        const char *resolv_conf;   /* /etc/resolv.conf: resolv.conf(5) */
        const char *resolved_list; /* the resolvers that systemd-resolved itself uses, in the same format */
        const char *drop_in;       /* our drop-in that makes systemd-resolved use the proxy; only existence matters */
} UpstreamFiles;

extern const UpstreamFiles upstream_files_default;

/* error 0: the list has changed. Otherwise the reason why the list may be outdated: -ENOENT if the files no longer
 * name a usable server; another errno if they cannot be read or watched. Called when the condition begins and, with
 * 0, when it ends. servers is the current list, never empty, valid during the call. */
typedef void (*upstreams_fn)(int error, const DnsServer *servers, size_t n, void *userdata);

/* -ELOOP: one of the servers is the stub of systemd-resolved, which forwards to the proxy, or the proxy itself
 * (127.0.0.155 at any port, ::1 port 253). */
int upstreams_check(const DnsServer *servers, size_t n);

/* Reads the servers once: systemd-resolved's own list if resolv.conf points to its stub or the drop-in exists;
 * otherwise, or if that names none, resolv.conf. Loopback addresses are never used, so that the proxy cannot query
 * itself; a resolver there must be configured. -ENOENT: no server. */
int upstreams_read(const UpstreamFiles *files, DnsServer *ret, size_t max, size_t *ret_n);

/* configured: if there are any, only these are used, and nothing is followed. last: the list in use before a
 * restart, used while the files name no server: the drop-in can hide the servers that systemd-resolved had. At most
 * DNS_UPSTREAM_SERVERS_MAX of each. fn is not called from here. Returns 0, or 1 if the list is last; -ELOOP as
 * above; -ENOENT: no server; there is no default. */
int upstreams_new(sd_event *event, const UpstreamFiles *files, const DnsServer *configured, size_t n_configured,
                  const DnsServer *last, size_t n_last, upstreams_fn fn, void *userdata, Upstreams **ret);
Upstreams *upstreams_free(Upstreams *u);
DEFINE_CLEANUP_FUNC(Upstreams *, upstreams_free)

/* The current list, never empty; *ret is valid until the loop runs again. */
size_t upstreams_get(const Upstreams *u, const DnsServer **ret);
