/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/policy-check.h"

#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "cli/policy-load.h"
#include "event/escape.h"

enum {
        STATUS_VALID = 0,
        STATUS_INVALID = 1,
        STATUS_USAGE = 2,
};

static const char usage[] = "Usage: cargowall policy check FILE\n";

int cli_policy_check(int argc, char **argv) {
        _cleanup_(policy_freep) Policy *policy = NULL;
        _cleanup_(policy_source_done) PolicySource source = {};
        char safe[512];

        if (argc == 1 && strcmp(argv[0], "--help") == 0) {
                fputs(usage, stdout);
                return STATUS_VALID;
        }
        if (argc == 2 && strcmp(argv[0], "--") == 0) {
                argc--;
                argv++;
        } else if (argc == 1 && argv[0][0] == '-')
                argc = 0;
        if (argc != 1) {
                fputs(usage, stderr);
                return STATUS_USAGE;
        }

        if (policy_load_file(argv[0], &source) < 0 || policy_load_finish(&source, argv[0], &policy) < 0)
                return STATUS_INVALID;

        printf("%s: valid, %zu rules\n", escape_terminal(argv[0], safe, sizeof(safe)), policy_n_rules(policy));
        return STATUS_VALID;
}
