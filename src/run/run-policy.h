/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The policy of a run: the file, the caller's environment (CARGOWALL_*) and the options, with all rules added up.
 * Any change that the environment makes to an explicitly given policy is reported on stderr; it can make neither the
 * mode nor the default action of a file more permissive. */

#include "policy/policy.h"
#include "run/run-options.h"
#include "run/run-user.h"

typedef struct RunPolicy {
        Policy *policy;
        Mode mode;
        char *environment; /* for the log: the variables in effect; NULL: none */
} RunPolicy;

/* Negative errno after printing the errors, one per line. user: the user who named the file. */
int run_policy_load(const RunOptions *o, const RunUser *user, RunPolicy *ret);
void run_policy_done(RunPolicy *p);
