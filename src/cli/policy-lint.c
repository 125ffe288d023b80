/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/policy-lint.h"

#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "cli/lint-format.h"
#include "cli/policy-load.h"
#include "event/escape.h"

enum {
        STATUS_NOTHING = 0,
        STATUS_FOUND = 1,
        STATUS_USAGE = 2,
        STATUS_FAILED = 125,
};

static const char usage[] =
        "Usage: cargowall policy lint FILE\n"
        "\n"
        "Shows what is valid in a policy but hardly meant, with a better form: rules that allow\n"
        "more than they say, and rules without effect.\n";

int cli_policy_lint(int argc, char **argv) {
        _cleanup_(lint_report_done) LintReport report = {};
        _cleanup_(policy_source_done) PolicySource source = {};
        _cleanup_(policy_freep) Policy *policy = NULL;
        _cleanup_free_ char *text = NULL;
        char safe[512];
        size_t length;

        if (argc == 1 && strcmp(argv[0], "--help") == 0) {
                fputs(usage, stdout);
                return STATUS_NOTHING;
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

        if (policy_load_file_text(argv[0], &source, &text, &length) < 0 || policy_load_finish(&source, argv[0], &policy) < 0)
                return STATUS_FAILED;
        int r = policy_lint(text, length, &report);
        if (r < 0) {
                fprintf(stderr, "cargowall: %s: cannot examine the policy: %s\n", escape_terminal(argv[0], safe, sizeof(safe)),
                        strerrordesc_np(-r) ?: "unknown error");
                return STATUS_FAILED;
        }
        lint_write_text(stdout, &report, argv[0]);
        return report.n > 0 ? STATUS_FOUND : STATUS_NOTHING;
}
