/* SPDX-License-Identifier: Apache-2.0 */

/* JSON text to a policy: faults have a path and a reason; what is accepted is JSON in valid UTF-8 and compiles, and
 * each rule it prints is read again as the same rule. */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "basic/macro.h"
#include "policy/policy.h"
#include "strict-json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(fault_list_done) FaultList faults = {};
        PolicySource source = {};
        RuleList again = {};
        Policy *p = NULL;
        char value[IN_PREFIX_TEXT_MAX], other[IN_PREFIX_TEXT_MAX];
        const char *reason;

        int r = policy_source_from_json(&source, (const char *) data, size, &faults);
        assert((r == 0) == (faults.n == 0));
        assert(r != 0 || strict_json_is_valid((const char *) data, size));
        for (size_t i = 0; i < faults.n; i++)
                assert(faults.faults[i].item[0] == '$' && faults.faults[i].reason[0] != '\0');
        for (size_t i = 0; r == 0 && i < source.rules.n; i++) {
                const Rule *rule = &source.rules.rules[i];
                _cleanup_free_ char *text = rule_to_string(rule);

                r = rule_list_add_text(&again, rule->type, strchr(text, ' ') + 1, rule->action, rule->tier, &reason);
                assert(r == 0 && again.n == i + 1);
                assert(strcmp(rule_value(&again.rules[i], other), rule_value(rule, value)) == 0);
        }
        if (r == 0)
                assert(policy_new(&source, &p) != -EINVAL);
        policy_source_done(&source);
        rule_list_done(&again);
        policy_free(p);
        return 0;
}
