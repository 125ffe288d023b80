/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/bus-event.h"

#include <stdio.h>
#include <string.h>

#include <check.h>

#include "bus-peer.h"
#include "bus/bus-text.h"
#include "strict-json.h"

static sd_bus_message *new_message(Peer *p) {
        return peer_call(p, NULL, "/a", "a.b", "C");
}

static sd_bus_message *append(Peer *p, const Event *e, uint64_t n_dropped) {
        sd_bus_message *m = new_message(p);

        ck_assert_int_ge(bus_event_append(m, e, n_dropped), 0);
        ck_assert_int_ge(sd_bus_message_seal(m, 1, 0), 0);
        return m;
}

/* Leaves m inside the variant of this key, which has the type. */
static void enter_value(sd_bus_message *m, const char *wanted, const char *wanted_type) {
        const char *key, *type;

        ck_assert_int_ge(sd_bus_message_rewind(m, true), 0);
        ck_assert_int_gt(sd_bus_message_enter_container(m, 'a', "{sv}"), 0);
        while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
                ck_assert_int_gt(sd_bus_message_read(m, "s", &key), 0);
                if (strcmp(key, wanted) == 0) {
                        ck_assert_int_gt(sd_bus_message_peek_type(m, NULL, &type), 0);
                        ck_assert_str_eq(type, wanted_type);
                        ck_assert_int_gt(sd_bus_message_enter_container(m, 'v', wanted_type), 0);
                        return;
                }
                ck_assert_int_gt(sd_bus_message_skip(m, "v"), 0);
                ck_assert_int_gt(sd_bus_message_exit_container(m), 0);
        }
        ck_abort_msg("no %s", wanted);
}

static const char *text_value(sd_bus_message *m, const char *key) {
        const char *text;

        enter_value(m, key, "s");
        ck_assert_int_gt(sd_bus_message_read(m, "s", &text), 0);
        return text;
}

static int64_t number_value(sd_bus_message *m, const char *key) {
        int64_t n;

        enter_value(m, key, "x");
        ck_assert_int_gt(sd_bus_message_read(m, "x", &n), 0);
        return n;
}

static const char *const labels[] = { "ref=main", "repository=octo/widgets" };

START_TEST(each_kind_has_its_type) {
        Event e = {
                .type = EVENT_CONNECTION_BLOCKED, .time_usec = 1700000000123456, .sequence = 42, .has_verdict = true,
                .reason = CW_REASON_DEFAULT, .rule = RULE_NONE, .has_dst = true, .dst_port = 443, .hostname = "a.example",
                .cname_chain = "b.example c.example", .process = "curl", .pid = 6, .count = UINT64_MAX,
                .parents = { { .pid = 3, .comm = "bash" }, { .pid = 1 } }, .n_parents = 2,
                .labels = labels, .n_labels = ELEMENTSOF(labels),
        };
        char **names;
        int blocked;
        Peer p;

        ck_assert_int_eq(in_addr_parse("203.0.113.7", &e.dst), 0);
        peer_init(&p);
        sd_bus_message *m = append(&p, &e, 0);
        ck_assert_str_eq(text_value(m, "timestamp"), "2023-11-14T22:13:20.123456Z");
        ck_assert_int_eq(number_value(m, "schema_version"), 1);
        ck_assert_int_eq(number_value(m, "sequence"), 42);
        ck_assert_int_eq(number_value(m, "count"), INT64_MAX);
        ck_assert_str_eq(text_value(m, "verdict"), "deny");
        ck_assert_str_eq(text_value(m, "dst_ip"), "203.0.113.7");
        ck_assert_str_eq(text_value(m, "process"), "curl");
        ck_assert_str_eq(text_value(m, "parents"), "[{\"pid\":3,\"comm\":\"bash\"},{\"pid\":1}]");
        ck_assert_str_eq(text_value(m, "job"), "{\"ref\":\"main\",\"repository\":\"octo/widgets\"}");
        enter_value(m, "blocked", "b");
        ck_assert_int_gt(sd_bus_message_read(m, "b", &blocked), 0);
        ck_assert_int_eq(blocked, 1);
        enter_value(m, "cname_chain", "as");
        ck_assert_int_ge(sd_bus_message_read_strv(m, &names), 0);
        ck_assert_str_eq(names[0], "a.example");
        ck_assert_str_eq(names[1], "b.example");
        ck_assert_str_eq(names[2], "c.example");
        ck_assert_ptr_null(names[3]);
        for (size_t i = 0; names[i]; i++)
                free(names[i]);
        free(names);
        sd_bus_message_unref(m);
        peer_done(&p);
}
END_TEST

