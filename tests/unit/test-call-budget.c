/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>

#include "basic/macro.h"
#include "bus/call-budget.h"

#define START (1000 * USEC_PER_SEC)

static unsigned spend_all(CallBudget *b, uint32_t uid, uint64_t now_usec) {
        unsigned n = 0;

        while (call_budget_take(b, uid, 1, now_usec))
                n++;
        return n;
}

START_TEST(a_bucket_is_emptied_and_fills_again) {
        CallBudget b = {};

        ck_assert(call_budget_has(&b, 1000, CALL_BUDGET_BURST, START));
        ck_assert(call_budget_take(&b, 1000, CALL_BUDGET_BURST, START));
        ck_assert(!call_budget_has(&b, 1000, 1, START));
        ck_assert(call_budget_has(&b, 1000, 1, START + USEC_PER_SEC));
        ck_assert(!call_budget_take(&b, 1000, 1, START));
        ck_assert(!call_budget_take(&b, 1000, CALL_BUDGET_PER_SECOND + 1, START + USEC_PER_SEC)); /* all or none */
        ck_assert_uint_eq(spend_all(&b, 1000, START + USEC_PER_SEC), CALL_BUDGET_PER_SECOND);
        ck_assert_uint_eq(spend_all(&b, 1000, START), 0); /* a clock that goes back gives nothing */
        ck_assert_uint_eq(spend_all(&b, 1000, START + 1000000 * USEC_PER_SEC), CALL_BUDGET_BURST);
}
END_TEST

START_TEST(users_do_not_share) {
        CallBudget b = {};

        (void) spend_all(&b, 1000, START);
        ck_assert_uint_eq(spend_all(&b, 1001, START), CALL_BUDGET_BURST);
}
END_TEST

START_TEST(who_called_most_is_not_forgotten) {
        CallBudget b = {};

        (void) spend_all(&b, 1000, START);
        for (uint32_t uid = 2000; uid < 2000 + 10 * CALL_BUDGET_USERS; uid++)
                ck_assert(call_budget_take(&b, uid, 1, START));
        ck_assert(!call_budget_take(&b, 1000, 1, START));
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("call-budget");
        TCase *c = tcase_create("call-budget");

        tcase_add_test(c, a_bucket_is_emptied_and_fills_again);
        tcase_add_test(c, users_do_not_share);
        tcase_add_test(c, who_called_most_is_not_forgotten);
        suite_add_tcase(s, c);
        return s;
}

#include "check-main.h"
