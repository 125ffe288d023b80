/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "bus-peer.h"
#include "bus/polkit.h"

#define MANAGER "org.cargowall1.Manager"
#define PATH "/org/cargowall1"

static sd_bus_message *set_mode_call(Peer *p, const char *sender, const char *mode) {
        sd_bus_message *m = peer_call(p, sender, PATH, MANAGER, "SetMode");
        ck_assert_int_ge(sd_bus_message_append(m, "st", mode, UINT64_C(0)), 0);
        return m;
}

static void assert_set_mode(Peer *p, const char *sender, const char *mode, const char *error) {
        sd_bus_message *reply = peer_send(p, set_mode_call(p, sender, mode));
        ck_assert_str_eq(peer_error_name(reply), error);
        sd_bus_message_unref(reply);
}

static const struct {
        PolkitAnswer answer;
        const char *error;  /* "" where the call goes through */
        const char *result; /* as noted */
} answers[] = {
        { POLKIT_YES, "", "done" },
        { POLKIT_NO, SD_BUS_ERROR_ACCESS_DENIED, "denied" },
        { POLKIT_CHALLENGE, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, "denied" },
        { POLKIT_SILENCE, SD_BUS_ERROR_ACCESS_DENIED, "timed out" },
        { POLKIT_ABSENT, SD_BUS_ERROR_ACCESS_DENIED, "denied" },
        { POLKIT_NONSENSE, SD_BUS_ERROR_ACCESS_DENIED, "denied" },
};

START_TEST(only_a_clear_yes_is_one) {
        Peer p;

        peer_init(&p);
        p.answer = answers[_i].answer;
        assert_set_mode(&p, ":1.7", "audit", answers[_i].error);
        ck_assert_uint_eq(p.n_asked, 1);
        ck_assert_str_eq(p.action, "org.cargowall1.set-mode");
        ck_assert_str_eq(p.subject, ":1.7");
        ck_assert_str_eq(p.detail, "mode=audit");
        ck_assert_uint_eq(p.service->n_set_mode, answers[_i].answer == POLKIT_YES);
        ck_assert_uint_eq(p.service->n_notes, 1);

        const FakeNote *n = peer_last_note(&p);
        ck_assert_str_eq(n->action, "org.cargowall1.set-mode");
        ck_assert_str_eq(n->sender, ":1.7");
        ck_assert_str_eq(n->result, answers[_i].result);
        ck_assert_str_eq(n->unit, "unit-77.service");
        ck_assert_uint_eq(n->uid, 1000);
        ck_assert_uint_eq(n->pid, 77);

        BusStats stats;
        bus_stats(p.bus, &stats);
        ck_assert_uint_eq(stats.calls_pending, 0);
        peer_done(&p);
}
END_TEST

START_TEST(root_is_not_asked) {
        Peer p;

        peer_init(&p);
        p.uid = 0;
        p.answer = POLKIT_ABSENT;
        assert_set_mode(&p, ":1.7", "audit", "");
        ck_assert_uint_eq(p.n_asked, 0);

        bus_set_options(p.bus, &(BusOptions) { .trust_nobody = true });
        assert_set_mode(&p, ":1.7", "enforce", SD_BUS_ERROR_ACCESS_DENIED);
        ck_assert_uint_eq(p.n_asked, 1);
        ck_assert_int_eq(p.service->mode, MODE_SETTING_AUDIT);
        peer_done(&p);
}
END_TEST

START_TEST(an_unknown_caller_is_refused) {
        Peer p;

        peer_init(&p);
        assert_set_mode(&p, NULL, "audit", SD_BUS_ERROR_ACCESS_DENIED);
        p.uid = 0;
        p.driver_impostor = true;
        assert_set_mode(&p, ":1.7", "audit", SD_BUS_ERROR_ACCESS_DENIED);
        ck_assert_uint_eq(p.n_asked, 0);
        ck_assert_uint_eq(p.service->n_set_mode, 0);
        peer_done(&p);
}
END_TEST

