/* SPDX-License-Identifier: Apache-2.0 */
#include "event/event-json.h"

#include <check.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "basic/macro.h"
#include "policy/port.h"
#include "strict-json.h"

static InAddr addr(const char *text) {
        InAddr a;

        ck_assert_int_eq(in_addr_parse(text, &a), 0);
        return a;
}

static const char *const labels[] = { "ref=refs/heads/main", "repository=octo/widgets" };

static Event full(void) {
        return (Event) {
                .type = EVENT_CONNECTION_BLOCKED,
                .time_usec = 1700000000123456,
                .sequence = 42,
                .mode = MODE_AUDIT,
                .verdict = ACTION_DENY,
                .reason = CW_REASON_RULE,
                .has_verdict = true,
                .mid_stream = true,
                .has_src = true,
                .has_dst = true,
                .src = addr("192.0.2.1"),
                .dst = addr("2001:db8::7"),
                .src_port = 40000,
                .dst_port = 443,
                .protocol = PROTOCOL_TCP,
                .hostname = "www.example",
                .cname_chain = "cdn.example edge.example",
                .query_type = "A",
                .dns_reason = "policy",
                .matched_rule = "*.example",
                .rule = 3,
                .automatic = "dns",
                .scope = "host",
                .policy_digest = "sha256:00ff",
                .pid = 123,
                .tid = 124,
                .uid = 1000,
                .gid = 1001,
                .process = "curl",
                .executable = "/usr/bin/curl",
                .parents = { { .pid = 100, .comm = "bash" }, { .pid = 1, .comm = NULL } },
                .n_parents = 2,
                .cgroup = "/run-1",
                .unit = "runner@1.service",
                .labels = labels,
                .n_labels = ELEMENTSOF(labels),
                .cgroup_id = 4711,
                .bytes_out = 10,
                .bytes_in = 20,
                .duration_usec = 30,
                .count = 2,
                .detail = "why",
        };
}

#define AT "{\"timestamp\":\"2023-11-14T22:13:20.123456Z\",\"schema_version\":1,\"sequence\":42,"

static void check_line(const Event *e, const char *wanted) {
        char buf[EVENT_LINE_MAX];
        size_t n = event_json_write(e, buf);

        ck_assert_uint_lt(n, sizeof(buf));
        buf[n] = '\0';
        ck_assert_str_eq(buf, wanted);
}

START_TEST(test_full) {
        Event e = full();
        check_line(&e, AT
                   "\"event_type\":\"connection_blocked\",\"verdict\":\"deny\",\"blocked\":false,\"would_deny\":true,"
                   "\"mode\":\"audit\",\"reason\":\"rule\",\"src_ip\":\"192.0.2.1\",\"src_port\":40000,"
                   "\"dst_ip\":\"2001:db8::7\",\"dst_hostname\":\"www.example\",\"dst_port\":443,\"protocol\":\"TCP\","
                   "\"cname_chain\":[\"www.example\",\"cdn.example\",\"edge.example\"],\"query_type\":\"A\","
                   "\"dns_reason\":\"policy\",\"mid_stream\":true,\"matched_rule\":\"*.example\",\"rule\":3,"
                   "\"auto_allowed_type\":\"dns\",\"scope\":\"host\",\"policy_digest\":\"sha256:00ff\","
                   "\"process\":\"curl\",\"pid\":123,"
                   "\"tid\":124,\"uid\":1000,\"gid\":1001,\"executable\":\"/usr/bin/curl\","
                   "\"parents\":[{\"pid\":100,\"comm\":\"bash\"},{\"pid\":1}],\"unit\":\"runner@1.service\","
                   "\"cgroup\":\"/run-1\",\"cgroup_id\":4711,"
                   "\"job\":{\"ref\":\"refs/heads/main\",\"repository\":\"octo/widgets\"},"
                   "\"count\":2,\"detail\":\"why\"}\n");
}
END_TEST

