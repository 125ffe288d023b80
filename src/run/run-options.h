/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The command line of `cargowall run`, parsed only: nothing is opened or looked up here. */

#include "event/summary.h"
#include "net/dns-upstream.h"
#include "policy/rule.h"

typedef struct RunRule {
        RuleType type;
        Action action;
        const char *text;   /* borrowed from argv */
} RunRule;

/* Strings are borrowed from argv; NULL if the option is absent. */
typedef struct RunOptions {
        const char *policy; /* path */
        const char *log;    /* path */
        const char *learn;  /* path; the mode is then audit */
        const char *user;
        RunRule *rules;     /* owned, in the order given */
        size_t n_rules;
        DnsServer servers[DNS_UPSTREAM_SERVERS_MAX];
        size_t n_servers;
        Mode mode;
        bool has_mode;
        SummaryFormat summary; /* text if absent */
        int *keep_fds;         /* owned: descriptors that COMMAND inherits although they bypass the policy */
        size_t n_keep_fds;
        bool allow_socketcall;
        bool engine_sockets; /* those of container engines and service managers stay visible */
        bool fail_on_denied;
        bool help;             /* command may then be empty */
        char **command;        /* NULL-terminated */
} RunOptions;

#define RUN_OPTIONS_ERROR_MAX 256

/* argv[0] is the first word after the verb. -EINVAL with one sentence in error, which may contain text from argv;
 * -ENOMEM. */
int run_options_parse(int argc, char **argv, RunOptions *ret, char error[static RUN_OPTIONS_ERROR_MAX]);
void run_options_done(RunOptions *o);
/* The option that adds such a rule: "--allow-cidr". */
const char *run_rule_option(const RunRule *r);
