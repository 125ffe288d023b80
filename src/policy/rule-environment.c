/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "policy/policy.h"

typedef struct Variable {
        const char *name;
        int (*read)(PolicySource *source, const char *value, const struct Variable *v, char bad[static 128],
                    const char **ret_reason);
        RuleType type;
        Action action;
} Variable;

static int refuse(const char **ret_reason, const char *reason) {
        *ret_reason = reason;
        return -EINVAL;
}

static int read_rules(PolicySource *source, const char *value, const Variable *v, char bad[static 128],
                      const char **ret_reason) {
        return rule_list_add_csv(&source->rules, v->type, value, v->action, TIER_USER, bad, ret_reason);
}

static int read_default_action(PolicySource *source, const char *value, _unused_ const Variable *v,
                               char bad[static 128], const char **ret_reason) {
        (void) snprintf(bad, 128, "%s", value);
        if (action_from_string(value, &source->default_action) < 0)
                return refuse(ret_reason, "unknown action, expected allow or deny");
        return 0;
}

static int read_audit_mode(PolicySource *source, const char *value, _unused_ const Variable *v, char bad[static 128],
                           const char **ret_reason) {
        (void) snprintf(bad, 128, "%s", value);
        if (strcmp(value, "true") == 0 || strcmp(value, "1") == 0)
                source->mode = MODE_AUDIT;
        else if (strcmp(value, "false") == 0 || strcmp(value, "0") == 0)
                source->mode = MODE_ENFORCE;
        else
                return refuse(ret_reason, "expected true, 1, false or 0");
        source->has_mode = true;
        return 0;
}

static bool is_blank(const char *s, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (!isspace((unsigned char) s[i]))
                        return false;
        return true;
}

static int read_search_domains(PolicySource *source, const char *value, _unused_ const Variable *v,
                               char bad[static 128], const char **ret_reason) {
        for (const char *s = value;; s++) {
                size_t n = strcspn(s, ",");

                if (!is_blank(s, n)) {
                        _cleanup_free_ char *entry = strndup(s, n);
                        if (!entry)
                                return -ENOMEM;
                        (void) snprintf(bad, 128, "%s", entry);
                        int r = policy_source_add_search_domain(source, entry, ret_reason);
                        if (r < 0)
                                return r;
                }
                s += n;
                if (*s == '\0')
                        return 0;
        }
}

static const Variable variables[] = {
        { "CARGOWALL_AUDIT_MODE", read_audit_mode, RULE_HOSTNAME, ACTION_DENY }, /* POLICY_ENVIRONMENT_MODE */
        { "CARGOWALL_DEFAULT_ACTION", read_default_action, RULE_HOSTNAME, ACTION_DENY },
        { "CARGOWALL_ALLOWED_HOSTS", read_rules, RULE_HOSTNAME, ACTION_ALLOW },
        { "CARGOWALL_ALLOWED_CIDRS", read_rules, RULE_CIDR, ACTION_ALLOW },
        { "CARGOWALL_BLOCKED_HOSTS", read_rules, RULE_HOSTNAME, ACTION_DENY },
        { "CARGOWALL_BLOCKED_CIDRS", read_rules, RULE_CIDR, ACTION_DENY },
        { "CARGOWALL_SEARCH_DOMAINS", read_search_domains, RULE_HOSTNAME, ACTION_DENY },
};

const char *policy_environment_name(size_t i) {
        return i < ELEMENTSOF(variables) ? variables[i].name : NULL;
}

/* What the variables are applied to. Lists only ever grow, if only by the ports of an existing rule. */
typedef struct Floor {
        Action default_action;
        Mode mode;
} Floor;

static Floor floor_of(const PolicySource *s) {
        return (Floor) { s->default_action, s->has_mode ? s->mode : MODE_ENFORCE };
}

static bool has_entry(const char *list) {
        return list[strspn(list, ", \t\n\v\f\r")] != '\0';
}

/* Reverts changes that made the policy more permissive. Returns whether there were any. */
static bool restore_floor(PolicySource *source, const Floor *floor) {
        bool mode = source->has_mode && source->mode > floor->mode, /* enforce, audit, off */
             action = source->default_action == ACTION_ALLOW && floor->default_action == ACTION_DENY;

        if (mode)
                source->mode = floor->mode;
        if (action)
                source->default_action = floor->default_action;
        return mode || action;
}

static bool has_changed(const Floor *a, const Floor *b) {
        return a->default_action != b->default_action || a->mode != b->mode;
}

static bool is_list(const Variable *v) {
        return v->read == read_rules || v->read == read_search_domains;
}

static int set_fault(Fault *ret, const char *name, const char *bad, const char *reason) {
        *ret = (Fault) {};
        (void) snprintf(ret->item, sizeof(ret->item), "%s", name);
        (void) snprintf(ret->reason, sizeof(ret->reason), "%.64s: %.90s", bad, reason);
        return -EINVAL;
}

static int read_all(PolicySource *source, bool keep_floor, policy_getenv_t get, void *userdata,
                    EnvironmentChanges *changes, Fault *ret_fault) {
        int any = 0;

        for (size_t i = 0; i < ELEMENTSOF(variables); i++) {
                const char *value = get(variables[i].name, userdata), *reason = "";
                const Floor before = floor_of(source);
                char bad[128] = "";

                /* A CI system passes an input that was left empty as the empty string. */
                if (!value || is_blank(value, strlen(value)))
                        continue;
                any = 1;

                int r = variables[i].read(source, value, &variables[i], bad, &reason);
                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        return set_fault(ret_fault, variables[i].name, bad, reason);
                if (keep_floor && restore_floor(source, &before))
                        changes->refused |= 1U << i;
                const Floor after = floor_of(source);
                if (is_list(&variables[i]) ? has_entry(value) : has_changed(&before, &after))
                        changes->applied |= 1U << i;
        }
        return any;
}

int policy_source_from_environment(PolicySource *source, policy_getenv_t get, void *userdata,
                                   EnvironmentChanges *ret_changes, Fault *ret_fault) {
        EnvironmentChanges changes = {};

        assert(source);
        assert(get);
        assert(ret_fault);

        int r = read_all(source, false, get, userdata, &changes, ret_fault);
        if (r >= 0 && ret_changes)
                *ret_changes = changes;
        return r;
}

int policy_source_add_environment(PolicySource *source, policy_getenv_t get, void *userdata,
                                  EnvironmentChanges *ret_changes, Fault *ret_fault) {
        EnvironmentChanges changes = {};

        assert(source);
        assert(get);
        assert(ret_changes);
        assert(ret_fault);

        int r = read_all(source, true, get, userdata, &changes, ret_fault);
        if (r >= 0)
                *ret_changes = changes;
        return r;
}
