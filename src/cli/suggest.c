/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/suggest.h"

#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "cli/options.h"
#include "cli/suggest-run.h"
#include "event/escape.h"

static const char usage[] =
        "Usage: cargowall suggest [OPTION]... EVENTS...\n"
        "\n"
        "Reads event logs, and prints a policy that allows the connections in them. What it holds and\n"
        "what it leaves out is listed on standard error. EVENTS is a file as written by cargowall run --log\n"
        "or the service, or \"-\" for standard input.\n"
        "\n"
        "  --scope SCOPE      only events of this scope (can be repeated, as the next two)\n"
        "  --unit PATTERN     only events of units that match\n"
        "  --job JOB          only events of this job: its ID, or LABEL=PATTERN\n"
        "  --since TIME       only events from this time on\n"
        "  --at-least N       leave out what was seen fewer than N times\n"
        "  --keep-denied      keep what was denied\n"
        "  --keep-shared      keep names below domains where anybody can have one\n";

typedef struct Words {
        const char **logs; /* as many as fit into argv; all borrowed */
        size_t n_logs;
        bool help;
} Words;

static int usage_error(const char *what, const char *reason) {
        char safe[512];

        fprintf(stderr, "cargowall: %s: %s\n%s", escape_terminal(what, safe, sizeof(safe)), reason, usage);
        return SUGGEST_STATUS_USAGE;
}

static int set_scope(SuggestArguments *a, const char *text, const char **ret_reason) {
        return recorded_filter_add_scope(&a->filter, text, ret_reason);
}

static int set_unit(SuggestArguments *a, const char *text, const char **ret_reason) {
        return recorded_filter_add_unit(&a->filter, text, ret_reason);
}

static int set_job(SuggestArguments *a, const char *text, const char **ret_reason) {
        return recorded_filter_add_job(&a->filter, text, ret_reason);
}

static int set_at_least(SuggestArguments *a, const char *text, const char **ret_reason) {
        return suggest_set_at_least(&a->options, text, ret_reason);
}

/* 1: it is one of them; 0: it is not; 2: usage. */
static int parse_value_option(SuggestArguments *a, int argc, char **argv, int *i) {
        static const struct {
                const char *name;
                int (*set)(SuggestArguments *a, const char *text, const char **ret_reason);
        } options[] = {
                { "--scope", set_scope },         { "--unit", set_unit },
                { "--job", set_job },             { "--since", suggest_set_since },
                { "--at-least", set_at_least },
        };
        const char *value, *reason;

        for (size_t k = 0; k < ELEMENTSOF(options); k++) {
                if (!option_value(options[k].name, argc, argv, i, &value))
                        continue;
                if (!value)
                        return usage_error(options[k].name, "a value is missing");
                return options[k].set(a, value, &reason) < 0 ? usage_error(value, reason) : 1;
        }
        return 0;
}

static int parse_arguments(int argc, char **argv, SuggestArguments *a, Words *w) {
        bool options = true;

        for (int i = 0; i < argc; i++) {
                const char *word = argv[i];
                int r = options ? parse_value_option(a, argc, argv, &i) : 0;

                if (r == SUGGEST_STATUS_USAGE)
                        return r;
                if (r > 0)
                        continue;
                if (options && strcmp(word, "--") == 0)
                        options = false;
                else if (options && strcmp(word, "--keep-denied") == 0)
                        a->options.denied = true;
                else if (options && strcmp(word, "--keep-shared") == 0)
                        a->options.shared_domains = true;
                else if (options && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0))
                        w->help = true;
                else if (options && word[0] == '-' && word[1] != '\0')
                        return usage_error(word, "unknown option");
                else
                        w->logs[w->n_logs++] = word;
        }
        return !w->help && w->n_logs == 0 ? usage_error("suggest", "a log is missing") : 0;
}

int cli_suggest(int argc, char **argv) {
        _cleanup_free_ const char **logs = calloc((size_t) argc + 1, sizeof(char *));
        SuggestArguments arguments = { .options.at_least = 1, .program = "cargowall" };
        Words words = { .logs = logs };

        if (!logs) {
                fprintf(stderr, "cargowall: suggest: not enough memory\n");
                return SUGGEST_STATUS_FAILED;
        }
        int r = parse_arguments(argc, argv, &arguments, &words);
        if (r != 0)
                return r;
        if (words.help) {
                fputs(usage, stdout);
                return SUGGEST_STATUS_OK;
        }
        return suggest_run(&arguments, words.logs, words.n_logs);
}
