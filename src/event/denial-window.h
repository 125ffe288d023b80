/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Equal denials, told once: the first at once, its repeats as one event with their count when the window ends. Who
 * retries in a loop costs the log one record in ten seconds. */

#include <stdint.h>

#include "basic/macro.h"
#include "event/event.h"

typedef struct DenialWindow DenialWindow;

#define DENIAL_WINDOW_MAX 512 /* different denials at a time; one more ends the oldest window early */
#define DENIAL_WINDOW_NSEC (10 * NSEC_PER_SEC)

/* e and its strings are borrowed for the call. Must not call back. */
typedef void (*denial_window_fn)(const Event *e, void *userdata);

/* key: random bytes, for the hash. -ENOMEM. */
int denial_window_new(const uint8_t key[static 16], denial_window_fn fn, void *userdata, DenialWindow **ret);
DenialWindow *denial_window_free(DenialWindow *w); /* reports nothing */
DEFINE_CLEANUP_FUNC(DenialWindow *, denial_window_free)

/* Equal are events with the same type, verdict, mode, reason, scope, destination, name, rule, command name, unit,
 * query, labels and mid_stream. Any kind of event may be added. now_nsec: of one clock that never goes back.
 *
 * The event that stands for repeats has count set, the time and sequence of the last of them, and the facts of the
 * first; process ids, executable, cgroup and digest only when they were the same in all, never a source, parents or
 * chain. Without memory each event is reported as it comes. */
void denial_window_add(DenialWindow *w, const Event *e, uint64_t now_nsec);
/* Reports what ended. A window that had repeats begins anew. */
void denial_window_flush(DenialWindow *w, uint64_t now_nsec);
void denial_window_flush_all(DenialWindow *w);
uint64_t denial_window_next(const DenialWindow *w); /* when flush has work; UINT64_MAX: never */
