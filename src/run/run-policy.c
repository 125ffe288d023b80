/* SPDX-License-Identifier: Apache-2.0 */
#include "run/run-policy.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "cli/policy-load.h"
#include "host/guarded-open.h"
#include "run/message.h"
#include "run/run-open.h"

static const char *get_variable(const char *name, void *userdata _unused_) {
        return getenv(name);
}

static int add_file(PolicySource *source, const char *path, const RunUser *user) {
        _cleanup_close_ int fd = run_open_policy(path, user);

        if (fd < 0) {
                message("%s: cannot read the policy: %s", path, guarded_open_error(fd));
                return fd;
        }
        return policy_load_fd(fd, path, source);
}

/* The caller may not know what is in the environment, for example if a job sets it for later steps. */
static void announce(const RunOptions *o, const EnvironmentChanges *changes) {
        bool given = o->policy || o->n_rules > 0;

        for (size_t i = 0; policy_environment_name(i); i++) {
                const char *name = policy_environment_name(i), *value = getenv(name);

                if (changes->refused & (1U << i))
                        message("%s=%.200s in the environment is ignored: it cannot make %s more permissive", name, value,
                                o->policy);
                else if (given && changes->applied & (1U << i))
                        message("%s=%.200s in the environment changes the policy given on the command line", name, value);
        }
}

static char *list_applied(const EnvironmentChanges *changes) {
        static const char lead[] = "environment: ";
        char text[512];
        size_t n = 0;

        for (size_t i = 0; policy_environment_name(i); i++)
                if (changes->applied & (1U << i))
                        n += (size_t) snprintf(text + n, sizeof(text) - n, "%s%s", n > 0 ? ", " : lead,
                                               policy_environment_name(i));
        return n > 0 ? strdup(text) : NULL;
}

/* Adds to the file: rules accumulate. Without a file, the variables set the mode and the default action. */
static int add_environment(PolicySource *source, const RunOptions *o, RunPolicy *p) {
        EnvironmentChanges changes = {};
        Fault fault = {};
        int r;

        r = o->policy ? policy_source_add_environment(source, get_variable, NULL, &changes, &fault)
                      : policy_source_from_environment(source, get_variable, NULL, &changes, &fault);
        if (r == -EINVAL)
                message("environment: %s: %s", fault.item, fault.reason);
        else if (r < 0)
                message("environment: %s", strerror(-r));
        if (r < 0)
                return r;
        if (o->has_mode) { /* --mode overrides all */
                changes.applied &= ~POLICY_ENVIRONMENT_MODE;
                changes.refused &= ~POLICY_ENVIRONMENT_MODE;
        }
        announce(o, &changes);
        p->environment = list_applied(&changes);
        return r;
}

static int add_options(PolicySource *source, const RunOptions *o) {
        int r = 0;

        for (size_t i = 0; i < o->n_rules; i++) {
                const RunRule *rule = &o->rules[i];
                const char *reason = "";
                int k;

                k = rule_list_add_text(&source->rules, rule->type, rule->text, rule->action, TIER_USER, &reason);
                if (k < 0)
                        message("%s %s: %s", run_rule_option(rule), rule->text, k == -EINVAL ? reason : strerror(-k));
                r = k < 0 ? k : r;
        }
        return r;
}

static int add_all(PolicySource *source, const RunOptions *o, const RunUser *user, RunPolicy *p, bool *ret_any) {
        bool any = o->policy || o->n_rules > 0;
        int r;

        if (o->policy) {
                r = add_file(source, o->policy, user);
                if (r < 0)
                        return r;
        }
        r = add_environment(source, o, p);
        if (r < 0)
                return r;
        any = any || r > 0;
        r = add_options(source, o);
        if (r < 0)
                return r;
        *ret_any = any;
        return 0;
}

int run_policy_load(const RunOptions *o, const RunUser *user, RunPolicy *ret) {
        _cleanup_(policy_source_done) PolicySource source = {};
        _cleanup_(run_policy_done) RunPolicy p = {};
        bool any = false;
        int r;

        assert(o && user && ret);

        r = add_all(&source, o, user, &p, &any);
        if (r < 0)
                return r;
        r = policy_load_finish(&source, o->policy ?: "options", &p.policy);
        if (r < 0)
                return r;
        p.mode = o->has_mode ? o->mode : policy_mode(p.policy, MODE_ENFORCE);
        if (!any)
                message("no policy given: every destination %s denied", p.mode == MODE_AUDIT ? "would be" : "is");
        if (policy_wants_sudo_lockdown(p.policy))
                message("the policy sets sudoLockdown, which run does not support: sudo is unchanged");
        *ret = p;
        p = (RunPolicy) {};
        return 0;
}

void run_policy_done(RunPolicy *p) {
        policy_free(p->policy);
        free(p->environment);
        *p = (RunPolicy) {};
}
