/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Upstream resolvers through c-ares: our own query bytes, fresh random id, one of a rotating pool of source ports, case
 * mixed, TCP when truncated, several servers with failover. One call per question. */

#include <systemd/sd-event.h>

#include "basic/endpoint.h"
#include "dns/dns-message.h"
#include "dns/dns-relay.h"

typedef struct DnsUpstream DnsUpstream;

#define DNS_UPSTREAM_SERVERS_MAX 8
#define DNS_UPSTREAM_IN_FLIGHT_MAX 1024

typedef Endpoint DnsServer;
#define DNS_SERVER_PORT 53 /* when none is given */

typedef struct DnsUpstreamStats {
        uint64_t sent;               /* asked of c-ares: questions, and those asked again */
        uint64_t answered, failed;   /* questions: answered + failed = taken, once all have ended */
        uint64_t retried_tcp;        /* asked again over TCP: truncated, malformed or spoofed */
        uint64_t spoofed;            /* answers with the right id and port in another case than asked */
} DnsUpstreamStats;

/* r: 0 and a parsed answer; -ETIMEDOUT, -ECONNREFUSED, -EREMOTEIO (rcode in answer), -EBADMSG, -ELOOP, -EBADE,
 * -ECANCELED (upstream freed), or what kept us from asking, such as -ENOMEM. answer is never NULL, without records
 * unless r is 0, and valid during the call. New questions may be asked from here. */
typedef void (*dns_upstream_answer_fn)(int r, const DnsAnswer *answer, void *userdata);

/* Never reads resolv.conf or the environment. timeout bounds one question over all servers and tries. */
int dns_upstream_new(sd_event *event, const DnsServer *servers, size_t n_servers, uint64_t timeout_usec,
                     DnsUpstream **ret);
/* Told of each socket before it sends anything (open true) and before it is closed. */
typedef void (*dns_upstream_socket_fn)(int fd, bool open, void *userdata);
/* Before the first question. */
void dns_upstream_set_socket_fn(DnsUpstream *u, dns_upstream_socket_fn fn, void *userdata);
/* Calls the fn of every question in flight with -ECANCELED. Not from within fn. */
DnsUpstream *dns_upstream_free(DnsUpstream *u);
/* fn is always called exactly once, never from within this call. On error fn is not called; -EBUSY: too many in flight;
 * -EINVAL: name too long. */
int dns_upstream_query(DnsUpstream *u, const char *name, uint16_t type, dns_upstream_answer_fn fn, void *userdata);
/* r: 0, or -EREMOTEIO for an answer with an rcode that is an error, and a message for dns_relay_build_reply(), valid during the
 * call; else as above, and no message. */
typedef void (*dns_upstream_relay_fn)(int r, const uint8_t *answer, size_t size, void *userdata);
/* As dns_upstream_query(), for a question that is passed on as it is. relay is copied. */
int dns_upstream_relay(DnsUpstream *u, const DnsRelay *relay, dns_upstream_relay_fn fn, void *userdata);
const DnsUpstreamStats *dns_upstream_stats(const DnsUpstream *u);
