/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The metadata services of clouds, which give credentials of the machine to whoever reaches them. Pure. */

#include <stddef.h>

#include "basic/in-addr.h"

/* The address of one of them; NULL after the last. */
const InAddr *metadata_service(size_t i);
/* One of their addresses, any other link-local address, or an IPv6 address that embeds one. */
bool addr_is_metadata(const InAddr *a);
/* name: canonical. */
bool name_is_metadata(const char *name);
