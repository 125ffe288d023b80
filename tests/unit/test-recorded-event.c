/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/recorded-event.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"

#define HEAD "{\"timestamp\":\"2023-11-14T22:13:20.123456Z\",\"schema_version\":1,\"sequence\":1,"
#define ALLOWED HEAD "\"event_type\":\"connection_allowed\",\"verdict\":\"allow\",\"blocked\":false,\"would_deny\":false,"
#define DENIED HEAD "\"event_type\":\"connection_blocked\",\"verdict\":\"deny\",\"blocked\":true,\"would_deny\":false,"
#define QUERY HEAD "\"event_type\":\"dns_blocked\",\"verdict\":\"deny\",\"blocked\":true,\"would_deny\":false,"
#define TO "\"reason\":\"rule\",\"dst_ip\":\"203.0.113.5\",\"dst_port\":443,\"protocol\":\"TCP\""

static int read_text(const char *line, RecordedEvent *ret) {
        size_t n = strlen(line);
        char *copy = malloc(n + !n); /* of the exact size: reading past its end is seen by the sanitizers */

        ck_assert_ptr_nonnull(copy);
        memcpy(copy, line, n);
        int r = recorded_event_read(copy, n, ret);
        free(copy);
        return r;
}

START_TEST(test_connection) {
        RecordedEvent e;
        char addr[IN_ADDR_TEXT_MAX];

        ck_assert_int_eq(read_text(ALLOWED TO ",\"dst_hostname\":\"WWW.example\",\"cname_chain\":[\"www.example\","
                                   "\"not a name\",7,\"edge.cdn.example\"],\"process\":\"cu\\u001brl\",\"count\":3}\r", &e),
                         RECORDED_LINE_EVENT);
        ck_assert_int_eq(e.kind, RECORDED_CONNECTION);
        ck_assert_int_eq(e.verdict, RECORDED_ALLOWED);
        ck_assert_str_eq(e.destination.name, "");
        ck_assert_str_eq(in_addr_format(&e.destination.addr, addr), "203.0.113.5");
        ck_assert_uint_eq(e.destination.port, 443);
        ck_assert_uint_eq(e.destination.protocol, PROTOCOL_TCP);
        ck_assert_uint_eq(e.n_names, 2);
        ck_assert_str_eq(e.names[0], "www.example");
        ck_assert_str_eq(e.names[1], "edge.cdn.example");
        ck_assert_uint_eq(e.count, 3);
        ck_assert(!e.automatic);
        ck_assert_str_eq(e.time, "2023-11-14T22:13:20.123456Z");
        ck_assert_str_eq(e.process, "cu\033rl");

        ck_assert_int_eq(read_text(ALLOWED TO ",\"auto_allowed_type\":\"dns\"}", &e), RECORDED_LINE_EVENT);
        ck_assert(e.automatic && e.n_names == 0 && e.count == 1 && e.process[0] == '\0');
}
END_TEST

START_TEST(test_query) {
        static const struct { const char *type; bool for_addresses; } types[] = {
                { "A", true }, { "AAAA", true }, { "TXT", false }, { "SRV", false },
        };
        char line[1024];
        RecordedEvent e;

        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                snprintf(line, sizeof(line), QUERY "\"reason\":\"default\",\"dst_hostname\":\"evil.example\","
                         "\"dns_reason\":\"policy\",\"query_type\":\"%s\"}", types[i].type);
                ck_assert_int_eq(read_text(line, &e), RECORDED_LINE_EVENT);
                ck_assert_int_eq(e.kind, RECORDED_QUERY);
                ck_assert_int_eq(e.verdict, RECORDED_DENIED);
                ck_assert_str_eq(e.names[0], "evil.example");
                ck_assert(e.for_addresses == types[i].for_addresses);
        }
}
END_TEST

