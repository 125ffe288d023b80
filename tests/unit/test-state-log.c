/* SPDX-License-Identifier: Apache-2.0 */
#include "handover/state-log.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <check.h>

#define HEADER_SIZE 64
#define LENGTH_OFFSET 24 /* of half 0's committed length in the header */

static const uint8_t boot[16] = { 1, 2, 3 };
static const uint8_t other_boot[16] = { 1, 2, 4 };

static void snapshot_nothing(StateLog *log _unused_, void *userdata _unused_) {
}

static const StateLogOwner nothing_live = { .snapshot = snapshot_nothing };

static uint8_t *region_new(size_t size) {
        uint8_t *region = calloc(1, size);

        ck_assert_ptr_nonnull(region);
        return region;
}

static StateLog *log_new(uint8_t *region, size_t size, const StateLogOwner *owner) {
        StateLog *log = NULL;

        ck_assert_int_eq(state_log_new(region, size, boot, owner, &log), 0);
        return log;
}

static StateLog *log_open(uint8_t *region, size_t size, const StateLogOwner *owner, size_t wanted_cut) {
        StateLog *log = NULL;
        size_t cut = 12345;

        ck_assert_int_eq(state_log_open(region, size, boot, owner, &cut, &log), 0);
        ck_assert_uint_eq(cut, wanted_cut);
        return log;
}

/* Everything read, as text: "scope ci 7 1 sha256:ab;lease ci 192.0.2.1 a.example - 60;…" */
typedef struct Seen {
        char text[4096];
        size_t length;
} Seen;

static void note(Seen *s, const char *format, ...) _printf_(2, 3);
static void note(Seen *s, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        int n = vsnprintf(s->text + s->length, sizeof(s->text) - s->length, format, ap);
        va_end(ap);
        s->length = MIN(s->length + (size_t) n, sizeof(s->text) - 1);
}

static int on_scope(const StateScope *s, void *userdata) {
        note(userdata, "scope %s %u %u %s;", s->name, s->policy_id, s->mode, s->digest);
        return 0;
}

static int on_lease(const StateLease *l, void *userdata) {
        char buf[IN_ADDR_TEXT_MAX];

        note(userdata, "lease %s %s %s %s %u;", l->scope, in_addr_format(&l->addr, buf), l->name,
             l->chain ? l->chain : "-", l->ttl_seconds);
        return 0;
}

static int on_override(uint8_t setting, void *userdata) {
        note(userdata, "override %u;", setting);
        return 0;
}

static int on_sequence(uint64_t sequence, void *userdata) {
        note(userdata, "sequence %llu;", (unsigned long long) sequence);
        return 0;
}

static int on_job(const StateJob *j, void *userdata) {
        note(userdata, "job %llu %s %s=%llu %llu", (unsigned long long) j->id, j->unit, j->cgroup,
             (unsigned long long) j->cgroup_id, (unsigned long long) j->start_usec);
        for (size_t i = 0; i < j->n_labels; i++)
                note(userdata, " %s", j->labels[i]);
        note(userdata, ";");
        return 0;
}

static int on_job_end(uint64_t id, void *userdata) {
        note(userdata, "end %llu;", (unsigned long long) id);
        return 0;
}

static int on_last_job(uint64_t id, void *userdata) {
        note(userdata, "last %llu;", (unsigned long long) id);
        return 0;
}

static StateLogReadCounts read_all(const StateLog *log, uint64_t now_nsec, Seen *ret) {
        const StateLogReader reader = { on_scope, on_lease, on_override, on_sequence, on_job, on_job_end, on_last_job, ret };
        StateLogReadCounts counts;

        *ret = (Seen) {};
        ck_assert_int_eq(state_log_read(log, &reader, now_nsec, &counts), 0);
        return counts;
}

static StateLease lease(const char *name, uint64_t expires_nsec) {
        return (StateLease) {
                .scope = "ci",
                .addr = { { [10] = 0xff, [11] = 0xff, 192, 0, 2, 1 } },
                .expires_nsec = expires_nsec,
                .ttl_seconds = 60,
                .name = name,
        };
}

