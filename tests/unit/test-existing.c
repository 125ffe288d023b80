/* SPDX-License-Identifier: Apache-2.0 */

/* Connections older than the service, with a list and an engine in the test itself. */

#include "daemon/existing.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "host/existing-sockets.h"

static Layer host = { .mode = MODE_ENFORCE };
static unsigned n_sockets, n_fit, n_kept, n_reported, n_logged;
static int list_result, keep_result;
static char logged[512];

int existing_sockets_list(size_t max, existing_socket_fn fn, void *userdata) {
        ck_assert_uint_eq(max, EXISTING_SOCKETS_MAX);
        for (unsigned i = 0; i < n_sockets; i++) {
                const ExistingSocket s = { .cookie = i + 1, .remote_port = 443 };
                fn(&s, userdata);
        }
        return list_result;
}

int engine_keep_flow(_unused_ Engine *e, _unused_ uint64_t cookie, _unused_ const InAddr *peer, uint16_t port) {
        ck_assert_uint_eq(port, 443);
        if (n_kept >= n_fit)
                return keep_result;
        n_kept++;
        return 0;
}

Layer *engine_layer(_unused_ const Engine *e, size_t i) {
        ck_assert_uint_eq(i, 0);
        return &host;
}

void context_emit(_unused_ const Context *c, Event *e) {
        ck_assert_int_eq(e->type, EVENT_EXISTING_CONNECTION);
        n_reported++;
}

void log_message(_unused_ ServiceLog *log, _unused_ int priority, const char *format, ...) {
        va_list args;

        va_start(args, format);
        (void) vsnprintf(logged, sizeof(logged), format, args);
        va_end(args);
        n_logged++;
}

static int keep(unsigned sockets, unsigned fit, int listed, int error) {
        const Context c = {};

        n_sockets = sockets;
        n_fit = fit;
        list_result = listed;
        keep_result = error;
        n_kept = n_reported = n_logged = 0;
        return existing_connections_keep(&c);
}

START_TEST(all_are_kept) {
        ck_assert_int_eq(keep(1000, 1000, 0, 0), 0);
        ck_assert_uint_eq(n_kept, 1000);
        ck_assert_uint_eq(n_reported, 256);
        ck_assert_uint_eq(n_logged, 0);
}
END_TEST

/* More than fit do not keep the service from starting. */
START_TEST(too_many_are_judged_as_new) {
        ck_assert_int_eq(keep(1000, 900, 0, -ENOSPC), 0);
        ck_assert_uint_eq(n_kept, 900);
        ck_assert_uint_eq(n_logged, 1);
        ck_assert_ptr_nonnull(strstr(logged, "100 of 1000"));
        ck_assert_int_eq(keep(1000, 1000, -E2BIG, 0), 0);
        ck_assert_uint_eq(n_logged, 1);
}
END_TEST

START_TEST(other_errors_are_errors) {
        ck_assert_int_eq(keep(10, 9, 0, -ENOMEM), -ENOMEM);
        ck_assert_int_eq(keep(10, 10, -ENOENT, 0), -ENOENT);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("existing");
        TCase *t = tcase_create("existing");

        tcase_add_test(t, all_are_kept);
        tcase_add_test(t, too_many_are_judged_as_new);
        tcase_add_test(t, other_errors_are_errors);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
