/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/chain.h"

#include <assert.h>
#include <stdbool.h>

static bool is_refusal_by_default(const LayerVerdict *v) {
        return v->action == ACTION_DENY && v->reason == CW_REASON_DEFAULT;
}

int chain_fold(const LayerVerdict *layers, size_t n) {
        int granted = -1, refusal = -1, answer = -1;

        assert(layers || n == 0);

        for (size_t i = n; i-- > 0;) {
                const LayerVerdict *v = &layers[i];

                if (v->mode == MODE_OFF)
                        continue;
                if (v->kind == LAYER_GRANT) {
                        if (v->action == ACTION_ALLOW && v->reason == CW_REASON_RULE)
                                granted = (int) i;
                        continue;
                }
                answer = granted >= 0 && is_refusal_by_default(v) ? granted : (int) i;
                if (layers[answer].action == ACTION_DENY &&
                    (v->mode == MODE_ENFORCE || refusal < 0 || layers[refusal].mode != MODE_ENFORCE))
                        refusal = answer;
        }
        return refusal >= 0 ? refusal : answer;
}

uint32_t chain_of_followed(uint32_t chain, uint32_t user_chain) {
        return CW_CHAIN_LAYER(chain, 0) == CW_LAYER_HOST ? cw_chain_followed(chain, user_chain) : chain;
}
