/* SPDX-License-Identifier: Apache-2.0 */
#include "event/summary.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/event-message.h"
#include "event/summary-internal.h"

/* A connection whose first record was lost still has an end. */
uint64_t summary_entry_count(const SummaryEntry *e) {
        return MAX(e->n_opened, e->n_closed);
}

int summary_entry_suggest(const SummaryEntry *e, char buf[static SUMMARY_SUGGESTION_MAX]) {
        static const EventType types[_SUMMARY_KIND_MAX] = {
                [SUMMARY_CONNECTION] = EVENT_CONNECTION_BLOCKED,
                [SUMMARY_DNS] = EVENT_DNS_BLOCKED,
                [SUMMARY_PROTOCOL] = EVENT_PROTOCOL_BLOCKED,
        };

        if (e->class == SUMMARY_ALLOWED)
                return -EOPNOTSUPP;

        Event event = {
                .type = types[e->kind],
                .has_verdict = true,
                .verdict = ACTION_DENY,
                .reason = e->reason,
                .hostname = e->hostname,
                .dns_reason = e->dns_reason[0] ? e->dns_reason : NULL,
                .has_dst = e->has_addr,
                .dst = e->addr,
                .dst_port = e->port,
                .protocol = e->protocol,
        };
        return summary_suggest(&event, buf, SUMMARY_SUGGESTION_MAX);
}

const char *summary_entry_subject(const SummaryEntry *e) {
        if (e->reason == CW_REASON_RAW_SOCKET)
                return "raw socket";
        if (e->reason == CW_REASON_FAMILY)
                return "socket of another family";
        return e->kind == SUMMARY_PROTOCOL ? "socket option" : "unknown";
}

static const char *dns_why(const SummaryEntry *e, char buf[static SUMMARY_WHY_MAX]) {
        (void) snprintf(buf, SUMMARY_WHY_MAX, "%s", e->detail[0] ? e->detail : event_denial_words(e->dns_reason));
        return buf;
}

const char *summary_entry_why(const SummaryEntry *e, char buf[static SUMMARY_WHY_MAX]) {
        if (e->class == SUMMARY_ALLOWED)
                return "";

        if (e->reason == CW_REASON_RULE && e->rule) {
                (void) snprintf(buf, SUMMARY_WHY_MAX, "denied by rule %s", e->rule);
                return buf;
        }
        if (e->kind == SUMMARY_DNS && e->dns_reason[0])
                return dns_why(e, buf);

        return event_reason_words(e->reason, ACTION_DENY);
}

const char *summary_bytes(uint64_t n, char buf[static 16]) {
        static const char units[] = { 'k', 'M', 'G', 'T', 'P', 'E' };

        if (n < 1000) {
                (void) snprintf(buf, 16, "%" PRIu64 " B", n);
                return buf;
        }

        size_t unit = 0;
        while (n >= 1000 * 1000) {
                n /= 1000;
                unit++;
        }
        if (n < 10 * 1000)
                (void) snprintf(buf, 16, "%" PRIu64 ".%" PRIu64 " %cB", n / 1000, n / 100 % 10, units[unit]);
        else
                (void) snprintf(buf, 16, "%" PRIu64 " %cB", n / 1000, units[unit]);
        return buf;
}

const char *summary_class_to_string(SummaryClass c) {
        static const char *const names[_SUMMARY_CLASS_MAX] = {
                [SUMMARY_ALLOWED] = "allowed",
                [SUMMARY_DENIED] = "denied",
                [SUMMARY_WOULD_DENY] = "would deny",
        };
        return names[c];
}

const char *summary_plural(SummaryKind kind, uint64_t n) {
        static const char *const names[_SUMMARY_KIND_MAX][2] = {
                [SUMMARY_CONNECTION] = { "connection", "connections" },
                [SUMMARY_DNS] = { "query", "queries" },
                [SUMMARY_PROTOCOL] = { "attempt", "attempts" },
        };
        return names[kind][n != 1];
}

static int compare_names(const char *a, const char *b) {
        return strcmp(a ? a : "", b ? b : "");
}

/* By class, then most frequent first; the rest makes the order total, so that equal runs produce equal text. */
static int compare_entries(const void *pa, const void *pb) {
        const SummaryEntry *a = *(SummaryEntry *const *) pa, *b = *(SummaryEntry *const *) pb;

        if (a->class != b->class)
                return a->class < b->class ? -1 : 1;
        uint64_t n_a = summary_entry_count(a), n_b = summary_entry_count(b);
        if (n_a != n_b)
                return n_a > n_b ? -1 : 1;

        int r = compare_names(a->hostname, b->hostname);
        if (r == 0)
                r = memcmp(a->addr.b, b->addr.b, sizeof(a->addr.b));
        if (r == 0)
                r = (int) a->port - (int) b->port;
        if (r == 0)
                r = (int) a->protocol - (int) b->protocol;
        if (r == 0)
                r = strcmp(a->query_type, b->query_type);
        return r != 0 ? r : (int) a->kind - (int) b->kind;
}

static int compare_hostnames(const void *pa, const void *pb) {
        const SummaryEntry *a = *(SummaryEntry *const *) pa, *b = *(SummaryEntry *const *) pb;

        return compare_names(a->hostname, b->hostname);
}

static void view_fill(SummaryView *v, const Summary *s) {
        v->n = s->n_entries;
        memcpy(v->entries, s->entries, sizeof(s->entries[0]) * s->n_entries);

        qsort(v->entries, v->n, sizeof(v->entries[0]), compare_hostnames);
        const char *previous = NULL;
        for (size_t i = 0; i < v->n; i++) {
                const char *name = v->entries[i]->hostname;
                v->n_hostnames += compare_names(previous, name) != 0;
                previous = name;
        }

        qsort(v->entries, v->n, sizeof(v->entries[0]), compare_entries);
        for (size_t i = 0; i < v->n; i++)
                v->n_class[v->entries[i]->class]++;
}

static void closed_stream(FILE **f) {
        if (*f)
                (void) fclose(*f);
}

int summary_format(const Summary *s, SummaryFormat format, char **ret, size_t *ret_size) {
        static void (*const writers[])(FILE *, const Summary *, const SummaryView *) = {
                [SUMMARY_TEXT] = summary_write_text,
                [SUMMARY_JSON] = summary_write_json,
                [SUMMARY_MARKDOWN] = summary_write_markdown,
        };

        assert(s);
        assert(ret);
        assert(ret_size);

        /* freed after the stream that writes to it is closed */
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        _cleanup_free_ SummaryView *view = calloc(1, sizeof(*view));
        _cleanup_(closed_stream) FILE *out = open_memstream(&text, &size);
        if (!view || !out)
                return -ENOMEM;

        view_fill(view, s);
        if (format != SUMMARY_NONE)
                writers[format](out, s, view);

        bool failed = ferror(out);
        if (fclose(TAKE_PTR(out)) != 0 || failed)
                return -ENOMEM;

        *ret = TAKE_PTR(text);
        *ret_size = size;
        return 0;
}