START_TEST(test_least) {
        Event e = { .type = EVENT_EVENTS_LOST, .time_usec = 1700000000123456, .sequence = 42, .rule = RULE_NONE };
        check_line(&e, AT "\"event_type\":\"events_lost\",\"blocked\":false,\"would_deny\":false,\"mode\":\"enforce\","
                          "\"count\":0}\n");

        e.type = EVENT_CONNECTION_CLOSED; /* its counts are there also when they are zero */
        check_line(&e, AT "\"event_type\":\"connection_closed\",\"blocked\":false,\"would_deny\":false,"
                          "\"mode\":\"enforce\",\"bytes_out\":0,\"bytes_in\":0,\"duration_usec\":0}\n");

        e.type = EVENT_RUN_STARTED;
        e.policy_digest = "x";
        e.hostname = e.process = e.matched_rule = e.scope = e.unit = e.detail = ""; /* empty is unknown */
        check_line(&e, AT "\"event_type\":\"run_started\",\"blocked\":false,\"would_deny\":false,"
                          "\"mode\":\"enforce\",\"policy_digest\":\"x\"}\n");
}
END_TEST

/* One event of each type as the documentation shows them, against the golden file that the schema is tested with. */
static size_t service_samples(Event *ret, const Event *denied) {
        static const char digest[] = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        const Event blank = { .rule = RULE_NONE, .scope = "host", .policy_digest = digest };
        size_t n = 0;

        ret[n] = blank;
        ret[n++].type = EVENT_ENFORCEMENT_STARTED;
        ret[n] = blank;
        ret[n++].type = EVENT_ENFORCEMENT_RESUMED;
        ret[n] = blank;
        ret[n++].type = EVENT_POLICY_LOADED;
        ret[n] = blank;
        ret[n].type = EVENT_POLICY_REJECTED;
        ret[n].policy_digest = NULL;
        ret[n++].detail = "policy.json: $.rules[3].action: neither allow nor deny";
        ret[n] = blank;
        ret[n].type = EVENT_MODE_CHANGED;
        ret[n].mode = MODE_OFF;
        ret[n++].detail = "enforce -> off";
        ret[n] = blank;
        ret[n].type = EVENT_HOOK_LOST;
        ret[n++].detail = "connect4";
        ret[n] = (Event) {
                .type = EVENT_PRIVILEGED_CALL,
                .rule = RULE_NONE,
                .pid = 4300,
                .uid = 1000,
                .gid = 1000,
                .unit = "actions.runner.octo-widgets.one.service",
                .detail = "SetMode audit: denied",
        };
        n++;
        ret[n] = (Event) { .type = EVENT_JOB_BEGUN, .rule = RULE_NONE, .labels = labels, .n_labels = 2 };
        ret[n++].unit = "actions.runner.octo-widgets.one.service";

        ret[n] = *denied;
        ret[n].hostname = "evil.example";
        ret[n].scope = "runners";
        ret[n].policy_digest = digest;
        ret[n].unit = "actions.runner.octo-widgets.one.service";
        ret[n].cgroup = "/system.slice/actions.runner.octo-widgets.one.service";
        ret[n].labels = labels;
        ret[n++].n_labels = ELEMENTSOF(labels);
        ret[n] = *denied;
        ret[n].reason = CW_REASON_INBOUND;
        ret[n].verdict = ACTION_ALLOW;
        ret[n].scope = "host";
        ret[n++].type = EVENT_CONNECTION_ALLOWED;

        ret[n] = ret[n - 3];
        ret[n].type = EVENT_JOB_ENDED;
        ret[n++].detail = "12 connections allowed, 1 denied";
        ret[n] = blank;
        ret[n++].type = EVENT_ENFORCEMENT_ENDED;
        ret[n] = blank;
        ret[n].type = EVENT_PROXY_SHARED;
        ret[n++].detail = "UDP [::1]:253, with user 1001 in /user.slice";
        ret[n] = blank;
        ret[n].type = EVENT_STATE_NOT_KEPT;
        ret[n++].detail = "No space left on device";
        return n;
}

