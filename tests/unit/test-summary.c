/* SPDX-License-Identifier: Apache-2.0 */
#include "event/summary.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "conformance.h"
#include "policy/port.h"

static const uint8_t key[16] = "0123456789abcdef";

static Summary *summary(Mode mode) {
        Summary *s;

        ck_assert_int_eq(summary_new(mode, key, &s), 0);
        return s;
}

static InAddr addr(const char *text) {
        InAddr a;

        ck_assert_int_eq(in_addr_parse(text, &a), 0);
        return a;
}

static Event event(EventType type, const char *hostname, const char *address, uint16_t port) {
        Event e = {
                .type = type,
                .has_verdict = true,
                .verdict = ACTION_DENY,
                .reason = CW_REASON_DEFAULT,
                .hostname = hostname,
                .has_dst = address != NULL,
                .dst_port = port,
                .protocol = PROTOCOL_TCP,
                .rule = RULE_NONE,
                .pid = 123,
                .process = "curl",
        };
        if (address)
                e.dst = addr(address);
        if (type == EVENT_CONNECTION_ALLOWED || type == EVENT_CONNECTION_CLOSED)
                e.verdict = ACTION_ALLOW;
        return e;
}

static void add(Summary *s, Event e, unsigned times) {
        for (unsigned i = 0; i < times; i++)
                ck_assert_int_eq(summary_add(s, &e), 0);
}

static char *format(const Summary *s, SummaryFormat f) {
        char *text;
        size_t size;

        ck_assert_int_eq(summary_format(s, f, &text, &size), 0);
        ck_assert_uint_eq(strlen(text), size);
        return text;
}

static void check_format(const Summary *s, SummaryFormat f, const char *wanted) {
        char *text = format(s, f);

        ck_assert_str_eq(text, wanted);
        free(text);
}

static Summary *sample(Mode mode) {
        Summary *s = summary(mode);

        Event e = event(EVENT_CONNECTION_ALLOWED, "github.com", "203.0.113.5", 443);
        add(s, e, 3);
        e.type = EVENT_CONNECTION_CLOSED;
        e.bytes_out = 400000;
        e.bytes_in = 11444444;
        add(s, e, 3);
        e = event(EVENT_CONNECTION_ALLOWED, NULL, "2001:db8::9", 53);
        e.protocol = PROTOCOL_UDP;
        add(s, e, 1);

        e = event(EVENT_DNS_BLOCKED, "evil.example", NULL, 53);
        e.dns_reason = "policy";
        e.mode = mode;
        add(s, e, 2);
        e = event(EVENT_CONNECTION_BLOCKED, NULL, "203.0.113.7", 443);
        e.process = "python3";
        e.pid = 456;
        e.mode = mode;
        add(s, e, 1);
        e = event(EVENT_PROTOCOL_BLOCKED, NULL, NULL, 0);
        e.protocol = PROTOCOL_ICMP;
        e.reason = CW_REASON_RAW_SOCKET;
        e.pid = 0;
        e.mode = mode;
        add(s, e, 1);
        summary_add_lost(s, 2, "kernel ring");
        summary_add_lost(s, 0, "log file");
        summary_add_lost(s, 3, "kernel ring");
        return s;
}

START_TEST(test_text) {
        Summary *s = sample(MODE_ENFORCE);

        check_format(s, SUMMARY_TEXT,
                     "cargowall: enforce, 2 destinations allowed, 3 denied\n"
                     "  allowed  github.com:443/tcp     3 connections, 1.2 MB out, 34 MB in\n"
                     "  allowed  [2001:db8::9]:53/udp   1 connection\n"
                     "  denied   evil.example (DNS)     2 queries      curl (pid 123)      "
                     "allow with: --allow evil.example\n"
                     "  denied   raw socket (ICMP)      1 attempt                          raw sockets are refused\n"
                     "  denied   203.0.113.7:443/tcp    1 connection   python3 (pid 456)   "
                     "allow with: --allow-cidr 203.0.113.7:443\n"
                     "  5 events lost (kernel ring)\n");
        ck_assert_uint_eq(summary_n_denied(s), 4);
        summary_free(s);

        s = sample(MODE_AUDIT);
        char *text = format(s, SUMMARY_TEXT);
        ck_assert_ptr_nonnull(strstr(text, "cargowall: audit, 2 destinations allowed, 3 would be denied\n"));
        ck_assert_ptr_nonnull(strstr(text, "\n  allowed     github.com:443/tcp "));
        ck_assert_ptr_nonnull(strstr(text, "\n  would deny  evil.example (DNS) "));
        ck_assert_ptr_null(strstr(text, "denied "));
        ck_assert_uint_eq(summary_n_denied(s), 4);
        free(text);
        summary_free(s);

        s = summary(MODE_ENFORCE);
        check_format(s, SUMMARY_TEXT, "cargowall: enforce, 0 destinations allowed, 0 denied\n");
        check_format(s, SUMMARY_NONE, "");
        summary_free(s);
}
END_TEST

