/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An append-only log of what a successor must know, in memory that outlives the process. Written in place without a
 * system call, and readable after a SIGKILL at any instant: a record is valid once the committed length, stored
 * after its last byte, covers it. Pure: the memory is the caller's.
 *
 * The region holds a header and two halves, one of them active. When that is full, the owner writes everything live
 * to the other one, and a single store makes it the active one. What does not fit even then is lost and counted.
 * Leases, of which others decide how many there are, leave an eighth of a half to all other records: that much must
 * be written before a full half is compacted again, so that leases never cost another record its place.
 *
 * There is no checksum: the order of stores protects against torn writes, and against somebody who can write to the
 * region a checksum would not help. Everything read is range-checked, and nothing is assumed to be true. */

#include "basic/macro.h"
#include "handover/state-record.h"

#define STATE_LOG_SIZE_MIN 1024U

typedef struct StateLog StateLog;

typedef struct StateLogOwner {
        /* Appends everything that is live, most important first. */
        void (*snapshot)(StateLog *log, void *userdata);
        /* Ensures that these bytes of the region can be written, if memory is allocated on use and running out of it
         * would raise SIGBUS. A negative errno loses the record. May be NULL. */
        int (*reserve)(size_t offset, size_t size, void *userdata);
        /* The contents of these bytes are no longer needed. May be NULL. */
        void (*release)(size_t offset, size_t size, void *userdata);
        void *userdata;
} StateLogOwner;

typedef struct StateLogCounters {
        uint64_t n_appended, n_compactions;
        uint64_t n_lost;        /* records other than leases */
        uint64_t n_leases_lost; /* a successor resolves their names again */
        size_t used, size; /* bytes, of the active half */
} StateLogCounters;

/* Creates an empty log in region: borrowed, at least STATE_LOG_SIZE_MIN bytes, aligned to 8. boot_id: 16 bytes that
 * identify the boot, since CLOCK_BOOTTIME restarts with each boot and kernel objects are gone. -ENOMEM. */
int state_log_new(void *region, size_t size, const uint8_t boot_id[static 16], const StateLogOwner *owner,
                  StateLog **ret);
/* Continues the log of a predecessor, also of version 1. At a record that cannot be read the log is cut; *ret_cut is the number of
 * bytes lost. -EBADMSG: not a log, another layout, or damaged; -ESTALE: from another boot; -ENOMEM. */
int state_log_open(void *region, size_t size, const uint8_t boot_id[static 16], const StateLogOwner *owner,
                   size_t *ret_cut, StateLog **ret);
/* The region is left as it is. */
StateLog *state_log_free(StateLog *log);
DEFINE_CLEANUP_FUNC(StateLog *, state_log_free)

/* 0; -EINVAL: exceeds the limits of state-record.h, nothing was written; -ENOSPC, or -ENOMEM if reserve failed: lost
 * and counted. */
int state_log_append_scope(StateLog *log, const StateScope *scope);
int state_log_append_lease(StateLog *log, const StateLease *lease);
int state_log_append_override(StateLog *log, uint8_t setting);
int state_log_append_sequence(StateLog *log, uint64_t sequence);
int state_log_append_job(StateLog *log, const StateJob *job);
int state_log_append_job_end(StateLog *log, uint64_t id);
int state_log_append_last_job(StateLog *log, uint64_t id);

/* Starts the other half with a snapshot now: call after opening, to leave behind what has expired. Must not be
 * called from a snapshot. -ENOMEM: reserve failed, the log is unchanged. */
int state_log_compact(StateLog *log);
void state_log_counters(const StateLog *log, StateLogCounters *ret);

/* Each may be NULL to skip such records. A negative value stops reading. */
typedef struct StateLogReader {
        int (*scope)(const StateScope *scope, void *userdata);
        int (*lease)(const StateLease *lease, void *userdata);
        int (*override)(uint8_t setting, void *userdata);
        int (*sequence)(uint64_t sequence, void *userdata);
        int (*job)(const StateJob *job, void *userdata);
        int (*job_end)(uint64_t id, void *userdata);
        int (*last_job)(uint64_t id, void *userdata);
        void *userdata;
} StateLogReader;

typedef struct StateLogReadCounts {
        uint64_t n_records; /* records read, including expired leases */
        uint64_t n_ended;   /* leases that had expired */
        size_t n_unread;    /* bytes after a record that could not be read */
} StateLogReadCounts;

/* Reads in the order written: a later record replaces earlier ones for the same scope, lease (scope, address, name
 * and chain), job or setting. Expired leases are skipped. Records are copies, valid during the callback, which must
 * not append. Returns 0, or what a callback returned. */
int state_log_read(const StateLog *log, const StateLogReader *reader, uint64_t now_nsec, StateLogReadCounts *ret);
