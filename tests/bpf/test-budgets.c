/* SPDX-License-Identifier: Apache-2.0 */

/* What of many denials is recorded, and that the rest is counted: attached programs, real cgroups, real sockets. Exit
 * status 77 without the rights to make them. */

#include "scope-lab.h"

#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>

#include "basic/clock.h"
#include "kernel/denial-counts.h"

#define ACTORS_MAX 64

typedef struct Tally {
        uint64_t records[ACTORS_MAX], repeats[ACTORS_MAX], over[ACTORS_MAX][CW_OVER_MAX];
} Tally;

static int on_record(void *userdata, void *data, size_t size) {
        const struct cw_record *r = data;
        Tally *t = userdata;

        ck_assert_uint_eq(size, sizeof(*r));
        ck_assert_uint_lt(r->actor, ACTORS_MAX);
        t->records[r->actor] += r->type == CW_RECORD_DENY;
        return 0;
}

static void on_repeats(const struct cw_repeat *repeat, void *userdata) {
        Tally *t = userdata;

        ck_assert_uint_gt(repeat->count, 0);
        ck_assert_uint_eq(repeat->record.version, CW_API_VERSION);
        ck_assert_uint_eq(repeat->record.type, CW_RECORD_DENY);
        ck_assert_uint_ge(repeat->last_ns, repeat->record.time_ns);
        t->repeats[repeat->record.actor] += repeat->count;
}

static void on_over(uint32_t actor, const uint64_t n[static CW_OVER_MAX], void *userdata) {
        Tally *t = userdata;

        for (size_t i = 0; i < CW_OVER_MAX; i++)
                t->over[actor][i] += n[i];
}

/* Adds to *t. */
static void read_all(const Lab *l, Tally *t) {
        const DenialCountsReader reader = { .repeats = on_repeats, .over = on_over, .userdata = t };
        struct ring_buffer *ring = ring_buffer__new(programs_map_fd(l->programs, "ring"), on_record, t, NULL);

        ck_assert_ptr_nonnull(ring);
        ck_assert_int_ge(ring_buffer__consume(ring), 0);
        ring_buffer__free(ring);
        ck_assert(!denial_counts_read(l->programs, true, &reader));
}

static uint64_t total(const Tally *t, uint32_t actor) {
        return t->records[actor] + t->repeats[actor] + t->over[actor][CW_OVER_ENFORCED] + t->over[actor][CW_OVER_AUDITED];
}

static void lab_begin(Lab *l) {
        *l = (Lab) {};
        lab_init(l);
        lab_load_all(l);
        lab_set_scopes(l);
        lab_attach(l);
}

/* A cgroup of its own for each. */
static void add_actor(Lab *l, uint32_t actor, uint32_t layer) {
        char name[16];

        (void) snprintf(name, sizeof(name), "a%u", actor);
        ck_assert_int_eq(subjects_set(l->programs, lab_cgroup(l, name), layer, actor, 0), 0);
}

static void deny(Lab *l, uint32_t actor, unsigned n, unsigned n_ports, int wanted) {
        char name[16];

        (void) snprintf(name, sizeof(name), "a%u", actor);
        lab_enter(l, name);
        int fd = lab_socket(l, false, AF_INET, SOCK_STREAM);
        for (unsigned i = 0; i < n; i++) {
                if (wanted != -EPERM) { /* a socket that connects can do so once */
                        (void) close(fd);
                        fd = lab_socket(l, false, AF_INET, SOCK_STREAM);
                }
                ck_assert_int_eq(lab_connect(fd, lab_outside[0], (uint16_t) (1000 + i % n_ports)), wanted);
        }
        (void) close(fd);
        lab_enter(l, NULL);
}

/* One denial in a loop: a record for each period at most, and the rest is its count. */
START_TEST(repeats_are_counted) {
        Tally t = {};
        Lab l;

        lab_begin(&l);
        add_actor(&l, 1, LAB_DENIES);
        add_actor(&l, 2, LAB_DENIES);
        deny(&l, 1, 20000, 1, -EPERM);
        deny(&l, 2, 1, 1, -EPERM);
        read_all(&l, &t);
        ck_assert_uint_le(t.records[1], 60);
        ck_assert_uint_eq(total(&t, 1), 20000);
        ck_assert_uint_eq(t.over[1][CW_OVER_ENFORCED], 0);
        ck_assert(t.records[2] == 1 && t.repeats[2] == 0);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 20001);
        deny(&l, 1, 1, 1, -EPERM); /* again a record: what was counted was taken away */
        read_all(&l, &t);
        ck_assert_uint_eq(total(&t, 1), 20001);
        lab_done(&l);
}
END_TEST

