/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Queries upstream resolvers through c-ares: we build the query bytes, with a fresh random id, a source port from a
 * rotating pool, and mixed case; TCP after truncation or forged answers; failover between servers. One call per question. */

#include <systemd/sd-event.h>

#include "dns/dns-message.h"
#include "dns/dns-relay.h"
#include "net/dns-server.h"

typedef struct DnsUpstream DnsUpstream;

#define DNS_UPSTREAM_SERVERS_MAX 8
#define DNS_UPSTREAM_IN_FLIGHT_MAX 8192 /* also those that nobody waits for any more */

typedef struct DnsUpstreamStats {
        uint64_t sent;               /* passed to c-ares: questions and retries */
        uint64_t answered, failed;   /* questions: once all have ended, answered + failed = accepted */
        uint64_t retried_tcp;        /* repeated over TCP: truncated, malformed or spoofed */
        uint64_t spoofed;            /* answers with the right id and port, but another case than asked */
} DnsUpstreamStats;

/* r: 0 and a parsed answer; -ETIMEDOUT, -ECONNREFUSED, -EREMOTEIO (rcode in answer), -EBADMSG, -ELOOP, -EBADE,
 * -ECANCELED (upstream freed), or a local error such as -ENOMEM. answer is never NULL, has no records unless r is 0,
 * and is valid during the call. New questions may be asked from here. */
typedef void (*dns_upstream_answer_fn)(int r, const DnsAnswer *answer, void *userdata);

/* Never reads resolv.conf or the environment. timeout limits one question over all servers and tries. */
int dns_upstream_new(sd_event *event, const DnsServer *servers, size_t n_servers, uint64_t timeout_usec,
                     DnsUpstream **ret);
/* Called with each socket before it sends anything (open true) and before it is closed. */
typedef void (*dns_upstream_socket_fn)(int fd, bool open, void *userdata);
/* Many datagrams in the name of this server answered nothing that was asked: somebody guesses. For some minutes only
 * TCP is used. */
typedef void (*dns_upstream_forgery_fn)(const Endpoint *server, void *userdata);

typedef struct DnsUpstreamHooks {
        dns_upstream_socket_fn on_socket;   /* may be NULL */
        dns_upstream_forgery_fn on_forgery; /* may be NULL */
        /* Does this address reach a process of this machine? From other servers, no datagram is accepted that the
         * machine sent to itself. NULL: all are local. */
        bool (*is_local)(const InAddr *addr);
        int loopback_filter; /* borrowed; a program for that (kernel/loopback-filter.h). 0: each socket gets its own, which takes
                              * far longer to attach */
        void *userdata;
} DnsUpstreamHooks;

/* Call before the first question. */
void dns_upstream_set_hooks(DnsUpstream *u, const DnsUpstreamHooks *hooks);
/* Calls the fn of every question in flight with -ECANCELED. Must not be called from fn. */
DnsUpstream *dns_upstream_free(DnsUpstream *u);
/* fn is called exactly once, never from within this call. On error fn is not called; -EBUSY: too many in flight;
 * -EINVAL: name too long. */
int dns_upstream_query(DnsUpstream *u, const char *name, uint16_t type, dns_upstream_answer_fn fn, void *userdata);
/* r: 0, or -EREMOTEIO for an answer with an error rcode, and a message for dns_relay_build_reply(), valid during the
 * call; otherwise as above, without a message. */
typedef void (*dns_upstream_relay_fn)(int r, const uint8_t *answer, size_t size, void *userdata);
/* As dns_upstream_query(), for a question that is relayed unchanged. relay is copied. */
int dns_upstream_relay(DnsUpstream *u, const DnsRelay *relay, dns_upstream_relay_fn fn, void *userdata);
/* Is nothing in flight, and no fn being called? */
bool dns_upstream_is_idle(const DnsUpstream *u);
/* Is an answer to this question awaited? */
bool dns_upstream_asks(const DnsUpstream *u, const DnsRelay *question);
const DnsUpstreamStats *dns_upstream_stats(const DnsUpstream *u);
