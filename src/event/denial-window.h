/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Aggregates equal denials: the first is reported at once, its repeats as one event with a count when the window
 * ends. A program that retries in a loop costs the log one record in ten seconds. */

#include <stdint.h>

#include "basic/macro.h"
#include "event/event.h"

typedef struct DenialWindow DenialWindow;

#define DENIAL_WINDOW_MAX 512 /* distinct denials tracked at a time; one more ends the oldest window early */
#define DENIAL_WINDOW_NSEC (10 * NSEC_PER_SEC)

/* e and its strings are borrowed for the call. Must not call back. */
typedef void (*denial_window_fn)(const Event *e, void *userdata);

/* key: random bytes, for the hash. -ENOMEM. */
int denial_window_new(const uint8_t key[static 16], denial_window_fn fn, void *userdata, DenialWindow **ret);
DenialWindow *denial_window_free(DenialWindow *w); /* reports nothing */
DEFINE_CLEANUP_FUNC(DenialWindow *, denial_window_free)

/* Two events are equal if they have the same type, verdict, mode, reason, scope, destination, name, rule, command
 * name, unit, query, labels and mid_stream. Events of any type may be added. now_nsec: from one clock that never
 * goes backwards.
 *
 * The event reported for repeats has count set, the time and sequence of the last one, and the facts of the first;
 * process ids, executable, cgroup and digest only if all had the same, and never a source, parents or chain. Out of
 * memory, each event is reported as it comes. */
void denial_window_add(DenialWindow *w, const Event *e, uint64_t now_nsec);
/* Reports the windows that have ended. A window with repeats starts again. */
void denial_window_flush(DenialWindow *w, uint64_t now_nsec);
void denial_window_flush_all(DenialWindow *w);
uint64_t denial_window_next(const DenialWindow *w); /* when flush is due; UINT64_MAX: never */
