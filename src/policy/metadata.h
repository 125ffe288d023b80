/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The metadata services of clouds, which give credentials of the machine to whoever reaches them. Pure. */

#include "basic/in-addr.h"

/* One of their addresses, any other link-local address, or an IPv6 address that embeds one. */
bool addr_is_metadata(const InAddr *a);
/* Does it contain the address of such a service? */
bool prefix_has_metadata(const InPrefix *p);
/* name: canonical. */
bool name_is_metadata(const char *name);
