/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How what several layers say of one destination becomes one verdict. Pure; bpf/verdict.bpf.h does the same in the kernel and
 * a test holds both together. */

#include <stddef.h>

#include "policy/verdict.h"

typedef enum LayerKind {
        LAYER_BASE = CW_LAYER_BASE,         /* decides; an actor has exactly one, the first */
        LAYER_RESTRICT = CW_LAYER_RESTRICT, /* can only take away */
        LAYER_GRANT = CW_LAYER_GRANT,       /* lifts a default deny of the others, never a deny rule */
} LayerKind;

typedef struct LayerVerdict {
        LayerKind kind;
        Mode mode;
        Action action;
        Reason reason; /* CW_REASON_RULE, CW_REASON_DEFAULT or one of what is denied whatever the rules are */
} LayerVerdict;

/* layers: in the order base, restrictions, grants. What a rule of a grant allows lifts what the others deny by default
 * action. Of the refusals that are left the most general one that is enforced decides, otherwise the most general one; without
 * any the most general layer that judges, or the grant that lifted its refusal. Returns the index of the layer that decides, -1
 * where none judges: all are off. */
int chain_fold(const LayerVerdict *layers, size_t n);
