/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Lines for people on stderr, "cargowall: ...". Never on stdout, which is COMMAND's. */

#include "basic/macro.h"

/* One line; control characters of its arguments are escaped, since some come from a policy file or the environment. */
_printf_(1, 2) void message(const char *format, ...);
