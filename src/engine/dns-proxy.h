/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The query pipeline: parse -> policy -> cache or upstream -> guard -> lease in the kernel -> reply. The reply leaves
 * only after the kernel allows the addresses in it. */

#include "engine/layer-table.h"
#include "engine/self-query.h"
#include "net/dns-stub.h"
#include "net/dns-upstream.h"

typedef struct DnsProxy DnsProxy;

/* Where a query came from: the client's own address and port. */
typedef struct DnsPeer {
        InAddr addr;
        uint16_t port;
        bool is_tcp;
} DnsPeer;

/* Who sent it, and by which layers it is answered. */
typedef struct DnsRequester {
        Layer *layers[CW_CHAIN_MAX]; /* in the order of a chain */
        size_t n_layers; /* 0: unknown, the query fails */
        bool forwards;   /* a resolver that asks for processes of any chain */
        bool is_self;    /* this process, for a self-test */
        uint64_t group;  /* whoever has the same number shares a bound on questions in flight; 0: none */
} DnsRequester;

typedef struct DnsDenial {
        DnsPeer peer;
        const Layer *layer;     /* that decided */
        const char *name;       /* as far as it was read */
        uint16_t type;
        const char *why;        /* constant word: "policy", "type", "name", "rebinding", "cname", "reverse", "lease" */
        uint32_t rule;          /* RULE_NONE */
} DnsDenial;

typedef void (*dns_denial_fn)(const DnsDenial *d, void *userdata);
/* A query has come; its sender waits for the answer. */
typedef void (*dns_requester_fn)(const DnsPeer *peer, DnsRequester *ret, void *userdata);
/* This address was just leased to the layer: name led to it, with the chain as one text or NULL. */
typedef void (*dns_lease_fn)(const Layer *layer, const Lease *lease, void *userdata);

typedef struct DnsProxyStats {
        uint64_t queries, answered, malformed, refused, cache_hits, upstream_failures, lease_failures, unattributed;
} DnsProxyStats;

typedef struct DnsProxyOptions {
        const DnsServer *servers;
        size_t n_servers;
        const int *fds;         /* bound sockets, taken, also on failure; a family that has none: a free port of the loopback */
        size_t n_fds;
        dns_denial_fn on_denial;
        dns_requester_fn on_query;
        dns_lease_fn on_lease;  /* NULL: nobody wants to know */
        dns_upstream_socket_fn on_socket; /* NULL */
        const LayerTable *layers; /* borrowed: for what concerns all of them, and to find those of a query that had to wait */
        void *userdata;
} DnsProxyOptions;

/* Every query gets SERVFAIL until its requester has layers. Without an IPv6 loopback it listens on IPv4 alone. */
int dns_proxy_new(sd_event *event, const DnsProxyOptions *options, DnsProxy **ret);
DnsProxy *dns_proxy_free(DnsProxy *p);
/* Where it listens: an address of 127.0.0.0/8 and its port, and the port on ::1 or 0. */
void dns_proxy_address(const DnsProxy *p, InAddr *ret_addr4, uint16_t *ret_port4, uint16_t *ret_port6);
/* Its sockets, at most max. Returns how many. */
size_t dns_proxy_endpoints(const DnsProxy *p, DnsEndpoint *ret, size_t max);
/* A new question that only this proxy can answer, and only to a client that is this process. */
int dns_proxy_renew_self_query(DnsProxy *p, SelfQuery *ret);
/* Questions on their way are asked again. On failure the old ones stay. */
int dns_proxy_set_servers(DnsProxy *p, const DnsServer *servers, size_t n_servers);
const DnsProxyStats *dns_proxy_stats(const DnsProxy *p);
size_t dns_proxy_n_cached(const DnsProxy *p);
const DnsStubStats *dns_proxy_stub_stats(const DnsProxy *p);

DEFINE_CLEANUP_FUNC(DnsProxy *, dns_proxy_free)
