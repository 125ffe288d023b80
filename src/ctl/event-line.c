/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/event-line.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "ctl/time-text.h"

typedef struct Text {
        char *buf;
        size_t n;
} Text;

static _printf_(2, 3) void add(Text *t, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        int n = vsnprintf(t->buf + t->n, EVENT_TEXT_MAX - t->n, format, ap);
        va_end(ap);
        t->n = MIN(t->n + (n > 0 ? (size_t) n : 0), (size_t) EVENT_TEXT_MAX - 1);
}

/* A name from outside as one word. */
static void add_word(Text *t, const char *s) {
        for (; *s; s++) {
                unsigned char c = (unsigned char) *s;

                if (c <= ' ' || c == 0x7f)
                        add(t, "\\x%02x", c);
                else
                        add(t, "%c", c);
        }
}

bool event_line_is_denial(JsonObject *event) {
        return json_value_bool(event, "blocked") || json_value_bool(event, "would_deny");
}

const char *event_line_verdict(JsonObject *event, Color *ret_color) {
        assert(ret_color);

        if (json_value_bool(event, "blocked")) {
                *ret_color = COLOR_RED;
                return "denied";
        }
        if (json_value_bool(event, "would_deny")) {
                *ret_color = COLOR_YELLOW;
                return "audit";
        }
        *ret_color = COLOR_NORMAL;
        return strcmp(json_value_text(event, "verdict"), "allow") == 0 ? "allowed" : "note";
}

uint64_t event_line_time(JsonObject *event) {
        uint64_t usec;

        return time_parse(json_value_text(event, "timestamp"), 0, &usec) < 0 ? 0 : usec;
}

uint64_t event_line_count(JsonObject *event) {
        return MAX(json_value_u64(event, "count"), 1U);
}

static void add_subject(Text *t, JsonObject *event, bool with_pid) {
        const char *process = json_value_text(event, "process"), *unit = json_value_text(event, "unit");
        uint64_t pid = json_value_u64(event, "pid");

        if (unit[0] == '\0')
                unit = json_value_text(event, "cgroup");
        if (process[0] != '\0')
                add_word(t, process);
        else if (pid > 0)
                add(t, "process");
        else
                add(t, "unknown"); /* packets the kernel sends by itself, say */
        if (with_pid && pid > 0)
                add(t, "[%" PRIu64 "]", pid);
        if (unit[0] != '\0') {
                add(t, " ");
                add_word(t, unit);
        }
}

static void add_destination(Text *t, JsonObject *event) {
        const char *name = json_value_text(event, "dst_hostname"), *addr = json_value_text(event, "dst_ip");
        const char *protocol = json_value_text(event, "protocol");
        uint64_t port = json_value_u64(event, "dst_port");
        bool brackets = name[0] != '\0' || strchr(addr, ':');

        add_word(t, name);
        if (strcmp(json_value_text(event, "event_type"), "dns_blocked") == 0) {
                add(t, " (DNS");
                add(t, json_value_text(event, "query_type")[0] != '\0' ? " " : "");
                add_word(t, json_value_text(event, "query_type"));
                add(t, ")");
                return;
        }
        if (addr[0] != '\0') {
                add(t, name[0] != '\0' ? " " : "");
                add(t, brackets ? "[" : "");
                add_word(t, addr);
                add(t, brackets ? "]" : "");
        }
        if (port > 0)
                add(t, ":%" PRIu64, port);
        if (protocol[0] != '\0') {
                add(t, addr[0] != '\0' || name[0] != '\0' ? "/" : "");
                for (; *protocol; protocol++) /* "TCP" is what rules call tcp */
                        add_word(t, (const char[]) { *protocol >= 'A' && *protocol <= 'Z' ? (char) (*protocol + 32)
                                                                                           : *protocol, '\0' });
        }
}

static const char *words(const char *key) {
        static const char *const known[][2] = {
                { "policy", "no rule allows the name" },
                { "name", "not a host name" },
                { "type", "the query type is refused" },
                { "cname", "an alias in the answer is denied" },
                { "rebinding", "the answer held a private address" },
                { "reverse", "no allowed name has the address" },
                { "lease", "no room to remember the answer" },
                { "default", "no rule allows it" },
                { "dns", "DNS that did not go through the proxy" },
                { "protocol", "the protocol cannot be judged" },
                { "raw_socket", "raw sockets are refused" },
                { "malformed", "malformed packet" },
                { "fault", "firewall state missing, failed closed" },
        };

        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (strcmp(key, known[i][0]) == 0)
                        return known[i][1];
        return key;
}

static void add_reason(Text *t, JsonObject *event) {
        const char *rule = json_value_text(event, "matched_rule"), *reason = json_value_text(event, "reason");
        const char *dns = json_value_text(event, "dns_reason");
        bool denied = strcmp(json_value_text(event, "verdict"), "deny") == 0;

        if (rule[0] != '\0') {
                add(t, ": rule ");
                add_word(t, rule);
        } else if (denied && (dns[0] != '\0' || reason[0] != '\0'))
                add(t, ": %s", words(dns[0] != '\0' ? dns : reason));
        else if (strcmp(reason, "default") == 0)
                add(t, ": default action");
        else if (reason[0] != '\0')
                add(t, ": %s", reason);
}

/* What is no verdict: "mode changed: enforce -> audit". */
static void add_note(Text *t, JsonObject *event) {
        const char *type = json_value_text(event, "event_type"), *detail = json_value_text(event, "detail");

        for (; *type; type++)
                add(t, "%c", *type == '_' ? ' ' : *type);
        if (detail[0] != '\0')
                add(t, ": %s", detail);
        else if (json_value_u64(event, "count") > 0)
                add(t, ": %" PRIu64, json_value_u64(event, "count"));
        if (json_value_text(event, "process")[0] != '\0') {
                add(t, " by ");
                add_subject(t, event, true);
        }
}

const char *event_line_text(JsonObject *event, bool with_pid, char buf[static EVENT_TEXT_MAX]) {
        Text t = { .buf = buf };

        buf[0] = '\0';
        if (json_value_text(event, "verdict")[0] == '\0') {
                add_note(&t, event);
                return buf;
        }
        add_subject(&t, event, with_pid);
        add(&t, " -> ");
        add_destination(&t, event);
        add_reason(&t, event);
        return buf;
}
