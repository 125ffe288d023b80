/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Do systemd's own filters let a unit reach the DNS proxy? Queries to whatever resolver are sent to it, on the loopback:
 * IPAddressDeny= and RestrictNetworkInterfaces=, which the unit and the slices above it may have, drop them there. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

typedef enum UnitFirewall {
        UNIT_FIREWALL_OPEN,
        UNIT_FIREWALL_ADDRESS,   /* by IPAddressDeny= */
        UNIT_FIREWALL_INTERFACE, /* by RestrictNetworkInterfaces= */
} UnitFirewall;

/* path: the object of a running service. */
int unit_firewall_find(sd_bus *bus, const char *path, UnitFirewall *ret);

/* Pure. Is the address of the proxy, 127.0.0.155, in this network? In network byte order, as on the bus. */
bool unit_firewall_covers(int family, const void *network, size_t size, uint32_t prefix_length);
