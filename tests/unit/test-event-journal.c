/* SPDX-License-Identifier: Apache-2.0 */
#include "event/event-journal.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "event/event-message.h"
#include "event/message-id.h"
#include "policy/port.h"

static InAddr addr(const char *text) {
        InAddr a;

        ck_assert_int_eq(in_addr_parse(text, &a), 0);
        return a;
}

static const char *const labels[] = { "ref=refs/heads/main", "run-id=7", "not a label", "x.y=" };

static Event full(void) {
        return (Event) {
                .type = EVENT_CONNECTION_BLOCKED,
                .sequence = 42,
                .verdict = ACTION_DENY,
                .reason = CW_REASON_DEFAULT,
                .has_verdict = true,
                .has_src = true,
                .has_dst = true,
                .src = addr("192.0.2.1"),
                .dst = addr("203.0.113.66"),
                .src_port = 40000,
                .dst_port = 443,
                .protocol = PROTOCOL_TCP,
                .hostname = "evil.example",
                .rule = RULE_NONE,
                .scope = "runners",
                .policy_digest = "sha256:00ff",
                .pid = 123,
                .tid = 124,
                .uid = 1000,
                .gid = 1001,
                .process = "curl",
                .executable = "/usr/bin/curl",
                .cgroup = "/system.slice/runner.service",
                .unit = "runner.service",
                .labels = labels,
                .n_labels = ELEMENTSOF(labels),
        };
}

START_TEST(test_full) {
        char buf[EVENT_JOURNAL_MAX];
        Event e = full();

        ck_assert_uint_eq(event_journal_write(&e, buf), strlen(buf));
        ck_assert_str_eq(buf,
                         "MESSAGE=Denied: curl[123] (runner.service) to evil.example [203.0.113.66]:443/tcp, no rule "
                         "allows it\n"
                         "PRIORITY=4\n"
                         "MESSAGE_ID=" MESSAGE_ID_CONNECTION_DENIED "\n"
                         "SYSLOG_IDENTIFIER=cargowalld\n"
                         "CARGOWALL_SEQUENCE=42\n"
                         "CARGOWALL_EVENT=connection_blocked\n"
                         "CARGOWALL_VERDICT=deny\n"
                         "CARGOWALL_MODE=enforce\n"
                         "CARGOWALL_REASON=default\n"
                         "CARGOWALL_SRC_IP=192.0.2.1\n"
                         "CARGOWALL_SRC_PORT=40000\n"
                         "CARGOWALL_DST_IP=203.0.113.66\n"
                         "CARGOWALL_DST_HOST=evil.example\n"
                         "CARGOWALL_DST_PORT=443\n"
                         "CARGOWALL_PROTOCOL=TCP\n"
                         "CARGOWALL_SCOPE=runners\n"
                         "CARGOWALL_POLICY_DIGEST=sha256:00ff\n"
                         "CARGOWALL_COMM=curl\n"
                         "CARGOWALL_PID=123\n"
                         "CARGOWALL_TID=124\n"
                         "CARGOWALL_UID=1000\n"
                         "CARGOWALL_EXE=/usr/bin/curl\n"
                         "CARGOWALL_UNIT=runner.service\n"
                         "CARGOWALL_CGROUP=/system.slice/runner.service\n"
                         "CARGOWALL_JOB_REF=refs/heads/main\n"
                         "CARGOWALL_JOB_RUN_ID=7\n");
}
END_TEST