#define SAMPLES_MAX 32

static size_t samples(Event ret[static SAMPLES_MAX]) {
        Event connection = {
                .type = EVENT_CONNECTION_ALLOWED,
                .has_verdict = true,
                .verdict = ACTION_ALLOW,
                .reason = CW_REASON_RULE,
                .has_src = true,
                .has_dst = true,
                .src = addr("192.0.2.10"),
                .dst = addr("203.0.113.5"),
                .src_port = 40000,
                .dst_port = 443,
                .protocol = PROTOCOL_TCP,
                .hostname = "www.example",
                .cname_chain = "edge.cdn.example",
                .matched_rule = "www.example",
                .rule = 0,
                .pid = 4242,
                .tid = 4242,
                .uid = 1000,
                .gid = 1000,
                .process = "curl",
                .executable = "/usr/bin/curl",
                .parents = { { .pid = 4200, .comm = "bash" }, { .pid = 4100, .comm = "cargowall" } },
                .n_parents = 2,
                .cgroup_id = 7211,
        };
        size_t n = 0;

        ret[n++] = (Event) { .type = EVENT_RUN_STARTED, .policy_digest = "sha256:9f86d081884c7d65", .rule = RULE_NONE };
        ret[n++] = connection;

        Event closed = connection;
        closed.type = EVENT_CONNECTION_CLOSED;
        closed.bytes_out = 1830;
        closed.bytes_in = 52114;
        closed.duration_usec = 241877;
        ret[n++] = closed;

        Event denied = connection;
        denied.type = EVENT_CONNECTION_BLOCKED;
        denied.verdict = ACTION_DENY;
        denied.reason = CW_REASON_DEFAULT;
        denied.has_src = false;
        denied.src_port = 0;
        denied.dst = addr("2001:db8::7");
        denied.hostname = denied.cname_chain = denied.matched_rule = NULL;
        denied.rule = RULE_NONE;
        ret[n++] = denied;
        denied.mode = MODE_AUDIT;
        denied.mid_stream = true;
        ret[n++] = denied;
        denied.mode = MODE_ENFORCE;
        denied.mid_stream = false;

        Event dns = denied;
        dns.type = EVENT_DNS_BLOCKED;
        dns.has_dst = false;
        dns.dst_port = 53;
        dns.protocol = PROTOCOL_UDP;
        dns.hostname = "evil.example";
        dns.query_type = "TXT";
        dns.dns_reason = "policy";
        ret[n++] = dns;

        Event protocol = denied;
        protocol.type = EVENT_PROTOCOL_BLOCKED;
        protocol.reason = CW_REASON_RAW_SOCKET;
        protocol.has_dst = false;
        protocol.dst_port = 0;
        protocol.protocol = PROTOCOL_ICMP;
        ret[n++] = protocol;

        protocol.reason = CW_REASON_FAMILY;
        protocol.protocol = 0;
        protocol.socket_family = 24;
        ret[n++] = protocol;

        Event existing = connection;
        existing.type = EVENT_EXISTING_CONNECTION;
        existing.matched_rule = "203.0.113.0/24";
        existing.automatic = "dns";
        existing.hostname = existing.cname_chain = NULL;
        ret[n++] = existing;

        ret[n++] = (Event) { .type = EVENT_EVENTS_LOST, .count = 12, .rule = RULE_NONE };
        ret[n++] = (Event) { .type = EVENT_RUN_ENDED, .rule = RULE_NONE };
        n += service_samples(ret + n, &denied);
        ret[n++] = (Event) {
                .type = EVENT_CONNECTIONS_SUPPRESSED, .count = 51234, .rule = RULE_NONE, .cgroup = "/system.slice/a.service",
                .unit = "a.service", .detail = "denied connections over the rate limit",
        };
        ret[n++] = (Event) {
                .type = EVENT_QUERIES_SUPPRESSED, .count = 7, .rule = RULE_NONE, .mode = MODE_AUDIT,
                .detail = "refused DNS queries over the rate limit",
        };
        ret[n++] = (Event) {
                .type = EVENT_QUERIES_LIMITED, .count = 1, .rule = RULE_NONE, .cgroup = "/system.slice/a.service",
                .unit = "a.service", .detail = "1536 DNS queries without an answer, further ones fail",
        };
        ret[n++] = (Event) {
                .type = EVENT_UPSTREAM_FAILED, .count = 1, .rule = RULE_NONE, .hostname = "github.com", .query_type = "A",
                .pid = 7, .tid = 7, .process = "git", .detail = "upstream 192.0.2.1:53 did not answer",
        };
        ck_assert_uint_le(n, SAMPLES_MAX);
        for (size_t i = 0; i < n; i++) {
                ret[i].time_usec = 1700000000123456 + i * 1000;
                ret[i].sequence = i + 1;
        }
        return n;
}