static const struct {
        const char *line;
        RecordedLine kind;
} lines[] = {
        { "", RECORDED_LINE_NOT_JSON },
        { "{", RECORDED_LINE_CUT },
        { HEAD, RECORDED_LINE_CUT },
        { ALLOWED TO ",\"process\":\"cu", RECORDED_LINE_CUT },
        { "curl: connected", RECORDED_LINE_NOT_JSON },
        { "[]", RECORDED_LINE_NOT_JSON },
        { "null", RECORDED_LINE_NOT_JSON },
        { ALLOWED TO "}}", RECORDED_LINE_NOT_JSON },
        { ALLOWED TO "}{}", RECORDED_LINE_NOT_JSON },
        { "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}}", RECORDED_LINE_NOT_JSON },
        { "{}", RECORDED_LINE_INVALID },
        { "{\"schema_version\":2,\"event_type\":7}", RECORDED_LINE_NEWER },
        { "{\"schema_version\":-1,\"event_type\":\"connection_allowed\"}", RECORDED_LINE_INVALID },
        { HEAD "\"event_type\":\"run_started\"}", RECORDED_LINE_OTHER },
        { HEAD "\"event_type\":\"connection_closed\",\"verdict\":\"allow\"," TO "}", RECORDED_LINE_OTHER },
        { HEAD "\"event_type\":\"existing_connection\"}", RECORDED_LINE_OTHER },
        { HEAD "\"event_type\":\"new_type\"}", RECORDED_LINE_OTHER },
        { HEAD "\"event_type\":\"events_lost\",\"count\":12}", RECORDED_LINE_LOST },
        { HEAD "\"event_type\":\"connections_suppressed\",\"count\":12}", RECORDED_LINE_SUPPRESSED },
        { HEAD "\"event_type\":\"queries_suppressed\",\"count\":12}", RECORDED_LINE_SUPPRESSED },
        { HEAD "\"event_type\":\"queries_suppressed\",\"count\":-12}", RECORDED_LINE_INVALID },
        { DENIED TO "}", RECORDED_LINE_EVENT },
        { DENIED TO ",\"count\":0}", RECORDED_LINE_INVALID },
        { DENIED TO ",\"count\":\"7\"}", RECORDED_LINE_INVALID },
        { DENIED TO ",\"dst_hostname\":\"not a name\"}", RECORDED_LINE_INVALID },
        { DENIED TO ",\"dst_hostname\":\"\"}", RECORDED_LINE_INVALID },
        { DENIED TO ",\"dst_hostname\":\"a.example\\u0000.b\"}", RECORDED_LINE_INVALID },
        { DENIED "\"reason\":\"default\",\"dst_ip\":\"::1\",\"protocol\":\"ICMPv6\"}", RECORDED_LINE_EVENT },
        { DENIED "\"reason\":\"default\",\"dst_ip\":\"192.0.2.1\",\"protocol\":\"GRE\"}", RECORDED_LINE_FIXED },
        { DENIED "\"reason\":\"default\",\"dst_ip\":\"192.0.2.1\",\"dst_port\":65536,\"protocol\":\"TCP\"}",
          RECORDED_LINE_INVALID },
        { DENIED "\"reason\":\"default\",\"dst_ip\":\"192.0.2.256\",\"dst_port\":1,\"protocol\":\"TCP\"}",
          RECORDED_LINE_INVALID },
        { DENIED "\"reason\":\"default\",\"dst_ip\":\"192.0.2.1\",\"dst_port\":1}", RECORDED_LINE_INVALID },
        { DENIED "\"dst_ip\":\"192.0.2.1\",\"dst_port\":1,\"protocol\":\"TCP\"}", RECORDED_LINE_INVALID },
        { DENIED "\"reason\":\"dns\",\"dst_ip\":\"192.0.2.1\",\"dst_port\":53,\"protocol\":\"UDP\"}", RECORDED_LINE_FIXED },
        { ALLOWED "\"reason\":\"local\",\"dst_ip\":\"127.0.0.1\",\"dst_port\":1,\"protocol\":\"TCP\"}", RECORDED_LINE_FIXED },
        { HEAD "\"event_type\":\"protocol_blocked\",\"verdict\":\"deny\",\"would_deny\":true,\"reason\":\"raw_socket\"}",
          RECORDED_LINE_FIXED },
        { HEAD "\"event_type\":\"connection_blocked\",\"verdict\":\"deny\",\"blocked\":false,\"would_deny\":false," TO "}",
          RECORDED_LINE_INVALID },
        { HEAD "\"event_type\":\"connection_allowed\"," TO "}", RECORDED_LINE_INVALID },
        { QUERY "\"dst_hostname\":\"a.example\",\"dns_reason\":\"rebinding\"}", RECORDED_LINE_FIXED },
        { QUERY "\"dns_reason\":\"policy\"}", RECORDED_LINE_INVALID },
        { "{\"timestamp\":\"2023-11-14 22:13:20\",\"schema_version\":1,\"event_type\":\"connection_blocked\","
          "\"verdict\":\"deny\",\"blocked\":true," TO "}", RECORDED_LINE_INVALID },
        { "{\"timestamp\":\"2023-11-14T22:13:20.12345\\u001bZ\",\"schema_version\":1,\"event_type\":\"connection_blocked\","
          "\"verdict\":\"deny\",\"blocked\":true," TO "}", RECORDED_LINE_INVALID },
};

