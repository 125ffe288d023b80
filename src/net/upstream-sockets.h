/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The sockets of c-ares: connected before they send, so that only the server's address and port reach them. Counts
 * the datagrams that answer no query, and drops those that a process of this machine sent in the server's name. */

#include <ares.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/dns-server.h"
#include "net/upstream-batch.h"

/* Guesses at an answer (an id of 16 bits, and the case of the name) before the queries go over TCP. A datagram with
 * the id of a recent query is not counted: it is late, or a second copy. */
#define UPSTREAM_GUESSES_MAX 32U
#define UPSTREAM_GUESSES_USEC (10 * 1000000ULL)   /* ... within this time */
#define UPSTREAM_DISTRUST_USEC (600 * 1000000ULL) /* for which they go over TCP */
#define UPSTREAM_RECENT_IDS 128U

/* Of all the sockets together: who guesses chooses the socket. */
typedef struct UpstreamGuesses {
        uint64_t n; /* since the start */
        uint64_t since_usec, until_usec; /* CLOCK_MONOTONIC: of this count; end of the distrust */
        unsigned n_now;
        bool excess; /* more than allowed, and not taken notice of yet */
        Endpoint server; /* that the last one pretended to be */
} UpstreamGuesses;

typedef bool (*upstream_local_fn)(const InAddr *addr);

/* Of one channel. */
typedef struct UpstreamSockets {
        UpstreamGuesses *guesses; /* borrowed */
        UpstreamBatch *batch; /* borrowed; for UDP */
        void *owner; /* given to its function */
        int loopback_filter; /* borrowed; 0: none */
        upstream_local_fn is_local; /* NULL: every server counts as local */
        const DnsServer *servers; /* borrowed */
        size_t n_servers;
        bool tcp;
        bool edns_refused; /* an error came without the question, as from servers that do not know EDNS */
        unsigned n_zoned;  /* connections to a link-local server */
        unsigned n_ids;
        uint16_t ids[UPSTREAM_RECENT_IDS]; /* as sent: c-ares 1.27 and later choose them */
} UpstreamSockets;

/* The servers in order, starting with first. */
int upstream_set_servers(ares_channel channel, const DnsServer *servers, size_t n, size_t first);
/* s is borrowed while the channel exists. */
void upstream_sockets_set(UpstreamSockets *s, ares_channel channel);
/* Undoes the mark that hides FORMERR from c-ares, which would change the channel (1.18) or the query. */
void upstream_restore_rcode(uint8_t *message);
/* One datagram that is no answer. */
void upstream_guesses_add(UpstreamGuesses *g, uint64_t now_usec);
/* Once after each excess: true, and until UPSTREAM_DISTRUST_USEC from now UDP is not to be used. */
bool upstream_guesses_exceeded(UpstreamGuesses *g, uint64_t now_usec);
bool upstream_guesses_distrust(const UpstreamGuesses *g, uint64_t now_usec);
/* From now on the socket receives nothing that this machine sends to itself. program_fd: does that; 0: none. */
int upstream_socket_refuse_loopback(int fd, int program_fd);
/* Negative errno of a status other than ARES_SUCCESS. */
int upstream_status_to_errno(int status);