static const struct {
        const char *name, *shown;
} names[] = {
        { "\xc3\xa9", "\xc3\xa9" },
        { "caf\xc3", "caf\xef\xbf\xbd" }, /* a command name is cut at 15 bytes, also within a character */
        { "\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
        { "a\x01\x1b\n\"\\", "a\x01\x1b\n\"\\" },
};

/* Whatever bytes a job gives its programs, files and labels: its events are sent. */
START_TEST(no_name_hides_an_event) {
        static const char *const keys[] = {
                "dst_hostname", "query_type", "dns_reason", "matched_rule", "auto_allowed_type", "scope",
                "policy_digest", "process", "executable", "unit", "cgroup", "detail",
        };
        const char *name = names[_i].name;
        char label[64];
        const char *const own_labels[] = { label };
        Event e = {
                .type = EVENT_CONNECTION_BLOCKED, .has_verdict = true, .rule = RULE_NONE, .hostname = name,
                .cname_chain = name, .query_type = name, .dns_reason = name, .matched_rule = name, .automatic = name,
                .scope = name, .policy_digest = name, .process = name, .executable = name, .unit = name,
                .cgroup = name, .detail = name, .parents = { { .pid = 3, .comm = name } }, .n_parents = 1,
                .labels = own_labels, .n_labels = 1,
        };
        Peer p;

        (void) snprintf(label, sizeof(label), "key=%s", name);
        peer_init(&p);
        sd_bus_message *m = append(&p, &e, 0);
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                ck_assert_str_eq(text_value(m, keys[i]), names[_i].shown);
        ck_assert(strict_json_is_valid(text_value(m, "parents"), strlen(text_value(m, "parents"))));
        ck_assert(strict_json_is_valid(text_value(m, "job"), strlen(text_value(m, "job"))));
        sd_bus_message_unref(m);
        peer_done(&p);
}
END_TEST

START_TEST(long_texts_are_cut) {
        _cleanup_free_ char *text = malloc(8001);
        Event e = { .type = EVENT_CONNECTION_BLOCKED, .executable = text, .hostname = text, .cname_chain = text };
        Peer p;

        for (size_t i = 0; i < 8000; i += 2)
                memcpy(text + i, "\xc3\xa9", 2);
        text[8000] = '\0';
        peer_init(&p);
        sd_bus_message *m = append(&p, &e, 0);
        ck_assert_uint_eq(strlen(text_value(m, "executable")), 1024);
        ck_assert_uint_eq(strlen(text_value(m, "dst_hostname")), 1024);
        sd_bus_message_unref(m);
        peer_done(&p);
}
END_TEST

START_TEST(what_was_dropped_is_reported) {
        Event e = { .type = EVENT_CONNECTION_BLOCKED };
        Peer p;

        peer_init(&p);
        sd_bus_message *m = append(&p, &e, 17);
        ck_assert_int_eq(number_value(m, "bus_events_dropped"), 17);
        sd_bus_message_unref(m);
        peer_done(&p);
}
END_TEST

static const struct {
        const char *text;
        const char *shown; /* NULL: the text itself */
} texts[] = {
        { "", NULL },
        { "/system.slice/a.service", NULL },
        { "a\\x2db \"c\" ##[x]", NULL },
        { "gr\xc3\xbc\xc3\x9f" "e", NULL },
        { "a\xff", "a\\xff" },
        { "cut\xc3", "cut\\xc3" },
        { "a\nb\x1b[0m", "a\\x0ab\\x1b[0m" },
        { "a\xe2\x80\xae" "b", "a\\u{202e}b" },
};

START_TEST(text_is_fit_for_the_bus) {
        char buf[BUS_TEXT_MAX];
        sd_bus_message *m;
        Peer p;

        ck_assert_int_eq(bus_text_is_clean(texts[_i].text), !texts[_i].shown);
        ck_assert_str_eq(bus_text(texts[_i].text, buf), texts[_i].shown ?: texts[_i].text);
        peer_init(&p);
        m = new_message(&p);
        ck_assert_int_ge(bus_append_text(m, texts[_i].text), 0);
        sd_bus_message_unref(m);
        peer_done(&p);
}
END_TEST

START_TEST(text_has_a_bound) {
        char text[BUS_TEXT_MAX + 2], buf[BUS_TEXT_MAX];

        memset(text, 'a', sizeof(text));
        text[BUS_TEXT_MAX] = '\0';
        ck_assert_ptr_eq(bus_text(text, buf), text);
        text[BUS_TEXT_MAX] = 'a';
        text[BUS_TEXT_MAX + 1] = '\0';
        ck_assert_uint_eq(strlen(bus_text(text, buf)), BUS_TEXT_MAX - 1);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("bus-event");
        TCase *c = tcase_create("bus-event");

        tcase_add_test(c, each_kind_has_its_type);
        tcase_add_loop_test(c, no_name_hides_an_event, 0, ELEMENTSOF(names));
        tcase_add_test(c, long_texts_are_cut);
        tcase_add_test(c, what_was_dropped_is_reported);
        tcase_add_loop_test(c, text_is_fit_for_the_bus, 0, ELEMENTSOF(texts));
        tcase_add_test(c, text_has_a_bound);
        suite_add_tcase(s, c);
        return s;
}

#include "check-main.h"
