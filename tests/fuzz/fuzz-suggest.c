/* SPDX-License-Identifier: Apache-2.0 */

/* An event log, and the policy that is made of it: it is a document that the parser takes, it decides as intended, and
 * what is said about it has no control characters. */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cli/suggest-format.h"
#include "policy/metadata.h"
#include "policy/special-addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef void (*line_fn)(SuggestTable *t, const SuggestDocument *d, RecordedLine line, const RecordedEvent *e);

static void add_line(SuggestTable *t, const SuggestDocument *d, RecordedLine line, const RecordedEvent *e) {
        (void) d;
        assert(suggest_table_add(t, line, e) == 0);
}

/* What is kept is allowed, whichever aliases led to it. */
static void check_line(SuggestTable *t, const SuggestDocument *d, RecordedLine line, const RecordedEvent *e) {
        const char *names[RECORDED_NAMES_MAX];
        Destination place;
        Explanation x;

        if (line != RECORDED_LINE_EVENT || e->kind != RECORDED_CONNECTION || e->automatic ||
            addr_kind(&e->destination.addr) != ADDR_GLOBAL || addr_is_metadata(&e->destination.addr))
                return;
        place = e->destination;
        for (size_t i = 0; i < e->n_names; i++)
                names[i] = e->names[i];
        if (e->n_names > 0)
                memcpy(place.name, e->names[0], sizeof(place.name));
        if (!suggest_table_find(t, SUGGEST_KEPT, RECORDED_CONNECTION, &place))
                return;
        assert(policy_explain_aliases(d->policy, MODE_ENFORCE, &e->destination, names, e->n_names, &x) == 0);
        assert(x.verdict == ACTION_ALLOW);
}

static void for_each_line(SuggestTable *t, const SuggestDocument *d, const char *text, size_t size, line_fn fn) {
        RecordedEvent e;

        while (size > 0) {
                const char *feed = memchr(text, '\n', size);
                size_t n = feed ? (size_t) (feed - text) : size;
                int line = recorded_event_read(text, n, &e);

                assert(line >= 0);
                fn(t, d, (RecordedLine) line, &e);
                n += feed ? 1 : 0;
                text += n;
                size -= n;
        }
}

static void check_report(const SuggestTable *t, const SuggestDocument *d) {
        char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                abort();
        suggest_write_report(f, t, d);
        fclose(f);
        for (size_t i = 0; i < size; i++)
                assert(((uint8_t) text[i] >= 0x20 && text[i] != 0x7f) || text[i] == '\n');
        free(text);
}

/* The first byte has the options. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const uint8_t key[16] = {};
        const SuggestEntry *wrong;
        SuggestDocument d;
        SuggestTable t;

        if (size == 0 || size > RECORDED_LINE_MAX)
                return 0;
        const SuggestOptions options = {
                .denied = data[0] & 1, .shared_domains = data[0] & 2, .at_least = 1 + (data[0] >> 2 & 1),
        };
        if (suggest_table_init(&t, &options, 64, key) < 0) /* more names could be too many for one below all others */
                abort();
        for_each_line(&t, NULL, (const char *) data + 1, size - 1, add_line);
        suggest_table_finish(&t);
        assert(suggest_document_make(&t, &d, &wrong) == 0);
        for (size_t i = 0; i < t.destinations.n[SUGGEST_LOOKUP]; i++)
                assert(suggest_table_entry(&t, SUGGEST_LOOKUP, i)->base.kind == RECORDED_QUERY);
        for_each_line(&t, &d, (const char *) data + 1, size - 1, check_line);
        check_report(&t, &d);
        suggest_document_done(&d);
        suggest_table_done(&t);
        return 0;
}
