/* SPDX-License-Identifier: Apache-2.0 */
#include "handover/state-log.h"

#include <assert.h>
#include <string.h>

/* Of the header, the records and their payloads: increase it with any change. Version 2 adds types of records. */
#define VERSION 2U
#define VERSION_OLDEST 1U /* that can be continued */
#define MORE_THAN_LEASES 8U /* one part in so many of a half is not for leases */
#define RESERVE_STEP (256U * 1024)

static const char magic[8] = { 'c', 'w', 's', 't', 'a', 't', 'e', '\0' };

typedef struct Header {
        char magic[8];
        uint32_t version;
        uint32_t active;    /* 0 or 1: the active half */
        uint64_t half_size;
        uint64_t length[2]; /* committed bytes of each half */
        uint8_t boot_id[16];
        uint64_t zero;
} Header;
_Static_assert(sizeof(Header) == 64, "layout");

typedef struct RecordHeader {
        uint32_t size; /* of the payload, which is padded to 8 */
        uint32_t type;
} RecordHeader;
_Static_assert(sizeof(RecordHeader) == 8, "layout");

/* The writer keeps its own state here: the region may be modified by others. */
struct StateLog {
        Header *header; /* borrowed */
        uint8_t *halves;
        size_t half_size;
        size_t half;     /* being written: the active one, except during a snapshot */
        size_t length;   /* of it */
        size_t reserved; /* bytes of it known to be writable */
        size_t since_compaction; /* bytes written or lost */
        bool compacting;
        bool starved;    /* out of memory while writing the snapshot */
        StateLogOwner owner;
        StateLogCounters counters;
};

static size_t padded(size_t size) {
        return (size + 7) & ~(size_t) 7;
}

static size_t half_size_of(size_t region_size) {
        return ((region_size - sizeof(Header)) / 2) & ~(size_t) 7;
}

static uint8_t *half_data(const StateLog *log, size_t half) {
        return log->halves + half * log->half_size;
}

static size_t half_offset(const StateLog *log, size_t half) {
        return sizeof(Header) + half * log->half_size;
}

static int log_alloc(void *region, size_t size, const StateLogOwner *owner, StateLog **ret) {
        assert(region && (uintptr_t) region % 8 == 0);
        assert(size >= STATE_LOG_SIZE_MIN);
        assert(owner && owner->snapshot);

        StateLog *log = calloc(1, sizeof(*log));
        if (!log)
                return -ENOMEM;

        log->header = region;
        log->halves = (uint8_t *) region + sizeof(Header);
        log->half_size = half_size_of(size);
        log->owner = *owner;
        *ret = log;
        return 0;
}

StateLog *state_log_free(StateLog *log) {
        free(log);
        return NULL;
}

int state_log_new(void *region, size_t size, const uint8_t boot_id[static 16], const StateLogOwner *owner,
                  StateLog **ret) {
        StateLog *log;

        assert(boot_id);
        assert(ret);

        int r = log_alloc(region, size, owner, &log);
        if (r < 0)
                return r;

        Header h = { .version = VERSION, .half_size = log->half_size };
        memcpy(h.boot_id, boot_id, sizeof(h.boot_id));
        *log->header = h;
        /* Magic last: a partly written header is not valid. */
        __atomic_thread_fence(__ATOMIC_RELEASE);
        memcpy(log->header->magic, magic, sizeof(magic));

        *ret = log;
        return 0;
}

/* Copies the record at *pos in a half of `length` bytes, and moves *pos past it. A copy, so that the checked bytes
 * are the used ones. -EBADMSG. */
static int read_record(const uint8_t *data, size_t length, size_t *pos, uint8_t copy[static STATE_PAYLOAD_MAX],
                       StateRecord *ret) {
        size_t left = length - *pos;
        RecordHeader h;

        if (left < sizeof(h))
                return -EBADMSG;
        memcpy(&h, data + *pos, sizeof(h));
        if (h.size > STATE_PAYLOAD_MAX || padded(h.size) > left - sizeof(h))
                return -EBADMSG;
        memcpy(copy, data + *pos + sizeof(h), h.size);

        int r = state_record_decode(h.type, copy, h.size, ret);
        if (r < 0)
                return r;

        *pos += sizeof(h) + padded(h.size);
        return 0;
}

/* How much of a half is readable. */
static size_t readable_length(const uint8_t *data, size_t length) {
        uint8_t copy[STATE_PAYLOAD_MAX];
        StateRecord record;
        size_t pos = 0;

        while (pos < length && read_record(data, length, &pos, copy, &record) >= 0)
                ;
        return pos;
}

