/* SPDX-License-Identifier: Apache-2.0 */
#include "event/event-json.h"

#include <assert.h>
#include <string.h>

#include "basic/macro.h"
#include "event/escape.h"

#define X(id, name, journal, type, share) +(share)
enum {
        JOB_SHARE = EVENT_LABELS_MAX * (EVENT_LABEL_KEY_MAX + EVENT_LABEL_VALUE_SHARE + 6), /* quotes, colon, comma */
        PARENT_SHARE = 40 + EVENT_COMM_SHARE,
        STRINGS_MAX = 0 EVENT_FIELDS(X) + EVENT_NAMES_SHARE + JOB_SHARE + EVENT_PARENTS_MAX * PARENT_SHARE,
        REST_MAX = 1200, /* field names, numbers, addresses, our own words; a test covers the worst case */
};
#undef X

_Static_assert(STRINGS_MAX + REST_MAX <= EVENT_LINE_MAX, "every event fits");
_Static_assert(EVENT_COMM_SHARE == (CW_COMM_MAX - 1) * ESCAPE_JSON_MAX, "every command name fits");

/* The text before the value of each field. Copied at its full size, which is cheaper than copying by length. */
static const struct {
        char text[24];
        size_t length;
} keys[_EVENT_FIELD_ID_MAX] = {
#define X(id, name, journal, type, share) [EVENT_FIELD_ID_##id] = { ",\"" name "\":", sizeof(name) + 3 },
        EVENT_FIELDS(X)
#undef X
};

#define X(id, name, journal, type, share) _Static_assert(sizeof(name) + 3 <= sizeof(keys[0].text), name);
EVENT_FIELDS(X)
#undef X

#define put_literal(p, literal) mempcpy(p, literal, sizeof(literal) - 1)

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                  "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                  "8081828384858687888990919293949596979899";

static char *put_pair(char *p, uint32_t v) {
        assert(v < 100);
        return mempcpy(p, digit_pairs + 2 * v, 2);
}

static char *put_number(char *p, uint64_t v) {
        char digits[20], *start = digits + sizeof(digits);

        while (v >= 100) {
                start -= 2;
                memcpy(start, digit_pairs + 2 * (v % 100), 2);
                v /= 100;
        }
        if (v >= 10) {
                start -= 2;
                memcpy(start, digit_pairs + 2 * v, 2);
        } else
                *--start = (char) ('0' + v);
        return mempcpy(p, start, (size_t) (digits + sizeof(digits) - start));
}

/* RFC 3339 in UTC with microseconds. Years are counted from March, so that the leap day is the last day of a year;
 * an era is the 400 years (146097 days) after which the Gregorian calendar repeats. */
static char *put_timestamp(char *p, uint64_t usec) {
        const uint64_t last = 253402300799ULL * USEC_PER_SEC + USEC_PER_SEC - 1; /* of year 9999 */
        usec = MIN(usec, last);

        uint32_t micro = (uint32_t) (usec % USEC_PER_SEC);
        uint64_t second = usec / USEC_PER_SEC;
        uint32_t of_day = (uint32_t) (second % 86400);
        uint32_t day = (uint32_t) (second / 86400) + 719468; /* since 0000-03-01 */

        uint32_t era = day / 146097, of_era = day % 146097;
        uint32_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
        uint32_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        uint32_t month_from_march = (5 * of_year + 2) / 153; /* five months have 153 days */
        uint32_t day_of_month = of_year - (153 * month_from_march + 2) / 5 + 1;
        uint32_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
        uint32_t year = era * 400 + year_of_era + (month <= 2);

        p = put_pair(p, year / 100);
        p = put_pair(p, year % 100);
        *p++ = '-';
        p = put_pair(p, month);
        *p++ = '-';
        p = put_pair(p, day_of_month);
        *p++ = 'T';
        p = put_pair(p, of_day / 3600);
        *p++ = ':';
        p = put_pair(p, of_day / 60 % 60);
        *p++ = ':';
        p = put_pair(p, of_day % 60);
        *p++ = '.';
        p = put_pair(p, micro / 10000);
        p = put_pair(p, micro / 100 % 100);
        p = put_pair(p, micro % 100);
        *p++ = 'Z';
        return p;
}

static char *put_string(char *p, const char *s, size_t n, size_t share) {
        *p++ = '"';
        p += escape_json(s, n, p, share);
        *p++ = '"';
        return p;
}

