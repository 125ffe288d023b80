/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/event-line.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define DENIED "\"event_type\":\"connection_blocked\",\"verdict\":\"deny\",\"blocked\":true,"
#define WHO "\"process\":\"curl\",\"pid\":123,\"unit\":\"runner.service\""

static const struct {
        const char *event;
        const char *verdict, *text;
} cases[] = {
        { "{" DENIED "\"reason\":\"default\",\"dst_ip\":\"203.0.113.66\",\"dst_hostname\":\"evil.example\","
          "\"dst_port\":443,\"protocol\":\"TCP\"," WHO "}",
          "denied", "curl[123] runner.service -> evil.example [203.0.113.66]:443/tcp: no rule allows it" },
        { "{" DENIED "\"reason\":\"rule\",\"matched_rule\":\"10.0.0.0/8\",\"dst_ip\":\"10.1.2.3\",\"dst_port\":53,"
          "\"protocol\":\"UDP\"}",
          "denied", "unknown -> 10.1.2.3:53/udp: rule 10.0.0.0/8" },
        { "{" DENIED "\"reason\":\"protocol\",\"dst_ip\":\"2001:db8::7\",\"protocol\":\"ICMPv6\",\"pid\":7}", "denied",
          "process[7] -> [2001:db8::7]/icmpv6: the protocol cannot be judged" },
        { "{\"verdict\":\"deny\",\"would_deny\":true,\"reason\":\"raw_socket\",\"protocol\":\"ICMP\","
          "\"process\":\"ping\",\"cgroup\":\"/system.slice/a\"}",
          "audit", "ping /system.slice/a -> icmp: raw sockets are refused" },
        { "{" DENIED "\"reason\":\"socket_family\",\"socket_family\":\"AF_PPPOX\"," WHO "}", "denied",
          "curl[123] runner.service -> socket of AF_PPPOX: only sockets of families that can be judged are allowed" },
        { "{\"event_type\":\"dns_blocked\",\"verdict\":\"deny\",\"blocked\":true,\"reason\":\"default\","
          "\"dns_reason\":\"policy\",\"dst_hostname\":\"x.example\",\"query_type\":\"TXT\",\"dst_port\":53,"
          "\"protocol\":\"UDP\"," WHO "}",
          "denied", "curl[123] runner.service -> x.example (DNS TXT): no rule allows the name" },
        /* one attempt asks for both versions of the address */
        { "{\"event_type\":\"dns_blocked\",\"verdict\":\"deny\",\"blocked\":true,\"dns_reason\":\"policy\","
          "\"dst_hostname\":\"x.example\",\"query_type\":\"AAAA\"," WHO "}",
          "denied", "curl[123] runner.service -> x.example (DNS): no rule allows the name" },
        { "{\"event_type\":\"dns_blocked\",\"verdict\":\"deny\",\"blocked\":true,\"dns_reason\":\"policy\","
          "\"dst_hostname\":\"x.example\",\"query_type\":\"A\"," WHO "}",
          "denied", "curl[123] runner.service -> x.example (DNS): no rule allows the name" },
        { "{\"verdict\":\"allow\",\"reason\":\"default\",\"dst_ip\":\"192.0.2.1\",\"dst_port\":1,\"protocol\":\"TCP\"}",
          "allowed", "unknown -> 192.0.2.1:1/tcp: default action" },
        { "{\"event_type\":\"mode_changed\",\"detail\":\"enforce -> audit\"}", "note",
          "mode changed: enforce -> audit" },
        { "{\"event_type\":\"events_lost\",\"count\":12}", "note", "events lost: 12" },
        { "{\"event_type\":\"privileged_call\",\"detail\":\"SetMode\"," WHO "}", "note",
          "privileged call: SetMode by curl[123] runner.service" },
        /* ids are cut, other digits are not */
        { "{\"verdict\":\"allow\",\"process\":\"sh\",\"unit\":\"docker-0123456789abcdef0123456789abcdef"
          "0123456789abcdef0123456789abcdef.scope\",\"dst_ip\":\"192.0.2.1\"}",
          "allowed", "sh docker-0123456789ab.scope -> 192.0.2.1" },
        { "{\"verdict\":\"allow\",\"unit\":\"run-0123456789abcdef0123456789abcde.scope\",\"dst_ip\":\"192.0.2.1\"}",
          "allowed", "unknown run-0123456789abcdef0123456789abcde.scope -> 192.0.2.1" },
        /* names cannot pretend to be another part of the line */
        { "{" DENIED "\"process\":\"a[1] b -> c\",\"dst_hostname\":\"x\\ny\",\"reason\":\"new_reason\"}", "denied",
          "a[1]\\x20b\\x20->\\x20c -> x\\x0ay: new_reason" },
        /* values of another type count as absent */
        { "{\"verdict\":\"deny\",\"blocked\":\"yes\",\"pid\":\"1\",\"process\":7,\"dst_port\":-1,\"dst_ip\":[]}",
          "note", "unknown -> " },
        { "{}", "note", "" },
};

