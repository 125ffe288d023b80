/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The policy of a run: the file, the caller's environment (CARGOWALL_*) and the options, all rules added up. Whatever the
 * environment changes about a policy that was given is said on stderr; it makes neither the mode nor the default action of a
 * file more permissive. */

#include "policy/policy.h"
#include "run/run-options.h"
#include "run/run-user.h"

typedef struct RunPolicy {
        Policy *policy;
        Mode mode;
        char *environment; /* for the log: which variables count; NULL: none */
} RunPolicy;

/* Negative once what is wrong is printed, one line per fault. user: who named the file. */
int run_policy_load(const RunOptions *o, const RunUser *user, RunPolicy *ret);
void run_policy_done(RunPolicy *p);
