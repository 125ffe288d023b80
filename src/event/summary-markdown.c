/* SPDX-License-Identifier: Apache-2.0 */
#include "event/summary-internal.h"

#include <inttypes.h>

#include "event/escape.h"
#include "policy/port.h"

#define ROWS_MAX 200 /* per class: job summaries are limited in size */

static void write_escaped(FILE *out, const char *s) {
        char text[SUMMARY_WHY_MAX * ESCAPE_MARKDOWN_MAX];

        fputs(escape_markdown(s, text, sizeof(text)), out);
}

static void write_destination(FILE *out, const SummaryEntry *e) {
        char addr[IN_ADDR_TEXT_MAX], protocol[PORT_TEXT_MAX];

        if (e->hostname)
                write_escaped(out, e->hostname);
        else if (e->has_addr)
                write_escaped(out, in_addr_format(&e->addr, addr));
        else
                fputs(summary_entry_subject(e), out);

        if (e->kind == SUMMARY_DNS)
                fprintf(out, " | DNS%s%s", e->query_type[0] ? " " : "", e->query_type);
        else if (e->port > 0)
                fprintf(out, " | %u %s", e->port, protocol_to_string(e->protocol, protocol));
        else
                fprintf(out, " | %s", e->protocol > 0 ? protocol_to_string(e->protocol, protocol) : "");
}

static void write_row(FILE *out, const SummaryEntry *e) {
        char suggestion[SUMMARY_SUGGESTION_MAX], why[SUMMARY_WHY_MAX], sent[16], received[16];
        uint64_t count = summary_entry_count(e);

        fprintf(out, "| %s | ", summary_class_to_string(e->class));
        write_destination(out, e);
        fprintf(out, " | %" PRIu64 " %s | ", count, summary_plural(e->kind, count));
        if (e->n_closed > 0)
                fprintf(out, "%s out, %s in", summary_bytes(e->bytes_out, sent), summary_bytes(e->bytes_in, received));
        fputs(" | ", out);
        if (e->pid > 0) {
                write_escaped(out, e->process);
                fprintf(out, " (pid %u)", e->pid);
        }
        fputs(" | ", out);
        if (summary_entry_suggest(e, suggestion) >= 0)
                fprintf(out, "`%s`", suggestion); /* contains no special characters by construction */
        else
                write_escaped(out, summary_entry_why(e, why));
        fputs(" |\n", out);
}

static void write_rows(FILE *out, const Summary *s, const SummaryView *v, SummaryClass class,
                       SummaryEntry *const *entries) {
        const char *word = summary_class_to_string(class);
        size_t n = v->n_class[class];

        for (size_t i = 0; i < MIN(n, (size_t) ROWS_MAX); i++)
                write_row(out, entries[i]);
        if (n > ROWS_MAX)
                fprintf(out, "| %s | and %zu more destinations | | | | | |\n", word, n - ROWS_MAX);
        if (s->n_unlisted[class] > 0)
                fprintf(out, "| %s | and %" PRIu64 " more times, past the limits | | | | | |\n", word,
                        s->n_unlisted[class]);
}

void summary_write_markdown(FILE *out, const Summary *s, const SummaryView *v) {
        fprintf(out, "### CargoWall: %s\n\n", mode_to_string(s->mode));
        fprintf(out, "%zu allowed, %zu denied, %zu would be denied (destinations)\n\n", v->n_class[SUMMARY_ALLOWED],
                v->n_class[SUMMARY_DENIED], v->n_class[SUMMARY_WOULD_DENY]);

        if (v->n > 0) {
                fputs("| Verdict | Destination | Port | Count | Bytes | Process | Allow with, or reason |\n"
                      "|---|---|---|---|---|---|---|\n",
                      out);
                SummaryEntry *const *entries = v->entries;
                for (int class = 0; class < _SUMMARY_CLASS_MAX; class++) {
                        write_rows(out, s, v, class, entries);
                        entries += v->n_class[class];
                }
        }
        const char *advice[SUMMARY_ADVICE_MAX];
        size_t n_advice = summary_advice(v, advice);
        for (size_t i = 0; i < n_advice; i++)
                fprintf(out, "\n%s\n", advice[i]); /* our own words */
        for (size_t i = 0; i < s->n_failures; i++) {
                fputs("\nDid not resolve: ", out);
                write_escaped(out, s->failures[i]);
                fputc('\n', out);
        }
        for (size_t i = 0; i < s->n_losses; i++)
                fprintf(out, "\n%" PRIu64 " events lost (%s)\n", s->losses[i].n, s->losses[i].where);
}
