/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Folds the verdicts of several layers for one destination into one. Pure; bpf/verdict.bpf.h does the same in the
 * kernel, and a test compares the two. */

#include <stddef.h>
#include <stdint.h>

#include "policy/verdict.h"

typedef enum LayerKind {
        LAYER_BASE = CW_LAYER_BASE,         /* the policy that decides; an actor has exactly one, the first */
        LAYER_RESTRICT = CW_LAYER_RESTRICT, /* can only restrict */
        LAYER_GRANT = CW_LAYER_GRANT,       /* lifts a deny by default action of the others, never a deny rule */
} LayerKind;

typedef struct LayerVerdict {
        LayerKind kind;
        Mode mode;
        Action action;
        Reason reason; /* CW_REASON_RULE, CW_REASON_DEFAULT, or a reason that does not depend on rules */
} LayerVerdict;

/* layers: in the order base, restrictions, grants. An allow rule of a grant lifts the denials by default action of
 * the others. Of the remaining denials the most general one that is enforced decides, otherwise the most general
 * one; if there is none, the most general layer that judges, or the grant that lifted its denial. Returns the index
 * of the deciding layer, -1 if all are off. */
int chain_fold(const LayerVerdict *layers, size_t n);

/* The chain (CW_CHAIN()) by which a process is judged in a cgroup of the first one if its user is followed with the second. */
uint32_t chain_of_followed(uint32_t chain, uint32_t user_chain);
