/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/replay-table.h"

#include <check.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "cli/replay-format.h"

static const uint8_t key[16] = { 1, 2, 3 };

static Policy *make_policy(Action default_action) {
        PolicySource source = { .default_action = default_action };
        const char *reason;
        char bad[128];
        Policy *p = NULL;

        ck_assert_int_eq(rule_list_add_csv(&source.rules, RULE_HOSTNAME, "github.com:443", ACTION_ALLOW, TIER_USER, bad,
                                           &reason), 0);
        ck_assert_int_eq(rule_list_add_csv(&source.rules, RULE_HOSTNAME, "evil.github.com,tracker.example", ACTION_DENY,
                                           TIER_USER, bad, &reason), 0);
        ck_assert_int_eq(rule_list_add_csv(&source.rules, RULE_CIDR, "192.0.2.0/24", ACTION_ALLOW, TIER_USER, bad,
                                           &reason), 0);
        ck_assert_int_eq(rule_list_add_csv(&source.rules, RULE_CIDR, "192.0.2.128/25", ACTION_DENY, TIER_USER, bad,
                                           &reason), 0);
        ck_assert_int_eq(policy_new(&source, &p), 0);
        return p;
}

static RecordedEvent connection(RecordedVerdict verdict, const char *destination, const char *name) {
        RecordedEvent e = {
                .kind = RECORDED_CONNECTION,
                .verdict = verdict,
                .count = 1,
                .time = "2023-11-14T22:13:20.000000Z",
                .process = "curl",
        };
        const char *reason;

        ck_assert_int_eq(destination_parse(destination, &e.destination, &reason), 0);
        if (name) {
                snprintf(e.names[0], sizeof(e.names[0]), "%s", name);
                e.n_names = 1;
        }
        return e;
}

static const struct {
        const char *destination, *name, *alias;
        bool automatic;
        Action default_action;
        Action action; /* of the policy */
} cases[] = {
        { "203.0.113.5", "github.com", NULL, false, ACTION_DENY, ACTION_ALLOW },
        { "203.0.113.5", "api.github.com", NULL, false, ACTION_DENY, ACTION_ALLOW },
        { "203.0.113.5:22", "github.com", NULL, false, ACTION_DENY, ACTION_DENY },
        { "203.0.113.5", "evil.github.com", NULL, false, ACTION_DENY, ACTION_DENY },
        { "203.0.113.5", NULL, NULL, false, ACTION_DENY, ACTION_DENY },
        { "203.0.113.5", NULL, NULL, false, ACTION_ALLOW, ACTION_ALLOW },
        { "192.0.2.1:8080", NULL, NULL, false, ACTION_DENY, ACTION_ALLOW },
        { "192.0.2.200", NULL, NULL, false, ACTION_DENY, ACTION_DENY },
        /* The name cannot be looked up: that its address is allowed does not help. */
        { "192.0.2.1", "other.example", NULL, false, ACTION_DENY, ACTION_DENY },
        { "192.0.2.200", "github.com", NULL, false, ACTION_DENY, ACTION_DENY },
        /* A deny of an alias counts. */
        { "203.0.113.5", "github.com", "edge.example", false, ACTION_DENY, ACTION_ALLOW },
        { "203.0.113.5", "github.com", "a.tracker.example", false, ACTION_DENY, ACTION_DENY },
        /* Rebinding: no rule permits the private address. */
        { "10.0.0.1", "github.com", NULL, false, ACTION_DENY, ACTION_DENY },
        /* Automatic rules stay in force, unless a rule denies. Port 53 is judged by no rule. */
        { "203.0.113.5", NULL, NULL, true, ACTION_DENY, ACTION_ALLOW },
        { "203.0.113.5:53/udp", NULL, NULL, true, ACTION_DENY, ACTION_ALLOW },
        { "203.0.113.5", "runner.example", NULL, true, ACTION_DENY, ACTION_ALLOW },
        { "192.0.2.200", NULL, NULL, true, ACTION_DENY, ACTION_DENY },
        { "203.0.113.5", "evil.github.com", NULL, true, ACTION_DENY, ACTION_DENY },
};

