/* SPDX-License-Identifier: Apache-2.0 */
#include "event/event-json.h"

#include <assert.h>
#include <string.h>

#include "basic/macro.h"
#include "event/escape.h"
#include "policy/port.h"

/* The most bytes each string may take in the line, escapes included. docs/events.md lists them. */
enum {
        HOSTNAME_SHARE = 1024,
        CHAIN_SHARE = 2048, /* quotes and commas included */
        RULE_SHARE = 512,
        EXECUTABLE_SHARE = 1024,
        CGROUP_SHARE = 768,
        COMM_SHARE = (CW_COMM_MAX - 1) * ESCAPE_JSON_MAX,
        LABEL_SHARE = 96, /* scope, digest, query_type, dns_reason, auto_allowed_type */
        UNIT_SHARE = 512,
        DETAIL_SHARE = 512,
        JOB_VALUE_SHARE = 256,

        JOB_SHARE = EVENT_LABELS_MAX * (EVENT_LABEL_KEY_MAX + JOB_VALUE_SHARE + 6), /* quotes, colon and comma */
        PARENT_SHARE = 40 + COMM_SHARE,
        STRINGS_MAX = HOSTNAME_SHARE + CHAIN_SHARE + RULE_SHARE + EXECUTABLE_SHARE + CGROUP_SHARE + COMM_SHARE +
                      5 * LABEL_SHARE + UNIT_SHARE + DETAIL_SHARE + JOB_SHARE + EVENT_PARENTS_MAX * PARENT_SHARE,
        REST_MAX = 1200, /* keys, numbers, addresses, our own words; the worst case is a test */
};

_Static_assert(STRINGS_MAX + REST_MAX <= EVENT_LINE_MAX, "every event fits");

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

/* RFC 3339 in UTC with microseconds. Years are counted from March so that the leap day is the last of its year; an era
 * is the 400 years (146097 days) after which the Gregorian calendar repeats. */
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

/* Each key is written as ,"key": since timestamp comes first. */
#define KEY(key) ",\"" key "\":"
#define put_number_field(p, key, v) put_number(put_literal(p, KEY(key)), v)
#define put_bool_field(p, key, v) ((v) ? put_literal(p, KEY(key) "true") : put_literal(p, KEY(key) "false"))
#define put_string_field(p, key, s, share) put_string(put_literal(p, KEY(key)), s, share)

static char *put_string(char *p, const char *s, size_t share) {
        *p++ = '"';
        p += escape_json(s, strlen(s), p, share);
        *p++ = '"';
        return p;
}

static bool is_set(const char *s) {
        return s && *s;
}

static char *put_addr(char *p, const InAddr *a) {
        char text[IN_ADDR_TEXT_MAX];

        if (!in_addr_is_v4(a))
                return put_string(p, in_addr_format(a, text), sizeof(text));

        *p++ = '"';
        for (size_t i = 12; i < 16; i++) { /* inet_ntop() would cost as much as the rest of the line */
                p = put_number(p, a->b[i]);
                *p++ = i < 15 ? '.' : '"';
        }
        return p;
}

static char *put_verdict(char *p, const Event *e) {
        bool denial = event_is_denial(e);

        p = put_string_field(p, "event_type", event_type_to_string(e->type), LABEL_SHARE);
        if (e->has_verdict)
                p = put_string_field(p, "verdict", action_to_string(e->verdict), LABEL_SHARE);
        p = put_bool_field(p, "blocked", denial && e->mode == MODE_ENFORCE);
        p = put_bool_field(p, "would_deny", denial && e->mode == MODE_AUDIT);
        p = put_string_field(p, "mode", mode_to_string(e->mode), LABEL_SHARE);
        if (e->has_verdict)
                p = put_string_field(p, "reason", reason_to_string(e->reason), LABEL_SHARE);
        return p;
}

/* A name that does not fit whole ends the chain: half a name would be another name. */
static char *put_chain(char *begin, const Event *e) {
        char *first = put_literal(begin, KEY("cname_chain") "["), *p = first, *limit = first + CHAIN_SHARE;
        const char *name = is_set(e->hostname) ? e->hostname : "";
        size_t length = strlen(name);

        for (const char *rest = e->cname_chain;;) {
                if (length > 0) {
                        char *q = p;

                        if (p > first)
                                *q++ = ',';
                        *q++ = '"';
                        q += escape_json(name, length, q, (size_t) (limit - q));
                        if (limit - q < ESCAPE_JSON_MAX)
                                break;
                        *q++ = '"';
                        p = q;
                }
                if (!*rest)
                        break;
                name = rest;
                length = strcspn(rest, " ");
                rest += length + (rest[length] == ' ');
        }
        if (p == first)
                return begin;
        *p++ = ']';
        return p;
}