/* Of resolvers: no denials. Each name and cause once, the rest as a number. */
START_TEST(test_failures) {
        Summary *s = summary(MODE_ENFORCE);
        Event e = event(EVENT_UPSTREAM_FAILED, "github.com", NULL, 0);

        e.detail = "upstream 192.0.2.1:53 did not answer";
        e.count = 1;
        add(s, e, 3);
        check_format(s, SUMMARY_TEXT,
                     "cargowall: enforce, 0 destinations allowed, 0 denied\n"
                     "  did not resolve: github.com: upstream 192.0.2.1:53 did not answer\n");
        char *json = format(s, SUMMARY_JSON);
        ck_assert_ptr_nonnull(strstr(json, "\"unresolved\":[\"github.com: upstream 192.0.2.1:53 did not answer\"],"
                                           "\"more_unresolved\":0,"));
        free(json);
        ck_assert_uint_eq(summary_n_denied(s), 0);
        for (char name[] = "a.example"; name[0] <= 'z'; name[0]++) {
                e.hostname = name;
                add(s, e, 1);
        }
        char *text = format(s, SUMMARY_TEXT);
        ck_assert_ptr_nonnull(strstr(text, "  did not resolve: g.example: "));
        ck_assert_ptr_null(strstr(text, "h.example"));
        ck_assert_ptr_nonnull(strstr(text, "\n  19 further look-ups did not resolve\n"));
        free(text);
        summary_free(s);
}
END_TEST

/* seconds: between the first refusal and the last. The pattern is the pause, not the number: an installation asks for many
 * packages of one registry. */
static const struct {
        const char *process;
        unsigned seconds;
        const char *words; /* NULL: no advice */
} pauses[] = {
        { "npm", 10, "fetch-retries=0" }, { "npm install x", 70, "fetch-retries=0" },
        { "npm", 2, NULL },               { "npm", 0, NULL },
        { "npmrc-convert", 70, NULL },    { "pip", 8, "PIP_RETRIES=0" },
        { "pip3", 8, "PIP_RETRIES=0" },   { "pip3", 1, NULL },
        { "curl", 70, NULL },             { "", 70, NULL },
};

START_TEST(test_advice) {
        const char *words = pauses[_i].words;
        Summary *s = summary(MODE_ENFORCE), *audit = summary(MODE_AUDIT);
        Event e = event(EVENT_DNS_BLOCKED, "registry.example", NULL, 53);

        e.process = pauses[_i].process;
        e.dns_reason = "policy";
        for (unsigned k = 0; k < 3; k++) {
                e.time_usec = UINT64_C(1700000000000000) + k * UINT64_C(500000) * pauses[_i].seconds;
                e.mode = MODE_ENFORCE;
                e.query_type = "A";
                add(s, e, 1);
                e.query_type = "AAAA";
                add(s, e, 1);
                e.mode = MODE_AUDIT; /* nothing was refused */
                add(audit, e, 1);
        }
        for (SummaryFormat f = SUMMARY_TEXT; f <= SUMMARY_MARKDOWN; f++) {
                char *text = format(s, f), *first = strstr(text, words ?: "repeat");
                ck_assert_msg((first != NULL) == (words != NULL), "%s", text);
                ck_assert_msg(!first || !strstr(first + 1, words), "more than once: %s", text);
                free(text);
                text = format(audit, f);
                ck_assert_ptr_null(strstr(text, "repeat"));
                free(text);
        }
        summary_free(s);
        summary_free(audit);
}
END_TEST

