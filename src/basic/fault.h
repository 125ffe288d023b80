/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is wrong with a text, and where: the list that all parsers fill. It is bounded and counts the faults it
 * drops. */

#include <stddef.h>

#include "basic/macro.h"

#define FAULTS_MAX 64

typedef struct Fault {
        char file[320];   /* "": none, or named by the caller. May hold any byte: escape before printing */
        char item[160];   /* "$.rules[3].ports[0]", "[Service] Mode", the name of a variable; "": the whole text */
        char reason[160]; /* a sentence without its period */
        unsigned line;    /* from 1; 0: no line, or unknown */
} Fault;

/* A zeroed list is empty. */
typedef struct FaultList {
        Fault *faults;
        size_t n;
        size_t n_more;    /* counted but not kept: beyond FAULTS_MAX, or out of memory */
        const char *file; /* borrowed: copied into the faults added next; NULL for "" */
} FaultList;

void fault_list_done(FaultList *l);
/* item (NULL for "") and reason are copied and truncated to fit. Returns the fault, valid until the next one is
 * added, or NULL if it was only counted. */
Fault *fault_list_add(FaultList *l, const char *item, unsigned line, const char *reason);

/* All faults, kept or not. */
static inline size_t fault_list_count(const FaultList *l) {
        return l->n + l->n_more;
}

#define FAULT_TEXT_MAX 700
/* "FILE:LINE: ITEM: reason", leaving out the parts that are empty. origin replaces an empty file name; may be NULL. */
const char *fault_format(const Fault *f, const char *origin, char buf[static FAULT_TEXT_MAX]);
