/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An append-only log of what a successor must know, in memory that outlives the process. Written in place without a
 * system call; readable after a SIGKILL at any instant: a record counts once the committed length, stored after its
 * last byte, covers it. Pure: the memory is the caller's.
 *
 * The region holds a header and two halves, of which one is active. When that is full the owner writes all that is
 * live into the other one, and one store makes that the active one. What does not fit even then is lost and counted;
 * a successor then asks again for the names it does not know, and enforces all the same.
 *
 * There is no check sum: against a torn write the order of stores suffices, and against somebody who may write to the
 * region none would help. Everything read is checked to be in range, nothing is trusted to be true. */

#include "basic/macro.h"
#include "handover/state-record.h"

#define STATE_LOG_SIZE_MIN 1024U

typedef struct StateLog StateLog;

typedef struct StateLogOwner {
        /* Appends what is live, the most important first. */
        void (*snapshot)(StateLog *log, void *userdata);
        /* Sees to it that these bytes of the region can be written, where memory is allocated as it is used and running
         * out of it would raise SIGBUS. A negative errno loses the record. May be NULL. */
        int (*reserve)(size_t offset, size_t size, void *userdata);
        /* What these bytes hold is not needed any more. May be NULL. */
        void (*release)(size_t offset, size_t size, void *userdata);
        void *userdata;
} StateLogOwner;

typedef struct StateLogCounters {
        uint64_t n_appended, n_lost, n_compactions;
        size_t used, size; /* bytes, of the active half */
} StateLogCounters;

/* An empty log in region: borrowed, at least STATE_LOG_SIZE_MIN bytes, aligned to 8. boot_id: 16 bytes that tell this
 * boot from others, since CLOCK_BOOTTIME starts anew and the kernel's objects are gone. -ENOMEM. */
int state_log_new(void *region, size_t size, const uint8_t boot_id[static 16], const StateLogOwner *owner,
                  StateLog **ret);
/* Goes on with what a predecessor left. Where a record cannot be read the log ends from now on; *ret_cut is how many
 * bytes that cost. -EBADMSG: no log, another layout, or damaged; -ESTALE: of another boot; -ENOMEM. */
int state_log_open(void *region, size_t size, const uint8_t boot_id[static 16], const StateLogOwner *owner,
                   size_t *ret_cut, StateLog **ret);
/* The region stays as it is. */
StateLog *state_log_free(StateLog *log);
DEFINE_CLEANUP_FUNC(StateLog *, state_log_free)

/* 0; -EINVAL: beyond the limits of state-record.h, nothing was written; -ENOSPC, or -ENOMEM when reserve failed: lost,
 * and counted. */
int state_log_append_scope(StateLog *log, const StateScope *scope);
int state_log_append_lease(StateLog *log, const StateLease *lease);
int state_log_append_override(StateLog *log, uint8_t setting);
int state_log_append_sequence(StateLog *log, uint64_t sequence);
int state_log_append_job(StateLog *log, const StateJob *job);
int state_log_append_job_end(StateLog *log, uint64_t id);

/* Starts the other half with a snapshot now: after opening, so that what has ended is left behind. Not from within a
 * snapshot. -ENOMEM: reserve failed, the log stays as it was. */
int state_log_compact(StateLog *log);
void state_log_counters(const StateLog *log, StateLogCounters *ret);

/* Each may be NULL: such records are skipped. A negative value ends the reading. */
typedef struct StateLogReader {
        int (*scope)(const StateScope *scope, void *userdata);
        int (*lease)(const StateLease *lease, void *userdata);
        int (*override)(uint8_t setting, void *userdata);
        int (*sequence)(uint64_t sequence, void *userdata);
        int (*job)(const StateJob *job, void *userdata);
        int (*job_end)(uint64_t id, void *userdata);
        void *userdata;
} StateLogReader;

typedef struct StateLogReadCounts {
        uint64_t n_records; /* read, ended leases among them */
        uint64_t n_ended;   /* leases that ended before now */
        size_t n_unread;    /* bytes behind a record that could not be read */
} StateLogReadCounts;

/* In the order written: what comes later replaces what came before it of the same scope, lease (scope, address, name
 * and chain), job or setting. Leases that ended are left out. Records are copies, valid during the call, which may not
 * append. Returns 0 or what a callback did. */
int state_log_read(const StateLog *log, const StateLogReader *reader, uint64_t now_nsec, StateLogReadCounts *ret);
