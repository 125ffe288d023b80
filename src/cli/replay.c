/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/replay.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "basic/macro.h"
#include "cli/options.h"
#include "cli/policy-load.h"
#include "cli/recorded-log.h"
#include "cli/replay-format.h"
#include "cli/replay-table.h"
#include "event/escape.h"

enum {
        STATUS_NOTHING_DENIED = 0,
        STATUS_WOULD_DENY = 1,
        STATUS_USAGE = 2,
        STATUS_FAILED = 125,
};

static const char usage[] =
        "Usage: cargowall replay --policy FILE [--json] EVENTS...\n"
        "\n"
        "Reads event logs, and shows what a policy would have decided otherwise. EVENTS is a file\n"
        "as written by cargowall run --log or the service, or \"-\" for standard input.\n"
        "\n"
        "  --policy FILE  the policy\n"
        "  --json         print one JSON object\n";

typedef struct Arguments {
        const char *policy; /* borrowed */
        char **events;      /* the first n_events words of argv, in order */
        int n_events;
        bool json;
        bool help;
} Arguments;

static int usage_error(const char *what, const char *reason) {
        char safe[512];

        fprintf(stderr, "cargowall: %s: %s\n%s", escape_terminal(what, safe, sizeof(safe)), reason, usage);
        return STATUS_USAGE;
}

static int failed(const char *what, const char *why, int error) {
        char safe[512];

        fprintf(stderr, "cargowall: %s: %s: %s\n", escape_terminal(what, safe, sizeof(safe)), why,
                recorded_log_error(error));
        return STATUS_FAILED;
}

static int parse_arguments(int argc, char **argv, Arguments *a) {
        bool options = true;

        a->events = argv;
        for (int i = 0; i < argc; i++) {
                char *word = argv[i];

                if (options && strcmp(word, "--") == 0)
                        options = false;
                else if (options && option_value("--policy", argc, argv, &i, &a->policy)) {
                        if (!a->policy)
                                return usage_error(word, "a file is missing");
                } else if (options && strcmp(word, "--json") == 0)
                        a->json = true;
                else if (options && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0))
                        a->help = true;
                else if (options && word[0] == '-' && word[1] != '\0')
                        return usage_error(word, "unknown option");
                else
                        argv[a->n_events++] = word; /* never ahead of i */
        }
        if (!a->help && !a->policy)
                return usage_error("replay", "--policy FILE is missing");
        if (!a->help && a->n_events == 0)
                return usage_error("replay", "a log is missing");
        return 0;
}

/* ------------------------------------------------------------------ reading */

static int take_line(RecordedLine line, const RecordedEvent *e, void *userdata) {
        return replay_table_add(userdata, line, e);
}

static int replay_log(const char *path, ReplayTable *t) {
        int r = recorded_log_read(path, take_line, t);

        return r < 0 ? failed(strcmp(path, "-") == 0 ? "standard input" : path, "cannot read the log", r) : 0;
}

/* ------------------------------------------------------------------ */

static int load_policy(const char *path, Policy **ret) {
        _cleanup_(policy_source_done) PolicySource source = {};

        return policy_load_file(path, &source) < 0 || policy_load_finish(&source, path, ret) < 0 ? STATUS_FAILED : 0;
}

static int print(ReplayTable *t, const Arguments *a) {
        int r = 0;

        replay_table_sort(t);
        if (a->json)
                r = replay_write_json(stdout, t);
        else
                replay_write_text(stdout, t, a->policy);
        if (r == 0 && (fflush(stdout) != 0 || ferror(stdout)))
                r = -EIO;
        if (r < 0)
                return failed("replay", "cannot write the result", r);
        return replay_table_n_changed(t, REPLAY_WOULD_BE_DENIED) > 0 ? STATUS_WOULD_DENY : STATUS_NOTHING_DENIED;
}

int cli_replay(int argc, char **argv) {
        _cleanup_(policy_freep) Policy *policy = NULL;
        _cleanup_(replay_table_done) ReplayTable table = {};
        Arguments arguments = {};
        uint8_t key[16];
        int r;

        r = parse_arguments(argc, argv, &arguments);
        if (r != 0)
                return r;
        if (arguments.help) {
                fputs(usage, stdout);
                return STATUS_NOTHING_DENIED;
        }
        r = load_policy(arguments.policy, &policy);
        if (r != 0)
                return r;

        if (getrandom(key, sizeof(key), 0) != sizeof(key))
                return failed("replay", "cannot get random bytes", -errno);
        r = replay_table_init(&table, policy, DESTINATIONS_MAX, key);
        if (r < 0)
                return failed("replay", "cannot start", r);
        for (int i = 0; i < arguments.n_events; i++) {
                r = replay_log(arguments.events[i], &table);
                if (r != 0)
                        return r;
        }
        return print(&table, &arguments);
}