START_TEST(test_lines) {
        RecordedEvent e = { .count = 77 };

        ck_assert_msg(read_text(lines[_i].line, &e) == (int) lines[_i].kind, "%s: %d", lines[_i].line,
                      read_text(lines[_i].line, &e));
        ck_assert_msg((e.count == 77) == (lines[_i].kind > RECORDED_LINE_FIXED), "%s", lines[_i].line);
        if (lines[_i].kind == RECORDED_LINE_LOST || lines[_i].kind == RECORDED_LINE_SUPPRESSED)
                ck_assert_uint_eq(e.count, 12);
}
END_TEST

START_TEST(test_embedded_nul) {
        static const char after[] = ALLOWED TO "}\0x", within[] = "{\"a\"\0:1}";
        RecordedEvent e;

        ck_assert_int_eq(recorded_event_read(after, sizeof(after) - 1, &e), RECORDED_LINE_NOT_JSON);
        ck_assert_int_eq(recorded_event_read(within, sizeof(within) - 1, &e), RECORDED_LINE_NOT_JSON);
}
END_TEST

/* One alias more than the proxy follows is no event of ours. */
START_TEST(test_aliases_bound) {
        for (int n = RECORDED_NAMES_MAX; n <= RECORDED_NAMES_MAX + 1; n++) {
                char line[4096] = ALLOWED TO ",\"dst_hostname\":\"a.example\",\"cname_chain\":[\"a.example\"";
                RecordedEvent e;

                for (int i = 1; i < n; i++)
                        strcat(line, ",\"b.example\"");
                strcat(line, "]}");
                ck_assert_int_eq(read_text(line, &e), n <= RECORDED_NAMES_MAX ? RECORDED_LINE_EVENT : RECORDED_LINE_INVALID);
                if (n <= RECORDED_NAMES_MAX)
                        ck_assert_uint_eq(e.n_names, RECORDED_NAMES_MAX);
        }
}
END_TEST

/* All that the encoder writes is understood. */
START_TEST(test_golden) {
        const char *data = getenv("CARGOWALL_TEST_DATA");
        size_t n_kinds[_RECORDED_LINE_MAX] = {}, size = 0, n_lines = 0;
        char path[4096], *line = NULL;
        ssize_t n;

        ck_assert_ptr_nonnull(data);
        snprintf(path, sizeof(path), "%s/unit/data/events.ndjson", data);
        FILE *f = fopen(path, "re");
        ck_assert_ptr_nonnull(f);
        while ((n = getline(&line, &size, f)) > 0) {
                RecordedEvent e;
                int r = recorded_event_read(line, (size_t) n - 1, &e);

                ck_assert_int_ge(r, 0);
                n_kinds[r]++;
                n_lines++;
        }
        free(line);
        fclose(f);
        ck_assert_uint_eq(n_kinds[RECORDED_LINE_EVENT] + n_kinds[RECORDED_LINE_LOST] + n_kinds[RECORDED_LINE_SUPPRESSED] +
                          n_kinds[RECORDED_LINE_FIXED] + n_kinds[RECORDED_LINE_OTHER], n_lines);
        ck_assert_uint_eq(n_kinds[RECORDED_LINE_EVENT], 5);
}
END_TEST

