/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Lines for the user on stderr, "cargowall: ...". Never on stdout, which belongs to COMMAND. */

#include "basic/macro.h"

/* Prints one line; control characters in the arguments are escaped, since some come from a policy file or the
 * environment. */
_printf_(1, 2) void message(const char *format, ...);
