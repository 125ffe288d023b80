/* SPDX-License-Identifier: Apache-2.0 */
#include "run/run-options.h"

#include <assert.h>
#include <ctype.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"

enum {
        OPTION_POLICY = 256,
        OPTION_ALLOW,
        OPTION_ALLOW_CIDR,
        OPTION_DENY,
        OPTION_DENY_CIDR,
        OPTION_MODE,
        OPTION_LOG,
        OPTION_LEARN,
        OPTION_UPSTREAM,
        OPTION_SUMMARY,
        OPTION_USER,
        OPTION_FAIL_ON_DENIED,
        OPTION_KEEP_FD,
        OPTION_ALLOW_SOCKETCALL,
        OPTION_ENGINE_SOCKETS,
};

static const struct {
        int option;
        RuleType type;
        Action action;
        const char *spelling;
} rule_options[] = {
        { OPTION_ALLOW, RULE_HOSTNAME, ACTION_ALLOW, "--allow" },
        { OPTION_ALLOW_CIDR, RULE_CIDR, ACTION_ALLOW, "--allow-cidr" },
        { OPTION_DENY, RULE_HOSTNAME, ACTION_DENY, "--deny" },
        { OPTION_DENY_CIDR, RULE_CIDR, ACTION_DENY, "--deny-cidr" },
};

_printf_(2, 3) static int fail(char error[static RUN_OPTIONS_ERROR_MAX], const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(error, RUN_OPTIONS_ERROR_MAX, format, ap);
        va_end(ap);
        return -EINVAL;
}

static int add_rule(RunOptions *o, int option, const char *text) {
        RunRule *rules;
        size_t i = 0;

        while (rule_options[i].option != option)
                i++;
        rules = reallocarray(o->rules, o->n_rules + 1, sizeof(*rules));
        if (!rules)
                return -ENOMEM;
        o->rules = rules;
        o->rules[o->n_rules++] = (RunRule) {
                .type = rule_options[i].type,
                .action = rule_options[i].action,
                .text = text,
        };
        return 0;
}

static int add_server(RunOptions *o, const char *text, char error[static RUN_OPTIONS_ERROR_MAX]) {
        if (o->n_servers == ELEMENTSOF(o->servers))
                return fail(error, "--upstream: at most %zu servers", ELEMENTSOF(o->servers));
        if (dns_server_parse(text, DNS_SERVER_PORT, &o->servers[o->n_servers]) < 0)
                return fail(error, "--upstream %s: expected an address with an optional port, such as 192.0.2.1:53 or "
                                   "[2001:db8::1]:53", text);
        o->n_servers++;
        return 0;
}

static int add_keep_fd(RunOptions *o, const char *text, char error[static RUN_OPTIONS_ERROR_MAX]) {
        char *end;
        long fd;
        int *fds;

        errno = 0;
        fd = strtol(text, &end, 10);
        if (errno != 0 || !isdigit((unsigned char) text[0]) || *end || fd > INT_MAX)
                return fail(error, "--keep-fd %s: expected the number of an open descriptor", text);
        fds = reallocarray(o->keep_fds, o->n_keep_fds + 1, sizeof(*fds));
        if (!fds)
                return -ENOMEM;
        o->keep_fds = fds;
        o->keep_fds[o->n_keep_fds++] = (int) fd;
        return 0;
}

static int set_once(const char **value, const char *text, const char *option,
                    char error[static RUN_OPTIONS_ERROR_MAX]) {
        if (*value)
                return fail(error, "%s can only be given once", option);
        *value = text;
        return 0;
}

static int apply(RunOptions *o, int option, const char *text, char error[static RUN_OPTIONS_ERROR_MAX]) {
        switch (option) {
        case OPTION_POLICY:
                return set_once(&o->policy, text, "--policy", error);
        case OPTION_LOG:
                return set_once(&o->log, text, "--log", error);
        case OPTION_LEARN:
                return set_once(&o->learn, text, "--learn", error);
        case OPTION_USER:
                return set_once(&o->user, text, "--user", error);
        case OPTION_ALLOW:
        case OPTION_ALLOW_CIDR:
        case OPTION_DENY:
        case OPTION_DENY_CIDR:
                return add_rule(o, option, text);
        case OPTION_MODE:
                if (mode_from_string(text, &o->mode) < 0)
                        return fail(error, "--mode %s: expected enforce or audit", text);
                o->has_mode = true;
                return 0;
        case OPTION_UPSTREAM:
                return add_server(o, text, error);
        case OPTION_SUMMARY:
                if (summary_format_from_string(text, &o->summary) < 0)
                        return fail(error, "--summary %s: expected text, json, markdown or none", text);
                return 0;
        case OPTION_FAIL_ON_DENIED:
                o->fail_on_denied = true;
                return 0;
        case OPTION_KEEP_FD:
                return add_keep_fd(o, text, error);
        case OPTION_ALLOW_SOCKETCALL:
                o->allow_socketcall = true;
                return 0;
        case OPTION_ENGINE_SOCKETS:
                o->engine_sockets = true;
                return 0;
        case 'h':
                o->help = true;
                return 0;
        default:
                assert(!"an option of the table without a case");
                return -EINVAL;
        }
}

