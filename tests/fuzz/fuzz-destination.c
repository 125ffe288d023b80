/* SPDX-License-Identifier: Apache-2.0 */

/* The destination of `cargowall explain`: what is accepted is in range, and can be explained. */

#include <assert.h>
#include <string.h>

#include "policy/explain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char text[1024], canonical[254], sentence[512];
        PolicySource source = {};
        const char *reason;
        Policy *p = NULL;
        Destination d;
        Explanation e;

        if (size >= sizeof(text))
                return 0;
        memcpy(text, data, size);
        text[size] = '\0';
        if (destination_parse(text, &d, &reason) < 0)
                return 0;

        assert(protocol_is_judged(d.protocol));
        assert((d.port == 0) == (d.protocol == PROTOCOL_ICMP || d.protocol == PROTOCOL_ICMP6));
        if (d.name[0] != '\0')
                assert(hostname_canonical(d.name, false, canonical, &reason) == 0 && strcmp(canonical, d.name) == 0);
        if (policy_new(&source, &p) == 0) {
                assert(policy_explain(p, MODE_ENFORCE, &d, NULL, &e) == 0);
                assert(e.verdict == ACTION_DENY || e.reason == CW_REASON_LOCAL);
                assert(explanation_format(p, &d, &e, sentence, sizeof(sentence)) > 0);
        }
        policy_free(p);
        return 0;
}
