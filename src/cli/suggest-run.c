/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/suggest-run.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "basic/macro.h"
#include "cli/recorded-format.h"
#include "cli/recorded-log.h"
#include "cli/suggest-format.h"
#include "cli/time-text.h"
#include "event/escape.h"

int suggest_set_since(SuggestArguments *a, const char *text, const char **ret_reason) {
        uint64_t usec;

        assert(a);
        assert(text);
        assert(ret_reason);

        if (time_parse(text, (uint64_t) time(NULL) * USEC_PER_SEC, &usec) < 0) {
                *ret_reason = "not a time such as \"2026-11-22 03:10\", yesterday or -2h";
                return -EINVAL;
        }
        suggest_set_since_usec(a, usec);
        return 0;
}

void suggest_set_since_usec(SuggestArguments *a, uint64_t usec) {
        char stamp[TIME_TEXT_MAX];

        assert(a);

        /* Of later years than have four digits, there are no events. */
        (void) snprintf(a->filter.since, sizeof(a->filter.since), "%s", usec == 0 ? "" : time_format_rfc3339(usec, stamp));
}

int suggest_set_at_least(SuggestOptions *options, const char *text, const char **ret_reason) {
        char *end;

        assert(options);
        assert(text);
        assert(ret_reason);

        errno = 0;
        unsigned long n = strtoul(text, &end, 10);
        if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || n == 0) {
                *ret_reason = "expected a number, at least 1";
                return -EINVAL;
        }
        options->at_least = n;
        return 0;
}

/* ------------------------------------------------------------------ */

static SuggestStatus failed(const SuggestArguments *a, const char *what, const char *why, int error) {
        char safe[512];

        fprintf(stderr, "%s: %s: %s: %s\n", a->program, escape_terminal(what, safe, sizeof(safe)), why,
                recorded_log_error(error));
        return SUGGEST_STATUS_FAILED;
}

typedef struct Input {
        const RecordedFilter *filter; /* borrowed */
        SuggestTable table;
        uint64_t n_filtered;
} Input;

static void input_done(Input *input) {
        suggest_table_done(&input->table);
}

static int take_line(RecordedLine line, const RecordedEvent *e, void *userdata) {
        Input *input = userdata;

        if (recorded_filter_matches(input->filter, line, e))
                return suggest_table_add(&input->table, line, e);
        count_add(&input->n_filtered, e->count);
        return 0;
}

static SuggestStatus print(const SuggestArguments *a, Input *input) {
        _cleanup_(suggest_document_done) SuggestDocument document = {};
        SuggestTable *t = &input->table;
        const SuggestEntry *wrong;

        suggest_table_finish(t);
        int r = suggest_document_make(t, &document, &wrong);
        if (r == -EBADMSG) {
                fprintf(stderr, "%s: suggest: internal error, please report it: the policy would not decide as intended",
                        a->program);
                if (wrong) {
                        fprintf(stderr, " about ");
                        destination_entry_write(stderr, &wrong->base);
                }
                fprintf(stderr, "\n");
                return SUGGEST_STATUS_FAILED;
        }
        if (r < 0)
                return failed(a, "suggest", "cannot make the policy", r);

        if (!a->quiet) {
                suggest_write_report(stderr, t, &document);
                count_write(stderr, input->n_filtered, "event", "Not selected by scope, unit, job or time");
        }
        if (document.n_rules == 0)
                return SUGGEST_STATUS_NOTHING;
        if (fwrite(document.text, 1, document.length, stdout) != document.length || fflush(stdout) != 0)
                return failed(a, "standard output", "cannot write the policy", -EIO);
        return SUGGEST_STATUS_OK;
}

SuggestStatus suggest_run(const SuggestArguments *a, const char *const *logs, size_t n_logs) {
        _cleanup_(input_done) Input input = { .filter = &a->filter };
        uint8_t key[16];

        assert(a && a->program && a->options.at_least > 0);
        assert(logs && n_logs > 0);

        if (getrandom(key, sizeof(key), 0) != sizeof(key))
                return failed(a, "suggest", "cannot get random bytes", -errno);
        int r = suggest_table_init(&input.table, &a->options, DESTINATIONS_MAX, key);
        if (r < 0)
                return failed(a, "suggest", "cannot start", r);
        for (size_t i = 0; i < n_logs; i++) {
                r = recorded_log_read(logs[i], take_line, &input);
                if (r < 0)
                        return failed(a, strcmp(logs[i], "-") == 0 ? "standard input" : logs[i], "cannot read the log", r);
        }
        return print(a, &input);
}
