/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Aggregates equal denials: the first is reported at once, its repeats as one event with a count when the window
 * ends. */

#include <stdint.h>

#include "basic/macro.h"
#include "event/event.h"

typedef struct DenialWindow DenialWindow;

/* Distinct denials tracked at a time. One more ends a window early: the oldest of the actor that has most. */
#define DENIAL_WINDOW_MAX 512

/* e and its strings are borrowed for the call. Must not call back. */
typedef void (*denial_window_fn)(const Event *e, void *userdata);

typedef struct DenialWindowOptions {
        uint64_t length_nsec;
        bool by_process;   /* denials of different processes and users are never equal */
        uint8_t key[16];   /* random bytes, for the hash */
        denial_window_fn fn;
        void *userdata;
} DenialWindowOptions;

/* -ENOMEM */
int denial_window_new(const DenialWindowOptions *o, DenialWindow **ret);
DenialWindow *denial_window_free(DenialWindow *w); /* reports nothing */
DEFINE_CLEANUP_FUNC(DenialWindow *, denial_window_free)

/* Two events are equal if they have the same type, verdict, mode, reason, scope, destination, name, rule, command
 * name, actor, unit, query, labels, mid_stream and socket family. Events of any type may be added. now_nsec: from one clock that never
 * goes backwards.
 *
 * The event reported for repeats has count set, the time and sequence of the last one, and the facts of the first;
 * process ids, executable, cgroup and digest only if all had the same, and never a source, parents or chain. Out of
 * memory, each event is reported as it comes. */
void denial_window_add(DenialWindow *w, const Event *e, uint64_t now_nsec);
/* The same for a repeat only. false: it is none, and nothing has happened. */
bool denial_window_repeat(DenialWindow *w, const Event *e, uint64_t now_nsec);
/* Reports the windows that have ended. A window with repeats starts again. */
void denial_window_flush(DenialWindow *w, uint64_t now_nsec);
void denial_window_flush_all(DenialWindow *w);
uint64_t denial_window_next(const DenialWindow *w); /* when flush is due; UINT64_MAX: never */
