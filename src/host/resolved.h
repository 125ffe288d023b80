/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is asked of systemd-resolved over the system bus: org.freedesktop.resolve1(5). */

#include <systemd/sd-bus.h>

/* r: 1 done; 0 systemd-resolved does not run, and so has no cache; -EACCES it refuses; -ETIMEDOUT; others. systemd 252
 * lets anybody do it; since systemd pull request 42163 (May 2026) polkit has to grant the caller the action
 * org.freedesktop.resolve1.flush-caches. */
typedef void (*resolved_fn)(int r, void *userdata);

/* Lets it forget all answers, so that the next look-up of a name passes through the proxy. Never starts it, never
 * waits. fn is called exactly once unless *ret_slot is unreferenced before, never from within this call. On error it is
 * not called. */
int resolved_flush_caches(sd_bus *bus, resolved_fn fn, void *userdata, sd_bus_slot **ret_slot);
