/* SPDX-License-Identifier: Apache-2.0 */

/* What requesters of the proxy share: tables of leases, places in flight. */

#include "dns-proxy-fixture.h"

#define PENDING_MAX 2048 /* as in dns-proxy.c */
#define PASSED_MAX 1024

/* Queries that wait for the server or are refused at once, a few at a time so that no socket buffer overflows. */
static void send_many(Fixture *f, const char *name, unsigned n) {
        uint64_t n_before = dns_proxy_stats(f->proxy)->queries;

        for (unsigned sent = 0; sent < n; sent += 20) {
                for (unsigned i = 0; i < 20; i++)
                        send_query(f, name, DNS_TYPE_A, false);
                for (int i = 0; i < ROUNDS_MAX && dns_proxy_stats(f->proxy)->queries < n_before + sent + 20; i++)
                        turn(f);
        }
        ck_assert_uint_eq(dns_proxy_stats(f->proxy)->queries, n_before + n);
}

/* ------------------------------------------------------------------ full tables */

/* Where a lease opens nothing, or nothing is enforced, no room is needed. */
START_TEST(test_full_table) {
        static const struct {
                Mode mode;
                Action default_action;
                const char *allow;
                uint8_t rcode;
                unsigned n_denials;
        } cases[] = {
                { MODE_ENFORCE, ACTION_ALLOW, NULL, DNS_RCODE_NOERROR, 0 },
                { MODE_AUDIT, ACTION_ALLOW, NULL, DNS_RCODE_NOERROR, 0 },
                { MODE_AUDIT, ACTION_DENY, "*.example", DNS_RCODE_NOERROR, 1 },
                { MODE_ENFORCE, ACTION_DENY, "*.example", DNS_RCODE_SERVFAIL, 1 },
        };
        Fixture f;

        fixture_init(&f);
        Layer *l = add_layer(&f, cases[_i].mode, cases[_i].default_action, cases[_i].allow, NULL, 2);
        ask_as(&f, l, 1);
        f.n_addrs = 4;
        ck_assert_uint_eq(ask(&f, "one.example", DNS_TYPE_A, false), cases[_i].rcode);
        ck_assert_uint_eq(f.last.n_answers, cases[_i].rcode ? 0 : 4);
        ck_assert_uint_eq(f.n_denials, cases[_i].n_denials);
        if (f.n_denials > 0)
                ck_assert_str_eq(f.denial.why, "lease");
        ck_assert_uint_eq(lease_table_n(l->leases), 2);
        fixture_done(&f);
}
END_TEST

/* A layer without room for what it allows costs nobody else an answer; what it denies has to be stored. */
START_TEST(test_full_table_of_another) {
        Fixture f;

        fixture_init(&f);
        Layer *host = add_layer(&f, MODE_OFF, ACTION_ALLOW, NULL, NULL, 100);
        Layer *full = add_layer(&f, MODE_ENFORCE, ACTION_DENY, "*.example", "bad.example", 1);
        Layer *other = add_layer(&f, MODE_ENFORCE, ACTION_DENY, "*.example", NULL, 100);
        ask_as(&f, host, 1);
        f.requester.forwards = true;
        ck_assert_uint_eq(ask(&f, "one.example", DNS_TYPE_A, false), DNS_RCODE_NOERROR);
        ck_assert_uint_eq(f.n_denials, 0);
        ck_assert_uint_eq(ask(&f, "two.example", DNS_TYPE_A, false), DNS_RCODE_NOERROR);
        ck_assert_uint_eq(f.n_denials, 1);
        ck_assert_ptr_eq(f.denial.layer, full);
        ck_assert_str_eq(f.denial.why, "lease");
        ck_assert_uint_eq(lease_table_n(full->leases), 1);
        ck_assert_uint_eq(lease_table_n(other->leases), 2);
        ck_assert_uint_eq(ask(&f, "bad.example", DNS_TYPE_A, false), DNS_RCODE_SERVFAIL);
        fixture_done(&f);
}
END_TEST

/* One unit fills the layer's table with names of a wildcard rule; another of the same layer still gets answers. */
START_TEST(test_full_table_of_one_group) {
        char name[32];
        Fixture f;

        fixture_init(&f);
        Layer *l = add_layer(&f, MODE_ENFORCE, ACTION_DENY, "*.example", NULL, 8);
        ask_as(&f, l, 1);
        for (unsigned i = 0; i < 9; i++) {
                (void) snprintf(name, sizeof(name), "n%u.example", i);
                ck_assert_uint_eq(ask(&f, name, DNS_TYPE_A, false), i < 8 ? DNS_RCODE_NOERROR : DNS_RCODE_SERVFAIL);
        }
        ck_assert_uint_eq(f.n_denials, 1);
        ck_assert_uint_eq(f.n_crowded, 0);
        ask_as(&f, l, 2);
        ck_assert_uint_eq(ask(&f, "victim.example", DNS_TYPE_A, false), DNS_RCODE_NOERROR);
        ck_assert_uint_eq(f.n_denials, 1);
        ck_assert_uint_eq(f.n_crowded, 1);
        ck_assert(f.crowded_group == 1 && f.crowded_share == DNS_SHARE_LEASES && f.crowded_n == 7);
        fixture_done(&f);
}
END_TEST

