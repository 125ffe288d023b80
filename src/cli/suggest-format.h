/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Writes for a person what a suggested policy holds and what it leaves out. All that comes from outside is escaped. */

#include <stdio.h>

#include "cli/suggest-document.h"

void suggest_write_report(FILE *out, const SuggestTable *t, const SuggestDocument *d);