START_TEST(test_json) {
        Summary *s = sample(MODE_ENFORCE);

        check_format(s, SUMMARY_JSON,
                     "{\"schema_version\":1,\"mode\":\"enforce\",\"totals\":{\"events\":8,\"allowed\":4,\"denied\":4,"
                     "\"would_deny\":0,\"auto_allowed\":0,\"unique_hostnames\":2},\"destinations\":["
                     "{\"kind\":\"connection\",\"verdict\":\"allow\",\"blocked\":false,\"would_deny\":false,"
                     "\"hostname\":\"github.com\",\"address\":\"203.0.113.5\",\"port\":443,\"protocol\":\"TCP\","
                     "\"count\":3,\"bytes_out\":1200000,\"bytes_in\":34333332,\"reason\":\"default\","
                     "\"process\":\"curl\",\"pid\":123},"
                     "{\"kind\":\"connection\",\"verdict\":\"allow\",\"blocked\":false,\"would_deny\":false,"
                     "\"address\":\"2001:db8::9\",\"port\":53,\"protocol\":\"UDP\",\"count\":1,\"reason\":\"default\","
                     "\"process\":\"curl\",\"pid\":123},"
                     "{\"kind\":\"dns\",\"verdict\":\"deny\",\"blocked\":true,\"would_deny\":false,"
                     "\"hostname\":\"evil.example\",\"count\":2,\"reason\":\"default\",\"dns_reason\":\"policy\","
                     "\"explanation\":\"no rule allows the name\",\"allow_with\":\"--allow evil.example\","
                     "\"process\":\"curl\",\"pid\":123},"
                     "{\"kind\":\"protocol\",\"verdict\":\"deny\",\"blocked\":true,\"would_deny\":false,"
                     "\"protocol\":\"ICMP\",\"count\":1,\"reason\":\"raw_socket\","
                     "\"explanation\":\"raw sockets are refused\"},"
                     "{\"kind\":\"connection\",\"verdict\":\"deny\",\"blocked\":true,\"would_deny\":false,"
                     "\"address\":\"203.0.113.7\",\"port\":443,\"protocol\":\"TCP\",\"count\":1,\"reason\":\"default\","
                     "\"explanation\":\"no rule allows it\",\"allow_with\":\"--allow-cidr 203.0.113.7:443\","
                     "\"process\":\"python3\",\"pid\":456}],"
                     "\"unlisted\":{\"allowed\":0,\"denied\":0,\"would_deny\":0},"
                     "\"advice\":[],\"unresolved\":[],\"more_unresolved\":0,\"lost\":[{\"count\":5,\"where\":\"kernel ring\"}]}\n");
        summary_free(s);
}
END_TEST

START_TEST(test_markdown) {
        Summary *s = sample(MODE_ENFORCE);

        check_format(s, SUMMARY_MARKDOWN,
                     "### CargoWall: enforce\n\n"
                     "2 allowed, 3 denied, 0 would be denied (destinations)\n\n"
                     "| Verdict | Destination | Port | Count | Bytes | Process | Allow with, or reason |\n"
                     "|---|---|---|---|---|---|---|\n"
                     "| allowed | github.com | 443 TCP | 3 connections | 1.2 MB out, 34 MB in | curl (pid 123) |  |\n"
                     "| allowed | 2001&#58;db8&#58;&#58;9 | 53 UDP | 1 connection |  | curl (pid 123) |  |\n"
                     "| denied | evil.example | DNS | 2 queries |  | curl (pid 123) | `--allow evil.example` |\n"
                     "| denied | raw socket | ICMP | 1 attempt |  |  | raw sockets are refused |\n"
                     "| denied | 203.0.113.7 | 443 TCP | 1 connection |  | python3 (pid 456) | "
                     "`--allow-cidr 203.0.113.7:443` |\n"
                     "\n5 events lost (kernel ring)\n");
        summary_free(s);
}
END_TEST

