/* SPDX-License-Identifier: Apache-2.0 */
#include "event/summary-internal.h"

#include <inttypes.h>
#include <string.h>

#include "event/escape.h"
#include "policy/port.h"

#define LINES_MAX 50        /* per class */
#define DESTINATION_WIDTH 40 /* longer ones overflow their column */
#define PROCESS_WIDTH 32

/* The cells of one line. */
typedef struct Line {
        char destination[(SUMMARY_NAME_MAX + 1) * ESCAPE_TERMINAL_MAX + 2 * PORT_TEXT_MAX];
        char count[40];
        char process[(CW_COMM_MAX + 1) * ESCAPE_TERMINAL_MAX + 20];
} Line;

typedef struct Widths {
        int destination, count, process;
} Widths;

static void fill_destination(Line *l, const SummaryEntry *e) {
        char *p = l->destination, protocol[PORT_TEXT_MAX], addr[IN_ADDR_TEXT_MAX];
        size_t room = sizeof(l->destination);

        if (e->hostname)
                (void) escape_terminal(e->hostname, p, room);
        else if (e->has_addr)
                (void) snprintf(p, room, e->port > 0 && !in_addr_is_v4(&e->addr) ? "[%s]" : "%s",
                                in_addr_format(&e->addr, addr));
        else
                (void) snprintf(p, room, "%s", summary_entry_subject(e));

        size_t used = strlen(p);
        p += used;
        room -= used;
        (void) protocol_to_string(e->protocol, protocol);
        if (e->kind == SUMMARY_DNS)
                (void) snprintf(p, room, " (DNS%s%s)", e->query_type[0] ? " " : "", e->query_type);
        else if (e->port > 0)
                (void) snprintf(p, room, ":%u/%s", e->port,
                                e->protocol == PROTOCOL_TCP ? "tcp" : e->protocol == PROTOCOL_UDP ? "udp" : protocol);
        else if (e->protocol > 0)
                (void) snprintf(p, room, " (%s)", protocol);
}

static void fill_line(Line *l, const SummaryEntry *e) {
        char comm[CW_COMM_MAX * ESCAPE_TERMINAL_MAX];
        uint64_t count = summary_entry_count(e);

        *l = (Line) {};
        fill_destination(l, e);
        (void) snprintf(l->count, sizeof(l->count), "%" PRIu64 " %s", count, summary_plural(e->kind, count));
        if (e->pid > 0)
                (void) snprintf(l->process, sizeof(l->process), "%s (pid %u)",
                                escape_terminal(e->process, comm, sizeof(comm)), e->pid);
}

static size_t n_shown(const SummaryView *v, SummaryClass class) {
        return MIN(v->n_class[class], (size_t) LINES_MAX);
}

static int wider(int width, const char *text, int limit) {
        int n = (int) strlen(text);
        return MAX(width, MIN(n, limit));
}

/* Only denials use more than two columns. */
static Widths measure(const SummaryView *v) {
        Widths w = {};
        const SummaryEntry *const *e = (const SummaryEntry *const *) v->entries;

        for (int class = 0; class < _SUMMARY_CLASS_MAX; class++) {
                for (size_t i = 0; i < n_shown(v, class); i++) {
                        Line l;

                        fill_line(&l, e[i]);
                        w.destination = wider(w.destination, l.destination, DESTINATION_WIDTH);
                        if (class == SUMMARY_ALLOWED)
                                continue;
                        w.count = wider(w.count, l.count, (int) sizeof(l.count));
                        w.process = wider(w.process, l.process, PROCESS_WIDTH);
                }
                e += v->n_class[class];
        }
        return w;
}

static void write_bytes(FILE *out, const SummaryEntry *e) {
        char sent[16], received[16];

        if (e->n_closed > 0)
                fprintf(out, ", %s out, %s in", summary_bytes(e->bytes_out, sent),
                        summary_bytes(e->bytes_in, received));
}

static void write_denial(FILE *out, const SummaryEntry *e, const Line *l, const Widths *w) {
        char suggestion[SUMMARY_SUGGESTION_MAX], why[SUMMARY_WHY_MAX], safe[SUMMARY_WHY_MAX * ESCAPE_TERMINAL_MAX];

        fprintf(out, "%-*s", w->count, l->count);
        if (w->process > 0)
                fprintf(out, "   %-*s", w->process, l->process);
        if (summary_entry_suggest(e, suggestion) >= 0)
                fprintf(out, "   allow with: %s", suggestion);
        else
                fprintf(out, "   %s", escape_terminal(summary_entry_why(e, why), safe, sizeof(safe)));
}

static void write_class(FILE *out, const Summary *s, const SummaryView *v, SummaryClass class,
                        SummaryEntry *const *entries, const Widths *w) {
        const char *word = summary_class_to_string(class);
        int word_width = v->n_class[SUMMARY_WOULD_DENY] > 0 ? 10 : 7;

        for (size_t i = 0; i < n_shown(v, class); i++) {
                Line l;

                fill_line(&l, entries[i]);
                fprintf(out, "  %-*s  %-*s   ", word_width, word, w->destination, l.destination);
                if (class == SUMMARY_ALLOWED) {
                        fputs(l.count, out);
                        write_bytes(out, entries[i]);
                } else
                        write_denial(out, entries[i], &l, w);
                fputc('\n', out);
        }

        if (v->n_class[class] > LINES_MAX)
                fprintf(out, "  %-*s  ... and %zu more destinations\n", word_width, word,
                        v->n_class[class] - LINES_MAX);
        if (s->n_unlisted[class] > 0)
                fprintf(out,
                        "  %-*s  ... and %" PRIu64 " more times, past the limit of %d destinations or of events per second\n",
                        word_width, word, s->n_unlisted[class], SUMMARY_DESTINATIONS_MAX / 2);
}

void summary_write_text(FILE *out, const Summary *s, const SummaryView *v) {
        size_t n_allowed = v->n_class[SUMMARY_ALLOWED];
        Widths w = measure(v);

        fprintf(out, "cargowall: %s, %zu destination%s allowed", mode_to_string(s->mode), n_allowed,
                n_allowed == 1 ? "" : "s");
        if (s->mode != MODE_AUDIT || v->n_class[SUMMARY_DENIED] > 0)
                fprintf(out, ", %zu denied", v->n_class[SUMMARY_DENIED]);
        if (s->mode == MODE_AUDIT || v->n_class[SUMMARY_WOULD_DENY] > 0)
                fprintf(out, ", %zu would be denied", v->n_class[SUMMARY_WOULD_DENY]);
        fputc('\n', out);

        SummaryEntry *const *entries = v->entries;
        for (int class = 0; class < _SUMMARY_CLASS_MAX; class++) {
                write_class(out, s, v, class, entries, &w);
                entries += v->n_class[class];
        }
        const char *advice[SUMMARY_ADVICE_MAX];
        size_t n_advice = summary_advice(v, advice);
        for (size_t i = 0; i < n_advice; i++)
                fprintf(out, "  %s\n", advice[i]);
        for (size_t i = 0; i < s->n_failures; i++) {
                char safe[1024];

                fprintf(out, "  did not resolve: %s\n", escape_terminal(s->failures[i], safe, sizeof(safe)));
        }
        if (s->n_more_failures > 0)
                fprintf(out, "  %" PRIu64 " further look-ups did not resolve\n", s->n_more_failures);
        for (size_t i = 0; i < s->n_losses; i++)
                fprintf(out, "  %" PRIu64 " event%s lost (%s)\n", s->losses[i].n, s->losses[i].n == 1 ? "" : "s",
                        s->losses[i].where);
}