START_TEST(test_cases) {
        Policy *p = make_policy(cases[_i].default_action);
        RecordedEvent e = connection(RECORDED_ALLOWED, cases[_i].destination, cases[_i].name);
        ReplayTable t;

        e.automatic = cases[_i].automatic;
        if (cases[_i].alias)
                snprintf(e.names[e.n_names++], sizeof(e.names[0]), "%s", cases[_i].alias);
        ck_assert_int_eq(replay_table_init(&t, p, 8, key), 0);
        ck_assert_int_eq(replay_table_add(&t, RECORDED_LINE_EVENT, &e), 0);
        ck_assert_uint_eq(t.n_events[RECORDED_ALLOWED][cases[_i].action], 1);
        ck_assert_uint_eq(replay_table_n_changed(&t, REPLAY_WOULD_BE_DENIED), cases[_i].action == ACTION_DENY);
        ck_assert_uint_eq(t.destinations.n[REPLAY_WOULD_BE_DENIED], cases[_i].action == ACTION_DENY);
        ck_assert_uint_eq(t.destinations.n[REPLAY_WOULD_BE_ALLOWED], 0);
        replay_table_done(&t);

        /* Without aliases and automatic rules: as explained. */
        if (!e.automatic && e.n_names < 2) {
                Explanation x;
                ck_assert_int_eq(policy_explain(p, MODE_ENFORCE, &e.destination, cases[_i].name, &x), 0);
                ck_assert_int_eq(x.verdict, cases[_i].action);
        }
        policy_free(p);
}
END_TEST

static const struct {
        const char *name;
        bool for_addresses;
        Action action;
} queries[] = {
        { "github.com", true, ACTION_ALLOW },
        { "evil.github.com", true, ACTION_DENY },
        { "other.example", true, ACTION_DENY },
        { "_https._tcp.github.com", false, ACTION_ALLOW },
        { "_https._tcp.other.example", false, ACTION_DENY },
};

START_TEST(test_queries) {
        Policy *p = make_policy(ACTION_DENY);
        RecordedEvent e = connection(RECORDED_WOULD_DENY, "192.0.2.1", queries[_i].name);
        ReplayTable t;

        e.kind = RECORDED_QUERY;
        e.for_addresses = queries[_i].for_addresses;
        ck_assert_int_eq(replay_table_init(&t, p, 8, key), 0);
        ck_assert_int_eq(replay_table_add(&t, RECORDED_LINE_EVENT, &e), 0);
        ck_assert_uint_eq(t.n_events[RECORDED_WOULD_DENY][queries[_i].action], 1);
        ck_assert_uint_eq(replay_table_n_changed(&t, REPLAY_WOULD_BE_ALLOWED), queries[_i].action == ACTION_ALLOW);
        ck_assert_uint_eq(replay_table_n_changed(&t, REPLAY_WOULD_BE_DENIED), 0);
        replay_table_done(&t);
        policy_free(p);
}
END_TEST

START_TEST(test_merge_and_sort) {
        Policy *p = make_policy(ACTION_DENY);
        RecordedEvent few = connection(RECORDED_ALLOWED, "203.0.113.9:80", NULL);
        RecordedEvent many = connection(RECORDED_ALLOWED, "203.0.113.5", "a.example");
        RecordedEvent again = connection(RECORDED_ALLOWED, "203.0.113.6", "a.example"); /* another address of it */
        ReplayTable t;

        many.count = 40;
        again.count = 2;
        strcpy(again.time, "2023-11-14T22:13:19.000000Z");
        strcpy(again.process, "git");
        ck_assert_int_eq(replay_table_init(&t, p, 8, key), 0);
        ck_assert_int_eq(replay_table_add(&t, RECORDED_LINE_EVENT, &few), 0);
        ck_assert_int_eq(replay_table_add(&t, RECORDED_LINE_EVENT, &many), 0);
        ck_assert_int_eq(replay_table_add(&t, RECORDED_LINE_EVENT, &again), 0);
        replay_table_sort(&t);

        ck_assert_uint_eq(t.destinations.n[REPLAY_WOULD_BE_DENIED], 2);
        const DestinationEntry *first = t.destinations.entries[REPLAY_WOULD_BE_DENIED][0], *second = t.destinations.entries[REPLAY_WOULD_BE_DENIED][1];
        ck_assert_str_eq(first->destination.name, "a.example");
        ck_assert_uint_eq(first->count, 42);
        ck_assert_str_eq(first->first, "2023-11-14T22:13:19.000000Z");
        ck_assert_str_eq(first->last, "2023-11-14T22:13:20.000000Z");
        ck_assert(first->other_processes && !second->other_processes);
        ck_assert_uint_eq(second->count, 1);
        replay_table_done(&t);
        policy_free(p);
}
END_TEST

