/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Random arguments of socket calls. All of them follow from the seed, the number of the sequence and that of the call.
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define PORT_CIDR 7777   /* allowed at ADDR4 and ADDR6 */
#define PORT_NAME 7778   /* allowed at the addresses of NAME */
#define PORT_INSIDE 7000 /* with the following PORTS_INSIDE - 1: where the job listens, and strangers connect to */
#define PORTS_INSIDE 16

#define STRANGER4 "203.0.113.200" /* denied, and the job does not use them */
#define STRANGER6 "2001:db8:113::200"

#define VALUE_MAX 512
#define PAYLOAD_MAX 65000

typedef struct Where {
        uint32_t seed, sequence;
        uint16_t call;
} Where;

typedef struct Rng {
        uint64_t state;
} Rng;

typedef struct Target {
        struct in6_addr addr; /* IPv4: mapped */
        uint16_t port;
        bool allowed;
} Target;

typedef struct Option {
        int level, name;
        int kind;
        bool group; /* announces a group */
} Option;

void rng_init(Rng *r, const Where *w, uint32_t stream);
uint64_t rng_next(Rng *r);

static inline uint32_t below(Rng *r, uint32_t n) {
        return (uint32_t) (rng_next(r) >> 16) % n;
}

static inline bool chance(Rng *r, uint32_t percent) {
        return below(r, 100) < percent;
}

#define PICK(r, array) ((array)[below(r, sizeof(array) / sizeof((array)[0]))])

/* family: AF_INET gives IPv4, everything else both. */
void target_pick(Rng *r, const Where *w, int family, Target *ret);

/* A local address to bind to; sometimes one that is not local. */
void target_pick_local(Rng *r, const Where *w, Target *ret);

/* Fits the family of the socket as far as it can. */
socklen_t target_sockaddr(Rng *r, const Target *t, int family, struct sockaddr_storage *ret);

/* Tokens for this target, or a DNS query if it has port 53. */
size_t payload_make(Rng *r, const Where *w, const Target *t, void *ret);

/* One that may change where packets go or what is sent, with a value that is usually valid. Returns its length. */
size_t option_pick(Rng *r, const Where *w, int family, Option *ret, void *ret_value);

/* Any level, any name, any value. */
size_t option_pick_random(Rng *r, Option *ret, void *ret_value);

/* The same for ancillary data. */
size_t ancillary_pick(Rng *r, const Where *w, int family, Option *ret, void *ret_value);

const char *target_text(const Target *t);
