/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "policy/policy-private.h"
#include "policy/suffix.h"

void policy_source_done(PolicySource *s) {
        assert(s);

        rule_list_done(&s->rules);
        for (size_t i = 0; i < s->n_search_domains; i++)
                free(s->search_domains[i]);
        free(s->search_domains);
        *s = (PolicySource) {};
}

int policy_source_add_search_domain(PolicySource *source, const char *text, const char **ret_reason) {
        char canonical[254];

        assert(source);
        assert(text);
        assert(ret_reason);

        int r = search_domain_canonical(text, canonical, ret_reason);
        if (r < 0)
                return r;
        for (size_t i = 0; i < source->n_search_domains; i++)
                if (strcmp(source->search_domains[i], canonical) == 0)
                        return 0;
        if (source->n_search_domains == SEARCH_DOMAINS_MAX) {
                *ret_reason = "a policy can have at most 64 search domains";
                return -EINVAL;
        }

        _cleanup_free_ char *copy = strdup(canonical);
        char **domains = realloc(source->search_domains, (source->n_search_domains + 1) * sizeof(char *));
        if (domains)
                source->search_domains = domains;
        if (!copy || !domains)
                return -ENOMEM;
        domains[source->n_search_domains++] = TAKE_PTR(copy);
        return 0;
}

static int count_prefix(_unused_ const InPrefix *prefix, const PortSet *set, void *userdata) {
        PolicySize *size = userdata;

        size->n_prefixes++;
        size->n_port_rules += set->n;
        return 0;
}

int policy_new(PolicySource *source, Policy **ret) {
        int r;

        assert(source);
        assert(ret);

        _cleanup_(policy_freep) Policy *p = calloc(1, sizeof(Policy));
        if (!p) {
                policy_source_done(source);
                return -ENOMEM;
        }
        p->source = *source;
        *source = (PolicySource) {};
        rule_list_seal(&p->source.rules);

        r = name_index_init(&p->names, &p->source.rules);
        if (r < 0)
                return r;
        r = zone_index_init(&p->zones, &p->source.rules, p->source.search_domains, p->source.n_search_domains);
        if (r < 0)
                return r;
        r = prefix_index_init(&p->prefixes, &p->source.rules);
        if (r < 0)
                return r;
        /* A list that does not fit is detected here, not when the kernel maps are filled. */
        r = policy_for_each_prefix(p, count_prefix, &p->size);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(p);
        return 0;
}

Policy *policy_free(Policy *p) {
        if (!p)
                return NULL;

        name_index_done(&p->names);
        prefix_index_done(&p->prefixes);
        zone_index_done(&p->zones);
        policy_source_done(&p->source);
        free(p);
        return NULL;
}

Action policy_default_action(const Policy *p) {
        assert(p);

        return p->source.default_action;
}

Mode policy_mode(const Policy *p, Mode fallback) {
        assert(p);

        return p->source.has_mode ? p->source.mode : fallback;
}

bool policy_wants_sudo_lockdown(const Policy *p) {
        assert(p);

        return p->source.sudo_lockdown;
}

size_t policy_n_rules(const Policy *p) {
        assert(p);

        return p->source.rules.n;
}

PolicySize policy_size(const Policy *p) {
        assert(p);

        return p->size;
}

bool policy_has_zone(const Policy *p, const char *name) {
        assert(p);
        assert(name);

        return (*name == '\0' && p->source.default_action == ACTION_ALLOW) || zone_index_has(&p->zones, name);
}

const Rule *policy_rule(const Policy *p, uint32_t index) {
        assert(p);

        return index < p->source.rules.n ? &p->source.rules.rules[index] : NULL;
}