static char *put_word(char *p, const char *s) {
        *p++ = '"';
        p = stpcpy(p, s);
        *p++ = '"';
        return p;
}

static char *put_addr(char *p, const InAddr *a) {
        char text[IN_ADDR_TEXT_MAX];

        if (!in_addr_is_v4(a))
                return put_word(p, in_addr_format(a, text));

        *p++ = '"';
        for (size_t i = 12; i < 16; i++) { /* inet_ntop() would cost as much as the rest of the line */
                p = put_number(p, a->b[i]);
                *p++ = i < 15 ? '.' : '"';
        }
        return p;
}

/* A name that does not fit ends the list: a truncated name would be another name. */
static char *put_names(char *p, const Event *e) {
        char *limit = p + EVENT_NAMES_SHARE;
        EventNames names = { .event = e };
        bool first = true;

        *p++ = '[';
        while (event_names_next(&names)) {
                char *q = p;

                if (!first)
                        *q++ = ',';
                *q++ = '"';
                q += escape_json(names.name, names.length, q, (size_t) (limit - q));
                if (limit - q < ESCAPE_JSON_MAX)
                        break;
                *q++ = '"';
                p = q;
                first = false;
        }
        *p++ = ']';
        return p;
}

static char *put_parents(char *p, const Event *e) {
        *p++ = '[';
        for (size_t i = 0; i < MIN(e->n_parents, (size_t) EVENT_PARENTS_MAX); i++) {
                const char *comm = e->parents[i].comm;

                if (i > 0)
                        *p++ = ',';
                p = put_number(put_literal(p, "{\"pid\":"), e->parents[i].pid);
                if (comm && *comm)
                        p = put_string(put_literal(p, ",\"comm\":"), comm, strlen(comm), EVENT_COMM_SHARE);
                *p++ = '}';
        }
        *p++ = ']';
        return p;
}

static char *put_labels(char *p, const Event *e) {
        const char *label;
        size_t n, next = 0;
        bool first = true;

        *p++ = '{';
        while ((label = event_labels_next(e, &next, &n))) {
                if (!first)
                        *p++ = ',';
                first = false;
                p = put_string(p, label, n, EVENT_LABEL_KEY_MAX);
                *p++ = ':';
                p = put_string(p, label + n + 1, strlen(label + n + 1), EVENT_LABEL_VALUE_SHARE);
        }
        *p++ = '}';
        return p;
}

static char *put_value(char *p, const EventField *f) {
        switch (event_field_infos[f->id].type) {
        case EVENT_FIELD_TIME:
                *p++ = '"';
                p = put_timestamp(p, f->number);
                *p++ = '"';
                return p;
        case EVENT_FIELD_NUMBER:
                return put_number(p, f->number);
        case EVENT_FIELD_BOOLEAN:
                return f->number ? put_literal(p, "true") : put_literal(p, "false");
        case EVENT_FIELD_WORD:
                return put_word(p, f->text);
        case EVENT_FIELD_TEXT:
                return put_string(p, f->text, strlen(f->text), event_field_infos[f->id].share);
        case EVENT_FIELD_ADDRESS:
                return put_addr(p, f->addr);
        case EVENT_FIELD_NAMES:
                return put_names(p, f->event);
        case EVENT_FIELD_PARENTS:
                return put_parents(p, f->event);
        default:
                return put_labels(p, f->event);
        }
}

size_t event_json_write_value(const EventField *f, char buf[static EVENT_LINE_MAX]) {
        assert(f);
        assert(f->id < _EVENT_FIELD_ID_MAX);

        return (size_t) (put_value(buf, f) - buf);
}

size_t event_json_write(const Event *e, char buf[static EVENT_LINE_MAX]) {
        EventFields fields;
        char *p = buf;

        event_fields(e, &fields);
        for (size_t i = 0; i < fields.n; i++) {
                EventFieldId id = fields.fields[i].id;

                memcpy(p, keys[id].text, sizeof(keys[id].text));
                p = put_value(p + keys[id].length, &fields.fields[i]);
        }
        *buf = '{'; /* replaces the first comma */
        p = put_literal(p, "}\n");

        assert(p <= buf + EVENT_LINE_MAX);
        return (size_t) (p - buf);
}
