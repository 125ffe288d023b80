/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Keeps enforcement in place: hooks stay attached, entries stay as written, and the links are also held outside this
 * process. */

#include "daemon/context.h"

#define HOOKS_PIN_DIRECTORY "/run/cargowall/bpf" /* see units/cargowalld-pin.conf */
#define HOOKS_MAX 32U                            /* bits in a mask */

/* Repairs, logs and reports hooks that were detached and kernel entries that were modified, which only root can do.
 * Returns whether a hook was reattached; then hooks_keep() is due. */
bool hooks_check(const Context *c, uint64_t cgroup_id, int cgroup_fd);

/* Has the service manager store what a successor needs, links first, and pins the links if configured. */
int hooks_keep(const Context *c);

bool hooks_inherited(const Context *c);    /* a predecessor's links were taken over */
bool hooks_are_complete(const Context *c); /* every required hook is attached */
/* Constant names. Returns how many. */
size_t hooks_required(const Context *c, const char *ret[static HOOKS_MAX]);
size_t hooks_achieved(const Context *c, const char *ret[static HOOKS_MAX]);
