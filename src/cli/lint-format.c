/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/lint-format.h"

#include <assert.h>

#include "event/escape.h"

void lint_write_text(FILE *out, const LintReport *r, const char *origin) {
        char safe[1024], reason[LINT_TEXT_MAX], advice[LINT_TEXT_MAX], value[IN_PREFIX_TEXT_MAX];

        assert(out);
        assert(r);
        assert(origin);

        (void) escape_terminal(origin, safe, sizeof(safe));
        for (size_t i = 0; i < r->n; i++) {
                const LintFinding *f = &r->findings[i];

                fprintf(out, "%s:%u: $.rules[%u] %s: %s; %s\n", safe, f->line, f->rule,
                        f->value.type == RULE_HOSTNAME ? f->value.name : in_prefix_format(&f->value.prefix, value),
                        lint_reason(f, reason), lint_advice(f, advice));
        }
        if (r->n_more > 0)
                fprintf(out, "%s: and %zu more findings\n", safe, r->n_more);
        if (r->n == 0)
                fprintf(out, "%s: %zu rules, nothing found\n", safe, r->n_rules);
}