START_TEST(test_golden) {
        char path[4096], wanted[EVENT_LINE_MAX], line[EVENT_LINE_MAX];
        Event events[SAMPLES_MAX];
        size_t n = samples(events);
        bool seen[_EVENT_TYPE_MAX] = {};

        for (size_t i = 0; i < n; i++)
                seen[events[i].type] = true;
        for (size_t i = 0; i < _EVENT_TYPE_MAX; i++)
                ck_assert_msg(seen[i], "no sample of %s", event_type_to_string((EventType) i));

        (void) snprintf(path, sizeof(path), "%s/unit/data/events.ndjson", getenv("CARGOWALL_TEST_DATA") ?: "tests");
        FILE *f = fopen(path, "re");
        ck_assert_msg(f != NULL, "cannot read %s", path);
        for (size_t i = 0; i < n; i++) {
                line[event_json_write(&events[i], line)] = '\0';
                ck_assert_ptr_nonnull(fgets(wanted, sizeof(wanted), f));
                ck_assert_str_eq(line, wanted);
        }
        ck_assert_ptr_null(fgets(wanted, sizeof(wanted), f));
        (void) fclose(f);
}
END_TEST

static const struct {
        EventType type;
        Action verdict;
        Mode mode;
        bool blocked, would_deny;
} denials[] = {
        { EVENT_CONNECTION_ALLOWED, ACTION_ALLOW, MODE_ENFORCE, false, false },
        { EVENT_CONNECTION_BLOCKED, ACTION_DENY, MODE_ENFORCE, true, false },
        { EVENT_CONNECTION_BLOCKED, ACTION_DENY, MODE_AUDIT, false, true },
        { EVENT_DNS_BLOCKED, ACTION_DENY, MODE_ENFORCE, true, false },
        { EVENT_DNS_BLOCKED, ACTION_DENY, MODE_AUDIT, false, true },
        { EVENT_PROTOCOL_BLOCKED, ACTION_DENY, MODE_ENFORCE, true, false },
        { EVENT_EXISTING_CONNECTION, ACTION_DENY, MODE_ENFORCE, true, false },
        { EVENT_EXISTING_CONNECTION, ACTION_ALLOW, MODE_ENFORCE, false, false },
        { EVENT_CONNECTION_CLOSED, ACTION_DENY, MODE_AUDIT, false, false },
        { EVENT_CONNECTION_BLOCKED, ACTION_DENY, MODE_OFF, false, false },
};

static json_object *parse(const char *line, size_t n) {
        json_tokener *tokener = json_tokener_new();

        ck_assert_msg(strict_json_is_valid(line, n), "%.*s", (int) n, line);
        json_object *o = json_tokener_parse_ex(tokener, line, (int) n);
        ck_assert_msg(json_tokener_get_error(tokener) == json_tokener_success, "%.*s", (int) n, line);
        json_tokener_free(tokener);
        return o;
}

