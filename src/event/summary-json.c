/* SPDX-License-Identifier: Apache-2.0 */
#include "event/summary-internal.h"

#include <inttypes.h>
#include <string.h>

#include "event/escape.h"
#include "policy/port.h"

#define SUMMARY_SCHEMA_VERSION 1

/* What is written here has at most SUMMARY_WHY_MAX bytes. */
static void write_text(FILE *out, const char *s) {
        char text[SUMMARY_WHY_MAX * ESCAPE_JSON_MAX];
        size_t n = escape_json(s, strlen(s), text, sizeof(text));

        fprintf(out, "\"%.*s\"", (int) n, text);
}

/* One member, after others. */
static void write_string(FILE *out, const char *key, const char *s) {
        fprintf(out, ",\"%s\":", key);
        write_text(out, s);
}

static void write_number(FILE *out, const char *key, uint64_t n) {
        fprintf(out, ",\"%s\":%" PRIu64, key, n);
}

static void write_destination(FILE *out, const SummaryEntry *e) {
        char addr[IN_ADDR_TEXT_MAX], protocol[PORT_TEXT_MAX];

        if (e->hostname)
                write_string(out, "hostname", e->hostname);
        if (e->has_addr)
                write_string(out, "address", in_addr_format(&e->addr, addr));
        if (e->port > 0)
                write_number(out, "port", e->port);
        if (e->protocol > 0)
                write_string(out, "protocol", protocol_to_string(e->protocol, protocol));
}

static void write_why(FILE *out, const SummaryEntry *e) {
        char suggestion[SUMMARY_SUGGESTION_MAX], why[SUMMARY_WHY_MAX];

        if (e->rule)
                write_string(out, "matched_rule", e->rule);
        if (e->query_type[0])
                write_string(out, "query_type", e->query_type);
        if (e->dns_reason[0])
                write_string(out, "dns_reason", e->dns_reason);
        if (e->class == SUMMARY_ALLOWED)
                return;

        write_string(out, "explanation", summary_entry_why(e, why));
        if (summary_entry_suggest(e, suggestion) >= 0)
                write_string(out, "allow_with", suggestion);
}

static void write_entry(FILE *out, const SummaryEntry *e) {
        static const char *const kinds[_SUMMARY_KIND_MAX] = {
                [SUMMARY_CONNECTION] = "connection",
                [SUMMARY_DNS] = "dns",
                [SUMMARY_PROTOCOL] = "protocol",
        };

        fprintf(out, "{\"kind\":\"%s\"", kinds[e->kind]);
        write_string(out, "verdict", action_to_string(e->class == SUMMARY_ALLOWED ? ACTION_ALLOW : ACTION_DENY));
        fprintf(out, ",\"blocked\":%s,\"would_deny\":%s", e->class == SUMMARY_DENIED ? "true" : "false",
                e->class == SUMMARY_WOULD_DENY ? "true" : "false");
        write_destination(out, e);
        write_number(out, "count", summary_entry_count(e));
        if (e->n_closed > 0) {
                write_number(out, "bytes_out", e->bytes_out);
                write_number(out, "bytes_in", e->bytes_in);
        }
        write_string(out, "reason", reason_to_string(e->reason));
        write_why(out, e);
        if (e->pid > 0) {
                write_string(out, "process", e->process);
                write_number(out, "pid", e->pid);
        }
        fputc('}', out);
}

void summary_write_json(FILE *out, const Summary *s, const SummaryView *v) {
        uint64_t n_events = add_saturated(s->n_events[SUMMARY_ALLOWED], summary_n_denied(s));

        fprintf(out, "{\"schema_version\":%d", SUMMARY_SCHEMA_VERSION);
        write_string(out, "mode", mode_to_string(s->mode));
        fprintf(out, ",\"totals\":{\"events\":%" PRIu64, n_events);
        write_number(out, "allowed", s->n_events[SUMMARY_ALLOWED]);
        write_number(out, "denied", s->n_events[SUMMARY_DENIED]);
        write_number(out, "would_deny", s->n_events[SUMMARY_WOULD_DENY]);
        write_number(out, "auto_allowed", s->n_automatic);
        write_number(out, "unique_hostnames", v->n_hostnames);
        fputs("},\"destinations\":[", out);
        for (size_t i = 0; i < v->n; i++) {
                if (i > 0)
                        fputc(',', out);
                write_entry(out, v->entries[i]);
        }

        fprintf(out, "],\"unlisted\":{\"allowed\":%" PRIu64, s->n_unlisted[SUMMARY_ALLOWED]);
        write_number(out, "denied", s->n_unlisted[SUMMARY_DENIED]);
        write_number(out, "would_deny", s->n_unlisted[SUMMARY_WOULD_DENY]);
        fputs("},\"advice\":[", out);
        const char *advice[SUMMARY_ADVICE_MAX];
        size_t n_advice = summary_advice(v, advice);
        for (size_t i = 0; i < n_advice; i++) {
                fputs(i > 0 ? "," : "", out);
                write_text(out, advice[i]);
        }
        fputs("],\"unresolved\":[", out);
        for (size_t i = 0; i < s->n_failures; i++) {
                fputs(i > 0 ? "," : "", out);
                write_text(out, s->failures[i]);
        }
        fprintf(out, "],\"more_unresolved\":%" PRIu64 ",\"lost\":[", s->n_more_failures);
        for (size_t i = 0; i < s->n_losses; i++) {
                fprintf(out, "%s{\"count\":%" PRIu64, i > 0 ? "," : "", s->losses[i].n);
                write_string(out, "where", s->losses[i].where);
                fputc('}', out);
        }
        fputs("]}\n", out);
}
