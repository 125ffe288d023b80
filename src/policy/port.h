/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Ports and protocols of a rule, and the effective port list of one destination. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/verdict.h"

/* Protocol numbers are IANA's. PROTOCOL_ALL stands for TCP, UDP, ICMP and ICMPv6; nothing else can be allowed,
 * because nothing else can be judged. "icmp" is IPv4 only. */
enum {
        PROTOCOL_ALL = 0,
        PROTOCOL_ICMP = 1,
        PROTOCOL_TCP = 6,
        PROTOCOL_UDP = 17,
        PROTOCOL_ICMP6 = 58,
};

#define RULE_PORTS_MAX 32       /* entries one rule may list */
#define PORT_TEXT_MAX 24

typedef struct PortRange {
        uint16_t low;
        uint16_t high; /* inclusive; ICMP: 0 to 65535 */
        uint8_t protocol;
} PortRange;

/* "443", "443/tcp", "8000-8100/udp", "0/icmp". A missing protocol is all. -EINVAL, -ERANGE. */
int port_range_parse(const char *s, PortRange *ret);
const char *port_range_format(const PortRange *r, char buf[static PORT_TEXT_MAX]);
/* Union in order of first appearance, exact duplicates dropped. n == 0 means every port and absorbs. Returns the
 * count put in ret (room for RULE_PORTS_MAX), or -E2BIG. */
int port_ranges_union(const PortRange *a, size_t n_a, const PortRange *b, size_t n_b, PortRange *ret);
/* A port asked for with PROTOCOL_ALL matches a range of any protocol. */
bool port_range_matches(const PortRange *r, uint8_t protocol, uint16_t port);

const char *protocol_to_string(uint8_t protocol, char buf[static PORT_TEXT_MAX]); /* "TCP", "GRE", "Protocol-99" */
bool protocol_is_judged(uint8_t protocol); /* TCP, UDP, ICMP, ICMPv6 */

/* The effective list: the first entry that matches decides. Entries are those of the kernel, so that both sides walk
 * the same list. */
typedef struct PortSet {
        struct cw_port_rule rules[CW_PORT_RULES_MAX];
        uint32_t n;
} PortSet;

typedef struct PortVerdict {
        Action action;
        Reason reason; /* CW_REASON_RULE, _DEFAULT or _PROTOCOL */
        uint32_t rule; /* RULE_NONE unless CW_REASON_RULE */
} PortVerdict;

/* The one pure verdict over a list; bpf/verdict.bpf.h does the same in the kernel and a test holds them together. */
PortVerdict port_set_judge(const PortSet *set, Action default_action, uint8_t protocol, uint16_t port);
