/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The proof of engine_self_test(). */

#include "engine/engine.h"
#include "kernel/programs.h"

/* The programs are attached, and have seen nothing yet. */
int hook_probe_run(const Programs *programs, engine_probe_fn probe, void *userdata, const char **ret_what);