START_TEST(test_dns) {
        char buf[EVENT_JOURNAL_MAX];
        Event e = full();

        e.type = EVENT_DNS_BLOCKED;
        e.mode = MODE_AUDIT;
        e.query_type = "TXT";
        e.dns_reason = "policy";
        e.count = 3;
        (void) event_journal_write(&e, buf);
        ck_assert_ptr_nonnull(strstr(buf, "MESSAGE=Would deny 3 more times: curl[123] (runner.service) asked for "
                                          "evil.example (TXT), no rule allows the name\nPRIORITY=5\n"
                                          "MESSAGE_ID=" MESSAGE_ID_WOULD_DENY "\n"));
        ck_assert_ptr_nonnull(strstr(buf, "\nCARGOWALL_VERDICT=would_deny\n"));
        ck_assert_ptr_nonnull(strstr(buf, "\nCARGOWALL_DST_HOST=evil.example\nCARGOWALL_QNAME=evil.example\n"));
        ck_assert_ptr_nonnull(strstr(buf, "\nCARGOWALL_QTYPE=TXT\nCARGOWALL_DNS_REASON=policy\n"));
        ck_assert_ptr_nonnull(strstr(buf, "\nCARGOWALL_COUNT=3\n"));

        e.scope = NULL; /* the catalog names it, so traffic always has one */
        (void) event_journal_write(&e, buf);
        ck_assert_ptr_nonnull(strstr(buf, "\nCARGOWALL_SCOPE=unknown\n"));
        e = (Event) { .type = EVENT_HOOK_LOST };
        (void) event_journal_write(&e, buf);
        ck_assert_ptr_nonnull(strstr(buf, "\nCARGOWALL_DETAIL=unknown\n"));
        e = (Event) { .type = EVENT_EVENTS_LOST, .count = 0 };
        (void) event_journal_write(&e, buf);
        ck_assert_ptr_null(strstr(buf, "CARGOWALL_DETAIL"));
        ck_assert_ptr_null(strstr(buf, "CARGOWALL_SCOPE"));
        ck_assert_ptr_nonnull(strstr(buf, "\nCARGOWALL_COUNT=0\n"));
}
END_TEST