/* Many different denials, and nobody reads: the ring keeps space for the first record of every other actor. */
START_TEST(flood_leaves_space) {
        Tally t = {};
        Lab l;

        lab_begin(&l);
        for (uint32_t i = 1; i <= 50; i++)
                add_actor(&l, i, LAB_DENIES);
        for (uint32_t i = 1; i <= 3; i++)
                deny(&l, i, 5000, 5000, -EPERM);
        for (uint32_t i = 4; i <= 50; i++)
                deny(&l, i, 1, 1, -EPERM);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_RING_FULL), 0);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_DENIED), 15047);
        read_all(&l, &t);
        for (uint32_t i = 1; i <= 3; i++) {
                ck_assert_uint_gt(t.over[i][CW_OVER_ENFORCED], 0);
                ck_assert_uint_gt(t.records[i], 0);
                ck_assert_uint_eq(total(&t, i), 5000);
        }
        for (uint32_t i = 4; i <= 50; i++)
                ck_assert(t.records[i] == 1 && total(&t, i) == 1);

        Tally again = {};
        read_all(&l, &again); /* each is reported once */
        for (uint32_t i = 0; i < ACTORS_MAX; i++)
                ck_assert_uint_eq(total(&again, i), 0);
        lab_done(&l);
}
END_TEST

/* While somebody reads, an actor gets no more than its rate. */
START_TEST(rate_is_limited) {
        Tally t = {};
        Lab l;

        lab_begin(&l);
        add_actor(&l, 1, LAB_DENIES);
        uint64_t begin = clock_nsec(CLOCK_MONOTONIC);
        for (unsigned i = 0; i < 50; i++) {
                deny(&l, 1, 200, 200, -EPERM);
                read_all(&l, &t); /* also forgets what it would be a repeat of */
        }
        uint64_t passed = clock_nsec(CLOCK_MONOTONIC) - begin;
        ck_assert_uint_eq(total(&t, 1), 10000);
        ck_assert_uint_ge(t.records[1], 200); /* half of an empty ring of this size */
        ck_assert_uint_le(t.records[1], CW_DENIAL_BURST + passed / CW_DENIAL_NSEC + 2);
        denial_counts_forget(l.programs); /* too early: it is still in use */
        deny(&l, 1, 200, 200, -EPERM);
        read_all(&l, &t);
        ck_assert_uint_eq(total(&t, 1), 10200);
        lab_done(&l);
}
END_TEST

/* What audit mode lets pass is counted apart. */
START_TEST(audit_is_counted_apart) {
        Tally t = {};
        Lab l;

        lab_begin(&l);
        lab_set_policy(&l, LAB_DENIES, ACTION_DENY, NULL, MODE_AUDIT, 0);
        add_actor(&l, 1, LAB_DENIES);
        deny(&l, 1, 2500, 2500, -EINPROGRESS);
        uint64_t denied = lab_count(&l, CW_COUNT_DENIED);
        read_all(&l, &t);
        ck_assert_uint_ge(denied, 2500);
        ck_assert_uint_eq(t.over[1][CW_OVER_ENFORCED], 0);
        ck_assert_uint_gt(t.over[1][CW_OVER_AUDITED], 0);
        lab_done(&l);
}
END_TEST

/* As the actor, which does not notice when one is dropped. */
static void send_queries(Lab *l, uint32_t actor, unsigned n) {
        char name[16];

        (void) snprintf(name, sizeof(name), "a%u", actor);
        lab_enter(l, name);
        int fd = lab_socket(l, false, AF_INET, SOCK_DGRAM);
        for (unsigned i = 0; i < n; i++)
                (void) lab_send(fd, "query", lab_outside[0], 53);
        (void) close(fd);
        lab_enter(l, NULL);
}

/* Most queries of an actor that had too many refused ones do not reach the proxy; each of them is counted. */
START_TEST(queries_are_throttled) {
        const unsigned n = 10 * CW_QUERY_BURST;
        Tally t = {};
        Lab l;

        lab_begin(&l);
        add_actor(&l, 1, LAB_DENIES);
        add_actor(&l, 2, LAB_DENIES);
        denial_counts_throttle(l.programs, 1);
        uint64_t begin = clock_nsec(CLOCK_MONOTONIC);
        send_queries(&l, 1, n);
        uint64_t passed = clock_nsec(CLOCK_MONOTONIC) - begin;
        send_queries(&l, 2, n);
        read_all(&l, &t);
        if (passed < (n - CW_QUERY_BURST) * CW_QUERY_NSEC / 2) /* otherwise this machine is slower than the limit */
                ck_assert_uint_gt(t.over[1][CW_OVER_QUERIES], 0);
        ck_assert_uint_le(t.over[1][CW_OVER_QUERIES], n - CW_QUERY_BURST);
        ck_assert_uint_eq(t.over[2][CW_OVER_QUERIES], 0);
        lab_done(&l);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("budgets");
        TCase *t = tcase_create("budgets");

        tcase_set_timeout(t, 60);
        tcase_add_test(t, repeats_are_counted);
        tcase_add_test(t, flood_leaves_space);
        tcase_add_test(t, rate_is_limited);
        tcase_add_test(t, audit_is_counted_apart);
        tcase_add_test(t, queries_are_throttled);
        suite_add_tcase(s, t);
        return s;
}

int main(void) {
        return lab_main(suite);
}