START_TEST(every_kind_is_read_back) {
        _cleanup_free_ uint8_t *region = region_new(4096);
        const StateScope scope = { "ci", 7, 1, "sha256:ab" };
        const StateJob job = { 3, 1000, "a.service", "/system.slice/a.service", 99, { "job=x", "ref=y" }, 2 };
        StateLease l = lease("a.example", 100);
        Seen seen;

        StateLog *log = log_new(region, 4096, &nothing_live);
        ck_assert_int_eq(state_log_append_scope(log, &scope), 0);
        ck_assert_int_eq(state_log_append_lease(log, &l), 0);
        l.chain = "b.example c.example";
        ck_assert_int_eq(state_log_append_lease(log, &l), 0);
        ck_assert_int_eq(state_log_append_override(log, 3), 0);
        ck_assert_int_eq(state_log_append_sequence(log, UINT64_MAX), 0);
        ck_assert_int_eq(state_log_append_job(log, &job), 0);
        ck_assert_int_eq(state_log_append_job_end(log, 3), 0);
        ck_assert_int_eq(state_log_append_last_job(log, 4), 0);
        state_log_free(log);

        log = log_open(region, 4096, &nothing_live, 0);
        StateLogReadCounts counts = read_all(log, 0, &seen);
        ck_assert_str_eq(seen.text, "scope ci 7 1 sha256:ab;"
                                    "lease ci 192.0.2.1 a.example - 60;"
                                    "lease ci 192.0.2.1 a.example b.example c.example 60;"
                                    "override 3;sequence 18446744073709551615;"
                                    "job 3 a.service /system.slice/a.service=99 1000 job=x ref=y;end 3;last 4;");
        ck_assert_uint_eq(counts.n_records, 8);
        ck_assert_uint_eq(counts.n_ended + counts.n_unread, 0);

        /* And continues after what there was. */
        ck_assert_int_eq(state_log_append_override(log, 0), 0);
        counts = read_all(log, 0, &seen);
        ck_assert_uint_eq(counts.n_records, 9);
        state_log_free(log);
}
END_TEST

/* Version 1 has no type 7 or 8, and its jobs have no cgroup id. */
START_TEST(version_1_is_continued) {
        static const uint8_t job[] = {
                32, 0, 0, 0, STATE_RECORD_JOB_1, 0, 0, 0,        /* size and type */
                3, 0, 0, 0, 0, 0, 0, 0, 42, 0, 0, 0, 0, 0, 0, 0, /* id and start */
                1, 0, 'u', 0, 2, 0, '/', 'u', 0, 1,              /* unit, cgroup, number of labels */
                3, 0, 'a', '=', 'b', 0,
        };
        _Static_assert(sizeof(job) == 8 + 32, "padded");
        _cleanup_free_ uint8_t *region = region_new(4096);
        const StateJob new = { 4, 43, "v", "/v", 7, {}, 0 };
        uint64_t length = sizeof(job);
        Seen seen;

        state_log_free(log_new(region, 4096, &nothing_live));
        region[8] = 1;
        memcpy(region + HEADER_SIZE, job, sizeof(job));
        memcpy(region + LENGTH_OFFSET, &length, sizeof(length));

        StateLog *log = log_open(region, 4096, &nothing_live, 0);
        ck_assert_int_eq(state_log_append_job(log, &new), 0);
        state_log_free(log);
        ck_assert_uint_eq(region[8], 2); /* a process of version 1 refuses it, rather than cut it */
        log = log_open(region, 4096, &nothing_live, 0);
        (void) read_all(log, 0, &seen);
        ck_assert_str_eq(seen.text, "job 3 u /u=0 42 a=b;job 4 v /v=7 43;");
        state_log_free(log);

        region[8] = 3;
        size_t cut;
        ck_assert_int_eq(state_log_open(region, 4096, boot, &nothing_live, &cut, &log), -EBADMSG);
        region[8] = 0;
        ck_assert_int_eq(state_log_open(region, 4096, boot, &nothing_live, &cut, &log), -EBADMSG);
}
END_TEST

START_TEST(ended_leases_are_left_out) {
        _cleanup_free_ uint8_t *region = region_new(4096);
        StateLease a = lease("a.example", 100), b = lease("b.example", 101);
        Seen seen;

        StateLog *log = log_new(region, 4096, &nothing_live);
        ck_assert_int_eq(state_log_append_lease(log, &a), 0);
        ck_assert_int_eq(state_log_append_lease(log, &b), 0);
        StateLogReadCounts counts = read_all(log, 100, &seen);
        ck_assert_str_eq(seen.text, "lease ci 192.0.2.1 b.example - 60;");
        ck_assert_uint_eq(counts.n_ended, 1);
        ck_assert_uint_eq(counts.n_records, 2);
        state_log_free(log);
}
END_TEST

