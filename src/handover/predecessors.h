/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The layers of a predecessor: names, digests of their documents, and the policy ids that flows in the kernel carry.
 * A layer of the same name replaces its predecessor, and if the document is also the same, existing verdicts stay
 * valid. Pure. */

#include <stdint.h>

#include "basic/macro.h"

typedef struct Predecessor {
        char *name;
        char *digest;       /* "" if there is none */
        uint32_t policy_id; /* 0: another layer has taken its slot */
} Predecessor;

typedef struct Predecessors {
        Predecessor *items;
        size_t n;
        uint32_t last_policy_id; /* the highest id ever used: no id up to this one may be given to another policy */
} Predecessors;

/* Frees the layers but keeps the last id. */
void predecessors_forget(Predecessors *p);

/* Call in the order written: a layer of the same name, or in the same slot (the low bits of its id), replaces the
 * earlier one. -ENOMEM. */
int predecessors_add(Predecessors *p, const char *name, uint32_t policy_id, const char *digest);
const Predecessor *predecessors_find(const Predecessors *p, const char *name); /* NULL if there is none */
void predecessors_note_id(Predecessors *p, uint32_t policy_id);
