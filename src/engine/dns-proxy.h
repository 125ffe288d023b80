/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The query pipeline: parse -> policy -> cache or upstream -> guard -> lease in the kernel -> reply. The reply leaves
 * only after the kernel allows the addresses in it. */

#include "dns/lease.h"
#include "kernel/policy-maps.h"
#include "net/dns-stub.h"
#include "net/dns-upstream.h"
#include "policy/policy.h"

typedef struct DnsProxy DnsProxy;

/* Where a query came from: the client's own address and port. */
typedef struct DnsPeer {
        InAddr addr;
        uint16_t port;
        bool is_tcp;
} DnsPeer;

typedef struct DnsDenial {
        DnsPeer peer;
        const char *name;       /* as far as it was read */
        uint16_t type;
        const char *why;        /* constant word: "policy", "type", "name", "rebinding", "cname", "reverse", "lease" */
        uint32_t rule;          /* RULE_NONE */
} DnsDenial;

typedef void (*dns_denial_fn)(const DnsDenial *d, void *userdata);
/* A query that can be read has come; its sender waits for the answer. */
typedef void (*dns_peer_fn)(const DnsPeer *peer, void *userdata);

typedef struct DnsProxyStats {
        uint64_t queries, malformed, refused, cache_hits, upstream_failures, lease_failures;
} DnsProxyStats;

typedef struct DnsProxyOptions {
        const DnsServer *servers;
        size_t n_servers;
        LeaseTable *leases;     /* borrowed, like the rest */
        dns_denial_fn on_denial;
        dns_peer_fn on_peer;
        void *userdata;
} DnsProxyOptions;

/* Binds free loopback ports and serves; every query gets SERVFAIL until a policy is set. */
int dns_proxy_new(sd_event *event, const DnsProxyOptions *options, DnsProxy **ret);
DnsProxy *dns_proxy_free(DnsProxy *p);
void dns_proxy_ports(const DnsProxy *p, uint16_t *ret_port4, uint16_t *ret_port6);
/* All borrowed. Names derived under the old policy are forgotten; cached answers are judged anew when used. */
void dns_proxy_set_policy(DnsProxy *p, const Policy *policy, Mode mode, PolicyMaps *maps);
const DnsProxyStats *dns_proxy_stats(const DnsProxy *p);

DEFINE_CLEANUP_FUNC(DnsProxy *, dns_proxy_free)