static int refuse(uint64_t sequence, void *userdata) {
        *(uint64_t *) userdata = sequence;
        return sequence == 2 ? -ENOMEM : 0;
}

START_TEST(reading_stops_on_request) {
        _cleanup_free_ uint8_t *region = region_new(4096);
        uint64_t last = 0;
        const StateLogReader reader = { .sequence = refuse, .userdata = &last };
        StateLogReadCounts counts;

        StateLog *log = log_new(region, 4096, &nothing_live);
        for (uint64_t i = 1; i <= 3; i++)
                ck_assert_int_eq(state_log_append_sequence(log, i), 0);
        ck_assert_int_eq(state_log_append_override(log, 1), 0); /* nobody listens */
        ck_assert_int_eq(state_log_read(log, &reader, 0, &counts), -ENOMEM);
        ck_assert_uint_eq(last, 2);
        state_log_free(log);
}
END_TEST

START_TEST(limits) {
        _cleanup_free_ uint8_t *region = region_new(65536);
        char name[STATE_NAME_MAX + 2], chain[STATE_CHAIN_MAX + 2], cgroup[STATE_CGROUP_MAX + 2];
        char label[STATE_LABEL_MAX + 2];
        StateLogCounters counters;
        StateLease l = lease(name, 1);
        StateJob job = { 1, 1, "u", cgroup, 1, {}, STATE_LABELS_MAX };
        StateScope scope = { "", 1, 0, "" };

        StateLog *log = log_new(region, 65536, &nothing_live);
        memset(name, 'n', sizeof(name));
        memset(chain, 'c', sizeof(chain));
        memset(cgroup, 'g', sizeof(cgroup));
        memset(label, 'l', sizeof(label));
        name[sizeof(name) - 1] = chain[sizeof(chain) - 1] = '\0';
        cgroup[sizeof(cgroup) - 1] = label[sizeof(label) - 1] = '\0';
        for (size_t i = 0; i < STATE_LABELS_MAX; i++)
                job.labels[i] = label;

        ck_assert_int_eq(state_log_append_scope(log, &scope), -EINVAL);
        scope.name = "x";
        scope.mode = STATE_MODE_MAX + 1;
        ck_assert_int_eq(state_log_append_scope(log, &scope), -EINVAL);
        ck_assert_int_eq(state_log_append_override(log, STATE_OVERRIDE_MAX + 1), -EINVAL);
        ck_assert_int_eq(state_log_append_lease(log, &l), -EINVAL);
        name[STATE_NAME_MAX] = '\0';
        l.chain = chain;
        ck_assert_int_eq(state_log_append_lease(log, &l), -EINVAL);
        chain[STATE_CHAIN_MAX] = '\0';
        ck_assert_int_eq(state_log_append_job(log, &job), -EINVAL);
        cgroup[STATE_CGROUP_MAX] = '\0';
        ck_assert_int_eq(state_log_append_job(log, &job), -EINVAL);
        label[STATE_LABEL_MAX] = '\0';
        job.n_labels++;
        ck_assert_int_eq(state_log_append_job(log, &job), -EINVAL);
        job.n_labels--;
        state_log_counters(log, &counters);
        ck_assert_uint_eq(counters.n_appended + counters.n_lost + counters.used, 0);

        /* The longest of each is kept, and read. */
        ck_assert_int_eq(state_log_append_lease(log, &l), 0);
        ck_assert_int_eq(state_log_append_job(log, &job), 0);
        state_log_free(log);
        log = log_open(region, 65536, &nothing_live, 0);
        Seen seen;
        ck_assert_uint_eq(read_all(log, 0, &seen).n_records, 2);
        state_log_free(log);
}
END_TEST

/* An owner whose live state is the last few sequence numbers. */
typedef struct Owner {
        uint64_t next, n_live;
        size_t reserved_to, released;
        int reserve_error;
} Owner;

static void snapshot_last(StateLog *log, void *userdata) {
        const Owner *o = userdata;

        for (uint64_t i = o->next > o->n_live ? o->next - o->n_live : 0; i < o->next; i++)
                (void) state_log_append_sequence(log, i);
}

static int reserve(size_t offset, size_t size, void *userdata) {
        Owner *o = userdata;

        if (o->reserve_error < 0)
                return o->reserve_error;
        o->reserved_to = offset + size;
        return 0;
}

