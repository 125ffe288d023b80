/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Addresses: one 16-byte form for both families. */

#include "chain.bpf.h"

#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define SOL_SOCKET 1       /* asm-generic/socket.h, as the next */
#define SO_BINDTODEVICE 25
#define LOOPBACK_IFINDEX 1 /* include/net/net_namespace.h: the loopback device of every network namespace */

enum {
        IP_ICMP = 1,
        IP_IGMP = 2,
        IP_TCP = 6,
        IP_UDP = 17,
        IP_ESP = 50,
        IP_AH = 51,
        IP_ICMP6 = 58,
        IP_COMP = 108,
        IP_MPTCP = 262, /* only a protocol of sockets; on the wire it is TCP */
};

static __always_inline void addr_from_v4(struct cw_addr *a, __u32 v4_be) {
        __builtin_memset(a->b, 0, 10);
        a->b[10] = a->b[11] = 0xff;
        __builtin_memcpy(a->b + 12, &v4_be, 4);
}

/* As two numbers in memory order, to be passed as arguments. */
static __always_inline void addr_split(const struct cw_addr *a, __u64 words[2]) {
        __builtin_memcpy(words, a->b, sizeof(a->b));
}

static __always_inline void addr_join(struct cw_addr *a, __u64 first, __u64 second) {
        __builtin_memcpy(a->b, &first, 8);
        __builtin_memcpy(a->b + 8, &second, 8);
}

static __always_inline bool addr_is_v4(const struct cw_addr *a) {
        __u32 w[3];

        __builtin_memcpy(w, a->b, 12);
        return !w[0] && !w[1] && w[2] == bpf_htonl(0xffff);
}

static __always_inline __u32 addr_v4(const struct cw_addr *a) {
        __u32 v4_be;

        __builtin_memcpy(&v4_be, a->b + 12, 4);
        return v4_be;
}

static __always_inline bool addr_is_loopback(const struct cw_addr *a) {
        __u32 w[4];

        if (addr_is_v4(a))
                return a->b[12] == 127;
        __builtin_memcpy(w, a->b, 16);
        return !w[0] && !w[1] && !w[2] && w[3] == bpf_htonl(1);
}

/* connect() and sendto() to 0.0.0.0 and :: mean this host (ip(7)); packets never have them as their destination. */
static __always_inline bool addr_is_unspecified(const struct cw_addr *a) {
        __u32 w[4];

        __builtin_memcpy(w, a->b, 16);
        return !w[0] && !w[1] && !w[3] && (!w[2] || w[2] == bpf_htonl(0xffff));
}

/* RFC 4291 2.5.6: needs a device. IPv4's (RFC 3927) are routed like others. */
static __always_inline bool addr_is_link_local(const struct cw_addr *a) {
        return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

static __always_inline bool is_dns(__u8 protocol, __u16 port) {
        return port == 53 && (protocol == IP_TCP || protocol == IP_UDP);
}
