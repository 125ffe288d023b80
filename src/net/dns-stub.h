/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The sockets that clients talk to: DNS over UDP and TCP (RFC 7766), one callback for both. Knows nothing of DNS but
 * the length prefix. */

#include <systemd/sd-event.h>

#include "basic/in-addr.h"
#include "net/dns-endpoint.h"

typedef struct DnsStub DnsStub;
typedef struct DnsClient DnsClient; /* one query awaiting its reply */

#define DNS_STUB_CLIENTS_TCP_MAX 64     /* connections */
#define DNS_STUB_PIPELINE_MAX 16        /* queries in flight per connection; more are not read */
#define DNS_STUB_IDLE_USEC (10 * 1000000ULL) /* connections without a complete query for this long are closed */
#define DNS_STUB_CLIENTS_MAX 4096       /* queries in flight, UDP and TCP together; more are dropped */
#define DNS_STUB_UDP_SIZE_MAX 2048      /* longer datagrams are dropped: one question with EDNS is much shorter */

typedef struct DnsStubStats {
        uint64_t udp_queries, tcp_queries, tcp_connections;
        uint64_t tcp_refused;   /* connections refused: no idle one, and no group with more, gave its place up */
        uint64_t tcp_displaced; /* connections closed for a new one: idle, or of the group with the most */
        uint64_t dropped;       /* replies that could not be sent */
        uint64_t overload;      /* queries dropped: DNS_STUB_CLIENTS_MAX in flight, or out of memory */
        uint64_t oversize;      /* datagrams longer than DNS_STUB_UDP_SIZE_MAX */
        uint64_t lost;          /* datagrams that the kernel dropped, since they came faster than they were read */
} DnsStubStats;

/* Called once per message; data is valid during the call. The callee must end each client with dns_client_reply() or
 * dns_client_drop(), now or later. */
typedef void (*dns_stub_query_fn)(DnsStub *stub, DnsClient *client, const uint8_t *data, size_t size, void *userdata);

/* Whose connection is this? Returns the number of a group of clients, which share what they may have
 * (basic/fair-share.h); negative: nobody's, to be closed. */
typedef int64_t (*dns_stub_group_fn)(const InAddr *addr, uint16_t port, uint16_t server_port, void *userdata);
/* A connection of this group, which has n others, was closed because it has used up its share. */
typedef void (*dns_stub_crowded_fn)(int64_t group, size_t n, void *userdata);

typedef int (*dns_stub_socket_fn)(int fd, void *userdata);

int dns_stub_new(sd_event *event, dns_stub_query_fn fn, void *userdata, DnsStub **ret);
/* Drops the clients still waiting: their pointers become invalid. Must not be called from the query callback. */
DnsStub *dns_stub_free(DnsStub *s);
/* Without it, all clients are one group. kept: connections for groups with less than a quarter of all. */
void dns_stub_set_groups(DnsStub *s, dns_stub_group_fn fn, dns_stub_crowded_fn crowded, size_t kept);
/* Takes ownership of fd, even on failure: a bound UDP socket or a listening TCP socket, non-blocking. From now on
 * nobody else can bind its address and port. */
int dns_stub_add_udp(DnsStub *s, int fd);
int dns_stub_add_tcp(DnsStub *s, int fd);
/* Calls fn for each socket until it fails. */
int dns_stub_for_each_socket(const DnsStub *s, dns_stub_socket_fn fn, void *userdata);
/* The endpoints of its sockets, at most max. Returns the number. */
size_t dns_stub_endpoints(const DnsStub *s, DnsEndpoint *ret, size_t max);
const DnsStubStats *dns_stub_stats(const DnsStub *s);

bool dns_client_is_tcp(const DnsClient *c);
void dns_client_peer(const DnsClient *c, InAddr *ret_addr, uint16_t *ret_port);
uint16_t dns_client_server_port(const DnsClient *c); /* of our socket that received it */
/* The same number for datagrams that had all arrived before the first of them was handled; 0: TCP. */
uint64_t dns_client_batch(const DnsClient *c);
/* Ends the client. Over UDP and from within the query callback, the reply is sent after the whole batch of queries
 * was handled. */
void dns_client_reply(DnsClient *c, const uint8_t *data, size_t size);
void dns_client_drop(DnsClient *c);
