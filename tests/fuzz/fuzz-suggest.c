/* SPDX-License-Identifier: Apache-2.0 */

/* An event log, and the policy that is made of it: it is a document that the parser takes, it decides as intended, and
 * what is said about it has no control characters. */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cli/suggest-format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add_lines(SuggestTable *t, const char *text, size_t size) {
        RecordedEvent e;

        while (size > 0) {
                const char *feed = memchr(text, '\n', size);
                size_t n = feed ? (size_t) (feed - text) : size;
                int line = recorded_event_read(text, n, &e);

                assert(line >= 0 && suggest_table_add(t, (RecordedLine) line, &e) == 0);
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
        add_lines(&t, (const char *) data + 1, size - 1);
        suggest_table_finish(&t);
        assert(suggest_document_make(&t, &d, &wrong) == 0);
        for (size_t i = 0; i < t.destinations.n[SUGGEST_LOOKUP]; i++)
                assert(suggest_table_entry(&t, SUGGEST_LOOKUP, i)->base.kind == RECORDED_QUERY);
        check_report(&t, &d);
        suggest_document_done(&d);
        suggest_table_done(&t);
        return 0;
}
