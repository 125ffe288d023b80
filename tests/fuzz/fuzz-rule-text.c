/* SPDX-License-Identifier: Apache-2.0 */

/* Comma-separated rules in the text grammar, the first byte choosing the type: each rule is printed and read again as
 * the same rule; what is refused has a reason. */

#include <assert.h>
#include <string.h>

#include "basic/macro.h"
#include "policy/rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char text[4096], bad[128], value[IN_PREFIX_TEXT_MAX], other[IN_PREFIX_TEXT_MAX];
        RuleList l = {}, again = {};
        const char *reason = NULL;

        if (size < 1 || size > sizeof(text))
                return 0;
        memcpy(text, data + 1, size - 1);
        text[size - 1] = '\0';

        RuleType type = data[0] % 2 == 0 ? RULE_HOSTNAME : RULE_CIDR;
        if (rule_list_add_csv(&l, type, text, ACTION_ALLOW, TIER_USER, bad, &reason) < 0)
                assert(reason && strlen(bad) < sizeof(bad));
        for (size_t i = 0; i < l.n; i++) {
                _cleanup_free_ char *s = rule_to_string(&l.rules[i]);

                int r = rule_list_add_text(&again, type, s + strlen("allow "), ACTION_ALLOW, TIER_USER, &reason);
                assert(r == 0 && again.n == i + 1 && again.rules[i].n_ports == l.rules[i].n_ports);
                assert(strcmp(rule_value(&again.rules[i], other), rule_value(&l.rules[i], value)) == 0);
        }
        rule_list_done(&l);
        rule_list_done(&again);
        return 0;
}
