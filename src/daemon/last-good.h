/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The documents of files that were last in force, kept in the state directory for a start whose documents have faults,
 * with the time from which they were in force. */

#include "daemon/document-files.h"

#define LAST_GOOD_FILE "last-good"

typedef struct LastGood {
        const char *directory; /* borrowed */
        char *pending;         /* owned: to be written once it is in force */
        size_t n_pending;
        int error;             /* of the last attempt to write it, negative errno; 0: none */
} LastGood;

void last_good_done(LastGood *g);

/* Reads them; faults are not reported, since they were sound. Returns 0; -ENOENT: none were kept; -ENOMEM; another negative
 * errno with *ret_reason, a constant sentence: what is there was cut, changed or made by somebody else. */
int last_good_load(const LastGood *g, Documents *ret, uint64_t *ret_time_usec, const char **ret_reason);

/* These are sound, and will be in force: to be written, unless they are there already. Those that came over the bus do not
 * count. -ENOMEM. */
int last_good_prepare(LastGood *g, const Documents *documents, uint64_t now_usec);
/* Call when they are in force, and from time to time. Returns 1 if they were written now; 0: there was nothing to do; a
 * negative errno: they could not be, and older ones were removed, which would otherwise be taken for those in force. */
int last_good_write(LastGood *g);
