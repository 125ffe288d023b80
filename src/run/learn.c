/* SPDX-License-Identifier: Apache-2.0 */
#include "run/learn.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "cli/suggest-document.h"
#include "cli/suggest-format.h"
#include "event/event-json.h"
#include "host/guarded-open.h"
#include "run/message.h"
#include "run/new-file.h"

struct Learn {
        const char *path;    /* borrowed, as user */
        const RunUser *user;
        SuggestTable table;
        uint64_t n_lost;     /* events for which there was no memory */
};

static int fail(const char *path, int error) {
        if (error == -EEXIST)
                message("--learn %s: it exists already and is not overwritten: remove it, or name another file", path);
        else
                message("--learn %s: cannot write the policy: %s", path, guarded_open_error(error));
        return error;
}

int learn_new(const char *path, const RunUser *user, Learn **ret) {
        static const SuggestOptions options = { .at_least = 1 };
        uint8_t key[16];

        assert(path && user);
        assert(ret);

        int r = new_file_check(path, user);
        if (r < 0)
                return fail(path, r);
        if (getrandom(key, sizeof(key), 0) != sizeof(key))
                return fail(path, -EIO);
        Learn *l = calloc(1, sizeof(*l));
        if (!l)
                return fail(path, -ENOMEM);
        r = suggest_table_init(&l->table, &options, DESTINATIONS_MAX, key);
        if (r < 0) {
                free(l);
                return fail(path, r);
        }
        l->path = path;
        l->user = user;
        *ret = l;
        return 0;
}

Learn *learn_free(Learn *l) {
        if (!l)
                return NULL;
        suggest_table_done(&l->table);
        free(l);
        return NULL;
}

/* As a line of the log, so that it is the same policy as one made of the log. */
static void learn_write(void *object, const Event *event, _unused_ uint64_t now_nsec) {
        Learn *l = object;
        char line[EVENT_LINE_MAX];
        RecordedEvent e;

        size_t n = event_json_write(event, line);
        int r = recorded_event_read(line, n - 1, &e);
        if (r >= 0)
                r = suggest_table_add(&l->table, (RecordedLine) r, &e);
        if (r < 0)
                l->n_lost++;
}

static uint64_t learn_n_lost(const void *object) {
        return ((const Learn *) object)->n_lost;
}

Sink learn_as_sink(Learn *l) {
        assert(l);

        return (Sink) { .name = "learn", .object = l, .write = learn_write, .n_lost = learn_n_lost };
}

int learn_finish(Learn *l, uint64_t n_lost, bool quiet) {
        _cleanup_(suggest_document_done) SuggestDocument d = {};
        const SuggestEntry *wrong;

        assert(l);

        count_add(&n_lost, l->n_lost);
        suggest_table_finish(&l->table);
        int r = suggest_document_make(&l->table, &d, &wrong);
        if (r >= 0)
                r = new_file_write(l->path, l->user, d.text, d.length);
        if (r < 0)
                return fail(l->path, r);
        if (!quiet)
                suggest_write_report(stderr, &l->table, &d);
        message("policy written to %s: %zu rule%s", l->path, d.n_rules, d.n_rules == 1 ? "" : "s");
        count_add(&n_lost, l->table.destinations.n_unlisted[SUGGEST_KEPT]);
        if (n_lost > 0)
                message("%" PRIu64 " events were lost or beyond the limit: the policy may lack some of what COMMAND needs", n_lost);
        return 0;
}
