/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the routes of this machine say of an address. Those that lead to itself are those of interfaces, all of 127.0.0.0/8, and others that
 * an administrator routed here. Asks the kernel each time, which does not wait. */

#include <stdbool.h>

#include "basic/in-addr.h"

/* false: elsewhere, unreachable, or not known. Needs no privilege. */
bool local_route_has(const InAddr *addr);
/* The address that the kernel would use to send to it. Negative: unreachable, or not known. */
int local_route_source(const InAddr *addr, InAddr *ret);
