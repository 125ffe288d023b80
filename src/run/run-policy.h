/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The policy of a run: the file, the caller's environment (CARGOWALL_*) and the options, all rules added up. */

#include "policy/policy.h"
#include "run/run-options.h"

/* Negative once what is wrong is printed, one line per fault. */
int run_policy_load(const RunOptions *o, Policy **ret, Mode *ret_mode);