int state_log_open(void *region, size_t size, const uint8_t boot_id[static 16], const StateLogOwner *owner,
                   size_t *ret_cut, StateLog **ret) {
        _cleanup_(state_log_freep) StateLog *log = NULL;

        assert(boot_id);
        assert(ret_cut);
        assert(ret);

        int r = log_alloc(region, size, owner, &log);
        if (r < 0)
                return r;

        Header h = *log->header;
        if (memcmp(h.magic, magic, sizeof(magic)) != 0 || h.version < VERSION_OLDEST || h.version > VERSION ||
            h.half_size != log->half_size)
                return -EBADMSG;
        if (h.active > 1 || h.length[h.active] > log->half_size || h.length[h.active] % 8 != 0)
                return -EBADMSG;
        if (memcmp(h.boot_id, boot_id, sizeof(h.boot_id)) != 0)
                return -ESTALE;

        log->half = h.active;
        log->length = log->reserved = readable_length(half_data(log, log->half), h.length[h.active]);
        log->since_compaction = log->half_size; /* the first compaction is free */
        /* From here on, an older process must not continue it. */
        __atomic_store_n(&log->header->version, VERSION, __ATOMIC_RELEASE);
        /* Records must not be appended after ones that cannot be read. */
        __atomic_store_n(&log->header->length[log->half], log->length, __ATOMIC_RELEASE);

        *ret_cut = h.length[h.active] - log->length;
        *ret = TAKE_PTR(log);
        return 0;
}

static int reserve(StateLog *log) {
        size_t wanted = MIN(log->length + sizeof(RecordHeader) + STATE_PAYLOAD_MAX, log->half_size);

        if (!log->owner.reserve || log->reserved >= wanted)
                return 0;

        size_t end = MIN(log->reserved + RESERVE_STEP, log->half_size);
        int r = log->owner.reserve(half_offset(log, log->half) + log->reserved, end - log->reserved,
                                   log->owner.userdata);
        if (r < 0) {
                log->starved = true;
                return -ENOMEM;
        }
        log->reserved = end;
        return 0;
}

/* How long a half may become with this record. */
static size_t size_for(const StateLog *log, const StateRecord *record) {
        size_t kept = record->type == STATE_RECORD_LEASE ? padded(log->half_size / MORE_THAN_LEASES) : 0;

        return log->half_size - kept;
}

/* First the body, then the length that commits it. */
static int write_record(StateLog *log, const StateRecord *record) {
        size_t left = size_for(log, record) - MIN(log->length, size_for(log, record));
        uint8_t *p = half_data(log, log->half) + log->length;

        if (left < sizeof(RecordHeader))
                return -ENOSPC;
        int r = reserve(log);
        if (r < 0)
                return r;
        r = state_record_encode(record, p + sizeof(RecordHeader), left - sizeof(RecordHeader));
        if (r < 0)
                return r;

        RecordHeader h = { .size = (uint32_t) r, .type = record->type };
        memcpy(p, &h, sizeof(h));
        memset(p + sizeof(h) + h.size, 0, padded(h.size) - h.size); /* fits: the space left is a multiple of 8 */
        log->length += sizeof(h) + padded(h.size);
        __atomic_store_n(&log->header->length[log->half], log->length, __ATOMIC_RELEASE);
        return 0;
}

static void release_half(StateLog *log, size_t half) {
        if (log->owner.release)
                log->owner.release(half_offset(log, half), log->half_size, log->owner.userdata);
}

int state_log_compact(StateLog *log) {
        assert(log);
        assert(!log->compacting);

        size_t old = log->half, length = log->length, reserved = log->reserved;
        log->half = !old;
        log->length = log->reserved = 0;
        __atomic_store_n(&log->header->length[log->half], 0, __ATOMIC_RELEASE);

        log->compacting = true;
        log->starved = false;
        log->owner.snapshot(log, log->owner.userdata);
        log->compacting = false;
        log->since_compaction = 0;

        /* A snapshot truncated for lack of memory, not for lack of space, would be worth less than the current log. */
        if (log->starved) {
                release_half(log, log->half);
                log->half = old;
                log->length = length;
                log->reserved = reserved;
                return -ENOMEM;
        }

        __atomic_store_n(&log->header->active, (uint32_t) log->half, __ATOMIC_RELEASE);
        log->counters.n_compactions++;
        release_half(log, old);
        return 0;
}

