/* SPDX-License-Identifier: Apache-2.0 */
#include "event/event-format.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "event/event-format-internal.h"

#define TIME "\"timestamp\":\"2023-11-14T22:13:20.123456Z\""

static json_object *convert(const char *text, EventFormat format, const char *host) {
        _cleanup_(json_object_putp) json_object *event = json_tokener_parse(text);
        json_object *converted = NULL;

        ck_assert_ptr_nonnull(event);
        ck_assert_int_eq(event_format_convert(event, format, host, &converted), 0);
        return converted;
}

/* The value at a path; NULL: there is none. */
static const char *at(json_object *o, const char *path) {
        char key[64];

        for (const char *dot; (dot = strchr(path, '.')); path = dot + 1) {
                *(char *) mempcpy(key, path, (size_t) (dot - path)) = '\0';
                if (!json_object_object_get_ex(o, key, &o))
                        return NULL;
        }
        return json_object_object_get_ex(o, path, &o) ? json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN) : NULL;
}

static void check_at(json_object *o, const char *path, const char *wanted) {
        const char *found = at(o, path);

        if (!wanted)
                ck_assert_msg(!found, "%s: %s", path, found);
        else
                ck_assert_msg(found && strcmp(found, wanted) == 0, "%s: %s instead of %s", path, found ?: "nothing", wanted);
}

static const char denied[] =
        "{" TIME ",\"schema_version\":1,\"sequence\":42,\"event_type\":\"connection_blocked\",\"verdict\":\"deny\","
        "\"blocked\":true,\"would_deny\":false,\"mode\":\"enforce\",\"reason\":\"default\",\"src_ip\":\"192.0.2.1\","
        "\"src_port\":40000,\"dst_ip\":\"2001:db8::7\",\"dst_hostname\":\"www.example\",\"dst_port\":443,\"protocol\":\"ICMPv6\","
        "\"matched_rule\":\"*.example\",\"rule\":3,\"scope\":\"runners\",\"policy_digest\":\"sha256:00ff\",\"process\":\"curl\","
        "\"pid\":123,\"tid\":124,\"uid\":1000,\"gid\":1001,\"executable\":\"/usr/bin/curl\","
        "\"parents\":[{\"pid\":100,\"comm\":\"bash\"},{\"pid\":1}],\"unit\":\"runner@1.service\","
        "\"job\":{\"run.id\":\"7\"},\"duration_usec\":2500,\"count\":2,\"detail\":\"why\"}";

START_TEST(test_names) {
        EventFormat f;

        for (EventFormat i = 0; i < _EVENT_FORMAT_MAX; i++) {
                ck_assert_int_eq(event_format_from_string(event_format_to_string(i), &f), 0);
                ck_assert_int_eq(f, i);
        }
        ck_assert_int_eq(event_format_from_string("OCSF", &f), -EINVAL);
        ck_assert_int_eq(event_format_from_string("", &f), -EINVAL);
}
END_TEST

START_TEST(test_ocsf_denied) {
        static const char *const wanted[][2] = {
                { "class_uid", "4001" }, { "type_uid", "400105" }, { "time", "1700000000123" },
                { "metadata.original_time", "\"2023-11-14T22:13:20.123456Z\"" }, { "metadata.sequence", "42" },
                { "action_id", "2" }, { "disposition_id", "2" }, { "severity_id", "3" }, { "status_id", "2" },
                { "src_endpoint.ip", "\"192.0.2.1\"" }, { "src_endpoint.port", "40000" },
                { "dst_endpoint.hostname", "\"www.example\"" }, { "connection_info.protocol_num", "58" },
                { "connection_info.protocol_name", "\"icmpv6\"" }, { "connection_info.protocol_ver_id", "6" },
                { "firewall_rule.uid", "\"3\"" }, { "policy.name", "\"runners\"" }, { "actor.process.user.uid", "\"1000\"" },
                { "actor.process.file.name", "\"curl\"" }, { "actor.process.parent_process.name", "\"bash\"" },
                { "device.hostname", "\"runner-1\"" }, { "duration", "2" }, { "unmapped.unit", "\"runner@1.service\"" },
                { "unmapped.job", "{\"run.id\":\"7\"}" }, { "unmapped.reason", "\"default\"" }, { "unmapped.blocked", NULL },
                { "query", NULL }, { "schema_version", NULL },
        };
        _cleanup_(json_object_putp) json_object *o = convert(denied, EVENT_FORMAT_OCSF, "runner-1");

        for (size_t i = 0; i < ELEMENTSOF(wanted); i++)
                check_at(o, wanted[i][0], wanted[i][1]);
}
END_TEST

START_TEST(test_ecs_denied) {
        static const char *const wanted[][2] = {
                { "@timestamp", "\"2023-11-14T22:13:20.123456Z\"" }, { "event.type", "[\"connection\",\"denied\"]" },
                { "event.category", "[\"network\"]" }, { "event.outcome", "\"failure\"" }, { "event.duration", "2500000" },
                { "destination.domain", "\"www.example\"" }, { "destination.port", "443" }, { "network.type", "\"ipv6\"" },
                { "network.iana_number", "\"58\"" }, { "rule.id", "\"3\"" }, { "rule.ruleset", "\"runners\"" },
                { "process.parent.pid", "100" }, { "user.id", "\"1000\"" }, { "labels.run_id", "\"7\"" },
                { "host.name", "\"runner-1\"" }, { "cargowall.mode", "\"enforce\"" }, { "cargowall.would_deny", "false" },
                { "cargowall.policy_digest", "\"sha256:00ff\"" }, { "cargowall.job", NULL }, { "dns", NULL },
        };
        _cleanup_(json_object_putp) json_object *o = convert(denied, EVENT_FORMAT_ECS, "runner-1");

        for (size_t i = 0; i < ELEMENTSOF(wanted); i++)
                check_at(o, wanted[i][0], wanted[i][1]);
}
END_TEST