START_TEST(test_origin) {
        static const char job[] = ",\"scope\":\"runners\",\"unit\":\"a.service\",\"job\":{\"run_id\":\"7\",\"n\":7,"
                                  "\"ref\":\"\"}";
        char line[8192];
        RecordedEvent e;

        snprintf(line, sizeof(line), ALLOWED TO "%s}", job);
        ck_assert_int_eq(read_text(line, &e), RECORDED_LINE_EVENT);
        ck_assert_str_eq(e.scope, "runners");
        ck_assert_str_eq(e.unit, "a.service");
        ck_assert_str_eq(e.reason, "rule");
        ck_assert_uint_eq(e.n_labels, 2);
        ck_assert_str_eq(e.labels[0].key, "run_id");
        ck_assert_str_eq(e.labels[0].value, "7");
        ck_assert_str_eq(e.labels[1].value, "");

        /* Also of what has no decision. */
        snprintf(line, sizeof(line), HEAD "\"event_type\":\"connections_suppressed\",\"count\":3%s}", job);
        ck_assert_int_eq(read_text(line, &e), RECORDED_LINE_SUPPRESSED);
        ck_assert_str_eq(e.scope, "runners");
        ck_assert_uint_eq(e.n_labels, 2);

        /* More labels, longer keys and values than there can be are left out. */
        size_t n = (size_t) snprintf(line, sizeof(line), ALLOWED TO ",\"job\":{\"%060d\":\"x\",\"y\":\"%0300d\"", 0, 0);
        for (int i = 0; i < 20; i++)
                n += (size_t) snprintf(line + n, sizeof(line) - n, ",\"k%d\":\"v\"", i);
        snprintf(line + n, sizeof(line) - n, "}}");
        ck_assert_int_eq(read_text(line, &e), RECORDED_LINE_EVENT);
        ck_assert_uint_eq(e.n_labels, RECORDED_LABELS_MAX);
        ck_assert_str_eq(e.labels[0].key, "k0");
}
END_TEST

/* What is there of a destination that no policy decides about. */
START_TEST(test_fixed_destination) {
        char addr[IN_ADDR_TEXT_MAX];
        RecordedEvent e;

        ck_assert_int_eq(read_text(DENIED "\"reason\":\"dns\",\"dst_ip\":\"203.0.113.5\",\"dst_port\":53,"
                                   "\"protocol\":\"UDP\"}", &e), RECORDED_LINE_FIXED);
        ck_assert_str_eq(e.reason, "dns");
        ck_assert_str_eq(in_addr_format(&e.destination.addr, addr), "203.0.113.5");
        ck_assert_uint_eq(e.destination.port, 53);
        ck_assert_uint_eq(e.destination.protocol, PROTOCOL_UDP);
        ck_assert_int_eq(read_text(QUERY "\"reason\":\"dns\",\"dns_reason\":\"rebinding\",\"dst_hostname\":\"A.example\"}",
                                   &e), RECORDED_LINE_FIXED);
        ck_assert_int_eq(e.kind, RECORDED_QUERY);
        ck_assert_str_eq(e.reason, "rebinding");
        ck_assert_str_eq(e.names[0], "a.example");
        ck_assert_int_eq(read_text(DENIED "\"reason\":\"raw_socket\",\"protocol\":\"ICMP\"}", &e), RECORDED_LINE_FIXED);
        ck_assert(e.n_names == 0 && e.destination.protocol == 0);
}
END_TEST

/* As `journalctl -o json` prints them, with some of the fields that journald adds. */
#define RECORD "{\"__CURSOR\":\"s=1\",\"__REALTIME_TIMESTAMP\":\"1700000000123456\",\"_SYSTEMD_UNIT\":\"cargowalld.service\"," \
               "\"_PID\":\"7\",\"MESSAGE\":[1,2],\"PRIORITY\":\"4\","

