/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which resolvers the service asks: those it was told, else this machine's, followed as they change. */

#include <systemd/sd-event.h>

#include "basic/macro.h"
#include "net/dns-upstream.h"

typedef struct Upstreams Upstreams;

/* Where this machine's resolvers are written. */
typedef struct UpstreamFiles {
        const char *resolv_conf;   /* /etc/resolv.conf: resolv.conf(5) */
        const char *resolved_list; /* what systemd-resolved itself asks, in the same form */
        const char *drop_in;       /* ours, that makes systemd-resolved ask the proxy; its presence counts */
} UpstreamFiles;

extern const UpstreamFiles upstream_files_default;

/* error 0: the list has changed. Else why it may be old: -ENOENT, the files no longer name a server that can be asked;
 * others, they cannot be read or followed. Told when it begins and, by 0, when it ends. servers is the list in force,
 * never empty, valid during the call. */
typedef void (*upstreams_fn)(int error, const DnsServer *servers, size_t n, void *userdata);

/* -ELOOP: one of the servers is systemd-resolved's stub, which asks the proxy in its turn, or the proxy itself
 * (127.0.0.155 at any port, ::1 port 253). */
int upstreams_check(const DnsServer *servers, size_t n);

/* Once: systemd-resolved's own list when resolv.conf points at its stub or when the drop-in is there, else, or when
 * that names nobody, resolv.conf. Addresses of this machine's loopback are never taken, so that the proxy cannot come
 * to ask itself; such a resolver has to be configured. -ENOENT: no server. */
int upstreams_read(const UpstreamFiles *files, DnsServer *ret, size_t max, size_t *ret_n);

/* configured: asked alone when there are any, and nothing is followed. last: what was in force before a restart, asked
 * when the files name nobody and until they do: the drop-in can hide the servers that systemd-resolved had. At most
 * DNS_UPSTREAM_SERVERS_MAX of each. fn is not called from here. Returns 0, or 1 when the list is last; -ELOOP as above;
 * -ENOENT: no server, none is invented. */
int upstreams_new(sd_event *event, const UpstreamFiles *files, const DnsServer *configured, size_t n_configured,
                  const DnsServer *last, size_t n_last, upstreams_fn fn, void *userdata, Upstreams **ret);
Upstreams *upstreams_free(Upstreams *u);
DEFINE_CLEANUP_FUNC(Upstreams *, upstreams_free)

/* The list in force, never empty; *ret is valid until the loop runs. */
size_t upstreams_get(const Upstreams *u, const DnsServer **ret);
