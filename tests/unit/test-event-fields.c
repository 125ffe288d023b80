/* SPDX-License-Identifier: Apache-2.0 */
#include "event/event-fields.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "event/escape.h"
#include "event/event-journal.h"
#include "event/event-json.h"
#include "strict-json.h"

static const char *const labels[] = { "ref=main", "not a label", "ref=twice", "run-id=7" };

/* Knows all that an event can know. */
static Event full(void) {
        return (Event) {
                .type = EVENT_CONNECTION_CLOSED, .time_usec = 1, .sequence = 2, .has_verdict = true, .mid_stream = true,
                .has_src = true, .has_dst = true, .src_port = 3, .dst_port = 4, .protocol = PROTOCOL_TCP,
                .socket_family = 17, .hostname = "a.example", .cname_chain = "b.example c.example", .query_type = "A",
                .dns_reason = "policy", .matched_rule = "*.example", .rule = 5, .automatic = "dns", .scope = "host",
                .policy_digest = "sha256:00", .pid = 6, .tid = 7, .uid = 8, .gid = 9, .process = "curl",
                .executable = "/usr/bin/curl", .parents = { { .pid = 1, .comm = "init" } }, .n_parents = 1,
                .cgroup_id = 10, .cgroup = "/a", .unit = "a.service", .labels = labels,
                .n_labels = ELEMENTSOF(labels), .bytes_out = 11, .bytes_in = 12, .duration_usec = 13, .count = 14,
                .detail = "why",
        };
}

START_TEST(test_every_field_in_order) {
        EventFields f;
        Event e = full();

        event_fields(&e, &f);
        ck_assert_uint_eq(f.n, _EVENT_FIELD_ID_MAX);
        for (size_t i = 0; i < f.n; i++)
                ck_assert_uint_eq(f.fields[i].id, i);
}
END_TEST

START_TEST(test_names_are_distinct) {
        for (size_t i = 0; i < _EVENT_FIELD_ID_MAX; i++)
                for (size_t k = 0; k < i; k++) {
                        const EventFieldInfo *a = &event_field_infos[i], *b = &event_field_infos[k];

                        ck_assert_str_ne(a->name, b->name);
                        ck_assert(!a->journal || !b->journal || strcmp(a->journal, b->journal) != 0);
                }
}
END_TEST

START_TEST(test_least) {
        static const EventFieldId wanted[] = {
                EVENT_FIELD_ID_TIMESTAMP, EVENT_FIELD_ID_SCHEMA_VERSION, EVENT_FIELD_ID_SEQUENCE,
                EVENT_FIELD_ID_EVENT_TYPE, EVENT_FIELD_ID_BLOCKED, EVENT_FIELD_ID_WOULD_DENY, EVENT_FIELD_ID_MODE,
                EVENT_FIELD_ID_UID,
        };
        Event e = { .type = EVENT_PRIVILEGED_CALL, .rule = RULE_NONE, .scope = "", .detail = "", .cname_chain = " " };
        EventFields f;

        event_fields(&e, &f);
        ck_assert_uint_eq(f.n, ELEMENTSOF(wanted));
        for (size_t i = 0; i < f.n; i++)
                ck_assert_uint_eq(f.fields[i].id, wanted[i]);
}
END_TEST

START_TEST(test_labels) {
        Event e = full();
        size_t n, i = 0;

        ck_assert_str_eq(event_labels_next(&e, &i, &n), "ref=main");
        ck_assert_uint_eq(n, 3);
        ck_assert_str_eq(event_labels_next(&e, &i, &n), "run-id=7");
        ck_assert_uint_eq(n, 6);
        ck_assert_ptr_null(event_labels_next(&e, &i, &n));
}
END_TEST

START_TEST(test_names) {
        Event e = { .cname_chain = "  b.example   c " };
        EventNames names = { .event = &e };

        ck_assert(event_names_next(&names) && names.length == 9 && memcmp(names.name, "b.example", 9) == 0);
        ck_assert(event_names_next(&names) && names.length == 1 && *names.name == 'c');
        ck_assert(!event_names_next(&names));
        ck_assert(!event_names_next(&names));
}
END_TEST

