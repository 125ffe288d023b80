/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Ports and protocols of a rule, and the effective port list of one destination. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/verdict.h"

/* IANA protocol numbers. PROTOCOL_ALL stands for TCP, UDP, ICMP and ICMPv6; no other protocol can be allowed. "icmp"
 * is IPv4 only. */
enum {
        PROTOCOL_ALL = 0,
        PROTOCOL_ICMP = 1,
        PROTOCOL_IGMP = 2,
        PROTOCOL_TCP = 6,
        PROTOCOL_UDP = 17,
        PROTOCOL_ICMP6 = 58,
};

#define RULE_PORTS_MAX 32       /* entries per rule */
#define PORT_TEXT_MAX 24

typedef struct PortRange {
        uint16_t low;
        uint16_t high; /* inclusive; ICMP: 0 to 65535 */
        uint8_t protocol;
} PortRange;

/* "443", "443/tcp", "8000-8100/udp", "0/icmp". Without a protocol: all. -EINVAL, -ERANGE. */
int port_range_parse(const char *s, PortRange *ret);
const char *port_range_format(const PortRange *r, char buf[static PORT_TEXT_MAX]);
/* The union in order of first appearance, without exact duplicates. n == 0 means every port, and so does a union
 * with it. Returns the number stored in ret (RULE_PORTS_MAX entries), or -E2BIG. */
int port_ranges_union(const PortRange *a, size_t n_a, const PortRange *b, size_t n_b, PortRange *ret);
/* A port with PROTOCOL_ALL matches a range of any protocol. */
bool port_range_matches(const PortRange *r, uint8_t protocol, uint16_t port);

const char *protocol_to_string(uint8_t protocol, char buf[static PORT_TEXT_MAX]); /* "TCP", "GRE", "Protocol-99" */
bool protocol_is_judged(uint8_t protocol); /* TCP, UDP, ICMP, ICMPv6 */

/* The effective port list: the first matching entry decides. The entries have the kernel's format, so that both
 * sides evaluate the same list. */
typedef struct PortSet {
        struct cw_port_rule rules[CW_PORT_RULES_MAX];
        uint32_t n;
} PortSet;

typedef struct PortVerdict {
        Action action;
        Reason reason; /* CW_REASON_RULE, _DEFAULT or _PROTOCOL */
        uint32_t rule; /* RULE_NONE unless CW_REASON_RULE */
} PortVerdict;

/* Evaluates a port list. Pure; bpf/verdict.bpf.h does the same in the kernel, and a test compares the two. */
PortVerdict port_set_judge(const PortSet *set, Action default_action, uint8_t protocol, uint16_t port);