static const struct {
        Event e;
        int priority;
        const char *message;
} sentences[] = {
        { { .type = EVENT_EVENTS_LOST, .count = 12, .detail = "kernel ring" }, 4, "12 events were lost: kernel ring" },
        { { .type = EVENT_EVENTS_LOST, .count = 1 }, 4, "1 event was lost" },
        { { .type = EVENT_RUN_STARTED }, 6, "Enforcement started (mode enforce)" },
        { { .type = EVENT_RUN_ENDED }, 6, "Enforcement ended (mode enforce)" },
        { { .type = EVENT_MODE_CHANGED, .mode = MODE_AUDIT, .detail = "enforce -> audit" }, 2,
          "Mode changed: enforce -> audit" },
        { { .type = EVENT_MODE_CHANGED, .mode = MODE_OFF, .scope = "host", .detail = "enforce -> off" }, 2,
          "Mode changed in scope host: enforce -> off" },
        { { .type = EVENT_MODE_CHANGED, .detail = "off -> enforce" }, 5, "Mode changed: off -> enforce" },
        { { .type = EVENT_POLICY_LOADED, .scope = "host", .policy_digest = "sha256:00" }, 5,
          "Policy of scope host loaded: sha256:00" },
        { { .type = EVENT_POLICY_REJECTED, .scope = "host", .policy_digest = "sha256:00", .detail = "a.json:3: no" }, 3,
          "Policy of scope host rejected, not in force (sha256:00): a.json:3: no" },
        { { .type = EVENT_ENFORCEMENT_STARTED, .mode = MODE_AUDIT, .scope = "host", .policy_digest = "sha256:00" }, 5,
          "Enforcement started (mode audit, scope host, policy sha256:00)" },
        { { .type = EVENT_ENFORCEMENT_ENDED }, 4, "Enforcement ended (mode enforce)" },
        { { .type = EVENT_ENFORCEMENT_RESUMED, .detail = "after a crash" }, 5,
          "Enforcement resumed (mode enforce): after a crash" },
        { { .type = EVENT_HOOK_LOST, .detail = "connect4" }, 2,
          "A hook was detached, enforcement has a gap: connect4" },
        { { .type = EVENT_PROXY_SHARED, .detail = "UDP [::1]:253" }, 2,
          "A socket of the DNS proxy is shared by another process: UDP [::1]:253" },
        { { .type = EVENT_STATE_NOT_KEPT, .detail = "No space left on device" }, 3,
          "The service manager does not keep the service's state: No space left on device" },
        { { .type = EVENT_JOB_BEGUN, .unit = "r.service" }, 6, "Job started in r.service" },
        { { .type = EVENT_JOB_ENDED, .unit = "r.service", .detail = "1 denied" }, 6,
          "Job ended in r.service: 1 denied" },
        { { .type = EVENT_PRIVILEGED_CALL, .pid = 7, .uid = 1000, .process = "busctl", .unit = "session-1.scope",
            .detail = "SetMode audit: denied" }, 5,
          "Privileged call by uid 1000, busctl[7] (session-1.scope): SetMode audit: denied" },
        { { .type = EVENT_CONNECTION_BLOCKED, .has_verdict = true, .reason = CW_REASON_FAULT, .mode = MODE_AUDIT }, 5,
          "Would deny: a process to an unknown destination, firewall state missing, failed closed" },
        { { .type = EVENT_PROTOCOL_BLOCKED, .has_verdict = true, .reason = CW_REASON_RAW_SOCKET, .process = "ping",
            .protocol = PROTOCOL_ICMP, .count = 1 }, 4,
          "Denied 1 more time: ping asked for a raw socket, raw sockets are refused" },
        { { .type = EVENT_PROTOCOL_BLOCKED, .has_verdict = true, .reason = CW_REASON_SOURCE_ROUTE, .process = "nc",
            .protocol = PROTOCOL_UDP }, 4,
          "Denied: nc set a socket option, source routing is refused" },
        { { .type = EVENT_PROTOCOL_BLOCKED, .has_verdict = true, .reason = CW_REASON_FAMILY, .process = "sh",
            .socket_family = 24 }, 4,
          "Denied: sh asked for a socket of AF_PPPOX, only sockets of families that can be judged are allowed" },
        { { .type = EVENT_PROTOCOL_BLOCKED, .has_verdict = true, .reason = CW_REASON_FAMILY, .mode = MODE_AUDIT,
            .socket_family = 99 }, 5,
          "Would deny: a process sent over a socket of AF_99, only sockets of families that can be judged are allowed" },
        { { .type = EVENT_PROTOCOL_BLOCKED, .has_verdict = true, .reason = CW_REASON_PROTOCOL, .protocol = 47,
            .hostname = "a.example" }, 4,
          "Denied: a process to a.example/gre, the protocol cannot be judged" },
        { { .type = EVENT_CONNECTION_ALLOWED, .has_verdict = true, .verdict = ACTION_ALLOW, .reason = CW_REASON_RULE,
            .matched_rule = "a.example", .process = "git", .pid = 5, .dst_port = 22 }, 6,
          "Allowed: git[5] to an unknown destination:22, rule a.example" },
        { { .type = EVENT_CONNECTION_ALLOWED, .has_verdict = true, .verdict = ACTION_ALLOW,
            .reason = CW_REASON_DEFAULT }, 6, "Allowed: a process to an unknown destination, the default action" },
        { { .type = EVENT_CONNECTION_BLOCKED, .has_verdict = true, .reason = CW_REASON_RULE,
            .matched_rule = "*.example", .hostname = "a.example", .dst_port = 443 }, 4,
          "Denied: a process to a.example:443, denied by rule *.example" },
        { { .type = EVENT_CONNECTION_BLOCKED, .has_verdict = true, .reason = CW_REASON_RULE,
            .hostname = "a.example" }, 4, "Denied: a process to a.example, a rule denies it" },
        { { .type = EVENT_EXISTING_CONNECTION, .has_verdict = true, .verdict = ACTION_ALLOW, .reason = CW_REASON_LOCAL,
            .hostname = "a.example" }, 6,
          "Allowed, a connection opened before enforcement began: a process to a.example, local" },
        { { .type = EVENT_EXISTING_CONNECTION, .has_verdict = true, .reason = CW_REASON_DEFAULT,
            .hostname = "a.example" }, 4,
          "Denied, a connection opened before enforcement began: a process to a.example, no rule allows it" },
        { { .type = EVENT_CONNECTION_CLOSED, .has_verdict = true, .verdict = ACTION_DENY, .mode = MODE_AUDIT,
            .hostname = "a.example", .bytes_out = 10, .bytes_in = UINT64_MAX }, 6,
          "Closed: a process to a.example, 10 bytes sent, 18446744073709551615 received" },
        { { .type = EVENT_DNS_BLOCKED, .has_verdict = true, .reason = CW_REASON_DEFAULT,
            .dns_reason = "new reason" }, 4,
          "Denied: a process asked for a name, new reason" },
};