/* NULL: nothing to suggest */
static const struct {
        EventType type;
        Reason reason;
        const char *hostname, *address;
        uint16_t port;
        uint8_t protocol;
        const char *dns_reason, *wanted;
} suggestions[] = {
        { EVENT_CONNECTION_BLOCKED, CW_REASON_DEFAULT, "a.example", "203.0.113.7", 443, 6, NULL,
          "--allow a.example:443" },
        { EVENT_CONNECTION_BLOCKED, CW_REASON_DEFAULT, "a.example", NULL, 53, 17, NULL, "--allow a.example:53/udp" },
        { EVENT_CONNECTION_BLOCKED, CW_REASON_DEFAULT, NULL, "203.0.113.7", 443, 6, NULL,
          "--allow-cidr 203.0.113.7:443" },
        { EVENT_CONNECTION_BLOCKED, CW_REASON_DEFAULT, NULL, "203.0.113.7", 123, 17, NULL,
          "--allow-cidr 203.0.113.7:123/udp" },
        { EVENT_CONNECTION_BLOCKED, CW_REASON_DEFAULT, NULL, "2001:db8::7", 443, 6, NULL,
          "--allow-cidr [2001:db8::7]:443" },
        { EVENT_CONNECTION_BLOCKED, CW_REASON_DEFAULT, NULL, "203.0.113.7", 0, 1, NULL,
          "--allow-cidr 203.0.113.7:0/icmp" },
        { EVENT_CONNECTION_BLOCKED, CW_REASON_DEFAULT, "$(id)", "203.0.113.7", 443, 6, NULL,
          "--allow-cidr 203.0.113.7:443" },
        { EVENT_EXISTING_CONNECTION, CW_REASON_DEFAULT, "a.example", NULL, 22, 6, NULL, "--allow a.example:22" },
        { EVENT_CONNECTION_BLOCKED, CW_REASON_DEFAULT, NULL, "2001:db8::7", 0, 58, NULL, NULL },
        { EVENT_CONNECTION_BLOCKED, CW_REASON_DEFAULT, NULL, "203.0.113.7", 0, 6, NULL, NULL },
        { EVENT_CONNECTION_BLOCKED, CW_REASON_DEFAULT, NULL, NULL, 443, 6, NULL, NULL },
        { EVENT_CONNECTION_BLOCKED, CW_REASON_DEFAULT, NULL, "239.1.2.3", 0, 2, NULL, "--allow-cidr 239.1.2.3" },
        { EVENT_CONNECTION_BLOCKED, CW_REASON_DEFAULT, NULL, NULL, 0, 2, NULL, NULL },
        { EVENT_CONNECTION_BLOCKED, CW_REASON_SOURCE, NULL, "203.0.113.7", 443, 6, NULL, NULL },
        { EVENT_CONNECTION_BLOCKED, CW_REASON_RULE, "a.example", "203.0.113.7", 443, 6, NULL, NULL },
        { EVENT_CONNECTION_BLOCKED, CW_REASON_DNS, NULL, "203.0.113.7", 53, 17, NULL, NULL },
        { EVENT_CONNECTION_BLOCKED, CW_REASON_MALFORMED, NULL, "203.0.113.7", 443, 6, NULL, NULL },
        { EVENT_CONNECTION_BLOCKED, CW_REASON_FAULT, NULL, "203.0.113.7", 443, 6, NULL, NULL },
        { EVENT_PROTOCOL_BLOCKED, CW_REASON_PROTOCOL, NULL, "203.0.113.7", 0, 47, NULL, NULL },
        { EVENT_PROTOCOL_BLOCKED, CW_REASON_RAW_SOCKET, NULL, NULL, 0, 1, NULL, NULL },
        { EVENT_DNS_BLOCKED, CW_REASON_DEFAULT, "a.example", NULL, 53, 17, "policy", "--allow a.example" },
        { EVENT_DNS_BLOCKED, CW_REASON_DNS, "_dmarc.a-1.example", NULL, 0, 0, NULL, "--allow _dmarc.a-1.example" },
        { EVENT_DNS_BLOCKED, CW_REASON_DEFAULT, "a.example", NULL, 53, 17, "type", NULL },
        { EVENT_DNS_BLOCKED, CW_REASON_DEFAULT, "a.example", NULL, 53, 17, "rebinding", NULL },
        { EVENT_DNS_BLOCKED, CW_REASON_RULE, "a.example", NULL, 53, 17, "policy", NULL },
        { EVENT_DNS_BLOCKED, CW_REASON_DEFAULT, "-rf.example", NULL, 53, 17, NULL, NULL },
        { EVENT_DNS_BLOCKED, CW_REASON_DEFAULT, "a b", NULL, 53, 17, NULL, NULL },
        { EVENT_DNS_BLOCKED, CW_REASON_DEFAULT, "", NULL, 53, 17, NULL, NULL },
        { EVENT_DNS_BLOCKED, CW_REASON_DEFAULT, NULL, NULL, 53, 17, NULL, NULL },
        { EVENT_CONNECTION_ALLOWED, CW_REASON_DEFAULT, "a.example", NULL, 443, 6, NULL, NULL },
        { EVENT_CONNECTION_CLOSED, CW_REASON_DEFAULT, "a.example", NULL, 443, 6, NULL, NULL },
};

