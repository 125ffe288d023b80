/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/bus-event.h"

#include <string.h>

#include <check.h>

#include "bus-peer.h"
#include "bus/bus-text.h"
#include "event/event-json.h"

static sd_bus_message *new_message(Peer *p) {
        return peer_call(p, NULL, "/a", "a.b", "C");
}

static int append(Peer *p, const char *line, uint64_t n_dropped, sd_bus_message **ret) {
        sd_bus_message *m = new_message(p);
        int r = bus_event_append(m, line, strlen(line), n_dropped);

        ck_assert_int_ge(sd_bus_message_seal(m, 1, 0), 0);
        *ret = m;
        return r;
}

static const struct {
        const char *line;
        const char *type; /* of the only entry; NULL: there is none */
        const char *value;
} cases[] = {
        { "{}", NULL, NULL },
        { "{\"a\":null}", NULL, NULL },
        { "{\"a\":\"b\"}", "s", "b" },
        { "{\"a\":\"\"}", "s", "" },
        { "{\"a\":\"\\u00e9\"}", "s", "\xc3\xa9" },
        { "{\"a\":\"b\\u0000c\"}", "s", "\"b\\u0000c\"" },
        { "{\"a\":[{\"pid\":1},{\"pid\":2}]}", "s", "[{\"pid\":1},{\"pid\":2}]" },
        { "{\"a\":[\"b\",1]}", "s", "[\"b\",1]" },
        { "{\"a\":{\"b/c\":{}}}", "s", "{\"b/c\":{}}" },
        { "{\"a\":1}", "x", NULL },
        { "{\"a\":-9223372036854775808}", "x", NULL },
        { "{\"a\":18446744073709551615}", "x", NULL },
        { "{\"a\":true}", "b", NULL },
        { "{\"a\":1.5}", "d", NULL },
        { "{\"a\":[]}", "as", NULL },
        { "{\"a\":[\"b\",\"c\"]}", "as", NULL },
        { " {\"a\":\"b\"}\n", "s", "b" },
};

START_TEST(each_kind_has_its_type) {
        const char *key, *type, *value;
        sd_bus_message *m;
        Peer p;

        peer_init(&p);
        ck_assert_int_ge(append(&p, cases[_i].line, 0, &m), 0);
        ck_assert_int_gt(sd_bus_message_enter_container(m, 'a', "{sv}"), 0);
        if (cases[_i].type) {
                ck_assert_int_gt(sd_bus_message_enter_container(m, 'e', "sv"), 0);
                ck_assert_int_gt(sd_bus_message_read(m, "s", &key), 0);
                ck_assert_str_eq(key, "a");
                ck_assert_int_gt(sd_bus_message_peek_type(m, NULL, &type), 0);
                ck_assert_str_eq(type, cases[_i].type);
                if (cases[_i].value) {
                        ck_assert_int_gt(sd_bus_message_read(m, "v", "s", &value), 0);
                        ck_assert_str_eq(value, cases[_i].value);
                } else
                        ck_assert_int_gt(sd_bus_message_skip(m, "v"), 0);
                ck_assert_int_gt(sd_bus_message_exit_container(m), 0);
        }
        ck_assert_int_gt(sd_bus_message_at_end(m, false), 0);
        sd_bus_message_unref(m);
        peer_done(&p);
}
END_TEST

static const char *const bad_lines[] = {
        "", "x", "1", "\"a\"", "[]", "null", "{", "{\"a\":}", "{\"a\":1", "{\"a\":'b'}", "{\"a\":\"\xff\"}",
        "{\"a\":[[[[[[[[[[1]]]]]]]]]]}", "{\"a\":1,}",
};

START_TEST(a_bad_line_appends_nothing) {
        sd_bus_message *m;
        Peer p;

        peer_init(&p);
        ck_assert_int_eq(append(&p, bad_lines[_i], 0, &m), -EBADMSG);
        ck_assert(sd_bus_message_is_empty(m));
        sd_bus_message_unref(m);
        peer_done(&p);
}
END_TEST

START_TEST(a_line_has_a_bound) {
        char line[EVENT_LINE_MAX + 2];
        sd_bus_message *m;
        Peer p;

        peer_init(&p);
        memset(line, ' ', sizeof(line));
        line[EVENT_LINE_MAX] = '\0';
        memcpy(line, "{\"a\":1}", 7);
        ck_assert_int_ge(append(&p, line, 0, &m), 0);
        sd_bus_message_unref(m);
        line[EVENT_LINE_MAX] = ' ';
        line[EVENT_LINE_MAX + 1] = '\0';
        ck_assert_int_eq(append(&p, line, 0, &m), -EBADMSG);
        sd_bus_message_unref(m);
        peer_done(&p);
}
END_TEST

START_TEST(a_line_of_the_log_is_taken) {
        static const EventParent parent = { .pid = 3, .comm = "b\xffsh" };
        char line[EVENT_LINE_MAX];
        Event e = {
                .type = EVENT_CONNECTION_BLOCKED, .has_verdict = true, .reason = CW_REASON_DEFAULT, .rule = RULE_NONE,
                .hostname = "a\xc3.example", .cname_chain = "b.example c.example", .process = "\x01",
                .n_parents = 1, .parents = { parent }, .dst_port = 443,
        };
        sd_bus_message *m = NULL;
        Peer p;

        peer_init(&p);
        size_t n = event_json_write(&e, line);
        m = new_message(&p);
        ck_assert_int_ge(bus_event_append(m, line, n, 0), 0);
        ck_assert_int_ge(sd_bus_message_seal(m, 1, 0), 0);
        ck_assert_int_gt(sd_bus_message_skip(m, "a{sv}"), 0);
        sd_bus_message_unref(m);
        peer_done(&p);
}
END_TEST

START_TEST(what_was_dropped_is_told) {
        const char *key;
        sd_bus_message *m;
        int64_t n;
        Peer p;

        peer_init(&p);
        ck_assert_int_ge(append(&p, "{}", 17, &m), 0);
        ck_assert_int_gt(sd_bus_message_enter_container(m, 'a', "{sv}"), 0);
        ck_assert_int_gt(sd_bus_message_read(m, "{sv}", &key, "x", &n), 0);
        ck_assert_str_eq(key, "bus_events_dropped");
        ck_assert_int_eq(n, 17);
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

        tcase_add_loop_test(c, each_kind_has_its_type, 0, ELEMENTSOF(cases));
        tcase_add_loop_test(c, a_bad_line_appends_nothing, 0, ELEMENTSOF(bad_lines));
        tcase_add_test(c, a_line_has_a_bound);
        tcase_add_test(c, a_line_of_the_log_is_taken);
        tcase_add_test(c, what_was_dropped_is_told);
        tcase_add_loop_test(c, text_is_fit_for_the_bus, 0, ELEMENTSOF(texts));
        tcase_add_test(c, text_has_a_bound);
        suite_add_tcase(s, c);
        return s;
}

#include "check-main.h"
