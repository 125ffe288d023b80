/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which addresses lead to this machine itself, by its routes: those of interfaces, all of 127.0.0.0/8, and others that
 * an administrator routed here. Asks the kernel each time, which does not wait. */

#include <stdbool.h>

#include "basic/in-addr.h"

/* false: elsewhere, unreachable, or not known. Needs no privilege. */
bool local_route_has(const InAddr *addr);