START_TEST(test_suggestions) {
        char buf[SUMMARY_SUGGESTION_MAX];
        Event e = event(suggestions[_i].type, suggestions[_i].hostname, suggestions[_i].address, suggestions[_i].port);

        e.reason = suggestions[_i].reason;
        e.protocol = suggestions[_i].protocol;
        e.dns_reason = suggestions[_i].dns_reason;
        int r = summary_suggest(&e, buf, sizeof(buf));
        if (suggestions[_i].wanted) {
                ck_assert_int_eq(r, 0);
                ck_assert_str_eq(buf, suggestions[_i].wanted);
                ck_assert_int_eq(summary_suggest(&e, buf, strlen(suggestions[_i].wanted)), -ENOBUFS);
        } else
                ck_assert_int_eq(r, -EOPNOTSUPP);
}
END_TEST

START_TEST(test_line_per_query_type) {
        Summary *s = summary(MODE_ENFORCE);
        Event e = event(EVENT_DNS_BLOCKED, "evil.example", NULL, 53);

        e.dns_reason = "policy";
        e.query_type = "A";
        add(s, e, 2);
        e.query_type = "AAAA";
        add(s, e, 1);
        e.dst_port = 0; /* the same, from a client that was not recorded */
        add(s, e, 1);
        check_format(s, SUMMARY_TEXT,
                     "cargowall: enforce, 0 destinations allowed, 2 denied\n"
                     "  denied   evil.example (DNS A)      2 queries   curl (pid 123)   allow with: --allow evil.example\n"
                     "  denied   evil.example (DNS AAAA)   2 queries   curl (pid 123)   allow with: --allow evil.example\n");
        summary_free(s);
}
END_TEST

static const struct {
        EventType type;
        Reason reason;
        const char *rule, *dns_reason, *query_type, *words, *detail;
} whys[] = {
        { EVENT_CONNECTION_BLOCKED, CW_REASON_RULE, "10.0.0.0/8", NULL, NULL, "denied by rule 10.0.0.0/8", NULL },
        { EVENT_CONNECTION_BLOCKED, CW_REASON_RULE, "\033[2J|", NULL, NULL, "denied by rule \\x1b[2J|", NULL },
        { EVENT_CONNECTION_BLOCKED, CW_REASON_DNS, NULL, NULL, NULL, "DNS traffic that bypasses the proxy", NULL },
        { EVENT_CONNECTION_BLOCKED, CW_REASON_MALFORMED, NULL, NULL, NULL, "malformed packet", NULL },
        { EVENT_CONNECTION_BLOCKED, CW_REASON_FAULT, NULL, NULL, NULL, "firewall state missing, failed closed", NULL },
        { EVENT_PROTOCOL_BLOCKED, CW_REASON_PROTOCOL, NULL, NULL, NULL, "the protocol cannot be judged", NULL },
        { EVENT_PROTOCOL_BLOCKED, CW_REASON_RAW_SOCKET, NULL, NULL, NULL, "raw sockets are refused", NULL },
        { EVENT_PROTOCOL_BLOCKED, CW_REASON_SOURCE_ROUTE, NULL, NULL, NULL, "source routing is refused", NULL },
        { EVENT_PROTOCOL_BLOCKED, CW_REASON_DEVICE, NULL, NULL, NULL,
          "a connection of this machine with itself keeps to its loopback device", NULL },
        { EVENT_PROTOCOL_BLOCKED, CW_REASON_FAMILY, NULL, NULL, NULL,
          "only sockets of families that can be judged are allowed", NULL },
        { EVENT_CONNECTION_BLOCKED, CW_REASON_SOURCE, NULL, NULL, NULL, "the source address is not one of this machine", NULL },
        { EVENT_DNS_BLOCKED, CW_REASON_DEFAULT, NULL, "rebinding", "A", "the answer contains a private address", NULL },
        { EVENT_DNS_BLOCKED, CW_REASON_DEFAULT, NULL, "rebinding", "A", "private address 10.1.2.3; allowPrivate permits it",
          "private address 10.1.2.3; allowPrivate permits it" },
        { EVENT_DNS_BLOCKED, CW_REASON_DEFAULT, NULL, "cname", "A", "an alias in the answer is denied", NULL },
        { EVENT_DNS_BLOCKED, CW_REASON_DEFAULT, NULL, "new\nword", "A", "new\\x0aword", NULL },
};

