/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Outgoing IP packets for bpf_prog_test_run_opts(): an Ethernet header (the kernel wants and removes it), then the
 * packet, whole, odd or cut short. */

#include "basic/in-addr.h"

typedef struct PacketSpec {
        InAddr dst;
        int family;           /* 4 or 6 */
        uint8_t protocol;
        uint16_t dst_port;
        const char *variant;  /* in the words of tests/conformance/cases.json */
        uint8_t icmp_type;
} PacketSpec;

#define PACKET_MAX 256

/* Returns the length, or 0 for a variant that cannot reach a cgroup hook (a VLAN tag, ARP). */
size_t packet_build(const PacketSpec *spec, uint8_t ret[static PACKET_MAX]);