/* What audit mode lets pass is not counted among what was refused. */
START_TEST(test_audit) {
        static const char text[] = "{" TIME ",\"event_type\":\"dns_blocked\",\"verdict\":\"deny\",\"blocked\":false,"
                                   "\"would_deny\":true,\"dst_hostname\":\"www.example\",\"query_type\":\"TXT\",\"dst_port\":53}";
        _cleanup_(json_object_putp) json_object *ocsf = convert(text, EVENT_FORMAT_OCSF, NULL),
                                                *ecs = convert(text, EVENT_FORMAT_ECS, NULL);

        check_at(ocsf, "class_uid", "4003");
        check_at(ocsf, "action_id", "1");
        check_at(ocsf, "disposition_id", "17");
        check_at(ocsf, "query", "{\"hostname\":\"www.example\",\"class\":\"IN\",\"type\":\"TXT\"}");
        check_at(ocsf, "src_endpoint.hostname", "\"localhost\""); /* one end is required, and a port alone is none */
        check_at(ocsf, "dst_endpoint", NULL);
        check_at(ocsf, "unmapped.dst_port", "53");
        check_at(ocsf, "unmapped.would_deny", "true");
        check_at(ecs, "event.type", "[\"protocol\",\"allowed\"]");
        check_at(ecs, "event.outcome", "\"success\"");
        check_at(ecs, "dns.question.name", "\"www.example\"");
        check_at(ecs, "dns.question.type", "\"TXT\"");
        check_at(ecs, "cargowall.would_deny", "true");
        check_at(ecs, "host", NULL);
}
END_TEST

/* Of the firewall itself, and of a type that a later version adds. */
START_TEST(test_others) {
        static const char *const types[] = { "policy_loaded", "of_a_later_version" };

        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                _cleanup_free_ char *text = NULL;

                ck_assert_int_gt(asprintf(&text, "{" TIME ",\"event_type\":\"%s\",\"new_field\":[1]}", types[i]), 0);
                _cleanup_(json_object_putp) json_object *o = convert(text, EVENT_FORMAT_OCSF, NULL);
                check_at(o, "class_uid", "0");
                check_at(o, "type_uid", "99");
                check_at(o, "action_id", NULL);
                check_at(o, "unmapped.new_field", "[1]");
        }
}
END_TEST

START_TEST(test_times) {
        static const struct {
                const char *text, *msec;
        } times[] = {
                { "1970-01-01T00:00:00.000000Z", "0" },
                { "2000-02-29T23:59:59.999999Z", "951868799999" },
                { "2026-12-01T00:00:00.001000Z", "1796083200001" },
                { "2100-03-01T00:00:00.000000Z", "4107542400000" },
                { "9999-12-31T23:59:59.999999Z", "253402300799999" },
        };

        for (size_t i = 0; i < ELEMENTSOF(times); i++) {
                _cleanup_free_ char *text = NULL;

                ck_assert_int_gt(asprintf(&text, "{\"timestamp\":\"%s\",\"event_type\":\"x\"}", times[i].text), 0);
                _cleanup_(json_object_putp) json_object *o = convert(text, EVENT_FORMAT_OCSF, NULL);
                check_at(o, "time", times[i].msec);
        }
}
END_TEST

START_TEST(test_faults) {
        static const char *const faulty[] = {
                "[]", "7", "{}", "{" TIME "}", "{" TIME ",\"event_type\":7}", "{\"event_type\":\"x\"}",
                "{\"event_type\":\"x\",\"timestamp\":1}", "{\"event_type\":\"x\",\"timestamp\":\"2023-11-14T22:13:20Z\"}",
                "{\"event_type\":\"x\",\"timestamp\":\"2023-11-14 22:13:20.123456Z\"}",
                "{\"event_type\":\"x\",\"timestamp\":\"2023-13-14T22:13:20.123456Z\"}",
                "{\"event_type\":\"x\",\"timestamp\":\"2023-11-14T22:13:20.123456Z \"}",
                "{\"event_type\":\"x\",\"timestamp\":\"1900-01-01T00:00:00.123456Z\"}",
        };

        for (size_t i = 0; i < ELEMENTSOF(faulty); i++) {
                _cleanup_(json_object_putp) json_object *event = json_tokener_parse(faulty[i]), *converted = NULL;

                ck_assert_msg(event_format_convert(event, EVENT_FORMAT_OCSF, NULL, &converted) == -EINVAL, "%s", faulty[i]);
                ck_assert_ptr_null(converted);
        }
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("event-format");
        TCase *t = tcase_create("event-format");

        tcase_add_test(t, test_names);
        tcase_add_test(t, test_ocsf_denied);
        tcase_add_test(t, test_ecs_denied);
        tcase_add_test(t, test_audit);
        tcase_add_test(t, test_others);
        tcase_add_test(t, test_times);
        tcase_add_test(t, test_faults);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
