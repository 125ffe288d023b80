/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which of the machine's resolvers answers a query: the one that the client addressed, if it is one of them, otherwise
 * those that the machine itself would ask. A forwarder chooses among resolvers by the name (split DNS), so it gets its
 * answer from the one that it addressed, whatever that is. */

#include "basic/macro.h"
#include "net/dns-upstream.h"

typedef struct UpstreamGroups UpstreamGroups;

/* The clients for whom answers are valid: one for each set of servers that may give different answers, never 0,
 * never used again for others by a later object with another generation. */
typedef uint64_t UpstreamKey;

/* servers: at most DNS_SERVERS_MAX, may be none. generation: of this object. */
int upstream_groups_new(sd_event *event, const DnsServer *servers, size_t n_servers, uint64_t timeout_usec,
                        uint32_t generation, UpstreamGroups **ret);
/* Calls the fn of every question in flight with -ECANCELED. Must not be called from fn. */
UpstreamGroups *upstream_groups_free(UpstreamGroups *g);
DEFINE_CLEANUP_FUNC(UpstreamGroups *, upstream_groups_free)
/* Call before the first question. */
void upstream_groups_set_hooks(UpstreamGroups *g, const DnsUpstreamHooks *hooks);

/* asked: the resolver that the client addressed, with port 0 if that is unknown or the proxy itself. -ENODEV: a
 * forwarder addressed a link-local resolver, and it is unknown on which link: the list has this address on none, or on
 * several. */
int upstream_groups_find(UpstreamGroups *g, const DnsServer *asked, bool forwards, UpstreamKey *ret);
/* The first server of the key, also if that is of an earlier generation with the same servers. False: none. */
bool upstream_groups_server(const UpstreamGroups *g, UpstreamKey key, DnsServer *ret);
/* The groups in which one of the machine's servers may know a name that others do not: all keys other than key, for
 * *i from 0. False: no more. */
bool upstream_groups_next(const UpstreamGroups *g, UpstreamKey key, size_t *i, UpstreamKey *ret);
/* Is an answer to the question of this query awaited from any server? */
bool upstream_groups_ask(const UpstreamGroups *g, const void *query, size_t size);
/* As dns_upstream_query() and dns_upstream_relay(). -ENOTCONN: no resolver is known for this client. */
int upstream_groups_query(UpstreamGroups *g, UpstreamKey key, const char *name, uint16_t type, dns_upstream_answer_fn fn,
                          void *userdata);
int upstream_groups_relay(UpstreamGroups *g, UpstreamKey key, const DnsRelay *relay, dns_upstream_relay_fn fn,
                          void *userdata);