START_TEST(test_sentences) {
        char buf[EVENT_MESSAGE_MAX];
        Event e = sentences[_i].e;

        ck_assert_str_eq(event_message_write(&e, buf), sentences[_i].message);
        ck_assert_int_eq(event_journal_priority(&e), sentences[_i].priority);
}
END_TEST

START_TEST(test_addresses) {
        static const struct {
                const char *hostname, *dst, *wanted;
        } cases[] = {
                { NULL, "203.0.113.66", " to 203.0.113.66:443/tcp," },
                { NULL, "2001:db8::7", " to [2001:db8::7]:443/tcp," },
                { "a.example", "2001:db8::7", " to a.example [2001:db8::7]:443/tcp," },
                { "a.example", NULL, " to a.example:443/tcp," },
        };
        char buf[EVENT_MESSAGE_MAX];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Event e = full();
                e.hostname = cases[i].hostname;
                e.has_dst = cases[i].dst != NULL;
                if (e.has_dst)
                        e.dst = addr(cases[i].dst);
                ck_assert_msg(strstr(event_message_write(&e, buf), cases[i].wanted), "%s: %s", cases[i].wanted, buf);
        }
}
END_TEST

/* Each type has an id, and no two the same; a would-be denial has its own. */
START_TEST(test_message_ids) {
        const char *ids[_EVENT_TYPE_MAX];

        for (int i = 0; i < _EVENT_TYPE_MAX; i++) {
                Event e = { .type = (EventType) i };
                ids[i] = event_journal_message_id(&e);
                ck_assert_ptr_nonnull(ids[i]);
                ck_assert_uint_eq(strspn(ids[i], "0123456789abcdef"), 32);
                ck_assert_uint_eq(strlen(ids[i]), 32);
                for (int k = 0; k < i; k++)
                        ck_assert_str_ne(ids[i], ids[k]);

                e = (Event) { .type = (EventType) i, .has_verdict = true, .verdict = ACTION_DENY, .mode = MODE_AUDIT };
                ck_assert_str_eq(event_journal_message_id(&e), event_is_denial(&e) ? MESSAGE_ID_WOULD_DENY : ids[i]);
                ck_assert_int_ge(event_journal_priority(&e), 2);
                ck_assert_int_le(event_journal_priority(&e), 6);
        }
}
END_TEST

/* Each line is KEY=value with a key the journal takes and no control character. */
static size_t check_record(const char *buf, size_t n) {
        size_t fields = 0;

        ck_assert_uint_gt(n, 0);
        ck_assert_int_eq(buf[n - 1], '\n');
        for (const char *p = buf, *end; p < buf + n; p = end + 1, fields++) {
                size_t length = strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

                end = strchr(p, '\n');
                ck_assert_ptr_nonnull(end);
                ck_assert_uint_le(length, 64);
                ck_assert_msg(p[length] == '=' && *p != '_' && length > 0, "%.80s", p);
                const char *c = p;
                while (c < end && (uint8_t) *c >= 0x20 && *c != 0x7f)
                        c++;
                ck_assert_ptr_eq(c, end);
        }
        return fields;
}

static const char *const texts[] = { "\x01", "\xff", "a\nCARGOWALL_PID=1\n", "\\", "é", "\xe2\x80\xa8", "😀", "a",
                                     "##", " ", "=" };

