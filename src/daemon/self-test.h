/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Proof, on the real path, that the machine is being judged: over IPv4 and, where there is a ::1, over IPv6, a query to a
 * resolver that does not exist comes to our own proxy, which alone knows the answer; a connection of our own is refused at
 * once, and the record of that refusal reaches us. */

#include <systemd/sd-event.h>

#include "engine/engine.h"

typedef struct SelfTest SelfTest;

/* NULL: passed. Else what did not happen: one sentence. */
typedef void (*self_test_fn)(const char *fault, void *userdata);

/* refuses: our own cgroup has a scope that reaches nothing, so that a connection can be tried. */
int self_test_new(sd_event *event, Engine *engine, bool refuses, self_test_fn fn, void *userdata, SelfTest **ret);
SelfTest *self_test_free(SelfTest *t);
/* Begins a test, unless one is running. fn is called within the time, never from here; not at all on a negative
 * errno. */
int self_test_run(SelfTest *t, uint64_t timeout_usec);

DEFINE_CLEANUP_FUNC(SelfTest *, self_test_free)
