/* SPDX-License-Identifier: Apache-2.0 */

/* Any text: what the parser of policies takes is examined, and what is found is about its rules, in words that a terminal can show. */

#include <assert.h>
#include <string.h>

#include "policy/lint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_valid(const char *text, size_t size) {
        PolicySource source = {};
        FaultList faults = {};
        Policy *p = NULL;

        int r = policy_source_from_json(&source, text, size, &faults);
        if (r >= 0)
                r = policy_new(&source, &p);
        policy_free(p);
        policy_source_done(&source);
        fault_list_done(&faults);
        return r >= 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char text[LINT_TEXT_MAX];
        LintReport r;

        if (size > 65536)
                return 0;
        int k = policy_lint((const char *) data, size, &r);
        assert((k == 0) == is_valid((const char *) data, size));
        if (k < 0)
                return 0;
        for (size_t i = 0; i < r.n; i++) {
                const LintFinding *f = &r.findings[i];

                assert(f->rule < r.n_rules && (f->other == RULE_NONE || f->other < r.n_rules) && f->line > 0);
                for (const char *c = lint_reason(f, text); *c; c++)
                        assert(*c >= ' ' && *c < 0x7f);
                for (const char *c = lint_advice(f, text); *c; c++)
                        assert(*c >= ' ' && *c < 0x7f);
        }
        lint_report_done(&r);
        return 0;
}