START_TEST(test_worst_case) {
        static const size_t lengths[] = { 1, 2, 15, 16, 63, 64, 95, 96, 97, 255, 256, 511, 512, 513, 767, 768, 1023,
                                          1024, 1025, 9000 };
        static char text[9001], keyed[EVENT_LABELS_MAX + 1][sizeof(text) + EVENT_LABEL_KEY_MAX + 1];
        const char *many[EVENT_LABELS_MAX + 1];
        char buf[EVENT_JOURNAL_MAX + 16];

        for (size_t i = 0; i < ELEMENTSOF(lengths); i++) {
                size_t k = strlen(texts[_i]), n = 0;
                for (; n + k <= lengths[i]; n += k)
                        memcpy(text + n, texts[_i], k);
                text[n] = '\0';
                for (size_t l = 0; l <= EVENT_LABELS_MAX; l++) {
                        (void) snprintf(keyed[l], sizeof(keyed[l]), "%0*zu=%s", EVENT_LABEL_KEY_MAX, l, text);
                        many[l] = keyed[l];
                }

                Event e = full();
                e.sequence = e.bytes_out = e.bytes_in = e.duration_usec = e.count = UINT64_MAX;
                e.pid = e.tid = e.uid = UINT32_MAX;
                e.src_port = e.dst_port = UINT16_MAX;
                e.protocol = 254;
                memset(&e.src, 0x11, sizeof(e.src));
                memset(&e.dst, 0x11, sizeof(e.dst));
                e.hostname = e.query_type = e.dns_reason = e.matched_rule = e.automatic = e.scope = text;
                e.policy_digest = e.process = e.executable = e.cgroup = e.unit = e.detail = text;
                e.labels = many;
                e.n_labels = EVENT_LABELS_MAX + 1;
                for (int type = 0; type < _EVENT_TYPE_MAX; type++) {
                        e.type = (EventType) type;
                        e.reason = type % 2 ? CW_REASON_RULE : CW_REASON_DEFAULT;
                        memset(buf, 'Z', sizeof(buf));
                        size_t written = event_journal_write(&e, buf);
                        ck_assert_uint_lt(written, EVENT_JOURNAL_MAX);
                        ck_assert_int_eq(buf[EVENT_JOURNAL_MAX], 'Z');
                        ck_assert_uint_gt(check_record(buf, written), 10);
                        size_t message = (size_t) (strchr(buf, '\n') - buf) - strlen("MESSAGE=");
                        ck_assert_uint_lt(message, EVENT_MESSAGE_MAX - 1);
                }
        }
}
END_TEST

/* The number of the last label shows that 16 and no more are written. */
START_TEST(test_label_limit) {
        const char *many[EVENT_LABELS_MAX + 1];
        char buf[EVENT_JOURNAL_MAX];
        Event e = full();

        for (size_t i = 0; i < EVENT_LABELS_MAX; i++)
                many[i] = "k=v";
        many[EVENT_LABELS_MAX] = "last=v";
        e.labels = many;
        e.n_labels = EVENT_LABELS_MAX + 1;
        (void) event_journal_write(&e, buf);
        ck_assert_ptr_null(strstr(buf, "JOB_LAST"));
        e.labels = many + 1;
        e.n_labels = EVENT_LABELS_MAX;
        (void) event_journal_write(&e, buf);
        ck_assert_ptr_nonnull(strstr(buf, "\nCARGOWALL_JOB_LAST=v\n"));
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("event-journal");
        TCase *t = tcase_create("event-journal");

        tcase_add_test(t, test_full);
        tcase_add_test(t, test_dns);
        tcase_add_loop_test(t, test_sentences, 0, ELEMENTSOF(sentences));
        tcase_add_test(t, test_addresses);
        tcase_add_test(t, test_message_ids);
        tcase_add_loop_test(t, test_worst_case, 0, ELEMENTSOF(texts));
        tcase_add_test(t, test_label_limit);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
