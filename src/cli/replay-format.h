/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Prints a sorted ReplayTable. All that comes from outside is escaped. */

#include <stdio.h>

#include "cli/replay-table.h"

/* policy: the file's name, not escaped. */
void replay_write_text(FILE *out, const ReplayTable *t, const char *policy);
/* One object on one line. -ENOMEM. */
int replay_write_json(FILE *out, const ReplayTable *t);
