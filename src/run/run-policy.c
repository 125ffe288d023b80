/* SPDX-License-Identifier: Apache-2.0 */
#include "run/run-policy.h"

#include <assert.h>
#include <string.h>

#include "basic/macro.h"
#include "cli/policy-load.h"
#include "run/message.h"

static const char *get_variable(const char *name, void *userdata _unused_) {
        return getenv(name);
}

/* To what the file said: rules add up, default action and mode are replaced where the variable is set. */
static int add_environment(PolicySource *source) {
        Fault fault = {};
        int r;

        r = policy_source_from_environment(source, get_variable, NULL, &fault);
        if (r == -EINVAL)
                message("environment: %s: %s", fault.item, fault.reason);
        else if (r < 0)
                message("environment: %s", strerror(-r));
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

static int add_all(PolicySource *source, const RunOptions *o, bool *ret_any) {
        bool any = o->policy || o->n_rules > 0;
        int r;

        if (o->policy) {
                r = policy_load_file(o->policy, source);
                if (r < 0)
                        return r;
        }
        r = add_environment(source);
        if (r < 0)
                return r;
        any = any || r > 0;
        r = add_options(source, o);
        if (r < 0)
                return r;
        *ret_any = any;
        return 0;
}

int run_policy_load(const RunOptions *o, Policy **ret, Mode *ret_mode) {
        _cleanup_(policy_source_done) PolicySource source = {};
        bool any = false;
        Policy *p;
        Mode mode;
        int r;

        assert(o && ret && ret_mode);

        r = add_all(&source, o, &any);
        if (r < 0)
                return r;
        r = policy_load_finish(&source, o->policy ?: "options", &p);
        if (r < 0)
                return r;
        mode = o->has_mode ? o->mode : policy_mode(p, MODE_ENFORCE);
        if (!any)
                message("no policy given: every destination %s denied", mode == MODE_AUDIT ? "would be" : "is");
        if (policy_wants_sudo_lockdown(p))
                message("the policy asks for sudoLockdown, which run does not do: sudo stays as it is");
        *ret = p;
        *ret_mode = mode;
        return 0;
}
