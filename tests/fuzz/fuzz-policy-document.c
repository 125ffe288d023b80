/* SPDX-License-Identifier: Apache-2.0 */

/* JSON text to a policy document: who reads its rules alone comes to the same verdict on the text and to the same rules;
 * a name and a match that were taken are good ones; the work of finding the faults is bounded by the text. */

#include <assert.h>
#include <string.h>

#include "policy/json-text.h"
#include "policy/policy-document.h"

static void assert_same_rules(const RuleList *a, const RuleList *b) {
        assert(a->n == b->n);
        for (size_t i = 0; i < a->n; i++) {
                _cleanup_free_ char *x = rule_to_string(&a->rules[i]), *y = rule_to_string(&b->rules[i]);

                assert(strcmp(x, y) == 0 && a->rules[i].allow_private == b->rules[i].allow_private);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *text = (const char *) data;
        _cleanup_(fault_list_done) FaultList faults = {}, others = {};
        PolicyDocument d = {};
        PolicySource source = {};
        MatchList again = {};
        const char *reason;

        int r = policy_document_from_json(&d, text, size, "file", &faults);
        assert(r == -ENOMEM || (r == 0) == (faults.n == 0));
        int k = policy_source_from_json(&source, text, size, &others);
        assert(r == k && faults.n == others.n && faults.n_more == others.n_more);
        for (size_t i = 0; i < faults.n; i++)
                assert(memcmp(&faults.faults[i], &others.faults[i], sizeof(Fault)) == 0);

        if (r == 0) {
                assert(d.name && policy_document_name_is_valid(d.name));
                assert(d.source.has_mode == source.has_mode);
                assert_same_rules(&d.source.rules, &source.rules);
                for (size_t i = 0; i < d.match.n; i++)
                        assert(match_list_add(&again, d.match.patterns[i].kind, d.match.patterns[i].text, &reason) !=
                               -EINVAL);
        }
        match_list_done(&again);
        policy_document_done(&d);
        policy_source_done(&source);
        return 0;
}
