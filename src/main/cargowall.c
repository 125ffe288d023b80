/* SPDX-License-Identifier: Apache-2.0 */

/* The verbs of cargowall. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "cli/explain.h"
#include "cli/policy-check.h"
#include "cli/policy-lint.h"
#include "cli/replay.h"
#include "cli/suggest.h"
#include "host/allocator.h"
#include "run/message.h"
#include "run/run.h"

static const char usage_text[] =
        "Usage: cargowall run [OPTION]... -- COMMAND [ARG]...\n"
        "       cargowall policy check|lint FILE\n"
        "       cargowall explain --policy FILE [OPTION]... DEST\n"
        "       cargowall replay --policy FILE [--json] EVENTS...\n"
        "       cargowall suggest [OPTION]... EVENTS...\n"
        "       cargowall help | --version\n"
        "\n"
        "An egress firewall for a command and its children: enforced by the kernel,\n"
        "by host name, address and port.\n"
        "\n"
        "  run           run COMMAND under a policy of its own (requires root)\n"
        "  policy check  check a policy file and show its errors\n"
        "  policy lint   show what is valid in a policy file but hardly meant\n"
        "  explain       show which rule of a policy decides for a destination\n"
        "  replay        show what a policy would have decided about recorded events\n"
        "  suggest       make a policy of recorded events\n"
        "\n"
        "\"cargowall VERB --help\" lists the options of a verb.\n"
        "\n"
        "Example: sudo cargowall run --allow github.com:443 -- git fetch\n";

typedef struct Verb {
        const char *name;
        const char *noun; /* the second word, or NULL */
        int (*run)(int argc, char **argv); /* argv[0] is the first word after the verb */
} Verb;

static int show_usage(int argc _unused_, char **argv _unused_) {
        return fputs(usage_text, stdout) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int show_version(int argc _unused_, char **argv _unused_) {
        return puts("cargowall " CARGOWALL_VERSION) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv) {
        static const Verb verbs[] = {
                { "run", NULL, cli_run },
                { "policy", "check", cli_policy_check },
                { "policy", "lint", cli_policy_lint },
                { "explain", NULL, cli_explain },
                { "replay", NULL, cli_replay },
                { "suggest", NULL, cli_suggest },
                { "help", NULL, show_usage },
                { "--help", NULL, show_usage },
                { "-h", NULL, show_usage },
                { "--version", NULL, show_version },
        };

        allocator_init();
        for (size_t i = 0; argc > 1 && i < ELEMENTSOF(verbs); i++) {
                const Verb *v = &verbs[i];
                int n = v->noun ? 3 : 2; /* words used so far */

                if (strcmp(argv[1], v->name) == 0 && (!v->noun || (argc > 2 && strcmp(argv[2], v->noun) == 0)))
                        return v->run(argc - n, argv + n);
        }
        /* 125 here as well: a lower status could be mistaken for that of a command. */
        if (argc > 1)
                message("%s: unknown verb, expected run, policy check, policy lint, explain, replay, suggest, --version or help", argv[1]);
        else
                (void) fputs(usage_text, stderr);
        return RUN_EXIT_FAILED;
}
