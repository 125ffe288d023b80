/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/recorded-format.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "basic/macro.h"
#include "event/escape.h"

#define DESTINATION_MAX 320

/* Of lines that are counted as such; NULL: of others. */
static const struct {
        const char *key, *text;
} line_names[] = {
        [RECORDED_LINE_OTHER] = { "other", "Skipped, events without a decision" },
        [RECORDED_LINE_CUT] = { "cut", "Skipped, cut short" },
        [RECORDED_LINE_NOT_JSON] = { "not_json", "Skipped, not a JSON object" },
        [RECORDED_LINE_LONG] = { "too_long", "Skipped, too long" },
        [RECORDED_LINE_NEWER] = { "newer", "Skipped, of a newer version" },
        [RECORDED_LINE_INVALID] = { "invalid", "Skipped, a field is missing or invalid" },
};

_Static_assert(ELEMENTSOF(line_names) == _RECORDED_LINE_MAX, "a name for each kind of line");

const char *recorded_line_key(RecordedLine line) {
        assert(line >= 0 && line < _RECORDED_LINE_MAX);

        return line_names[line].key;
}

const char *plural(uint64_t n) {
        return n == 1 ? "" : "s";
}

/* Of what no rule decides, not even the address may be known. */
static bool has_destination(const Destination *d) {
        return d->name[0] != '\0' || d->protocol != 0;
}

void destination_entry_write(FILE *out, const DestinationEntry *e) {
        char destination[DESTINATION_MAX], process[RECORDED_PROCESS_SIZE * ESCAPE_TERMINAL_MAX];

        assert(out);
        assert(e);

        if (e->kind == RECORDED_QUERY)
                (void) snprintf(destination, sizeof(destination), "%s (DNS query)",
                                e->destination.name[0] != '\0' ? e->destination.name : "unknown name");
        else if (!has_destination(&e->destination))
                (void) snprintf(destination, sizeof(destination), "unknown destination");
        else
                (void) destination_format(&e->destination, destination, sizeof(destination));

        fprintf(out, "%s: %" PRIu64 " event%s, %s", destination, e->count, plural(e->count), e->first);
        if (strcmp(e->first, e->last) != 0)
                fprintf(out, " to %s", e->last);
        fprintf(out, ", %s%s",
                e->process[0] != '\0' ? escape_terminal(e->process, process, sizeof(process)) : "unknown process",
                e->other_processes ? " and others" : "");
}

void count_write(FILE *out, uint64_t n, const char *noun, const char *what) {
        assert(out);

        if (n > 0)
                fprintf(out, "%s: %" PRIu64 " %s%s\n", what, n, noun, plural(n));
}

void line_counts_write(FILE *out, const LineCounts *c) {
        assert(out);
        assert(c);

        count_write(out, c->n_lost, "event", "Not judged, lost before the log");
        count_write(out, c->n_suppressed, "denial", "Not judged, without an event of their own");
        for (size_t i = 0; i < _RECORDED_LINE_MAX; i++)
                if (line_names[i].text)
                        count_write(out, c->n_lines[i], "line", line_names[i].text);
}
