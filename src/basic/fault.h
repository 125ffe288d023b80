/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is wrong with a text and where: the list that every parser fills. It is bounded, and counts what it does not keep. */

#include <stddef.h>

#include "basic/macro.h"

#define FAULTS_MAX 64

typedef struct Fault {
        char file[320];   /* "": none, or the caller's to name. May have any byte, as file names can: escape before printing */
        char item[160];   /* "$.rules[3].ports[0]", "[Service] Mode", the name of a variable; "": the text as a whole */
        char reason[160]; /* a sentence for people, without its period */
        unsigned line;    /* from 1; 0: of no line, or not known */
} Fault;

/* Zero is an empty list. */
typedef struct FaultList {
        Fault *faults;
        size_t n;
        size_t n_more;    /* counted and not kept: past FAULTS_MAX, or for want of memory */
        const char *file; /* borrowed: what the next faults get; NULL for "" */
} FaultList;

void fault_list_done(FaultList *l);
/* item (NULL for "") and reason are copied, and cut to size. Returns what was kept, good until the next one is added, or
 * NULL where it was only counted. */
Fault *fault_list_add(FaultList *l, const char *item, unsigned line, const char *reason);

/* How many were found, kept or not. */
static inline size_t fault_list_count(const FaultList *l) {
        return l->n + l->n_more;
}

#define FAULT_TEXT_MAX 700
/* "FILE:LINE: ITEM: reason", without what is not there. origin stands for a file that is "", NULL for none. */
const char *fault_format(const Fault *f, const char *origin, char buf[static FAULT_TEXT_MAX]);