START_TEST(turning_off_is_another_action) {
        Peer p;

        peer_init(&p);
        assert_set_mode(&p, ":1.7", "off", "");
        ck_assert_str_eq(p.action, "org.cargowall1.disable");
        assert_set_mode(&p, ":1.7", "configured", "");
        ck_assert_str_eq(p.action, "org.cargowall1.set-mode");
        p.service->configured = MODE_OFF;
        assert_set_mode(&p, ":1.7", "configured", "");
        ck_assert_str_eq(p.action, "org.cargowall1.disable");
        peer_done(&p);
}
END_TEST

static void assert_set_scope_mode(Peer *p, const char *scope, const char *mode, uint64_t flags, const char *error) {
        sd_bus_message *m = peer_call(p, ":1.7", PATH, MANAGER, "SetScopeMode");

        ck_assert_int_ge(sd_bus_message_append(m, "sst", scope, mode, flags), 0);
        sd_bus_message *reply = peer_send(p, m);
        ck_assert_str_eq(peer_error_name(reply), error);
        sd_bus_message_unref(reply);
}

START_TEST(one_scope_and_how_long) {
        Peer p;

        peer_init(&p);
        assert_set_scope_mode(&p, "host", "enforce", 0, "");
        ck_assert_str_eq(p.action, "org.cargowall1.set-mode");
        ck_assert(p.service->n_set_scope_mode == 1 && !p.service->mode_is_kept);
        assert_set_scope_mode(&p, "host", "off", 1, "");
        ck_assert_str_eq(p.action, "org.cargowall1.disable");
        ck_assert(p.service->n_set_scope_mode == 2 && p.service->mode_is_kept);
        assert_set_scope_mode(&p, "nobody", "enforce", 0, "org.cargowall1.Error.NoSuchScope");
        assert_set_scope_mode(&p, "host", "on", 0, SD_BUS_ERROR_INVALID_ARGS);
        assert_set_scope_mode(&p, "host", "audit", 2, SD_BUS_ERROR_INVALID_ARGS);
        ck_assert_uint_eq(p.service->n_set_mode, 2);
        p.service->set_mode_error = -ENOSPC;
        assert_set_scope_mode(&p, "host", "audit", 1, SD_BUS_ERROR_IO_ERROR);
        p.service->set_mode_error = -EOPNOTSUPP;
        assert_set_scope_mode(&p, "host", "audit", 0, SD_BUS_ERROR_INVALID_ARGS);
        peer_done(&p);
}
END_TEST

START_TEST(arguments_come_before_the_question) {
        Peer p;

        peer_init(&p);
        assert_set_mode(&p, ":1.7", "of", SD_BUS_ERROR_INVALID_ARGS);
        sd_bus_message *m = peer_call(&p, ":1.7", PATH, MANAGER, "SetMode");
        ck_assert_int_ge(sd_bus_message_append(m, "st", "off", UINT64_C(2)), 0);
        sd_bus_message *reply = peer_send(&p, m);
        ck_assert_str_eq(peer_error_name(reply), SD_BUS_ERROR_INVALID_ARGS);
        sd_bus_message_unref(reply);
        ck_assert_uint_eq(p.n_asked, 0);
        peer_done(&p);
}
END_TEST

START_TEST(a_caller_that_leaves_is_forgotten) {
        BusStats stats;
        Peer p;

        peer_init(&p);
        p.answer = POLKIT_SILENCE;
        sd_bus_message *m = set_mode_call(&p, ":1.7", "audit");
        ck_assert_int_ge(sd_bus_message_set_allow_interactive_authorization(m, true), 0);
        peer_post(&p, m);
        peer_settle(&p);
        ck_assert_uint_eq(p.n_asked, 1);
        ck_assert_uint_eq(p.flags, 1);
        bus_stats(p.bus, &stats);
        ck_assert_uint_eq(stats.calls_pending, 1);

        peer_leave(&p, ":1.8");
        bus_stats(p.bus, &stats);
        ck_assert_uint_eq(stats.calls_pending, 1);
        peer_leave(&p, ":1.7");
        bus_stats(p.bus, &stats);
        ck_assert_uint_eq(stats.calls_pending, 0);
        ck_assert_uint_eq(p.n_cancelled, 1);
        ck_assert_str_eq(peer_last_note(&p)->result, "cancelled");
        ck_assert_uint_eq(p.service->n_set_mode, 0);

        p.driver_refuses = true; /* gone before the bus was asked */
        peer_post(&p, set_mode_call(&p, ":1.9", "audit"));
        peer_settle(&p);
        ck_assert_str_eq(peer_last_note(&p)->result, "cancelled");
        ck_assert_str_eq(peer_last_note(&p)->sender, ":1.9");
        peer_done(&p);
}
END_TEST