static void release(size_t offset _unused_, size_t size, void *userdata) {
        ((Owner *) userdata)->released += size;
}

typedef struct Run {
        uint64_t first, next, n;
        bool gap;
} Run;

static int on_run(uint64_t sequence, void *userdata) {
        Run *r = userdata;

        if (r->n++ == 0)
                r->first = sequence;
        else if (sequence != r->next)
                r->gap = true;
        r->next = sequence + 1;
        return 0;
}

static Run read_run(const StateLog *log) {
        Run run = {};
        const StateLogReader reader = { .sequence = on_run, .userdata = &run };
        StateLogReadCounts counts;

        ck_assert_int_eq(state_log_read(log, &reader, 0, &counts), 0);
        ck_assert_uint_eq(counts.n_unread, 0);
        return run;
}

START_TEST(full_half_is_compacted) {
        _cleanup_free_ uint8_t *region = region_new(4096);
        Owner o = { .n_live = 10 };
        const StateLogOwner owner = { snapshot_last, reserve, release, &o };
        StateLogCounters counters;

        StateLog *log = log_new(region, 4096, &owner);
        for (; o.next < 10000; o.next++)
                ck_assert_int_eq(state_log_append_sequence(log, o.next), 0);
        state_log_counters(log, &counters);
        ck_assert_uint_eq(counters.n_lost, 0);
        ck_assert_uint_gt(counters.n_compactions, 50);
        ck_assert_uint_lt(counters.n_compactions, 200);
        ck_assert_uint_eq(o.released, counters.n_compactions * counters.size);
        ck_assert_uint_gt(o.reserved_to, 0);
        ck_assert_uint_le(o.reserved_to, 4096);
        state_log_free(log);

        log = log_open(region, 4096, &owner, 0);
        Run run = read_run(log);
        ck_assert(!run.gap);
        ck_assert_uint_ge(run.n, 10);
        ck_assert_uint_eq(run.next, 10000);

        /* At once, as after a start: only what is live is left. */
        ck_assert_int_eq(state_log_compact(log), 0);
        run = read_run(log);
        ck_assert_uint_eq(run.first, 9990);
        ck_assert_uint_eq(run.next, 10000);
        state_log_free(log);
}
END_TEST

START_TEST(too_much_is_lost_and_counted) {
        _cleanup_free_ uint8_t *region = region_new(4096);
        Owner o = { .n_live = 1000000 };
        const StateLogOwner owner = { .snapshot = snapshot_last, .userdata = &o };
        StateLogCounters counters;
        uint64_t n_failed = 0;

        StateLog *log = log_new(region, 4096, &owner);
        for (; o.next < 1000; o.next++) {
                int r = state_log_append_sequence(log, o.next);
                ck_assert(r == 0 || r == -ENOSPC);
                n_failed += r < 0;
        }
        state_log_counters(log, &counters);
        ck_assert_uint_gt(n_failed, 0);
        ck_assert_uint_ge(counters.n_lost, n_failed);
        /* Not a snapshot for each record that is too much. */
        ck_assert_uint_gt(counters.n_compactions, 1);
        ck_assert_uint_lt(counters.n_compactions, n_failed / 2);
        Run run = read_run(log);
        ck_assert(!run.gap);
        ck_assert_uint_eq(run.first, 0);

        /* When less is live again there is room again. */
        o.n_live = 1;
        for (uint64_t i = 0; i < 100; i++, o.next++)
                (void) state_log_append_sequence(log, o.next);
        ck_assert_uint_eq(read_run(log).next, o.next);
        state_log_free(log);
}
END_TEST

START_TEST(without_memory_the_log_stays) {
        _cleanup_free_ uint8_t *region = region_new(4096);
        Owner o = { .n_live = 10 };
        const StateLogOwner owner = { snapshot_last, reserve, NULL, &o };
        StateLogCounters counters;

        StateLog *log = log_new(region, 4096, &owner);
        for (; o.next < 50; o.next++)
                ck_assert_int_eq(state_log_append_sequence(log, o.next), 0);
        o.reserve_error = -ENOSPC;
        ck_assert_int_eq(state_log_compact(log), -ENOMEM);
        Run run = read_run(log);
        ck_assert_uint_eq(run.first, 0);
        ck_assert_uint_eq(run.next, 50);

        /* Until the half is full it continues, since that much is reserved; then records are lost. */
        int r = 0;
        for (; r == 0 && o.next < 1000; o.next++)
                r = state_log_append_sequence(log, o.next);
        ck_assert_int_eq(r, -ENOMEM);
        state_log_counters(log, &counters);
        ck_assert_uint_eq(counters.n_lost, 10 + 10 + 1); /* two snapshots and the record */
        ck_assert_uint_eq(counters.n_compactions, 0);
        ck_assert_uint_eq(read_run(log).next, o.next - 1);
        state_log_free(log);
}
END_TEST

