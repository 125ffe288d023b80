/* SPDX-License-Identifier: Apache-2.0 */

/* A region as somebody else may have left it. What can be read keeps to its limits, and the log continues after it. */

#include <stdlib.h>
#include <string.h>

#include "handover/state-log.h"

#define CHECK(x) ((x) ? (void) 0 : abort())

enum { HEADER_SIZE = 64, LENGTH_OFFSET = 24 };

static const uint8_t boot[16] = "sixteen bytes ok";

typedef struct Seen {
        uint64_t n;
        uint64_t sequence; /* last */
} Seen;

static void check_text(const char *s, size_t min, size_t max) {
        CHECK(strlen(s) >= min && strlen(s) <= max);
}

static int on_scope(const StateScope *s, void *userdata) {
        check_text(s->name, 1, STATE_SCOPE_NAME_MAX);
        check_text(s->digest, 0, STATE_DIGEST_MAX);
        CHECK(s->mode <= STATE_MODE_MAX);
        ((Seen *) userdata)->n++;
        return 0;
}

static int on_lease(const StateLease *l, void *userdata) {
        check_text(l->scope, 1, STATE_SCOPE_NAME_MAX);
        check_text(l->name, 0, STATE_NAME_MAX);
        if (l->chain)
                check_text(l->chain, 1, STATE_CHAIN_MAX);
        CHECK(l->expires_nsec > 100);
        ((Seen *) userdata)->n++;
        return 0;
}

static int on_override(uint8_t setting, void *userdata) {
        CHECK(setting <= STATE_OVERRIDE_MAX);
        ((Seen *) userdata)->n++;
        return 0;
}

static int on_sequence(uint64_t sequence, void *userdata) {
        ((Seen *) userdata)->sequence = sequence;
        ((Seen *) userdata)->n++;
        return 0;
}

static int on_job(const StateJob *j, void *userdata) {
        check_text(j->unit, 1, STATE_UNIT_MAX);
        check_text(j->cgroup, 1, STATE_CGROUP_MAX);
        CHECK(j->n_labels <= STATE_LABELS_MAX);
        for (size_t i = 0; i < j->n_labels; i++)
                check_text(j->labels[i], 1, STATE_LABEL_MAX);
        ((Seen *) userdata)->n++;
        return 0;
}

static int on_job_end(uint64_t id _unused_, void *userdata) {
        ((Seen *) userdata)->n++;
        return 0;
}

static int on_last_job(uint64_t id _unused_, void *userdata) {
        ((Seen *) userdata)->n++;
        return 0;
}

static void on_snapshot(StateLog *log _unused_, void *userdata _unused_) {
}

static const StateLogOwner owner = { .snapshot = on_snapshot };

static uint64_t read_all(const StateLog *log, Seen *ret) {
        const StateLogReader reader = { on_scope, on_lease, on_override, on_sequence, on_job, on_job_end, on_last_job, ret };
        StateLogReadCounts counts;

        *ret = (Seen) {};
        CHECK(state_log_read(log, &reader, 100, &counts) == 0);
        CHECK(counts.n_records == ret->n + counts.n_ended && counts.n_unread == 0);
        return counts.n_records;
}

static void run(uint8_t *region, size_t size) {
        _cleanup_(state_log_freep) StateLog *log = NULL, *again = NULL;
        StateLogCounters before, after;
        size_t cut = 0;
        Seen seen;

        if (state_log_open(region, size, boot, &owner, &cut, &log) < 0)
                return;
        uint64_t n = read_all(log, &seen);
        state_log_counters(log, &before);
        CHECK(state_log_append_sequence(log, 4711) == 0);
        state_log_counters(log, &after);

        CHECK(state_log_open(region, size, boot, &owner, &cut, &again) == 0 && cut == 0);
        CHECK(read_all(again, &seen) == (after.n_compactions > 0 ? 1 : n + 1));
        CHECK(seen.sequence == 4711 && after.used > 0 && before.used <= before.size);
}

/* Once as a whole region, once as the records of a sound one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        size_t half = MAX(size, (size_t) STATE_LOG_SIZE_MIN / 2), region_size = HEADER_SIZE + 2 * ((half + 7) & ~7UL);
        uint64_t length = size & ~7UL;
        StateLog *log = NULL;

        uint8_t *region = malloc(region_size);
        CHECK(region);
        memset(region, 0, region_size);
        CHECK(state_log_new(region, region_size, boot, &owner, &log) == 0);
        state_log_free(log);
        if (size > 0)
                memcpy(region + HEADER_SIZE, data, size);
        memcpy(region + LENGTH_OFFSET, &length, sizeof(length));
        run(region, region_size);
        free(region);

        if (size >= STATE_LOG_SIZE_MIN) {
                region = malloc(size);
                CHECK(region);
                memcpy(region, data, size);
                run(region, size);
                free(region);
        }
        return 0;
}
