/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Requests to systemd-resolved over the system bus: org.freedesktop.resolve1(5). */

#include <systemd/sd-bus.h>

/* r: 1 done; 0 systemd-resolved is not running, and so has no cache; -EACCES it refused; -ETIMEDOUT; others. systemd
 * 252 permits everybody to do it; since systemd pull request 42163 (May 2026) polkit must grant the caller the
 * action org.freedesktop.resolve1.flush-caches. */
typedef void (*resolved_fn)(int r, void *userdata);

/* Flushes its cache, so that the next lookup of each name goes through the proxy. Never starts systemd-resolved,
 * never waits. fn is called exactly once, unless *ret_slot is unreferenced before, and never from within this call.
 * On error it is not called. */
int resolved_flush_caches(sd_bus *bus, resolved_fn fn, void *userdata, sd_bus_slot **ret_slot);