/* What a job can choose: each byte alone and doubled, characters cut short, overlong, surrogates, too large, and what
 * hides or reorders text. */
static const char *const hostile[] = {
        "\xc3\xa9", "\xc3", "\xc3\xa9\xc3", "\xe2\x82", "\xf0\x9f\x98\x80", "\xf0\x9f\x98", "\xc0\x80", "\xe0\x80\xaf",
        "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff\xfe", "\xe2\x80\xae" "gpj.exe", "\xe2\x80\x8b", "\xc2\x85",
        "\xe2\x80\xa8", "\"},{\"", "\\", "\\u0000", "\n", "\x1b[2J", "a\xcc\x81", "\xef\xbb\xbf", "\xef\xbf\xbf",
};

static void set_all(Event *e, const char *s, char label[static 64]) {
        (void) snprintf(label, 64, "key=%s", s);
        e->hostname = e->cname_chain = e->query_type = e->dns_reason = e->matched_rule = e->automatic = s;
        e->scope = e->policy_digest = e->process = e->executable = e->parents[0].comm = e->cgroup = e->unit = s;
        e->detail = s;
}

static void check_outputs(const char *s) {
        char line[EVENT_LINE_MAX], record[EVENT_JOURNAL_MAX], label[64];
        const char *const hostile_labels[] = { label };
        Event e = full();

        set_all(&e, s, label);
        e.labels = hostile_labels;
        e.n_labels = 1;
        size_t n = event_json_write(&e, line);
        ck_assert_msg(n > 0 && line[n - 1] == '\n', "%s", s);
        ck_assert_msg(strict_json_is_valid(line, n - 1), "%.*s", (int) n, line);

        n = event_journal_write(&e, record);
        ck_assert(strict_json_is_utf8(record, n));
        for (size_t i = 0; i < n; i++)
                ck_assert(record[i] == '\n' || ((uint8_t) record[i] >= 0x20 && record[i] != 0x7f));
}

START_TEST(test_hostile_texts) {
        check_outputs(hostile[_i]);
}
END_TEST

START_TEST(test_each_byte) {
        for (unsigned b = 1; b < 256; b++) {
                check_outputs((const char[]) { (char) b, '\0' });
                check_outputs((const char[]) { 'a', (char) b, (char) b, 'a', '\0' });
                check_outputs((const char[]) { '1', '2', '3', '4', '5', '6', '7', (char) b, '9', '\0' });
        }
}
END_TEST

static const struct {
        const char *text;
        bool valid;
} texts[] = {
        { "{}", true }, { "[1,-0.5e+3,\"\\u00e9\",null,true,false,{\"a\":[]}]", true }, { "\"\xc3\xa9\"", true },
        { "", false }, { "{", false }, { "{}x", false }, { "[1,]", false }, { "01", false }, { "\"\n\"", false },
        { "\"\\x\"", false }, { "\"\xc3\"", false }, { "\"\xed\xa0\x80\"", false }, { "\"\xf5\x80\x80\x80\"", false },
        { "\"\xc0\x80\"", false }, { "{\"a\" 1}", false }, { "{a:1}", false }, { "nul", false }, { "'a'", false },
};

START_TEST(test_the_judge) {
        ck_assert_int_eq(strict_json_is_valid(texts[_i].text, strlen(texts[_i].text)), texts[_i].valid);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("event-fields");
        TCase *t = tcase_create("event-fields");

        tcase_set_timeout(t, 60);
        tcase_add_test(t, test_every_field_in_order);
        tcase_add_test(t, test_names_are_distinct);
        tcase_add_test(t, test_least);
        tcase_add_test(t, test_labels);
        tcase_add_test(t, test_names);
        tcase_add_loop_test(t, test_hostile_texts, 0, ELEMENTSOF(hostile));
        tcase_add_test(t, test_each_byte);
        tcase_add_loop_test(t, test_the_judge, 0, ELEMENTSOF(texts));
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
