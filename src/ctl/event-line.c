/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/event-line.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "cli/time-text.h"
#include "event/event-fields.h"
#include "event/event-message.h"

static const char *get_text(JsonObject *event, EventFieldId id) {
        return json_value_text(event, event_field_infos[id].name);
}

static uint64_t get_number(JsonObject *event, EventFieldId id) {
        return json_value_u64(event, event_field_infos[id].name);
}

static bool get_bool(JsonObject *event, EventFieldId id) {
        return json_value_bool(event, event_field_infos[id].name);
}

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
        return get_bool(event, EVENT_FIELD_ID_BLOCKED) || get_bool(event, EVENT_FIELD_ID_WOULD_DENY);
}

const char *event_line_verdict(JsonObject *event, Color *ret_color) {
        assert(ret_color);

        if (get_bool(event, EVENT_FIELD_ID_BLOCKED)) {
                *ret_color = COLOR_RED;
                return "denied";
        }
        if (get_bool(event, EVENT_FIELD_ID_WOULD_DENY)) {
                *ret_color = COLOR_YELLOW;
                return "audit";
        }
        *ret_color = COLOR_NORMAL;
        return strcmp(get_text(event, EVENT_FIELD_ID_VERDICT), "allow") == 0 ? "allowed" : "note";
}

uint64_t event_line_time(JsonObject *event) {
        uint64_t usec;

        return time_parse(get_text(event, EVENT_FIELD_ID_TIMESTAMP), 0, &usec) < 0 ? 0 : usec;
}

uint64_t event_line_count(JsonObject *event) {
        return MAX(get_number(event, EVENT_FIELD_ID_COUNT), 1U);
}

#define ID_MIN 32 /* digits of an id that is shortened */
#define ID_SHOWN 12

/* The ids of containers and the like are cut as their engines cut them: "docker-0123456789ab.scope". max: bytes */
static void add_unit(Text *t, const char *unit, size_t max) {
        size_t begin = t->n;

        while (*unit) {
                size_t n = strspn(unit, "0123456789abcdef");

                if (n == 0) {
                        add_word(t, (const char[]) { *unit++, '\0' });
                        continue;
                }
                add(t, "%.*s", n >= ID_MIN ? ID_SHOWN : (int) n, unit);
                unit += n;
        }
        if (t->n - begin > max) {
                t->n = begin + max;
                while (t->n > begin && ((unsigned char) t->buf[t->n] & 0xc0) == 0x80) /* in a character of UTF-8 */
                        t->n--;
                add(t, "...");
        }
}

static void add_subject(Text *t, JsonObject *event, bool with_pid, size_t unit_max) {
        const char *process = get_text(event, EVENT_FIELD_ID_PROCESS), *unit = get_text(event, EVENT_FIELD_ID_UNIT);
        uint64_t pid = get_number(event, EVENT_FIELD_ID_PID);

        if (unit[0] == '\0')
                unit = get_text(event, EVENT_FIELD_ID_CGROUP);
        if (process[0] != '\0')
                add_word(t, process);
        else if (pid > 0)
                add(t, "process");
        else
                add(t, "unknown"); /* such as packets that the kernel itself sends */
        if (with_pid && pid > 0)
                add(t, "[%" PRIu64 "]", pid);
        if (unit[0] != '\0') {
                add(t, " ");
                add_unit(t, unit, unit_max);
        }
}

