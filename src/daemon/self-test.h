/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Proves end to end that the machine is being judged: over IPv4 and, if there is a ::1, over IPv6, a query to a
 * resolver that does not exist reaches our own proxy, which alone knows the answer; a connection of our own is
 * denied at once, and the record of that denial arrives. */

#include <systemd/sd-event.h>

#include "engine/engine.h"

typedef struct SelfTest SelfTest;

/* NULL: passed. Otherwise what failed, in one sentence. */
typedef void (*self_test_fn)(const char *fault, void *userdata);

/* refuses: our own cgroup has a layer that denies everything, so that a connection can be tried. */
int self_test_new(sd_event *event, Engine *engine, bool refuses, self_test_fn fn, void *userdata, SelfTest **ret);
SelfTest *self_test_free(SelfTest *t);
/* Starts a test, unless one is running. fn is called within the timeout, never from here, and not at all after a
 * negative errno. Only time in which this process runs counts (basic/run-deadline.h). */
int self_test_run(SelfTest *t, uint64_t timeout_usec);
/* Is a test running that takes long because this process hardly gets a turn? */
bool self_test_is_starved(const SelfTest *t);

DEFINE_CLEANUP_FUNC(SelfTest *, self_test_free)