START_TEST(another_region_is_refused) {
        _cleanup_free_ uint8_t *region = region_new(4096);
        static const size_t damaged[] = { 0, 7, 8, 12, 16, 24, 30 };
        StateLog *log = NULL;
        size_t cut = 0;

        ck_assert_int_eq(state_log_open(region, 4096, boot, &nothing_live, &cut, &log), -EBADMSG);
        state_log_free(log_new(region, 4096, &nothing_live));
        ck_assert_int_eq(state_log_open(region, 4096, other_boot, &nothing_live, &cut, &log), -ESTALE);
        ck_assert_int_eq(state_log_open(region, 4000, boot, &nothing_live, &cut, &log), -EBADMSG);
        for (size_t i = 0; i < ELEMENTSOF(damaged); i++) {
                region[damaged[i]] ^= 0x86; /* makes a length odd, too */
                ck_assert_int_eq(state_log_open(region, 4096, boot, &nothing_live, &cut, &log), -EBADMSG);
                region[damaged[i]] ^= 0x86;
        }
        ck_assert_ptr_null(log);
        state_log_free(log_open(region, 4096, &nothing_live, 0));
}
END_TEST

static void set_length(uint8_t *region, uint64_t length) {
        memcpy(region + LENGTH_OFFSET, &length, sizeof(length));
}

START_TEST(the_log_ends_at_what_cannot_be_read) {
        _cleanup_free_ uint8_t *region = region_new(4096);
        uint64_t length;
        Seen seen;

        StateLog *log = log_new(region, 4096, &nothing_live);
        for (uint64_t i = 0; i < 3; i++)
                ck_assert_int_eq(state_log_append_sequence(log, i), 0);
        state_log_free(log);
        memcpy(&length, region + LENGTH_OFFSET, sizeof(length));
        ck_assert_uint_eq(length, 3 * 16);

        /* A size that leads out of the half; a type there is none of; a payload too short for its type. */
        static const uint8_t bad[][8] = {
                { 0xff, 0xff, 0xff, 0xff, STATE_RECORD_SEQUENCE }, { 0, 0x41, 0, 0, STATE_RECORD_SEQUENCE },
                { 8, 0, 0, 0, 99 }, { 8, 0, 0, 0, 0 }, { 7, 0, 0, 0, STATE_RECORD_SEQUENCE },
                { 9, 0, 0, 0, STATE_RECORD_SEQUENCE }, { 8, 0, 0, 0, STATE_RECORD_SCOPE },
        };
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                memcpy(region + HEADER_SIZE + 32, bad[i], 8);
                set_length(region, length);
                log = log_open(region, 4096, &nothing_live, 16);
                /* What is appended from now on can be read by the next one. */
                ck_assert_int_eq(state_log_append_override(log, 1), 0);
                state_log_free(log);
                log = log_open(region, 4096, &nothing_live, 0);
                ck_assert_uint_eq(read_all(log, 0, &seen).n_unread, 0);
                ck_assert_str_eq(seen.text, "sequence 0;sequence 1;override 1;");
                state_log_free(log);
        }

        /* Damage while it is open: the reader counts what it cannot read. */
        set_length(region, 32);
        log = log_open(region, 4096, &nothing_live, 0);
        region[HEADER_SIZE + 16] = 0xff;
        StateLogReadCounts counts = read_all(log, 0, &seen);
        ck_assert_str_eq(seen.text, "sequence 0;");
        ck_assert_uint_eq(counts.n_unread, 16);
        state_log_free(log);
}
END_TEST