static bool get_bool(json_object *o, const char *key) {
        json_object *v = NULL;

        ck_assert(json_object_object_get_ex(o, key, &v));
        return json_object_get_boolean(v);
}

START_TEST(test_denials) {
        Event e = full();
        char buf[EVENT_LINE_MAX];

        e.type = denials[_i].type;
        e.verdict = denials[_i].verdict;
        e.mode = denials[_i].mode;
        json_object *o = parse(buf, event_json_write(&e, buf));
        ck_assert_int_eq(get_bool(o, "blocked"), denials[_i].blocked);
        ck_assert_int_eq(get_bool(o, "would_deny"), denials[_i].would_deny);
        json_object_put(o);
}
END_TEST

START_TEST(test_timestamps) {
        /* Each day for 900 years, odd seconds, compared with the C library. */
        Event e = { .type = EVENT_RUN_ENDED };
        char buf[EVENT_LINE_MAX], wanted[64];

        for (uint64_t day = 0; day < 900 * 366; day++) {
                uint64_t second = day * 86400 + day * 7919 % 86400, micro = day * 104729 % USEC_PER_SEC;
                time_t t = (time_t) second;
                struct tm tm;

                e.time_usec = second * USEC_PER_SEC + micro;
                (void) event_json_write(&e, buf);
                (void) gmtime_r(&t, &tm);
                size_t n = strftime(wanted, sizeof(wanted), "{\"timestamp\":\"%Y-%m-%dT%H:%M:%S.", &tm);
                (void) snprintf(wanted + n, sizeof(wanted) - n, "%06uZ\"", (unsigned) micro);
                ck_assert_mem_eq(buf, wanted, strlen(wanted));
        }

        e.time_usec = UINT64_MAX; /* RFC 3339 has four digits for the year */
        (void) event_json_write(&e, buf);
        ck_assert_mem_eq(buf, "{\"timestamp\":\"9999-12-31T23:59:59.999999Z\"", 42);
}
END_TEST

START_TEST(test_numbers) {
        static const uint64_t numbers[] = { 1, 9, 10, 99, 100, 101, 999, 1000, 123456789, UINT32_MAX, UINT64_MAX };
        char buf[EVENT_LINE_MAX], wanted[32];

        for (size_t i = 0; i < ELEMENTSOF(numbers); i++) {
                Event e = { .type = EVENT_EVENTS_LOST, .count = numbers[i] };
                size_t n = event_json_write(&e, buf);
                int k = snprintf(wanted, sizeof(wanted), "\"count\":%llu}\n", (unsigned long long) numbers[i]);
                ck_assert_mem_eq(buf + n - k, wanted, (size_t) k);
        }
}
END_TEST

/* Strings of n times the same text, as long as any share and longer. */
static const char *const texts[] = { "\x01", "\xff", "\"", "\\", "é", "\xe2\x80\xa8", "😀", "a", "\xf0\x9f\x98",
                                     " ", "\x01 " };