/* Each change has its own limit; what is beyond is counted, and known destinations still merge. */
START_TEST(test_limit) {
        Policy *p = make_policy(ACTION_DENY);
        ReplayTable t;
        char name[32], *text = NULL;
        size_t size;

        ck_assert_int_eq(replay_table_init(&t, p, 3, key), 0);
        for (int round = 0; round < 2; round++)
                for (int i = 0; i < 5; i++) {
                        snprintf(name, sizeof(name), "n%d.example", i);
                        RecordedEvent e = connection(RECORDED_ALLOWED, "203.0.113.5", name);
                        ck_assert_int_eq(replay_table_add(&t, RECORDED_LINE_EVENT, &e), 0);
                }
        RecordedEvent e = connection(RECORDED_DENIED, "192.0.2.1", NULL);
        e.count = UINT64_MAX;
        ck_assert_int_eq(replay_table_add(&t, RECORDED_LINE_EVENT, &e), 0);
        e.verdict = RECORDED_WOULD_DENY;
        ck_assert_int_eq(replay_table_add(&t, RECORDED_LINE_EVENT, &e), 0);

        ck_assert_uint_eq(t.destinations.n[REPLAY_WOULD_BE_DENIED], 3);
        ck_assert_uint_eq(t.destinations.entries[REPLAY_WOULD_BE_DENIED][0]->count, 2);
        ck_assert_uint_eq(t.destinations.n_unlisted[REPLAY_WOULD_BE_DENIED], 4);
        ck_assert_uint_eq(replay_table_n_changed(&t, REPLAY_WOULD_BE_DENIED), 10);
        ck_assert_uint_eq(t.destinations.n[REPLAY_WOULD_BE_ALLOWED], 1);
        ck_assert_uint_eq(t.destinations.entries[REPLAY_WOULD_BE_ALLOWED][0]->count, UINT64_MAX);
        ck_assert_uint_eq(replay_table_n_changed(&t, REPLAY_WOULD_BE_ALLOWED), UINT64_MAX);

        FILE *f = open_memstream(&text, &size);
        replay_write_text(f, &t, "policy.json");
        fclose(f);
        ck_assert_ptr_nonnull(strstr(text, "  and 4 events of further destinations, beyond the limit of 3\n"));
        free(text);
        replay_table_done(&t);
        policy_free(p);
}
END_TEST

static void add_golden(ReplayTable *t) {
        RecordedEvent denied = connection(RECORDED_ALLOWED, "203.0.113.5", "a.example");
        RecordedEvent other = connection(RECORDED_ALLOWED, "[2001:db8::1]:8080/udp", NULL);
        RecordedEvent allowed = connection(RECORDED_WOULD_DENY, "203.0.113.5", "github.com");
        RecordedEvent ping = connection(RECORDED_DENIED, "192.0.2.1/icmp", NULL);
        RecordedEvent query = connection(RECORDED_DENIED, "192.0.2.1", "github.com");
        RecordedEvent same = connection(RECORDED_DENIED, "203.0.113.7", NULL);
        RecordedEvent counted = { .count = 7, .verdict = RECORDED_DENIED };

        denied.count = 12;
        strcpy(denied.process, "cu\033[31mrl");
        strcpy(other.time, "2023-11-14T22:13:21.000000Z");
        other.process[0] = '\0';
        query.kind = RECORDED_QUERY;
        const RecordedEvent *events[] = { &denied, &other, &allowed, &ping, &query, &same };
        for (size_t i = 0; i < ELEMENTSOF(events); i++)
                ck_assert_int_eq(replay_table_add(t, RECORDED_LINE_EVENT, events[i]), 0);
        ck_assert_int_eq(replay_table_add(t, RECORDED_LINE_LOST, &counted), 0);
        ck_assert_int_eq(replay_table_add(t, RECORDED_LINE_SUPPRESSED, &counted), 0);
        ck_assert_int_eq(replay_table_add(t, RECORDED_LINE_FIXED, &counted), 0);
        for (int line = RECORDED_LINE_OTHER; line < _RECORDED_LINE_MAX; line++)
                ck_assert_int_eq(replay_table_add(t, (RecordedLine) line, NULL), 0);
        replay_table_sort(t);
}

