/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Prints what policy_lint() found, for the commands of cargowall and cargowallctl. */

#include <stdio.h>

#include "policy/lint.h"

/* "FILE:LINE: $.rules[3] github.io: reason; advice", a line for each, or "FILE: N rules, nothing found". origin: not escaped. */
void lint_write_text(FILE *out, const LintReport *r, const char *origin);
