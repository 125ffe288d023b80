/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The layers that a predecessor judged by: names, the digests of their documents, and the policy ids that the kernel's flows
 * carry. A layer of the same name takes the place of its predecessor's, and where the document is the same as well, what was
 * judged stays judged. Pure. */

#include <stdint.h>

#include "basic/macro.h"

typedef struct Predecessor {
        char *name;
        char *digest;       /* "" for none */
        uint32_t policy_id; /* 0: another layer has its place by now */
} Predecessor;

typedef struct Predecessors {
        Predecessor *items;
        size_t n;
        uint32_t last_policy_id; /* the highest that was ever used: none up to it may be given to another policy */
} Predecessors;

/* Frees the layers; the last id stays. */
void predecessors_forget(Predecessors *p);

/* As they were written: one of the same name, or in the same place (the low bits of its id), replaces the one before.
 * -ENOMEM. */
int predecessors_add(Predecessors *p, const char *name, uint32_t policy_id, const char *digest);
const Predecessor *predecessors_find(const Predecessors *p, const char *name); /* NULL */
void predecessors_note_id(Predecessors *p, uint32_t policy_id);