static const char golden[] =
        "With \\x1b]policy.json:\n"
        "Allowed in the log, would be denied: 13 events\n"
        "  a.example:443/tcp: 12 events, 2023-11-14T22:13:20.000000Z, cu\\x1b[31mrl: denied at its DNS query: no rule "
        "matches; the default action is deny.\n"
        "  [2001:db8::1]:8080/udp: 1 event, 2023-11-14T22:13:21.000000Z, unknown process: denied: no rule matches; the "
        "default action is deny.\n"
        "Denied in the log, would be allowed: 3 events\n"
        "  192.0.2.1/icmp: 1 event, 2023-11-14T22:13:20.000000Z, curl: allowed by the rule \"allow 192.0.2.0/24\".\n"
        "  github.com:443/tcp: 1 event, 2023-11-14T22:13:20.000000Z, curl: allowed by the rule \"allow "
        "github.com:443\".\n"
        "  github.com (DNS query): 1 event, 2023-11-14T22:13:20.000000Z, curl: allowed by the rule \"allow "
        "github.com:443\".\n"
        "Still denied: 1 event\n"
        "Denied for a reason that no rule changes: 7 events\n"
        "Not judged, lost before the log: 7 events\n"
        "Not judged, without an event of their own: 7 denials\n"
        "Skipped, events without a decision: 1 line\n"
        "Skipped, cut short: 1 line\n"
        "Skipped, not a JSON object: 1 line\n"
        "Skipped, too long: 1 line\n"
        "Skipped, of a newer version: 1 line\n"
        "Skipped, a field is missing or invalid: 1 line\n";

START_TEST(test_text) {
        Policy *p = make_policy(ACTION_DENY);
        char *text = NULL;
        size_t size;
        ReplayTable t;

        ck_assert_int_eq(replay_table_init(&t, p, 8, key), 0);
        add_golden(&t);
        FILE *f = open_memstream(&text, &size);
        replay_write_text(f, &t, "\033]policy.json");
        fclose(f);
        ck_assert_str_eq(text, golden);
        free(text);
        replay_table_done(&t);

        ck_assert_int_eq(replay_table_init(&t, p, 8, key), 0);
        f = open_memstream(&text, &size);
        replay_write_text(f, &t, "policy.json");
        fclose(f);
        ck_assert_str_eq(text, "policy.json changes nothing.\n");
        free(text);
        replay_table_done(&t);
        policy_free(p);
}
END_TEST

static const char *text_at(json_object *o, const char *name) {
        return json_object_get_string(json_object_object_get(o, name));
}

START_TEST(test_json) {
        Policy *p = make_policy(ACTION_DENY);
        char *text = NULL;
        size_t size;
        ReplayTable t;

        ck_assert_int_eq(replay_table_init(&t, p, 8, key), 0);
        add_golden(&t);
        FILE *f = open_memstream(&text, &size);
        ck_assert_int_eq(replay_write_json(f, &t), 0);
        fclose(f);
        ck_assert_ptr_null(strchr(text, '\033'));

        json_object *o = json_tokener_parse(text), *all = json_object_object_get(o, "destinations");
        ck_assert_uint_eq(json_object_array_length(all), 5);
        json_object *first = json_object_array_get_idx(all, 0), *last = json_object_array_get_idx(all, 4);
        ck_assert_str_eq(text_at(first, "change"), "would_be_denied");
        ck_assert_str_eq(text_at(first, "hostname"), "a.example");
        ck_assert_str_eq(text_at(first, "process"), "cu\033[31mrl");
        ck_assert_str_eq(text_at(first, "count"), "12");
        ck_assert_str_eq(text_at(last, "kind"), "dns");
        ck_assert_str_eq(text_at(last, "rule"), "allow github.com:443");
        ck_assert_ptr_null(json_object_object_get(last, "port"));
        json_object *lines = json_object_object_get(o, "lines");
        ck_assert_str_eq(text_at(lines, "judged"), "6");
        ck_assert_str_eq(text_at(lines, "cut"), "1");
        json_object *totals = json_object_object_get(o, "totals");
        ck_assert_str_eq(text_at(json_object_object_get(totals, "denied"), "any_policy"), "7");
        ck_assert_str_eq(text_at(json_object_object_get(totals, "allowed"), "would_be_denied"), "13");
        json_object_put(o);
        free(text);
        replay_table_done(&t);
        policy_free(p);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("replay-table");
        TCase *t = tcase_create("replay-table");

        tcase_add_loop_test(t, test_cases, 0, ELEMENTSOF(cases));
        tcase_add_loop_test(t, test_queries, 0, ELEMENTSOF(queries));
        tcase_add_test(t, test_merge_and_sort);
        tcase_add_test(t, test_limit);
        tcase_add_test(t, test_text);
        tcase_add_test(t, test_json);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
