/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What /proc knows of a process: executable and ancestors, cached by pid and start time because the process is often
 * gone when its event is read. Best effort: never decides anything. */

#include <stdint.h>
#include <sys/types.h>

#include "event/event.h"

typedef struct ProcessCache ProcessCache;

#define PROCESS_COMM_MAX 64 /* with the NUL; kernel threads have longer names than the 15 bytes of others */

typedef struct ProcessStat {
        uint32_t pid;
        uint32_t ppid;        /* 0: none that this pid namespace shows */
        uint64_t start_ticks; /* field 22: clock ticks since boot */
        char comm[PROCESS_COMM_MAX];
} ProcessStat;

typedef struct ProcessInfo {
        uint32_t pid;
        uint64_t start_ticks;   /* field 22 of /proc/PID/stat */
        char comm[PROCESS_COMM_MAX];  /* when it was seen last */
        char noted_comm[CW_COMM_MAX]; /* under which it was noted last */
        uint64_t checked_ns;    /* when executable was read last, CLOCK_MONOTONIC */
        char *executable;       /* readlink of /proc/PID/exe; NULL: unknown */
        EventParent parents[EVENT_PARENTS_MAX]; /* comm strings owned */
        size_t n_parents;
} ProcessInfo;

/* Pure: the text of /proc/PID/stat, proc(5). comm may hold blanks, newlines and ')'. -EBADMSG. */
int process_stat_parse(const char *text, size_t size, ProcessStat *ret);

/* max: the most processes it remembers. -ENOMEM. */
int process_cache_new(size_t max, ProcessCache **ret);
ProcessCache *process_cache_free(ProcessCache *c);
/* What /proc shows, or what it showed last when the process has gone; NULL when neither is known. Valid until the next
 * call. A pid that was used again is recognised by its start time while the new process lives. */
const ProcessInfo *process_cache_get(ProcessCache *c, uint32_t pid);
/* The same for what a process did at time_ns (CLOCK_MONOTONIC), but comm may be what it was when the process was read last:
 * a system call or two for one that was looked at before and lives, and none if that was after time_ns. */
const ProcessInfo *process_cache_look(ProcessCache *c, uint32_t pid, uint64_t time_ns);
/* Looks at a process that is known to be alive, for later. Cheap when it was looked at before under the same comm. */
void process_cache_note(ProcessCache *c, uint32_t pid, const char comm[static CW_COMM_MAX]);