/* At every moment of an authorization. */
START_TEST(a_caller_that_leaves_before_it_is_known_is_forgotten) {
        BusStats stats;
        Peer p;

        peer_init(&p);
        p.driver_silent = true;
        peer_post(&p, peer_call(&p, ":1.7", PATH, MANAGER, "Subscribe"));
        peer_settle(&p);
        bus_stats(p.bus, &stats);
        ck_assert_uint_eq(stats.calls_pending, 1);
        peer_leave(&p, ":1.7");
        bus_stats(p.bus, &stats);
        ck_assert_uint_eq(stats.calls_pending, 0);
        ck_assert_uint_eq(stats.subscribers, 0);
        ck_assert_uint_eq(p.n_cancelled, 0); /* polkit was not asked */
        peer_done(&p);
}
END_TEST

START_TEST(who_is_refused_all_the_time_is_not_asked_about_again) {
        size_t n_limited = 0;
        Peer p;

        peer_init(&p);
        p.answer = POLKIT_NO;
        for (int i = 0; i < 100; i++) {
                sd_bus_message *reply = peer_send(&p, set_mode_call(&p, ":1.7", "audit"));
                n_limited += strcmp(peer_error_name(reply), SD_BUS_ERROR_LIMITS_EXCEEDED) == 0;
                ck_assert_str_ne(peer_error_name(reply), "");
                sd_bus_message_unref(reply);
        }
        ck_assert_uint_ge(n_limited, 10);
        ck_assert_uint_ge(p.service->n_notes, 10);
        ck_assert_uint_eq(p.n_asked, 100 - n_limited);
        ck_assert_uint_eq(p.service->n_notes, 100 - n_limited);
        p.uid = 1001;
        p.answer = POLKIT_YES;
        assert_set_mode(&p, ":1.8", "audit", "");
        peer_done(&p);
}
END_TEST

START_TEST(a_bus_that_ends_takes_its_calls_along) {
        Peer p;

        peer_init(&p);
        p.driver_silent = true;
        peer_post(&p, set_mode_call(&p, ":1.7", "audit"));
        peer_settle(&p);
        p.answer = POLKIT_SILENCE;
        p.driver_silent = false;
        peer_post(&p, set_mode_call(&p, ":1.8", "audit"));
        peer_settle(&p);
        ck_assert_uint_eq(p.n_asked, 1);
        peer_done(&p); /* leaks are seen by the sanitizer */
}
END_TEST

static size_t pending(const Peer *p) {
        BusStats stats;

        bus_stats(p->bus, &stats);
        return stats.calls_pending;
}

START_TEST(one_sender_has_its_share) {
        Peer p;

        peer_init(&p);
        p.driver_silent = true;
        for (int i = 0; i < POLKIT_CHECKS_PER_SENDER_MAX; i++)
                peer_post(&p, set_mode_call(&p, ":1.7", "audit"));
        peer_settle(&p);
        ck_assert_uint_eq(pending(&p), POLKIT_CHECKS_PER_SENDER_MAX);
        assert_set_mode(&p, ":1.7", "audit", SD_BUS_ERROR_LIMITS_EXCEEDED);
        peer_post(&p, set_mode_call(&p, ":1.8", "audit"));
        peer_settle(&p);
        ck_assert_uint_eq(pending(&p), POLKIT_CHECKS_PER_SENDER_MAX + 1);
        peer_done(&p);
}
END_TEST

static void flood(Peer *p, size_t n) {
        for (size_t i = 0; i < n; i++) {
                char sender[32];

                (void) snprintf(sender, sizeof(sender), ":1.%zu", 100 + i);
                peer_post(p, set_mode_call(p, sender, "audit"));
                if (i % 100 == 0)
                        peer_settle(p);
        }
        peer_settle(p);
}