/* ------------------------------------------------------------------ shares */

/* Of a limit: what one group alone may have, the rest is kept for others. */
static size_t all_but_kept(size_t max) {
        return max - max / 4;
}

/* Queries of one group, each for a name of its own. */
static void ask_names(Fixture *f, Layer *l, uint32_t group, const char *prefix, size_t n, uint16_t type) {
        uint64_t n_before = dns_proxy_stats(f->proxy)->queries;
        char name[64];

        ask_as(f, l, group);
        for (size_t i = 1; i <= n; i++) {
                (void) snprintf(name, sizeof(name), "%s-%u-%zu.example", prefix, group, i);
                send_query(f, name, type, false);
                for (int k = 0; k < ROUNDS_MAX && dns_proxy_stats(f->proxy)->queries < n_before + i; k++)
                        turn(f);
        }
}

/* More clients than the proxy can have wait for one slow name: those of another group are still served. */
START_TEST(test_waiting_clients) {
        size_t n_waiting = all_but_kept(DNS_STUB_CLIENTS_MAX - 1);
        Fixture f;

        fixture_init(&f);
        Layer *l = add_layer(&f, MODE_ENFORCE, ACTION_DENY, "*.example", NULL, 100);
        f.silent = true;
        ask_as(&f, l, (uint32_t) _i); /* 0 is a group as any other */
        send_many(&f, "slow.example", 4000);
        wait_replies(&f, 4000 - n_waiting);
        ck_assert_uint_eq(f.n_failed, f.n_replies);
        ck_assert_uint_eq(f.n_crowded, f.n_failed);
        ck_assert_uint_eq(f.crowded_group, (uint32_t) _i);
        ck_assert_uint_eq(f.crowded_n, n_waiting);
        ck_assert_uint_eq(dns_proxy_stats(f.proxy)->crowded, f.n_crowded);
        ask_as(&f, l, 1000);
        ck_assert_uint_eq(ask(&f, "quick.example", DNS_TYPE_A, false), DNS_RCODE_NOERROR);
        ck_assert_uint_eq(dns_proxy_stub_stats(f.proxy)->overload, 0);
        fixture_done(&f);
}
END_TEST

/* Where there are no others, nothing is kept for them. */
START_TEST(test_one_group) {
        Fixture f;

        fixture_init_with(&f, true);
        f.silent = true;
        ask_names(&f, add_layer(&f, MODE_ENFORCE, ACTION_ALLOW, NULL, NULL, 1), 0, "slow", PENDING_MAX + 10, DNS_TYPE_A);
        wait_replies(&f, 10);
        ck_assert_uint_eq(f.n_crowded, 10);
        fixture_done(&f);
}
END_TEST

/* A build that looks up five hundred names at once, with both types of address, gets all of them. */
START_TEST(test_many_names) {
        Fixture f;

        fixture_init(&f);
        ask_names(&f, add_layer(&f, MODE_ENFORCE, ACTION_DENY, "*.example", NULL, 600), 5, "quick", 1000, DNS_TYPE_A);
        wait_replies(&f, 1000);
        ck_assert_uint_eq(f.n_failed + f.n_crowded, 0);
        fixture_done(&f);
}
END_TEST

/* Three groups hold all places with names that nobody answers. A fourth gets its answers: the one that holds most gives
 * up its oldest, and gets none in return. */
START_TEST(test_newcomer) {
        static const struct {
                uint16_t type; /* relayed, or not */
                size_t max;
        } cases[] = { { DNS_TYPE_A, PENDING_MAX }, { DNS_TYPE_TXT, PASSED_MAX } };
        size_t max = cases[_i].max;
        uint16_t type = cases[_i].type;
        Fixture f;

        fixture_init(&f);
        Layer *l = add_layer(&f, _i == 0 ? MODE_ENFORCE : MODE_OFF, ACTION_ALLOW, NULL, NULL, 100);
        f.silent = true;
        ask_names(&f, l, 1, "slow", all_but_kept(max), type);
        ask_names(&f, l, 2, "slow", max / 8, type);
        ask_names(&f, l, 3, "slow", max / 8, type);
        turn(&f);
        ck_assert_uint_eq(f.n_replies, 0);
        ask_names(&f, l, 1, "more", 1, type);
        wait_replies(&f, 1);
        ck_assert_uint_eq(f.n_failed, 1);
        ck_assert_uint_eq(f.crowded_group, 1);
        ck_assert_uint_eq(f.crowded_n, all_but_kept(max));
        for (size_t i = 0; i < 3; i++) {
                ask_names(&f, l, 4, i == 0 ? "quick" : i == 1 ? "quack" : "quid", 1, type);
                wait_replies(&f, i + 3);
        }
        ck_assert_uint_eq(f.n_failed, 2);
        ck_assert_uint_eq(f.n_crowded, 2);
        ck_assert_uint_eq(f.crowded_group, 1);
        fixture_done(&f); /* while questions are in flight that nobody waits for any more */
}
END_TEST