START_TEST(test_whys) {
        Summary *s = summary(MODE_ENFORCE);
        Event e = event(whys[_i].type, "a.example", "203.0.113.7", 53);

        e.reason = whys[_i].reason;
        e.matched_rule = whys[_i].rule;
        e.dns_reason = whys[_i].dns_reason;
        e.query_type = whys[_i].query_type;
        e.detail = whys[_i].detail;
        add(s, e, 1);

        char *text = format(s, SUMMARY_TEXT), wanted[128];
        (void) snprintf(wanted, sizeof(wanted), "   %s\n", whys[_i].words);
        ck_assert_msg(strstr(text, wanted), "%s", text);
        ck_assert_ptr_null(strstr(text, "allow with"));
        free(text);
        summary_free(s);
}
END_TEST

START_TEST(test_hostile_strings) {
        Summary *s = summary(MODE_ENFORCE);
        Event e = event(EVENT_CONNECTION_BLOCKED, "x|<b>\n\033]0;\xff`@me", "203.0.113.7", 443);

        e.process = "::e::\"|\n";
        add(s, e, 1);

        char *text = format(s, SUMMARY_TEXT);
        ck_assert_ptr_nonnull(strstr(text, "  x|<b>\\x0a\\x1b]0;\\xff`@me:443/tcp "));
        ck_assert_ptr_nonnull(strstr(text, " \\x3a:e::\"|\\x0a (pid 123)"));
        free(text);

        text = format(s, SUMMARY_MARKDOWN);
        ck_assert_ptr_nonnull(
                strstr(text, "| x&#124;&#60;b&#62;&#92;x0a&#92;x1b&#93;0;&#92;xff&#96;&#64;me | 443 TCP |"));
        free(text);

        text = format(s, SUMMARY_JSON);
        json_object *o = json_tokener_parse(text);
        ck_assert_ptr_nonnull(o);
        json_object_put(o);
        ck_assert_ptr_nonnull(strstr(text, "\"hostname\":\"x|<b>\\u000a\\u001b]0;\\ufffd`@me\""));
        ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
        free(text);
        summary_free(s);
}
END_TEST

/* What the name, port, protocol, kind or verdict tells apart is one line each; the rest is not. */
START_TEST(test_aggregation) {
        Summary *s = summary(MODE_ENFORCE);
        Event e = event(EVENT_CONNECTION_BLOCKED, "a.example", "203.0.113.7", 443);

        add(s, e, 1);
        e.dst = addr("203.0.113.8"); /* another address of the same name */
        e.pid = 7;
        e.count = 10;
        add(s, e, 1);
        char *text = format(s, SUMMARY_TEXT);
        ck_assert_ptr_nonnull(strstr(text, "0 destinations allowed, 1 denied"));
        ck_assert_ptr_nonnull(strstr(text, "11 connections"));
        free(text);

        e.count = 0;
        e.dst_port = 444;
        add(s, e, 1);
        e.protocol = PROTOCOL_UDP;
        add(s, e, 1);
        e.type = EVENT_DNS_BLOCKED;
        add(s, e, 1);
        e.dst_port = 0; /* neither port nor resolver are of any matter to a name */
        e.dst = addr("203.0.113.53");
        add(s, e, 1);
        e.type = EVENT_CONNECTION_ALLOWED;
        e.verdict = ACTION_ALLOW;
        add(s, e, 1);
        e.hostname = NULL;
        add(s, e, 1);
        e.hostname = "";
        add(s, e, 1);
        text = format(s, SUMMARY_TEXT);
        ck_assert_msg(strstr(text, "2 destinations allowed, 4 denied"), "%s", text);
        free(text);
        summary_free(s);
}
END_TEST

START_TEST(test_ignored_types) {
        Summary *s = summary(MODE_ENFORCE);
        static const EventType types[] = { EVENT_EVENTS_LOST, EVENT_RUN_STARTED, EVENT_RUN_ENDED };

        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                add(s, event(types[i], NULL, NULL, 0), 1);
        check_format(s, SUMMARY_TEXT, "cargowall: enforce, 0 destinations allowed, 0 denied\n");
        summary_free(s);
}
END_TEST

