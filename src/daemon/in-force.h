/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a start puts into force: the documents as they are written or, if they have faults, the last good ones; without
 * those, the sound ones, and what stands in the place of the others. */

#include "daemon/last-good.h"

typedef enum InForceKind {
        IN_FORCE_AS_WRITTEN,
        IN_FORCE_LAST_GOOD,
        IN_FORCE_OUTLINES,
} InForceKind;

#define IN_FORCE_TEXT_MAX 1024

typedef struct InForce {
        InForceKind kind;
        uint64_t time_usec;   /* of the last good ones */
        size_t n_left_out;    /* documents of which nothing is enforced */
        const char *no_last_good; /* a constant sentence: why there are none */
        char fault[FAULT_TEXT_MAX]; /* the first one; "" if they are as written */
} InForce;

/* root: "", or the directory to use as "/". configured: the mode of documents that set none. Returns 0, with the faults
 * that *ret makes up for; -ENOENT: there are no documents, and never were any; -ENOMEM. */
int in_force_load(const char *root, const LastGood *g, Mode configured, Documents *ret_documents, InForce *ret,
                  FaultList *faults);

/* What is in force, and why, in one line that says what to do. "" if the documents are as written. */
const char *in_force_format(const InForce *f, char buf[static IN_FORCE_TEXT_MAX]);
/* The same in a few words, for the beginning of a line: "", or ", the last good policy of …". */
const char *in_force_format_short(const InForce *f, char *buf, size_t size);
