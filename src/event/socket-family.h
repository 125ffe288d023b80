/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Names of socket families, socket(2). */

#include <stdbool.h>
#include <stdint.h>

#define SOCKET_FAMILY_TEXT_MAX 20

const char *socket_family_to_string(unsigned family, char buf[static SOCKET_FAMILY_TEXT_MAX]); /* "AF_PACKET", "AF_99" */
/* Sends nothing off the machine, or only what the hooks judge: UNIX, INET, INET6, NETLINK, ALG. The hook socket_create
 * refuses the others. */
bool socket_family_is_judged(unsigned family);
/* Sockets of it need CAP_NET_RAW or CAP_NET_ADMIN. */
bool socket_family_is_privileged(unsigned family);
/* What it sends passes a network device together with its socket, so that a filter there can judge it: PPPOX, CAN, PHONET,
 * IEEE802154, APPLETALK. PACKET is privileged. */
bool socket_family_is_filtered(unsigned family);
