/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the commands that read event logs print about destinations and lines. All that comes from outside is escaped. */

#include <stdio.h>

#include "cli/destination-table.h"

/* "" for 1, otherwise "s". */
const char *plural(uint64_t n);
/* "github.com:443/tcp: 12 events, 2023-… to 2023-…, git and others", without a line feed. */
void destination_entry_write(FILE *out, const DestinationEntry *e);
/* "Skipped, cut short: 3 lines", if n > 0. */
void count_write(FILE *out, uint64_t n, const char *noun, const char *what);
/* What is missing or was skipped, one line each; nothing for zeros. */
void line_counts_write(FILE *out, const LineCounts *c);
/* "cut"; NULL for lines that are not counted as such. */
const char *recorded_line_key(RecordedLine line);
