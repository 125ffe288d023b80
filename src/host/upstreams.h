/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The resolvers that the service uses: the configured ones, otherwise those of the system, followed as they change. */

#include <systemd/sd-event.h>

#include "basic/macro.h"
#include "config/service-config.h"
#include "net/dns-upstream.h"

typedef struct Upstreams Upstreams;

#define UPSTREAM_CONF_DIRS 4

/* Where the system's resolvers are listed. */
typedef struct UpstreamFiles {
        const char *resolv_conf;   /* /etc/resolv.conf: resolv.conf(5) */
        const char *resolved_list; /* the resolvers that systemd-resolved itself uses, in the same format */
        const char *drop_in;       /* our drop-in that makes systemd-resolved use the proxy */
        const char *link_dirs[2];  /* of systemd-resolved and systemd-networkd, for host/link-dns.h; NULL: none */
        const char *conf_dirs[UPSTREAM_CONF_DIRS]; /* with resolved.conf(5); NULL: none. If it has servers for domains, nothing of what
                                                * it asks the proxy itself is for its servers, but must go to the one it chooses */
        const char *socket;        /* systemd-resolved creates it when it starts; NULL: none */
} UpstreamFiles;

extern const UpstreamFiles upstream_files_default;

/* Which resolvers on this machine may be queried. Any other one on a loopback address asks us in turn. */
enum upstream_locals {
        UPSTREAM_LOCAL_STUB = 1U << 0,   /* systemd-resolved's, whose own queries are a forwarder's */
        UPSTREAM_LOCAL_OTHERS = 1U << 1, /* other forwarders */
        UPSTREAM_LOCAL_PROXY = 1U << 2,  /* the proxy of the service, for another proxy */
};

/* Those that a service with this configuration may query: the forwarders. */
unsigned upstream_locals(const ServiceConfig *c);

/* error 0: the list has changed, or, with the same list, which of
 * them is asked for which domains. Otherwise the reason why the list may be outdated: -ENOENT if the files no longer
 * name a usable server; another errno if they cannot be read or watched. Called when the condition begins and, with
 * 0, when it ends. servers is the current list, valid during the call. */
typedef void (*upstreams_fn)(int error, const DnsServer *servers, size_t n, void *userdata);

/* May a service query these? -ELOOP: one of the servers is the stub of systemd-resolved, which forwards to the proxy, or the proxy itself
 * (127.0.0.155 at any port, ::1 port 253). */
int upstreams_check(const DnsServer *servers, size_t n);

/* Reads the servers once: those of resolv.conf as far as they may be queried, and, if that names systemd-resolved's stub
 * or the drop-in exists, the servers of systemd-resolved, which answer who addresses them, and whatever it sends to the
 * proxy. locals: enum upstream_locals. -ENOENT: no server. */
int upstreams_read(const UpstreamFiles *files, unsigned locals, DnsServer *ret, size_t max, size_t *ret_n);

/* configured: at most DNS_UPSTREAM_SERVERS_MAX; if there are any, only these are used, and other forwarders on this
 * machine for who addresses one. The list may be empty at first; a list that was known stays when the files name none.
 * fn is not called from here. */
int upstreams_new(sd_event *event, const UpstreamFiles *files, unsigned locals, const DnsServer *configured,
                  size_t n_configured, upstreams_fn fn, void *userdata, Upstreams **ret);
Upstreams *upstreams_free(Upstreams *u);
DEFINE_CLEANUP_FUNC(Upstreams *, upstreams_free)

/* 0, or why the list may be outdated or empty, as reported to fn. */
int upstreams_error(const Upstreams *u);
/* The current list; *ret is valid until the loop runs again. */
size_t upstreams_get(const Upstreams *u, const DnsServer **ret);