/* Skips argv[0]. getopt_long(3) keeps its position in globals; 0 resets it, and opterr 0 suppresses its messages.
 * Returns the index of COMMAND. */
static int parse_all(int argc, char **argv, RunOptions *o, char error[static RUN_OPTIONS_ERROR_MAX]) {
        static const struct option options[] = {
                { "policy", required_argument, NULL, OPTION_POLICY },
                { "allow", required_argument, NULL, OPTION_ALLOW },
                { "allow-cidr", required_argument, NULL, OPTION_ALLOW_CIDR },
                { "deny", required_argument, NULL, OPTION_DENY },
                { "deny-cidr", required_argument, NULL, OPTION_DENY_CIDR },
                { "mode", required_argument, NULL, OPTION_MODE },
                { "log", required_argument, NULL, OPTION_LOG },
                { "learn", required_argument, NULL, OPTION_LEARN },
                { "upstream", required_argument, NULL, OPTION_UPSTREAM },
                { "summary", required_argument, NULL, OPTION_SUMMARY },
                { "user", required_argument, NULL, OPTION_USER },
                { "fail-on-denied", no_argument, NULL, OPTION_FAIL_ON_DENIED },
                { "keep-fd", required_argument, NULL, OPTION_KEEP_FD },
                { "allow-socketcall", no_argument, NULL, OPTION_ALLOW_SOCKETCALL },
                { "engine-sockets", no_argument, NULL, OPTION_ENGINE_SOCKETS },
                { "help", no_argument, NULL, 'h' },
                {},
        };
        int option, r;

        optind = 0;
        opterr = 0;
        /* '+': stop at COMMAND, whose options are not ours. */
        while ((option = getopt_long(argc, argv, "+:h", options, NULL)) != -1) {
                const char *word = argv[MAX(optind - 1, 0)];

                if (option == ':')
                        return fail(error, "%s needs an argument", word);
                if (option == '?')
                        return fail(error, "%s: unknown or misused option", word);
                r = apply(o, option, optarg, error);
                if (r < 0)
                        return r;
        }
        if (optind == argc && !o->help)
                return fail(error, "no COMMAND given");
        if (o->learn && o->has_mode && o->mode != MODE_AUDIT)
                return fail(error, "--learn needs audit mode: it reports what a policy has to allow; leave out --mode");
        if (o->learn) {
                o->mode = MODE_AUDIT;
                o->has_mode = true;
        }
        return optind;
}

int run_options_parse(int argc, char **argv, RunOptions *ret, char error[static RUN_OPTIONS_ERROR_MAX]) {
        RunOptions o = { .summary = SUMMARY_TEXT };
        _cleanup_free_ char **words = NULL;
        int r;

        assert(argc >= 0 && argv && ret);

        words = calloc((size_t) argc + 2, sizeof(*words)); /* one word before, NULL at the end */
        if (!words)
                return -ENOMEM;
        memcpy(words + 1, argv, (size_t) argc * sizeof(*words));
        words[0] = (char *) "run";
        r = parse_all(argc + 1, words, &o, error);
        if (r < 0) {
                run_options_done(&o);
                return r;
        }
        o.command = argv + r - 1;
        *ret = o;
        return 0;
}

void run_options_done(RunOptions *o) {
        free(o->rules);
        free(o->keep_fds);
        *o = (RunOptions) {};
}

const char *run_rule_option(const RunRule *r) {
        for (size_t i = 0; i < ELEMENTSOF(rule_options); i++)
                if (rule_options[i].type == r->type && rule_options[i].action == r->action)
                        return rule_options[i].spelling;
        return "";
}