START_TEST(texts_are_checked) {
        /* A scope "ab" with policy 5, mode 2 and no digest, whose bytes are spoilt one after the other. */
        static const uint8_t scope[] = { 5, 0, 0, 0, 1, 2, 0, 'a', 'b', 0, 0, 0, 0 };
        static const struct {
                size_t at;
                uint8_t value;
        } spoilt[] = {
                { 4, 3 }, { 5, 1 }, { 5, 3 }, { 6, 1 }, { 7, 0 }, { 9, 'c' }, { 10, 1 }, { 11, 0xff }, { 12, 1 },
        };
        StateRecord record;
        uint8_t bytes[sizeof(scope)];

        ck_assert_int_eq(state_record_decode(STATE_RECORD_SCOPE, scope, sizeof(scope), &record), 0);
        ck_assert_str_eq(record.scope.name, "ab");
        for (size_t i = 0; i < ELEMENTSOF(spoilt); i++) {
                memcpy(bytes, scope, sizeof(scope));
                bytes[spoilt[i].at] = spoilt[i].value;
                ck_assert_int_eq(state_record_decode(STATE_RECORD_SCOPE, bytes, sizeof(bytes), &record), -EBADMSG);
        }
        for (size_t n = 0; n < sizeof(scope); n++)
                ck_assert_int_eq(state_record_decode(STATE_RECORD_SCOPE, scope, n, &record), -EBADMSG);

        /* The longest name, and one byte more. */
        for (uint8_t n = STATE_SCOPE_NAME_MAX; n <= STATE_SCOPE_NAME_MAX + 1; n++) {
                uint8_t large[128] = { [5] = n };
                memset(large + 7, 'n', n);
                ck_assert_int_eq(state_record_decode(STATE_RECORD_SCOPE, large, 7U + n + 1 + 3, &record),
                                 n > STATE_SCOPE_NAME_MAX ? -EBADMSG : 0);
        }
}
END_TEST

/* Writes sequence numbers until it is killed; *n_done is how many it knows to be written. */
static _Noreturn void write_for_ever(uint8_t *region, size_t size, volatile uint64_t *n_done) {
        Owner o = { .n_live = 20 };
        const StateLogOwner owner = { .snapshot = snapshot_last, .userdata = &o };
        StateLog *log = NULL;

        if (state_log_new(region, size, boot, &owner, &log) < 0)
                _exit(1);
        while (state_log_append_sequence(log, o.next) == 0)
                *n_done = ++o.next;
        _exit(2);
}

START_TEST(a_kill_at_any_instant_leaves_a_prefix) {
        enum { SIZE = 4096, TRIES = 100 };
        uint8_t *shared = mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        volatile uint64_t *n_done = (volatile uint64_t *) (shared + SIZE);

        ck_assert_ptr_ne(shared, MAP_FAILED);
        for (uint64_t i = 0; i < TRIES; i++) {
                int status;

                *n_done = 0;
                pid_t pid = fork();
                ck_assert_int_ge(pid, 0);
                if (pid == 0)
                        write_for_ever(shared, SIZE, n_done);
                for (unsigned k = 0; *n_done <= i * 37 && k < 600000; k++)
                        usleep(50);
                ck_assert_uint_gt(*n_done, i * 37);
                ck_assert_int_eq(kill(pid, SIGKILL), 0);
                ck_assert_int_eq(waitpid(pid, &status, 0), pid);
                ck_assert(WIFSIGNALED(status));

                StateLog *log = log_open(shared, SIZE, &nothing_live, 0);
                Run run = read_run(log);
                ck_assert(!run.gap);
                ck_assert_uint_ge(run.next, *n_done);
                ck_assert_uint_le(run.next, *n_done + 1);
                ck_assert_uint_ge(run.n, MIN(*n_done, 20U));
                state_log_free(log);
        }
        ck_assert_int_eq(munmap(shared, 2 * SIZE), 0);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("state-log");
        TCase *t = tcase_create("state-log");

        tcase_set_timeout(t, 120);
        tcase_add_test(t, every_kind_is_read_back);
        tcase_add_test(t, version_1_is_continued);
        tcase_add_test(t, ended_leases_are_left_out);
        tcase_add_test(t, reading_stops_on_request);
        tcase_add_test(t, limits);
        tcase_add_test(t, full_half_is_compacted);
        tcase_add_test(t, too_much_is_lost_and_counted);
        tcase_add_test(t, without_memory_the_log_stays);
        tcase_add_test(t, another_region_is_refused);
        tcase_add_test(t, the_log_ends_at_what_cannot_be_read);
        tcase_add_test(t, texts_are_checked);
        tcase_add_test(t, a_kill_at_any_instant_leaves_a_prefix);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