START_TEST(test_suppressed) {
        Summary *s = summary(MODE_ENFORCE);

        add(s, event(EVENT_CONNECTION_BLOCKED, NULL, "203.0.113.7", 443), 2);
        add(s, (Event) { .type = EVENT_CONNECTIONS_SUPPRESSED, .count = 40, .rule = RULE_NONE }, 1);
        add(s, (Event) { .type = EVENT_QUERIES_SUPPRESSED, .count = 5, .mode = MODE_AUDIT, .rule = RULE_NONE }, 1);
        ck_assert_uint_eq(summary_n_denied(s), 47);
        char *text = format(s, SUMMARY_JSON);
        ck_assert_ptr_nonnull(strstr(text, "\"denied\":42,\"would_deny\":5"));
        ck_assert_ptr_nonnull(strstr(text, "\"unlisted\":{\"allowed\":0,\"denied\":40,\"would_deny\":5}"));
        free(text);
        summary_free(s);
}
END_TEST

START_TEST(test_closed_only) {
        Summary *s = summary(MODE_ENFORCE);
        Event e = event(EVENT_CONNECTION_CLOSED, "a.example", "203.0.113.7", 443);

        e.bytes_out = UINT64_MAX;
        e.bytes_in = 999;
        add(s, e, 2); /* the first record was lost */
        check_format(s, SUMMARY_TEXT, "cargowall: enforce, 1 destination allowed, 0 denied\n"
                                      "  allowed  a.example:443/tcp   2 connections, 18 EB out, 1.9 kB in\n");
        summary_free(s);
}
END_TEST

START_TEST(test_lines_limit) {
        Summary *s = summary(MODE_ENFORCE);
        char name[32];

        for (unsigned i = 0; i < 60; i++) {
                (void) snprintf(name, sizeof(name), "n%02u.example", i);
                add(s, event(EVENT_DNS_BLOCKED, name, NULL, 53), 1 + (i == 59));
        }

        char *text = format(s, SUMMARY_TEXT);
        ck_assert_ptr_nonnull(strstr(text, "0 destinations allowed, 60 denied\n  denied   n59.example (DNS) "));
        ck_assert_ptr_nonnull(strstr(text, "n48.example"));
        ck_assert_ptr_null(strstr(text, "n49.example"));
        ck_assert_ptr_nonnull(strstr(text, "\n  denied   ... and 10 more destinations\n"));
        free(text);
        summary_free(s);
}
END_TEST

/* At the limit and one more: counted, not listed; and a flood of denials takes no place from what was allowed. */
START_TEST(test_destinations_limit) {
        Summary *s = summary(MODE_ENFORCE);
        char name[32];

        for (unsigned i = 0; i < SUMMARY_DESTINATIONS_MAX / 2 + 1; i++) {
                (void) snprintf(name, sizeof(name), "n%u.example", i);
                add(s, event(EVENT_DNS_BLOCKED, name, NULL, 53), 1);
        }
        add(s, event(EVENT_DNS_BLOCKED, "n0.example", NULL, 53), 1);
        add(s, event(EVENT_CONNECTION_ALLOWED, "github.com", NULL, 443), 1);

        char *text = format(s, SUMMARY_TEXT);
        ck_assert_msg(strstr(text, "1 destination allowed, 2048 denied\n"), "%s", text);
        ck_assert_ptr_nonnull(strstr(text, "\n  denied   ... and 1 more times, past the limit of 2048 destinations or of events per second\n"));
        ck_assert_uint_eq(summary_n_denied(s), SUMMARY_DESTINATIONS_MAX / 2 + 2);
        free(text);
        summary_free(s);
}
END_TEST

START_TEST(test_losses) {
        static const char *const places[] = { "a", "b", "c", "d", "e", "f", "g", "h", "i" };
        Summary *s = summary(MODE_ENFORCE);

        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                summary_add_lost(s, UINT64_MAX - 1, places[i]);
        char *text = format(s, SUMMARY_TEXT);
        ck_assert_ptr_nonnull(strstr(text, "\n  18446744073709551614 events lost (g)\n"));
        ck_assert_ptr_nonnull(strstr(text, "\n  18446744073709551615 events lost (h)\n")); /* with what i lost */
        ck_assert_ptr_null(strstr(text, "(i)"));
        free(text);
        summary_free(s);
}
END_TEST

START_TEST(test_format_names) {
        static const char *const names[] = { "none", "text", "json", "markdown" };
        SummaryFormat f;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                ck_assert_int_eq(summary_format_from_string(names[i], &f), 0);
                ck_assert_uint_eq(f, i);
        }
        ck_assert_int_eq(summary_format_from_string("", &f), -EINVAL);
        ck_assert_int_eq(summary_format_from_string("Text", &f), -EINVAL);
}
END_TEST

/* ---------------------------------------------------------------- conformance */