/* When live state nearly fills a half, each record would cost a whole snapshot: allow the next one only after an
 * eighth of a half was written. */
static bool may_compact(const StateLog *log) {
        return !log->compacting && log->since_compaction >= log->half_size / MORE_THAN_LEASES;
}

static int log_append(StateLog *log, const StateRecord *record) {
        assert(log);

        size_t before = log->length;
        int r = write_record(log, record);
        if (r == -ENOSPC && may_compact(log)) {
                r = state_log_compact(log);
                before = log->length;
                if (r >= 0)
                        r = write_record(log, record);
        }
        if (r == -EINVAL)
                return r;
        if (r < 0) {
                if (record->type == STATE_RECORD_LEASE)
                        log->counters.n_leases_lost++;
                else
                        log->counters.n_lost++;
                log->since_compaction += 64; /* the approximate size of a record */
                return r;
        }
        log->counters.n_appended++;
        log->since_compaction += log->length - before;
        return 0;
}

int state_log_append_scope(StateLog *log, const StateScope *scope) {
        assert(scope);

        return log_append(log, &(StateRecord) { .type = STATE_RECORD_SCOPE, .scope = *scope });
}

int state_log_append_lease(StateLog *log, const StateLease *lease) {
        assert(lease);

        return log_append(log, &(StateRecord) { .type = STATE_RECORD_LEASE, .lease = *lease });
}

int state_log_append_override(StateLog *log, uint8_t setting) {
        return log_append(log, &(StateRecord) { .type = STATE_RECORD_OVERRIDE, .override = setting });
}

int state_log_append_sequence(StateLog *log, uint64_t sequence) {
        return log_append(log, &(StateRecord) { .type = STATE_RECORD_SEQUENCE, .sequence = sequence });
}

int state_log_append_job(StateLog *log, const StateJob *job) {
        assert(job);

        return log_append(log, &(StateRecord) { .type = STATE_RECORD_JOB, .job = *job });
}

int state_log_append_job_end(StateLog *log, uint64_t id) {
        return log_append(log, &(StateRecord) { .type = STATE_RECORD_JOB_END, .job_end = id });
}

int state_log_append_last_job(StateLog *log, uint64_t id) {
        return log_append(log, &(StateRecord) { .type = STATE_RECORD_LAST_JOB, .last_job = id });
}

void state_log_counters(const StateLog *log, StateLogCounters *ret) {
        assert(log);
        assert(ret);

        *ret = log->counters;
        ret->used = log->length;
        ret->size = log->half_size;
}

static int deliver(const StateRecord *record, const StateLogReader *reader) {
        switch (record->type) {
        case STATE_RECORD_SCOPE:
                return reader->scope ? reader->scope(&record->scope, reader->userdata) : 0;
        case STATE_RECORD_LEASE:
                return reader->lease ? reader->lease(&record->lease, reader->userdata) : 0;
        case STATE_RECORD_OVERRIDE:
                return reader->override ? reader->override(record->override, reader->userdata) : 0;
        case STATE_RECORD_SEQUENCE:
                return reader->sequence ? reader->sequence(record->sequence, reader->userdata) : 0;
        case STATE_RECORD_JOB_1: /* not decoded as such */
        case STATE_RECORD_JOB:
                return reader->job ? reader->job(&record->job, reader->userdata) : 0;
        case STATE_RECORD_JOB_END:
                return reader->job_end ? reader->job_end(record->job_end, reader->userdata) : 0;
        case STATE_RECORD_LAST_JOB:
                return reader->last_job ? reader->last_job(record->last_job, reader->userdata) : 0;
        }
        return 0;
}

int state_log_read(const StateLog *log, const StateLogReader *reader, uint64_t now_nsec, StateLogReadCounts *ret) {
        uint8_t copy[STATE_PAYLOAD_MAX];
        StateLogReadCounts counts = {};
        StateRecord record;
        size_t pos = 0;

        assert(log);
        assert(reader);
        assert(ret);

        const uint8_t *data = half_data(log, log->half);
        while (pos < log->length && read_record(data, log->length, &pos, copy, &record) >= 0) {
                counts.n_records++;
                if (record.type == STATE_RECORD_LEASE && record.lease.expires_nsec <= now_nsec) {
                        counts.n_ended++;
                        continue;
                }
                int r = deliver(&record, reader);
                if (r < 0)
                        return r;
        }
        counts.n_unread = log->length - pos;
        *ret = counts;
        return 0;
}
