/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The command line of `cargowall run`, as it was written: nothing is opened or looked up here. */

#include "event/summary.h"
#include "net/dns-upstream.h"
#include "policy/rule.h"

typedef struct RunRule {
        RuleType type;
        Action action;
        const char *text;   /* borrowed from argv */
} RunRule;

/* Strings are borrowed from argv; NULL where the option was not given. */
typedef struct RunOptions {
        const char *policy; /* path */
        const char *log;    /* path */
        const char *user;
        RunRule *rules;     /* owned, in the order given */
        size_t n_rules;
        DnsServer servers[DNS_UPSTREAM_SERVERS_MAX];
        size_t n_servers;
        Mode mode;
        bool has_mode;
        SummaryFormat summary; /* text when not given */
        bool fail_on_denied;
        bool help;             /* then command may be empty */
        char **command;        /* ends with NULL */
} RunOptions;

#define RUN_OPTIONS_ERROR_MAX 256

/* argv[0] is the first word behind the verb. -EINVAL with one sentence in error, which may hold text of argv;
 * -ENOMEM. */
int run_options_parse(int argc, char **argv, RunOptions *ret, char error[static RUN_OPTIONS_ERROR_MAX]);
void run_options_done(RunOptions *o);
/* "--allow-cidr": how such a rule is spelled. */
const char *run_rule_option(const RunRule *r);