START_TEST(test_journal) {
        RecordedEvent e;

        ck_assert_int_eq(read_text(RECORD "\"CARGOWALL_EVENT\":\"connection_blocked\",\"CARGOWALL_VERDICT\":\"would_deny\","
                "\"CARGOWALL_REASON\":\"default\",\"CARGOWALL_MODE\":\"audit\",\"CARGOWALL_DST_IP\":\"203.0.113.5\","
                "\"CARGOWALL_DST_PORT\":\"443\",\"CARGOWALL_DST_HOST\":\"www.example\",\"CARGOWALL_PROTOCOL\":\"TCP\","
                "\"CARGOWALL_SCOPE\":\"runners\",\"CARGOWALL_COMM\":\"curl\",\"CARGOWALL_UNIT\":\"a.service\","
                "\"CARGOWALL_JOB_RUN_ID\":\"7\",\"CARGOWALL_COUNT\":\"12\"}", &e), RECORDED_LINE_EVENT);
        ck_assert(e.kind == RECORDED_CONNECTION && e.verdict == RECORDED_WOULD_DENY && !e.by_rule && e.count == 12);
        ck_assert_str_eq(e.time, "2023-11-14T22:13:20.123456Z");
        ck_assert_str_eq(e.names[0], "www.example");
        ck_assert(e.destination.port == 443 && e.destination.protocol == PROTOCOL_TCP);
        ck_assert_str_eq(e.process, "curl");
        ck_assert_str_eq(e.scope, "runners");
        ck_assert_str_eq(e.unit, "a.service");
        ck_assert(e.n_labels == 1 && strcmp(e.labels[0].key, "run_id") == 0 && strcmp(e.labels[0].value, "7") == 0);

        ck_assert_int_eq(read_text(RECORD "\"CARGOWALL_EVENT\":\"dns_blocked\",\"CARGOWALL_VERDICT\":\"deny\","
                "\"CARGOWALL_REASON\":\"rule\",\"CARGOWALL_DST_HOST\":\"evil.example\",\"CARGOWALL_QNAME\":\"evil.example\","
                "\"CARGOWALL_QTYPE\":\"A\",\"CARGOWALL_DNS_REASON\":\"policy\"}", &e), RECORDED_LINE_EVENT);
        ck_assert(e.kind == RECORDED_QUERY && e.verdict == RECORDED_DENIED && e.by_rule && e.for_addresses);
        ck_assert_str_eq(e.names[0], "evil.example");

        ck_assert_int_eq(read_text(RECORD "\"CARGOWALL_EVENT\":\"mode_changed\"}", &e), RECORDED_LINE_OTHER);
}
END_TEST

/* Everybody can write to the journal. */
START_TEST(test_journal_forged) {
        static const char event[] = "\"CARGOWALL_EVENT\":\"connection_allowed\",\"CARGOWALL_VERDICT\":\"allow\","
                "\"CARGOWALL_REASON\":\"rule\",\"CARGOWALL_DST_IP\":\"203.0.113.66\",\"CARGOWALL_DST_PORT\":\"%s\","
                "\"CARGOWALL_PROTOCOL\":\"TCP\",\"CARGOWALL_DST_HOST\":\"evil.example\"}";
        static const struct {
                const char *begin, *port;
                RecordedLine line;
        } records[] = {
                { RECORD, "443", RECORDED_LINE_EVENT },
                { RECORD, "443x", RECORDED_LINE_INVALID },
                { RECORD, "-1", RECORDED_LINE_INVALID },
                { RECORD, "99999999999999999999", RECORDED_LINE_INVALID },
                { "{\"__REALTIME_TIMESTAMP\":\"1700000000123456\",", "443", RECORDED_LINE_INVALID },
                { "{\"__REALTIME_TIMESTAMP\":\"1700000000123456\",\"_SYSTEMD_UNIT\":\"evil.service\",", "443", RECORDED_LINE_INVALID },
                { "{\"__REALTIME_TIMESTAMP\":\"1700000000123456\",\"_SYSTEMD_UNIT\":[\"cargowalld.service\"],", "443",
                  RECORDED_LINE_INVALID },
                { "{\"_SYSTEMD_UNIT\":\"cargowalld.service\",", "443", RECORDED_LINE_INVALID },
                { "{\"__REALTIME_TIMESTAMP\":\"x\",\"_SYSTEMD_UNIT\":\"cargowalld.service\",", "443", RECORDED_LINE_INVALID },
        };
        char begin[1024], text[2048];
        RecordedEvent e;

        for (size_t i = 0; i < ELEMENTSOF(records); i++) {
                (void) snprintf(begin, sizeof(begin), "%s%s", records[i].begin, event);
                const char *place = strstr(begin, "%s");
                (void) snprintf(text, sizeof(text), "%.*s%s%s", (int) (place - begin), begin, records[i].port, place + 2);
                ck_assert_msg(read_text(text, &e) == (int) records[i].line, "%zu: %s", i, text);
        }
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("recorded-event");
        TCase *t = tcase_create("recorded-event");

        tcase_add_test(t, test_connection);
        tcase_add_test(t, test_query);
        tcase_add_loop_test(t, test_lines, 0, ELEMENTSOF(lines));
        tcase_add_test(t, test_embedded_nul);
        tcase_add_test(t, test_aliases_bound);
        tcase_add_test(t, test_golden);
        tcase_add_test(t, test_origin);
        tcase_add_test(t, test_fixed_destination);
        tcase_add_test(t, test_journal);
        tcase_add_test(t, test_journal_forged);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
