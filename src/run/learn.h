/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a run in audit mode teaches: a policy that allows what COMMAND did, as `cargowall suggest` makes it of a log. */

#include "run/run-user.h"
#include "sink/sink.h"

typedef struct Learn Learn;

/* path: where the policy is to be written, borrowed; user: likewise. An error is printed: there is such a file already, or none
 * can be made. */
int learn_new(const char *path, const RunUser *user, Learn **ret);
Learn *learn_free(Learn *l);
/* Borrows l. */
Sink learn_as_sink(Learn *l);
/* After the last event: writes the file, and what it allows and leaves out to stderr unless quiet. n_lost: events that the
 * sink never got. Errors are printed. */
int learn_finish(Learn *l, uint64_t n_lost, bool quiet);
