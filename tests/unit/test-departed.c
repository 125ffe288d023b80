/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/departed.h"

#include <check.h>
#include <stdio.h>

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
        _cleanup_(departed_freep) Departed *d = NULL;
        Ended ended = {};

        ck_assert_int_eq(departed_new(key, on_end, &ended, &d), 0);
        ck_assert_int_eq(departed_add(d, "/a.service", 7, 1000), 0);
        ck_assert_int_eq(departed_add(d, "/b.service", 8, 2000), 0);
        ck_assert_str_eq(departed_path(d, 7), "/a.service");
        ck_assert_str_eq(departed_path(d, 8), "/b.service");
        ck_assert_ptr_null(departed_path(d, 9));

        departed_expire(d, 1000 + DEPARTED_NSEC - 1);
        ck_assert_uint_eq(ended.n, 0);
        departed_expire(d, 1000 + DEPARTED_NSEC);
        ck_assert_uint_eq(ended.n, 1);
        ck_assert_uint_eq(ended.last, 7);
        ck_assert_ptr_null(departed_path(d, 7));
        ck_assert_str_eq(departed_path(d, 8), "/b.service");
}
END_TEST

START_TEST(test_the_oldest_makes_room) {
        _cleanup_(departed_freep) Departed *d = NULL;
        Ended ended = {};
        char path[32];

        ck_assert_int_eq(departed_new(key, on_end, &ended, &d), 0);
        for (uint64_t id = 1; id <= DEPARTED_MAX + 2; id++) {
                (void) snprintf(path, sizeof(path), "/u%u.service", (unsigned) id);
                ck_assert_int_eq(departed_add(d, path, id, id), 0);
        }
        ck_assert_uint_eq(ended.n, 2);
        ck_assert_uint_eq(ended.last, 2);
        ck_assert_ptr_null(departed_path(d, 2));
        ck_assert_str_eq(departed_path(d, 3), "/u3.service");

        ended = (Ended) {};
        departed_for_each(d, on_end, &ended);
        ck_assert_uint_eq(ended.n, DEPARTED_MAX);
        ck_assert_uint_eq(ended.last, DEPARTED_MAX + 2);
}
END_TEST

START_TEST(test_free_tells_nobody) {
        Departed *d = NULL;
        Ended ended = {};

        ck_assert_int_eq(departed_new(key, on_end, &ended, &d), 0);
        ck_assert_int_eq(departed_add(d, "/a.service", 1, 0), 0);
        departed_free(d);
        ck_assert_uint_eq(ended.n, 0);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("departed");
        TCase *t = tcase_create("departed");

        tcase_add_test(t, test_a_path_lasts_for_its_time);
        tcase_add_test(t, test_the_oldest_makes_room);
        tcase_add_test(t, test_free_tells_nobody);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
