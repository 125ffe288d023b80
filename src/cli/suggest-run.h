/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Makes a policy document of event logs, for the commands of cargowall and cargowallctl. */

#include "cli/recorded-filter.h"
#include "cli/suggest-table.h"

typedef struct SuggestArguments {
        SuggestOptions options;
        RecordedFilter filter;
        const char *program; /* for messages */
        bool quiet;          /* print the policy, but not what it holds */
} SuggestArguments;

typedef enum SuggestStatus {
        SUGGEST_STATUS_OK = 0,
        SUGGEST_STATUS_NOTHING = 1, /* nothing was kept, nothing was printed on stdout */
        SUGGEST_STATUS_USAGE = 2,
        SUGGEST_STATUS_FAILED = 125,
} SuggestStatus;

/* The values of options. -EINVAL, -E2BIG with a constant sentence. */
int suggest_set_since(SuggestArguments *a, const char *text, const char **ret_reason);
int suggest_set_at_least(SuggestOptions *options, const char *text, const char **ret_reason);
/* CLOCK_REALTIME. 0: from the beginning. */
void suggest_set_since_usec(SuggestArguments *a, uint64_t usec);
/* Prints the document on stdout, and errors and what it holds on stderr. */
SuggestStatus suggest_run(const SuggestArguments *a, const char *const *logs, size_t n_logs);