/* with_addr: also if there is a name. */
static void add_destination(Text *t, JsonObject *event, bool with_addr) {
        const char *name = get_text(event, EVENT_FIELD_ID_DST_HOSTNAME);
        const char *addr = with_addr || name[0] == '\0' ? get_text(event, EVENT_FIELD_ID_DST_IP) : "";
        const char *protocol = get_text(event, EVENT_FIELD_ID_PROTOCOL);
        const char *family = get_text(event, EVENT_FIELD_ID_SOCKET_FAMILY);
        uint64_t port = get_number(event, EVENT_FIELD_ID_DST_PORT);
        bool brackets = name[0] != '\0' || strchr(addr, ':');

        add_word(t, name);
        if (strcmp(get_text(event, EVENT_FIELD_ID_EVENT_TYPE), "dns_blocked") == 0) {
                const char *type = get_text(event, EVENT_FIELD_ID_QUERY_TYPE);
                bool addresses = strcmp(type, "A") == 0 || strcmp(type, "AAAA") == 0; /* of both versions: one attempt */

                add(t, " (DNS");
                add(t, type[0] != '\0' && !addresses ? " " : "");
                add_word(t, addresses ? "" : type);
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
        if (family[0] != '\0') {
                add(t, "socket of ");
                add_word(t, family);
        }
        if (protocol[0] != '\0') {
                add(t, addr[0] != '\0' || name[0] != '\0' ? "/" : "");
                for (; *protocol; protocol++) /* rules write it in lower case */
                        add_word(t, (const char[]) { *protocol >= 'A' && *protocol <= 'Z' ? (char) (*protocol + 32)
                                                                                           : *protocol, '\0' });
        }
}

static void add_reason(Text *t, JsonObject *event) {
        const char *rule = get_text(event, EVENT_FIELD_ID_MATCHED_RULE);
        const char *reason = get_text(event, EVENT_FIELD_ID_REASON);
        const char *dns = get_text(event, EVENT_FIELD_ID_DNS_REASON);
        bool denied = strcmp(get_text(event, EVENT_FIELD_ID_VERDICT), "deny") == 0;

        if (rule[0] != '\0') {
                add(t, "rule ");
                add_word(t, rule);
        } else if (denied && (dns[0] != '\0' || reason[0] != '\0'))
                add(t, "%s", event_denial_words(dns[0] != '\0' ? dns : reason));
        else if (strcmp(reason, "default") == 0)
                add(t, "default action");
        else if (reason[0] != '\0')
                add(t, "%s", reason);
}

/* An event without a verdict: "mode changed: enforce -> audit". */
static void add_note(Text *t, JsonObject *event) {
        const char *type = get_text(event, EVENT_FIELD_ID_EVENT_TYPE), *detail = get_text(event, EVENT_FIELD_ID_DETAIL);

        for (; *type; type++)
                add(t, "%c", *type == '_' ? ' ' : *type);
        if (detail[0] != '\0')
                add(t, ": %s", detail);
        else if (get_number(event, EVENT_FIELD_ID_COUNT) > 0)
                add(t, ": %" PRIu64, get_number(event, EVENT_FIELD_ID_COUNT));
        if (get_text(event, EVENT_FIELD_ID_PROCESS)[0] != '\0') {
                add(t, " by ");
                add_subject(t, event, true, SIZE_MAX);
        }
}

typedef struct Shape {
        bool with_pid, with_addr;
        size_t unit_max; /* bytes */
} Shape;

/* Returns the length up to the end of the destination. */
static size_t compose(JsonObject *event, const Shape *s, char buf[static EVENT_TEXT_MAX]) {
        Text t = { .buf = buf };

        buf[0] = '\0';
        if (get_text(event, EVENT_FIELD_ID_VERDICT)[0] == '\0') {
                add_note(&t, event);
                return 0;
        }
        add_subject(&t, event, s->with_pid, s->unit_max);
        add(&t, " -> ");
        add_destination(&t, event, s->with_addr);
        size_t n = t.n;
        add(&t, ": ");
        size_t begin = t.n;
        add_reason(&t, event);
        if (t.n == begin)
                buf[n] = '\0';
        return n;
}

const char *event_line_text(JsonObject *event, bool with_pid, char buf[static EVENT_TEXT_MAX]) {
        (void) compose(event, &(Shape) { .with_pid = with_pid, .with_addr = true, .unit_max = SIZE_MAX }, buf);
        return buf;
}

#define UNIT_MIN 8 /* bytes */

const char *event_line_fit(JsonObject *event, bool with_pid, size_t columns, char buf[static EVENT_TEXT_MAX]) {
        Shape s = { .with_pid = with_pid, .with_addr = true, .unit_max = SIZE_MAX };
        size_t n = compose(event, &s, buf);

        if (strlen(buf) <= columns)
                return buf;
        s.with_pid = false;
        n = compose(event, &s, buf);
        if (n > columns) {
                s.with_addr = false;
                n = compose(event, &s, buf);
        }
        if (n > columns) {
                const char *unit = get_text(event, EVENT_FIELD_ID_UNIT);
                size_t length = strlen(unit[0] != '\0' ? unit : get_text(event, EVENT_FIELD_ID_CGROUP)), over = n - columns + 3;

                s.unit_max = length > over + UNIT_MIN ? length - over : UNIT_MIN;
                (void) compose(event, &s, buf);
        }
        return buf;
}

int event_part_parse(const char *text, EventPart *ret) {
        static const char *const names[_EVENT_PART_MAX] = {
                [EVENT_PART_DESTINATION] = "dest",
                [EVENT_PART_PROCESS] = "process",
                [EVENT_PART_RULE] = "rule",
        };

        assert(text && ret);

        for (EventPart i = 0; i < _EVENT_PART_MAX; i++)
                if (names[i] && strcmp(names[i], text) == 0) {
                        *ret = i;
                        return 0;
                }
        return -EINVAL;
}

const char *event_line_part(JsonObject *event, EventPart part, char buf[static EVENT_TEXT_MAX]) {
        Text t = { .buf = buf };

        buf[0] = '\0';
        switch (part) {
        case EVENT_PART_DESTINATION:
                add_destination(&t, event, false);
                break;
        case EVENT_PART_PROCESS:
                add_subject(&t, event, false, SIZE_MAX);
                break;
        case EVENT_PART_RULE:
                add_reason(&t, event);
                break;
        default:
                return event_line_text(event, false, buf);
        }
        return buf;
}
