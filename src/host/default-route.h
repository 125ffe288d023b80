/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The gateways of the default routes, from the tables in /proc/net. */

#include <stdbool.h>
#include <stddef.h>

#include "basic/in-addr.h"

#define GATEWAYS_MAX 16

/* Pure: of the text of /proc/net/route, or of /proc/net/ipv6_route, in ascending order of their metrics. */
size_t default_route_parse(const char *text, InAddr *ret, size_t max);
size_t default_route_parse6(const char *text, InAddr *ret, size_t max);
/* Those of one family of this network namespace. 0 if there is none, or on an error. */
size_t default_route_read(bool v6, InAddr *ret, size_t max);
