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
 * negative errno. */
int self_test_run(SelfTest *t, uint64_t timeout_usec);

DEFINE_CLEANUP_FUNC(SelfTest *, self_test_free)