static char *put_destination(char *p, const Event *e) {
        char protocol[PORT_TEXT_MAX];

        if (e->has_src)
                p = put_addr(put_literal(p, KEY("src_ip")), &e->src);
        if (e->src_port > 0)
                p = put_number_field(p, "src_port", e->src_port);
        if (e->has_dst)
                p = put_addr(put_literal(p, KEY("dst_ip")), &e->dst);
        if (is_set(e->hostname))
                p = put_string_field(p, "dst_hostname", e->hostname, HOSTNAME_SHARE);
        if (e->dst_port > 0)
                p = put_number_field(p, "dst_port", e->dst_port);
        if (e->protocol != 0)
                p = put_string_field(p, "protocol", protocol_to_string(e->protocol, protocol), LABEL_SHARE);
        if (is_set(e->cname_chain))
                p = put_chain(p, e);
        if (is_set(e->query_type))
                p = put_string_field(p, "query_type", e->query_type, LABEL_SHARE);
        if (is_set(e->dns_reason))
                p = put_string_field(p, "dns_reason", e->dns_reason, LABEL_SHARE);
        if (e->mid_stream)
                p = put_bool_field(p, "mid_stream", true);
        return p;
}

static char *put_rule(char *p, const Event *e) {
        if (is_set(e->matched_rule))
                p = put_string_field(p, "matched_rule", e->matched_rule, RULE_SHARE);
        if (e->has_verdict && e->rule != RULE_NONE)
                p = put_number_field(p, "rule", e->rule);
        if (is_set(e->automatic))
                p = put_string_field(p, "auto_allowed_type", e->automatic, LABEL_SHARE);
        if (is_set(e->scope))
                p = put_string_field(p, "scope", e->scope, LABEL_SHARE);
        if (is_set(e->policy_digest))
                p = put_string_field(p, "policy_digest", e->policy_digest, LABEL_SHARE);
        return p;
}

static char *put_parents(char *p, const Event *e) {
        p = put_literal(p, KEY("parents") "[");
        for (size_t i = 0; i < MIN(e->n_parents, (size_t) EVENT_PARENTS_MAX); i++) {
                if (i > 0)
                        *p++ = ',';
                p = put_number(put_literal(p, "{\"pid\":"), e->parents[i].pid);
                if (is_set(e->parents[i].comm))
                        p = put_string_field(p, "comm", e->parents[i].comm, COMM_SHARE);
                *p++ = '}';
        }
        *p++ = ']';
        return p;
}

static char *put_process(char *p, const Event *e) {
        if (is_set(e->process))
                p = put_string_field(p, "process", e->process, COMM_SHARE);
        if (e->pid > 0) {
                p = put_number_field(p, "pid", e->pid);
                if (e->tid > 0)
                        p = put_number_field(p, "tid", e->tid);
                p = put_number_field(p, "uid", e->uid);
                p = put_number_field(p, "gid", e->gid);
        }
        if (is_set(e->executable))
                p = put_string_field(p, "executable", e->executable, EXECUTABLE_SHARE);
        if (e->n_parents > 0)
                p = put_parents(p, e);
        if (is_set(e->unit))
                p = put_string_field(p, "unit", e->unit, UNIT_SHARE);
        if (is_set(e->cgroup))
                p = put_string_field(p, "cgroup", e->cgroup, CGROUP_SHARE);
        if (e->cgroup_id > 0)
                p = put_number_field(p, "cgroup_id", e->cgroup_id);
        return p;
}

static bool key_is_new(const Event *e, size_t i, size_t key_length) {
        for (size_t k = 0; k < i; k++)
                if (strncmp(e->labels[k], e->labels[i], key_length + 1) == 0) /* with its '=' */
                        return false;
        return true;
}

static char *put_job(char *begin, const Event *e) {
        char *first = put_literal(begin, KEY("job") "{"), *p = first;

        for (size_t i = 0; i < MIN(e->n_labels, (size_t) EVENT_LABELS_MAX); i++) {
                size_t n = event_label_key_length(e->labels[i]);
                if (n == 0 || !key_is_new(e, i, n))
                        continue;

                if (p > first)
                        *p++ = ',';
                *p++ = '"';
                p = mempcpy(p, e->labels[i], n);
                p = put_string(put_literal(p, "\":"), e->labels[i] + n + 1, JOB_VALUE_SHARE);
        }
        if (p == first)
                return begin;
        *p++ = '}';
        return p;
}

size_t event_json_write(const Event *e, char buf[static EVENT_LINE_MAX]) {
        assert(e);

        char *p = put_literal(buf, "{\"timestamp\":\"");
        p = put_timestamp(p, e->time_usec);
        *p++ = '"';
        p = put_number_field(p, "schema_version", EVENT_SCHEMA_VERSION);
        p = put_number_field(p, "sequence", e->sequence);
        p = put_verdict(p, e);
        p = put_destination(p, e);
        p = put_rule(p, e);
        p = put_process(p, e);
        if (e->n_labels > 0)
                p = put_job(p, e);
        if (e->type == EVENT_CONNECTION_CLOSED) {
                p = put_number_field(p, "bytes_out", e->bytes_out);
                p = put_number_field(p, "bytes_in", e->bytes_in);
                p = put_number_field(p, "duration_usec", e->duration_usec);
        }
        if (e->count > 0 || e->type == EVENT_EVENTS_LOST)
                p = put_number_field(p, "count", e->count);
        if (is_set(e->detail))
                p = put_string_field(p, "detail", e->detail, DETAIL_SHARE);
        p = put_literal(p, "}\n");

        assert(p <= buf + EVENT_LINE_MAX);
        return (size_t) (p - buf);
}
