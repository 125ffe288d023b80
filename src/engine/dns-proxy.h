/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The query pipeline: parse -> policy -> cache or upstream -> guard -> lease in the kernel -> reply. The reply is
 * sent only after the kernel allows the addresses in it. */

#include "engine/dns-failure.h"
#include "engine/dns-judge.h"
#include "engine/dns-requester.h"
#include "engine/layer-table.h"
#include "engine/self-query.h"
#include "host/local-names.h"
#include "net/dns-stub.h"
#include "net/upstream-groups.h"

typedef struct DnsProxy DnsProxy;

typedef struct DnsDenial {
        DnsPeer peer;
        const Layer *layer;     /* the deciding layer */
        const char *name;       /* as far as it could be read */
        uint16_t type;
        const char *why;        /* constant word: "policy", "name", "rebinding", "cname", "reverse", "lease" */
        uint32_t rule;          /* RULE_NONE */
        const InAddr *refused;  /* "rebinding": the address that the name may not have; otherwise NULL */
} DnsDenial;

typedef void (*dns_denial_fn)(const DnsDenial *d, void *userdata);
typedef enum DnsShare {
        DNS_SHARE_QUERIES,     /* without an answer; one failed */
        DNS_SHARE_CONNECTIONS, /* one was closed */
        DNS_SHARE_LEASES,      /* in one layer; the oldest went */
} DnsShare;

/* This group of requesters has used up its share of the proxy: it has n of something that others need, too. */
typedef void (*dns_crowded_fn)(uint32_t group, DnsShare share, size_t n, void *userdata);
/* A query of this group arrived while queries come faster than they can be read, so that some are lost. */
typedef void (*dns_flooded_fn)(uint32_t group, void *userdata);
/* A query has arrived; its sender waits for the answer. */
typedef void (*dns_requester_fn)(const DnsPeer *peer, DnsRequester *ret, void *userdata);

/* This requester may have the answer for the name, which has addresses. */
typedef void (*dns_answer_fn)(const DnsRequester *requester, const char *name, const DnsAnswer *answer, void *userdata);

typedef struct DnsProxyStats {
        uint64_t queries, answered, malformed, refused, cache_hits, upstream_failures, lease_failures, unattributed, strangers;
        uint64_t crowded; /* as for dns_crowded_fn */
        uint64_t withheld; /* queries for an allowed name and a type that is not served */
        uint64_t expanded; /* names that a search list has made */
        uint64_t local;    /* names that this machine gives a meaning */
} DnsProxyStats;

typedef struct DnsProxyOptions {
        const DnsServer *servers; /* none: every query upstream gets SERVFAIL until there are some */
        size_t n_servers;
        const int *fds;         /* bound sockets, always taken over; a family without one: a free port on loopback */
        size_t n_fds;
        bool one_group;         /* all requesters belong together: nothing is kept for others */
        dns_denial_fn on_denial;
        dns_crowded_fn on_crowded; /* may be NULL */
        dns_flooded_fn on_flooded; /* may be NULL */
        dns_failure_fn on_failure; /* may be NULL */
        dns_requester_fn on_query;
        dns_lease_fn on_lease;  /* may be NULL */
        dns_answer_fn on_answer; /* may be NULL */
        DnsUpstreamHooks upstream_hooks; /* without userdata */
        uint8_t refusal;        /* the rcode for names that are denied: NXDOMAIN, REFUSED, or NOERROR without records */
        const LocalNameFiles *name_files; /* borrowed; NULL: no local names, and no search list */
        const LayerTable *layers; /* borrowed: for what concerns all layers, and to look up a waiting query's */
        void *userdata;
} DnsProxyOptions;

/* Every query gets SERVFAIL until its requester has layers. Without an IPv6 loopback address it listens on IPv4
 * only. */
int dns_proxy_new(sd_event *event, const DnsProxyOptions *options, DnsProxy **ret);
DnsProxy *dns_proxy_free(DnsProxy *p);
/* Where it listens: an address in 127.0.0.0/8 and its port, and the port on ::1 or 0. */
void dns_proxy_address(const DnsProxy *p, InAddr *ret_addr4, uint16_t *ret_port4, uint16_t *ret_port6);
/* The endpoints of its sockets, at most max. Returns the number. */
size_t dns_proxy_endpoints(const DnsProxy *p, DnsEndpoint *ret, size_t max);
/* Creates a new question that only this proxy can answer, and only for this process. */
int dns_proxy_renew_self_query(DnsProxy *p, SelfQuery *ret);
/* Forgets all answers; questions in flight are asked again. On failure the old servers stay. */
int dns_proxy_set_servers(DnsProxy *p, const DnsServer *servers, size_t n_servers);
/* Does this machine itself give the name a meaning? */
bool dns_proxy_is_local(DnsProxy *p, const char *name, uint64_t now_nsec);
typedef void (*dns_known_fn)(const DnsAnswer *a, void *userdata);
/* Calls fn with the answers for the addresses of a name that would be given now without asking anybody, at most one for each
 * family, as they were before any policy. Not from a callback of the proxy. */
void dns_proxy_known(DnsProxy *p, const char *name, uint64_t now_nsec, dns_known_fn fn, void *userdata);
/* Do programs of this machine ask systemd-resolved, which asks us as itself? */
bool dns_proxy_has_stub(const DnsProxy *p);
const DnsProxyStats *dns_proxy_stats(const DnsProxy *p);
int dns_proxy_for_each_socket(const DnsProxy *p, dns_stub_socket_fn fn, void *userdata); /* those of clients */
size_t dns_proxy_n_cached(const DnsProxy *p);
const DnsStubStats *dns_proxy_stub_stats(const DnsProxy *p);

DEFINE_CLEANUP_FUNC(DnsProxy *, dns_proxy_free)
