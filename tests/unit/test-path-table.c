/* SPDX-License-Identifier: Apache-2.0 */

#include "identity/path-table.h"

#include <check.h>
#include <stdio.h>

#define PATHS_MAX 100U
#define KEEP_NSEC (180 * NSEC_PER_SEC)

static const uint8_t key[16] = "0123456789abcde";

typedef struct Ended {
        unsigned n;
        uint64_t last;
} Ended;

static void on_end(const char *path, uint64_t id, void *userdata) {
        Ended *e = userdata;

        ck_assert_int_eq(path[0], '/');
        e->n++;
        e->last = id;
}

START_TEST(test_a_path_lasts_for_its_time) {
        _cleanup_(path_table_freep) PathTable *d = NULL;
        Ended ended = {};

        ck_assert_int_eq(path_table_new(PATHS_MAX, KEEP_NSEC, key, on_end, &ended, &d), 0);
        ck_assert_int_eq(path_table_add(d, "/a.service", 7, 1000), 0);
        ck_assert_int_eq(path_table_add(d, "/b.service", 8, 2000), 0);
        ck_assert_str_eq(path_table_find(d, 7), "/a.service");
        ck_assert_str_eq(path_table_find(d, 8), "/b.service");
        ck_assert_ptr_null(path_table_find(d, 9));

        path_table_expire(d, 1000 + KEEP_NSEC - 1);
        ck_assert_uint_eq(ended.n, 0);
        path_table_expire(d, 1000 + KEEP_NSEC);
        ck_assert_uint_eq(ended.n, 1);
        ck_assert_uint_eq(ended.last, 7);
        ck_assert_ptr_null(path_table_find(d, 7));
        ck_assert_str_eq(path_table_find(d, 8), "/b.service");
}
END_TEST

START_TEST(test_the_oldest_makes_room) {
        _cleanup_(path_table_freep) PathTable *d = NULL;
        Ended ended = {};
        char path[32];

        ck_assert_int_eq(path_table_new(PATHS_MAX, KEEP_NSEC, key, on_end, &ended, &d), 0);
        for (uint64_t id = 1; id <= PATHS_MAX + 2; id++) {
                (void) snprintf(path, sizeof(path), "/u%u.service", (unsigned) id);
                ck_assert_int_eq(path_table_add(d, path, id, id), 0);
        }
        ck_assert_uint_eq(ended.n, 2);
        ck_assert_uint_eq(ended.last, 2);
        ck_assert_ptr_null(path_table_find(d, 2));
        ck_assert_str_eq(path_table_find(d, 3), "/u3.service");

        ended = (Ended) {};
        path_table_for_each(d, on_end, &ended);
        ck_assert_uint_eq(ended.n, PATHS_MAX);
        ck_assert_uint_eq(ended.last, PATHS_MAX + 2);
}
END_TEST

START_TEST(test_free_calls_nobody) {
        PathTable *d = NULL;
        Ended ended = {};

        ck_assert_int_eq(path_table_new(PATHS_MAX, KEEP_NSEC, key, on_end, &ended, &d), 0);
        ck_assert_int_eq(path_table_add(d, "/a.service", 1, 0), 0);
        path_table_free(d);
        ck_assert_uint_eq(ended.n, 0);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("path-table");
        TCase *t = tcase_create("path-table");

        tcase_add_test(t, test_a_path_lasts_for_its_time);
        tcase_add_test(t, test_the_oldest_makes_room);
        tcase_add_test(t, test_free_calls_nobody);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