START_TEST(test_worst_case) {
        static const size_t lengths[] = { 1, 2, 15, 16, 84, 85, 86, 253, 254, 340, 341, 342, 1023, 1024, 1025, 2047,
                                          2048, 2049, 9000 };
        char text[9001], buf[EVENT_LINE_MAX + 16];

        for (size_t i = 0; i < ELEMENTSOF(lengths); i++) {
                size_t k = strlen(texts[_i]), n = 0;
                while (n + k <= lengths[i]) {
                        memcpy(text + n, texts[_i], k);
                        n += k;
                }
                text[n] = '\0';

                Event e = full();
                e.type = EVENT_CONNECTION_CLOSED;
                e.time_usec = e.sequence = e.bytes_out = e.bytes_in = e.duration_usec = e.count = UINT64_MAX;
                e.cgroup_id = UINT64_MAX;
                e.pid = e.tid = e.uid = e.gid = UINT32_MAX;
                e.rule = UINT32_MAX - 1;
                e.src_port = e.dst_port = UINT16_MAX;
                e.protocol = 254;
                e.socket_family = 255;
                e.reason = CW_REASON_RAW_SOCKET;
                memset(&e.src, 0x11, sizeof(e.src));
                memset(&e.dst, 0x11, sizeof(e.dst));
                e.hostname = e.cname_chain = e.query_type = e.dns_reason = e.matched_rule = e.automatic = text;
                e.policy_digest = e.process = e.executable = e.cgroup = e.scope = e.unit = e.detail = text;
                char keyed[EVENT_LABELS_MAX + 1][sizeof(text) + EVENT_LABEL_KEY_MAX + 1];
                const char *many[EVENT_LABELS_MAX + 1];
                for (size_t l = 0; l <= EVENT_LABELS_MAX; l++) {
                        (void) snprintf(keyed[l], sizeof(keyed[l]), "%0*zu=%s", EVENT_LABEL_KEY_MAX, l, text);
                        many[l] = keyed[l];
                }
                e.labels = many;
                e.n_labels = EVENT_LABELS_MAX + 1;
                e.n_parents = EVENT_PARENTS_MAX + 1; /* one more than there are */
                for (size_t p = 0; p < EVENT_PARENTS_MAX; p++)
                        e.parents[p] = (EventParent) { .pid = UINT32_MAX, .comm = text };

                memset(buf, 'Z', sizeof(buf));
                size_t written = event_json_write(&e, buf);
                ck_assert_uint_le(written, EVENT_LINE_MAX);
                ck_assert_int_eq(buf[EVENT_LINE_MAX], 'Z');
                ck_assert_ptr_eq(memchr(buf, '\n', written), buf + written - 1);

                json_object *o = parse(buf, written), *parents = NULL, *job = NULL;
                ck_assert(json_object_object_get_ex(o, "parents", &parents));
                ck_assert_uint_eq(json_object_array_length(parents), EVENT_PARENTS_MAX);
                ck_assert(json_object_object_get_ex(o, "job", &job));
                ck_assert_int_eq(json_object_object_length(job), EVENT_LABELS_MAX);
                json_object_put(o);
        }
}
END_TEST

#define KEY_48 "k23456789012345678901234567890123456789012345678"

static const struct {
        const char *labels[4];
        const char *wanted; /* NULL: no such field */
} jobs[] = {
        { { "a=1", "b=" }, "{\"a\":\"1\",\"b\":\"\"}" },
        { { "a=1", "a=2" }, "{\"a\":\"1\"}" }, /* a key twice would be no JSON for many readers */
        { { "a=1", "ab=2", "a=3" }, "{\"a\":\"1\",\"ab\":\"2\"}" },
        { { "a", "=x", "a b=1", "\"=1" }, NULL },
        { { "a\n=1", "run-id.x_Y=a=b\"" }, "{\"run-id.x_Y\":\"a=b\\\"\"}" },
        { { KEY_48 "=1", KEY_48 "9=1" }, "{\"" KEY_48 "\":\"1\"}" },
};

START_TEST(test_jobs) {
        Event e = { .type = EVENT_JOB_BEGUN, .labels = jobs[_i].labels };
        char buf[EVENT_LINE_MAX];

        while (e.n_labels < ELEMENTSOF(jobs[_i].labels) && e.labels[e.n_labels])
                e.n_labels++;
        json_object *o = parse(buf, event_json_write(&e, buf)), *job = NULL;
        ck_assert_int_eq(json_object_object_get_ex(o, "job", &job), jobs[_i].wanted != NULL);
        if (job)
                ck_assert_str_eq(json_object_to_json_string_ext(job, JSON_C_TO_STRING_PLAIN), jobs[_i].wanted);
        json_object_put(o);
}
END_TEST