START_TEST(a_flood_is_bounded) {
        Peer p;

        peer_init(&p);
        p.driver_silent = true;
        flood(&p, POLKIT_CHECKS_MAX + 100);
        ck_assert_uint_eq(pending(&p), POLKIT_CHECKS_MAX);
        assert_set_mode(&p, ":1.7", "audit", SD_BUS_ERROR_LIMITS_EXCEEDED);
        ck_assert_uint_eq(p.service->n_notes, 0);
        peer_done(&p);
}
END_TEST

/* dbus-daemon allows each user 256 connections. */
START_TEST(one_user_does_not_lock_out_the_others_before_it_is_known) {
        Peer p;

        peer_init(&p);
        p.driver_silent = true;
        for (int i = 0; i < POLKIT_CHECKS_PER_SENDER_MAX; i++)
                flood(&p, 256);
        ck_assert_uint_eq(pending(&p), 256 * POLKIT_CHECKS_PER_SENDER_MAX);
        p.driver_silent = false;
        p.uid = 0;
        assert_set_mode(&p, ":1.7", "enforce", "");
        peer_done(&p);
}
END_TEST

START_TEST(what_is_held_is_bounded) {
        static char text[1024 * 1024];
        Peer p;

        memset(text, ' ', sizeof(text) - 1);
        peer_init(&p);
        p.driver_silent = true;
        for (int i = 0; i < 100; i++) {
                char sender[32];

                (void) snprintf(sender, sizeof(sender), ":1.%d", 100 + i);
                sd_bus_message *m = peer_call(&p, sender, PATH, MANAGER, "LoadPolicyString");
                ck_assert_int_ge(sd_bus_message_append(m, "sa{sv}", text, 0), 0);
                peer_post(&p, m);
                peer_settle(&p);
        }
        ck_assert_uint_eq(pending(&p), POLKIT_TEXT_MAX / sizeof(text));
        p.driver_silent = false;
        assert_set_mode(&p, ":1.7", "enforce", "");
        peer_done(&p);
}
END_TEST

START_TEST(one_user_does_not_lock_out_the_others) {
        Peer p;

        peer_init(&p);
        bus_set_options(p.bus, &(BusOptions) { .polkit_timeout_usec = 20 * USEC_PER_SEC });
        p.answer = POLKIT_SILENCE;
        flood(&p, 1000);
        ck_assert_uint_eq(pending(&p), POLKIT_ASKED_PER_UID_MAX);
        assert_set_mode(&p, ":1.7", "audit", SD_BUS_ERROR_LIMITS_EXCEEDED);

        p.uid = 1001;
        p.answer = POLKIT_YES;
        assert_set_mode(&p, ":1.7", "audit", "");
        p.answer = POLKIT_SILENCE;
        for (p.uid = 1001; p.uid < 1010; p.uid++)
                flood(&p, 20);
        ck_assert_uint_eq(pending(&p), POLKIT_ASKED_MAX);
        p.uid = 0;
        assert_set_mode(&p, ":1.7", "enforce", "");
        peer_done(&p);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("bus-polkit");
        TCase *c = tcase_create("bus-polkit");

        tcase_set_timeout(c, 60);
        tcase_add_loop_test(c, only_a_clear_yes_is_one, 0, ELEMENTSOF(answers));
        tcase_add_test(c, root_is_not_asked);
        tcase_add_test(c, an_unknown_caller_is_refused);
        tcase_add_test(c, turning_off_is_another_action);
        tcase_add_test(c, one_scope_and_how_long);
        tcase_add_test(c, arguments_come_before_the_question);
        tcase_add_test(c, a_caller_that_leaves_is_forgotten);
        tcase_add_test(c, a_caller_that_leaves_before_it_is_known_is_forgotten);
        tcase_add_test(c, who_is_refused_all_the_time_is_not_asked_about_again);
        tcase_add_test(c, a_bus_that_ends_takes_its_calls_along);
        tcase_add_test(c, one_sender_has_its_share);
        tcase_add_test(c, a_flood_is_bounded);
        tcase_add_test(c, one_user_does_not_lock_out_the_others);
        tcase_add_test(c, one_user_does_not_lock_out_the_others_before_it_is_known);
        tcase_add_test(c, what_is_held_is_bounded);
        suite_add_tcase(s, c);
        return s;
}

#include "check-main.h"