/* Queries that come faster than they are read: the groups that continue are named, until none is lost any more. */
START_TEST(test_flood) {
        Fixture f;

        fixture_init(&f);
        Layer *l = add_layer(&f, MODE_ENFORCE, ACTION_DENY, NULL, NULL, 1);
        ask_as(&f, l, 6);
        (void) ask(&f, "denied.example", DNS_TYPE_A, false);
        ck_assert_uint_eq(f.n_flooded, 0);
        for (unsigned i = 0; i < 20000; i++)
                send_query(&f, "denied.example", DNS_TYPE_A, false);
        for (int i = 0; i < ROUNDS_MAX && f.n_flooded == 0; i++)
                turn(&f);
        ck_assert_uint_gt(f.n_flooded, 0);
        ck_assert_uint_lt(f.n_flooded, 20000);
        fixture_done(&f);
}
END_TEST

/* The oldest question of the greediest is also somebody else's: only those of the greediest wait in vain. */
START_TEST(test_shared_question) {
        Fixture f;

        fixture_init(&f);
        Layer *l = add_layer(&f, MODE_ENFORCE, ACTION_ALLOW, NULL, NULL, 100);
        f.hold = true;
        ask_names(&f, l, 1, "slow", 1, DNS_TYPE_A);
        ask_as(&f, l, 2);
        send_query(&f, "slow-1-1.example", DNS_TYPE_A, false);
        wait_asked(&f, 1);
        f.silent = true;
        ask_names(&f, l, 1, "silent", all_but_kept(PENDING_MAX) - 1, DNS_TYPE_A);
        ask_names(&f, l, 2, "silent", PENDING_MAX / 8, DNS_TYPE_A);
        ask_names(&f, l, 3, "silent", PENDING_MAX / 8, DNS_TYPE_A);
        ask_names(&f, l, 4, "silent", 1, DNS_TYPE_A);
        wait_replies(&f, 2); /* the one shared, and the next one, whose place was needed */
        ck_assert_uint_eq(f.n_failed, 2);
        f.n_held = 1;
        release(&f);
        wait_replies(&f, 3);
        ck_assert_uint_eq(f.n_failed, 2);
        ck_assert_uint_eq(f.n_crowded, 2);
        fixture_done(&f);
}
END_TEST

/* A group that has used up its share can ask again after a while: what it has asked before ends sooner than it would. */
START_TEST(test_patience) {
        Fixture f;
        int tries = 0;

        fixture_init(&f);
        Layer *l = add_layer(&f, MODE_ENFORCE, ACTION_ALLOW, NULL, NULL, 100);
        f.silent = true;
        ask_names(&f, l, 1, "slow", all_but_kept(PENDING_MAX), DNS_TYPE_A);
        for (bool answered = false; !answered; tries++) {
                size_t n_failed = f.n_failed, n_replies = f.n_replies;

                ask_names(&f, l, 1, "quick", 1, DNS_TYPE_A);
                for (int i = 0; i < ROUNDS_MAX && (f.n_replies == n_replies || f.n_crowded > f.n_failed); i++)
                        turn(&f);
                for (int i = 0; i < 10; i++)
                        turn(&f);
                answered = f.n_replies - n_replies > f.n_failed - n_failed;
        }
        ck_assert_int_gt(tries, 1);
        ck_assert_uint_eq(f.n_failed, (size_t) tries); /* with the old one */
        ck_assert_uint_eq(dns_proxy_stats(f.proxy)->upstream_failures, (size_t) tries - 1); /* none has timed out */
        fixture_done(&f);
}
END_TEST

/* Processes of a build ask the same name at the same time. */
START_TEST(test_same_name) {
        Fixture f;

        fixture_init(&f);
        ask_as(&f, add_layer(&f, MODE_ENFORCE, ACTION_DENY, "*.example", NULL, 100), 1);
        f.hold = true;
        send_many(&f, "slow.example", 200);
        wait_asked(&f, 1);
        release(&f);
        wait_replies(&f, 200);
        ck_assert_uint_eq(f.n_failed, 0);
        ck_assert_uint_eq(f.n_asked, 1);
        fixture_done(&f);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("dns-shares");
        TCase *t = tcase_create("dns-shares");

        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, test_full_table, 0, 4);
        tcase_add_test(t, test_full_table_of_another);
        tcase_add_test(t, test_full_table_of_one_group);
        tcase_add_loop_test(t, test_waiting_clients, 0, 2);
        tcase_add_test(t, test_same_name);
        tcase_add_test(t, test_one_group);
        tcase_add_test(t, test_many_names);
        tcase_add_loop_test(t, test_newcomer, 0, 2);
        tcase_add_test(t, test_shared_question);
        tcase_add_test(t, test_patience);
        tcase_add_test(t, test_flood);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