static const struct {
        const char *hostname, *chain, *wanted; /* NULL: no such field */
} chains[] = {
        { "a.example", NULL, NULL },
        { "a.example", "", NULL },
        { "a.example", " ", "[\"a.example\"]" },
        { "a.example", "b.example", "[\"a.example\",\"b.example\"]" },
        { "a.example", " b.example  c.example ", "[\"a.example\",\"b.example\",\"c.example\"]" },
        { NULL, "b.example", "[\"b.example\"]" },
};

START_TEST(test_chains) {
        Event e = {
                .type = EVENT_CONNECTION_ALLOWED,
                .hostname = chains[_i].hostname,
                .cname_chain = chains[_i].chain,
        };
        char buf[EVENT_LINE_MAX];
        json_object *o = parse(buf, event_json_write(&e, buf)), *chain = NULL;

        ck_assert_int_eq(json_object_object_get_ex(o, "cname_chain", &chain), chains[_i].wanted != NULL);
        if (chain)
                ck_assert_str_eq(json_object_to_json_string_ext(chain, JSON_C_TO_STRING_PLAIN), chains[_i].wanted);
        json_object_put(o);
}
END_TEST

/* A chain that does not fit ends after a whole name. */
START_TEST(test_long_chain) {
        char name[254], text[16 * 254 + 1] = "", buf[EVENT_LINE_MAX];
        Event e = { .type = EVENT_CONNECTION_ALLOWED, .hostname = "a.example", .cname_chain = text };

        memset(name, 'n', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        for (size_t i = 0; i < 16; i++) {
                strcat(text, i > 0 ? " " : "");
                strcat(text, name);
        }

        json_object *o = parse(buf, event_json_write(&e, buf)), *chain = NULL;
        ck_assert(json_object_object_get_ex(o, "cname_chain", &chain));
        size_t n = json_object_array_length(chain);
        ck_assert_uint_eq(n, 1 + 2048 / 256 - 1);
        for (size_t i = 1; i < n; i++)
                ck_assert_str_eq(json_object_get_string(json_object_array_get_idx(chain, i)), name);
        json_object_put(o);
}
END_TEST

START_TEST(test_types) {
        static const char *const names[_EVENT_TYPE_MAX] = {
                "connection_allowed", "connection_blocked",  "connection_closed", "dns_blocked", "protocol_blocked",
                "existing_connection", "events_lost", "connections_suppressed", "queries_suppressed",
                "queries_limited", "upstream_failed", "run_started", "run_ended", "mode_changed",
                "policy_loaded", "policy_rejected", "enforcement_started", "enforcement_ended", "enforcement_resumed",
                "hook_lost", "job_begun", "job_ended", "privileged_call", "proxy_shared",
                "state_not_kept",
        };

        for (int i = 0; i < _EVENT_TYPE_MAX; i++)
                ck_assert_str_eq(event_type_to_string((EventType) i), names[i]);
        ck_assert_str_eq(event_type_to_string(_EVENT_TYPE_MAX), "unknown");
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("event-json");
        TCase *t = tcase_create("event-json");

        tcase_set_timeout(t, 60);
        tcase_add_test(t, test_full);
        tcase_add_test(t, test_least);
        tcase_add_test(t, test_golden);
        tcase_add_loop_test(t, test_denials, 0, ELEMENTSOF(denials));
        tcase_add_test(t, test_timestamps);
        tcase_add_test(t, test_numbers);
        tcase_add_loop_test(t, test_worst_case, 0, ELEMENTSOF(texts));
        tcase_add_loop_test(t, test_chains, 0, ELEMENTSOF(chains));
        tcase_add_test(t, test_long_chain);
        tcase_add_loop_test(t, test_jobs, 0, ELEMENTSOF(jobs));
        tcase_add_test(t, test_types);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
