/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Keeps enforcement in place: hooks stay attached, entries stay as written, and the links are also held outside this
 * process. */

#include "daemon/context.h"

#define HOOKS_PIN_DIRECTORY "/run/cargowall/bpf" /* see units/cargowalld-pin.conf */
#define HOOKS_MAX 32U                            /* bits in a mask */

/* Repairs, logs and reports hooks that were detached and kernel entries that were modified, which only root can do.
 * Returns whether a hook was reattached; then hooks_keep() is due. */
bool hooks_check(const Context *c);

/* Has the service manager store what a successor needs, links first, and pins the links if configured. Returns 0, or
 * why something is not stored, which the next call tries again. */
int hooks_keep(const Context *c);

bool hooks_are_complete(const Context *c); /* every required hook is attached */
bool hooks_refuse_families(const Context *c); /* socket_create is attached, which many kernels do not offer */
bool hooks_refuse_name_services(const Context *c); /* one of the hooks for them is attached, likewise */
/* Constant names. Returns how many. */
size_t hooks_required(const Context *c, const char *ret[static HOOKS_MAX]);
size_t hooks_achieved(const Context *c, const char *ret[static HOOKS_MAX]);