static JsonObject *parse(const char *text) {
        JsonObject *o = json_tokener_parse(text);
        ck_assert_msg(o != NULL, "%s", text);
        return o;
}

START_TEST(test_cases) {
        JsonObject *o = parse(cases[_i].event);
        char buf[EVENT_TEXT_MAX];
        Color color;

        ck_assert_str_eq(event_line_text(o, true, buf), cases[_i].text);
        ck_assert_str_eq(event_line_verdict(o, &color), cases[_i].verdict);
        ck_assert_int_eq(event_line_is_denial(o), color == COLOR_RED || color == COLOR_YELLOW);
        json_object_put(o);
}
END_TEST

START_TEST(test_without_pid) {
        JsonObject *o = parse("{\"verdict\":\"deny\",\"process\":\"curl\",\"pid\":123,\"dst_ip\":\"192.0.2.1\"}");
        char buf[EVENT_TEXT_MAX];

        ck_assert_str_eq(event_line_text(o, false, buf), "curl -> 192.0.2.1");
        json_object_put(o);
}
END_TEST

/* Names at their longest, and longer: the line ends within its buffer. */
#define LONG_UNIT "actions.runner.octo-widgets.builder-01.service"

static const struct {
        const char *rest;
        size_t columns;
        const char *text;
} fits[] = {
        { "\"unit\":\"a.service\"", 100, "curl[7] a.service -> evil.example [203.0.113.66]:443/tcp: no rule allows it" },
        { "\"unit\":\"a.service\"", 75, "curl[7] a.service -> evil.example [203.0.113.66]:443/tcp: no rule allows it" },
        { "\"unit\":\"a.service\"", 74, "curl a.service -> evil.example [203.0.113.66]:443/tcp: no rule allows it" },
        { "\"unit\":\"a.service\"", 53, "curl a.service -> evil.example [203.0.113.66]:443/tcp: no rule allows it" },
        { "\"unit\":\"a.service\"", 52, "curl a.service -> evil.example:443/tcp: no rule allows it" },
        { "\"unit\":\"" LONG_UNIT "\"", 56, "curl actions.runner.octo-widg... -> evil.example:443/tcp: no rule allows it" },
        { "\"cgroup\":\"/" LONG_UNIT "\"", 1, "curl /actions... -> evil.example:443/tcp: no rule allows it" },
        { "\"unit\":\"ééééééééé\"", 1,
          "curl éééé... -> evil.example:443/tcp: no rule allows it" },
};

/* What is cut from the end of the line is the reason. */
START_TEST(test_fit) {
        char text[512], buf[EVENT_TEXT_MAX];

        ck_assert_int_lt(snprintf(text, sizeof(text), "{" DENIED "\"reason\":\"default\",\"dst_ip\":\"203.0.113.66\","
                                  "\"dst_hostname\":\"evil.example\",\"dst_port\":443,\"protocol\":\"TCP\",\"process\":\"curl\","
                                  "\"pid\":7,%s}", fits[_i].rest), (int) sizeof(text));
        JsonObject *o = parse(text);
        ck_assert_str_eq(event_line_fit(o, true, fits[_i].columns, buf), fits[_i].text);
        json_object_put(o);
}
END_TEST

START_TEST(test_bound) {
        JsonObject *o = json_object_new_object();
        char *name = malloc(100000), buf[EVENT_TEXT_MAX];

        memset(name, ' ', 99999);
        name[99999] = '\0';
        json_object_object_add(o, "verdict", json_object_new_string("deny"));
        json_object_object_add(o, "process", json_object_new_string(name));
        json_object_object_add(o, "dst_hostname", json_object_new_string(name));
        json_object_object_add(o, "reason", json_object_new_string(name));
        ck_assert_uint_eq(strlen(event_line_text(o, true, buf)), EVENT_TEXT_MAX - 1);
        json_object_object_del(o, "verdict");
        json_object_object_add(o, "detail", json_object_new_string(name));
        ck_assert_uint_eq(strlen(event_line_text(o, true, buf)), EVENT_TEXT_MAX - 1);
        json_object_put(o);
        free(name);
}
END_TEST

START_TEST(test_time_and_count) {
        JsonObject *o = parse("{\"timestamp\":\"2023-11-14T22:13:20.123456Z\",\"count\":12}"), *none = parse("{}");

        ck_assert_uint_eq(event_line_time(o), 1700000000123456ULL);
        ck_assert_uint_eq(event_line_count(o), 12);
        ck_assert_uint_eq(event_line_time(none), 0);
        ck_assert_uint_eq(event_line_count(none), 1);
        json_object_put(o);
        json_object_put(none);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("ctl-event-line");
        TCase *t = tcase_create("ctl-event-line");

        tcase_add_loop_test(t, test_cases, 0, ELEMENTSOF(cases));
        tcase_add_test(t, test_without_pid);
        tcase_add_loop_test(t, test_fit, 0, ELEMENTSOF(fits));
        tcase_add_test(t, test_bound);
        tcase_add_test(t, test_time_and_count);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