/* connection_late_allowed: a connection allowed once its name was known; here such a connection is simply allowed. */
static EventType type_from_string(const char *s) {
        if (strcmp(s, "connection_late_allowed") == 0)
                return EVENT_CONNECTION_ALLOWED;
        for (int t = 0; t < _EVENT_TYPE_MAX; t++)
                if (strcmp(event_type_to_string((EventType) t), s) == 0)
                        return (EventType) t;
        ck_abort_msg("no event type %s", s);
}

static json_object *cell(json_object *row, size_t column) {
        return json_object_array_get_idx(row, column);
}

static void check_totals(json_object *row) {
        static const char *const totals[] = { "events", "allowed", "denied", "would_deny", "auto_allowed",
                                              "unique_hostnames" };
        Mode mode = MODE_ENFORCE; /* what a run is in when nothing else is said */

        (void) mode_from_string(json_object_get_string(cell(row, 0)), &mode);
        Summary *s = summary(mode);
        json_object *events = cell(row, 1);
        for (size_t i = 0; i < json_object_array_length(events); i++) {
                json_object *o = json_object_array_get_idx(events, i);
                EventType type = type_from_string(json_object_get_string(json_object_object_get(o, "type")));
                Event e = event(type, json_object_get_string(json_object_object_get(o, "hostname")), NULL, 443);
                e.mode = mode;
                add(s, e, 1);
        }

        char *text = format(s, SUMMARY_JSON);
        json_object *summary_object = json_tokener_parse(text);
        json_object *got = json_object_object_get(summary_object, "totals");
        for (size_t i = 0; i < ELEMENTSOF(totals); i++)
                if (cell(row, 2 + i))
                        ck_assert_int_eq(json_object_get_int(json_object_object_get(got, totals[i])),
                                         json_object_get_int(cell(row, 2 + i)));
        json_object_put(summary_object);
        free(text);
        summary_free(s);
}

START_TEST(test_conformance_totals) {
        json_object *cases = conformance_load(), *rows = conformance_rows(cases, "summary_totals");

        ck_assert_uint_eq(json_object_array_length(rows), 4);
        for (size_t i = 0; i < json_object_array_length(rows); i++)
                check_totals(json_object_array_get_idx(rows, i));
        json_object_put(cases);
}
END_TEST

START_TEST(test_conformance_protocol_names) {
        json_object *cases = conformance_load(), *rows = conformance_rows(cases, "protocol_name");

        ck_assert_uint_eq(json_object_array_length(rows), 8);
        for (size_t i = 0; i < json_object_array_length(rows); i++) {
                json_object *row = json_object_array_get_idx(rows, i);
                Summary *s = summary(MODE_ENFORCE);
                Event e = event(EVENT_PROTOCOL_BLOCKED, "a.example", NULL, 0);
                e.protocol = (uint8_t) json_object_get_int(cell(row, 0));
                add(s, e, 1);

                char wanted[64], *text = format(s, SUMMARY_TEXT);
                (void) snprintf(wanted, sizeof(wanted), " a.example (%s) ", json_object_get_string(cell(row, 1)));
                ck_assert_msg(strstr(text, wanted), "%s", text);
                free(text);
                summary_free(s);
        }
        json_object_put(cases);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("summary");
        TCase *t = tcase_create("summary");

        tcase_add_test(t, test_text);
        tcase_add_test(t, test_failures);
        tcase_add_loop_test(t, test_advice, 0, ELEMENTSOF(pauses));
        tcase_add_test(t, test_json);
        tcase_add_test(t, test_markdown);
        tcase_add_loop_test(t, test_suggestions, 0, ELEMENTSOF(suggestions));
        tcase_add_test(t, test_line_per_query_type);
        tcase_add_loop_test(t, test_whys, 0, ELEMENTSOF(whys));
        tcase_add_test(t, test_hostile_strings);
        tcase_add_test(t, test_aggregation);
        tcase_add_test(t, test_ignored_types);
        tcase_add_test(t, test_suppressed);
        tcase_add_test(t, test_closed_only);
        tcase_add_test(t, test_lines_limit);
        tcase_add_test(t, test_destinations_limit);
        tcase_add_test(t, test_losses);
        tcase_add_test(t, test_format_names);
        suite_add_tcase(s, t);

        t = tcase_create("conformance");
        tcase_add_test(t, test_conformance_totals);
        tcase_add_test(t, test_conformance_protocol_names);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
