/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "bus/validator.h"

static int gate[2]; /* a check ends when it can read a byte here */

static int check_slowly(const char *text, _unused_ size_t size, FaultList *faults) {
        char c;

        if (read(gate[0], &c, 1) != 1)
                return -EIO;
        if (strcmp(text, "bad") != 0)
                return 0;
        (void) fault_list_add(faults, NULL, 7, "it is bad");
        return -EINVAL;
}

static void open_gate(size_t n) {
        for (size_t i = 0; i < n; i++)
                ck_assert_int_eq(write(gate[1], "", 1), 1);
}

typedef struct Lab {
        sd_event *event;
        Validator *validator;
        size_t n_done, n_cancelled, n_bad;
        const char *last;
} Lab;

typedef struct Call {
        Lab *lab;
        const char *name;
} Call;

static void on_result(int r, const FaultList *faults, void *userdata) {
        Call *call = userdata;
        Lab *lab = call->lab;

        lab->last = call->name;
        if (r == -ECANCELED)
                lab->n_cancelled++;
        else if (r == -EINVAL) {
                ck_assert_uint_eq(faults->n, 1);
                ck_assert_uint_eq(faults->faults[0].line, 7);
                lab->n_bad++;
        } else {
                ck_assert_int_eq(r, 0);
                lab->n_done++;
        }
}

static void lab_init(Lab *lab) {
        *lab = (Lab) {};
        ck_assert_int_eq(pipe(gate), 0);
        ck_assert_int_ge(sd_event_new(&lab->event), 0);
        ck_assert_int_ge(validator_new(lab->event, check_slowly, &lab->validator), 0);
}

static void lab_done(Lab *lab) {
        validator_free(lab->validator);
        sd_event_unref(lab->event);
        (void) close(gate[0]);
        (void) close(gate[1]);
}

/* Runs the loop until so many checks have ended. */
static void settle(Lab *lab, size_t n_ended) {
        while (lab->n_done + lab->n_cancelled + lab->n_bad < n_ended)
                ck_assert_int_ge(sd_event_run(lab->event, UINT64_MAX), 0);
}

START_TEST(the_loop_is_not_held_up) {
        Lab lab;

        lab_init(&lab);
        Call bad = { &lab, "bad" };
        ck_assert_int_eq(validator_submit(lab.validator, 1000, "bad", 3, on_result, &bad), 0);
        ck_assert_int_eq(sd_event_run(lab.event, 0), 0); /* it returns, though the check does not end */
        ck_assert_uint_eq(lab.n_bad, 0);
        open_gate(1);
        settle(&lab, 1);
        ck_assert_uint_eq(lab.n_bad, 1);
        lab_done(&lab);
}
END_TEST

START_TEST(each_user_has_one_and_all_have_few) {
        Lab lab;

        lab_init(&lab);
        Call call = { &lab, "good" };
        for (uint32_t uid = 1000; uid < 1000 + VALIDATOR_MAX; uid++) {
                ck_assert_int_eq(validator_submit(lab.validator, uid, "good", 4, on_result, &call), 0);
                ck_assert_int_eq(validator_submit(lab.validator, uid, "good", 4, on_result, &call), -EBUSY);
        }
        ck_assert_int_eq(validator_submit(lab.validator, 1, "good", 4, on_result, &call), -ENOBUFS);
        open_gate(VALIDATOR_MAX);
        settle(&lab, VALIDATOR_MAX);
        ck_assert_uint_eq(lab.n_done, VALIDATOR_MAX);

        for (int i = 0; i < 3; i++)
                ck_assert_int_eq(validator_submit(lab.validator, 0, "good", 4, on_result, &call), 0);
        ck_assert_int_eq(validator_submit(lab.validator, 1000, "good", 4, on_result, &call), 0);
        open_gate(4);
        settle(&lab, VALIDATOR_MAX + 4);
        ck_assert_uint_eq(lab.n_done, VALIDATOR_MAX + 4);
        lab_done(&lab);
}
END_TEST

START_TEST(one_after_the_other) {
        Lab lab;

        lab_init(&lab);
        Call calls[] = { { &lab, "first" }, { &lab, "second" }, { &lab, "third" } };
        for (uint32_t i = 0; i < ELEMENTSOF(calls); i++)
                ck_assert_int_eq(validator_submit(lab.validator, i + 1, "good", 4, on_result, &calls[i]), 0);
        for (size_t i = 0; i < ELEMENTSOF(calls); i++) {
                open_gate(1);
                while (lab.n_done == i)
                        ck_assert_int_ge(sd_event_run(lab.event, UINT64_MAX), 0);
                ck_assert_str_eq(lab.last, calls[i].name);
        }
        lab_done(&lab);
}
END_TEST

START_TEST(what_nobody_waits_for_ends) {
        Lab lab;

        lab_init(&lab);
        Call call = { &lab, "good" };
        for (uint32_t uid = 1; uid <= 3; uid++)
                ck_assert_int_eq(validator_submit(lab.validator, uid, "good", 4, on_result, &call), 0);
        validator_cancel(lab.validator);
        ck_assert_uint_eq(lab.n_cancelled, 2); /* the text of the first is still read */
        ck_assert_int_eq(validator_submit(lab.validator, 4, "good", 4, on_result, &call), 0);
        open_gate(2);
        settle(&lab, 4);
        ck_assert_uint_eq(lab.n_cancelled, 3);
        ck_assert_uint_eq(lab.n_done, 1);

        for (uint32_t uid = 1; uid <= 2; uid++)
                ck_assert_int_eq(validator_submit(lab.validator, uid, "good", 4, on_result, &call), 0);
        open_gate(1);
        lab_done(&lab); /* with one that runs */
        ck_assert_uint_eq(lab.n_cancelled, 5);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("validator");
        TCase *c = tcase_create("validator");

        tcase_set_timeout(c, 60);
        tcase_add_test(c, the_loop_is_not_held_up);
        tcase_add_test(c, each_user_has_one_and_all_have_few);
        tcase_add_test(c, one_after_the_other);
        tcase_add_test(c, what_nobody_waits_for_ends);
        suite_add_tcase(s, c);
        return s;
}

#include "check-main.h"
