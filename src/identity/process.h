/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Facts about a process from /proc: executable and ancestors, cached by pid and start time, because the process has
 * often ended when its event is read. Best effort: decides nothing. */

#include <stdint.h>
#include <sys/types.h>

#include "event/event.h"

typedef struct ProcessCache ProcessCache;

#define PROCESS_COMM_MAX 64 /* including the NUL; kernel threads have longer names than the 15 bytes of others */

typedef struct ProcessStat {
        uint32_t pid;
        uint32_t ppid;        /* 0: no parent visible in this pid namespace */
        uint64_t start_ticks; /* field 22: clock ticks since boot */
        char comm[PROCESS_COMM_MAX];
} ProcessStat;

typedef struct ProcessInfo {
        uint32_t pid;
        uint64_t start_ticks;   /* field 22 of /proc/PID/stat */
        char comm[PROCESS_COMM_MAX];  /* when last read */
        char noted_comm[CW_COMM_MAX]; /* when last noted */
        uint64_t checked_ns;    /* when the executable was last read, CLOCK_MONOTONIC */
        char *executable;       /* target of /proc/PID/exe; NULL: unknown */
        EventParent parents[EVENT_PARENTS_MAX]; /* comm strings owned */
        size_t n_parents;
} ProcessInfo;

/* Pure: parses the text of /proc/PID/stat, proc(5). comm may contain spaces, newlines and ')'. -EBADMSG. */
int process_stat_parse(const char *text, size_t size, ProcessStat *ret);

/* max: the most processes to remember. -ENOMEM. */
int process_cache_new(size_t max, ProcessCache **ret);
ProcessCache *process_cache_free(ProcessCache *c);
/* What /proc shows, or last showed if the process has ended; NULL if neither is known. Valid until the next call. A
 * reused pid is recognised by its start time while the new process lives. */
const ProcessInfo *process_cache_get(ProcessCache *c, uint32_t pid);
/* The same, for something the process did at time_ns (CLOCK_MONOTONIC), but comm may be the one from the last read.
 * Takes one or two system calls for a known process that is alive, and none if it was last read after time_ns. */
const ProcessInfo *process_cache_look(ProcessCache *c, uint32_t pid, uint64_t time_ns);
/* Did info, just returned, have this comm (of the main thread, as the kernel recorded it) when it was read? If not, the
 * process may have executed another program since, and the executable is that one's. */
bool process_cache_ran(ProcessCache *c, const ProcessInfo *info, const char *comm);
/* Reads a process that is known to be alive, for later. Cheap if it was already read with the same comm. */
void process_cache_note(ProcessCache *c, uint32_t pid, const char comm[static CW_COMM_MAX]);
