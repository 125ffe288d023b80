/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Keeps the kernel judging: hooks stay attached, entries stay as they were written, and somebody besides this
 * process holds the links. */

#include "daemon/context.h"

#define HOOKS_PIN_DIRECTORY "/run/cargowall/bpf" /* see units/cargowalld-pin.conf */
#define HOOKS_MAX 32U                            /* of a mask */

/* Root alone may take a hook away or change the kernel's entries: it is repaired, logged and reported. Returns whether
 * a hook was attached again, so that hooks_keep() is due. */
bool hooks_check(const Context *c, uint64_t cgroup_id, int cgroup_fd);

/* Has the service manager keep what a successor wants, links first, and pins them where the configuration says so. */
int hooks_keep(const Context *c);

bool hooks_inherited(const Context *c);    /* a predecessor's links were taken over */
bool hooks_are_complete(const Context *c); /* every required one is attached */
/* Names, constant. Returns how many. */
size_t hooks_required(const Context *c, const char *ret[static HOOKS_MAX]);
size_t hooks_achieved(const Context *c, const char *ret[static HOOKS_MAX]);
