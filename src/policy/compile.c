/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "policy/policy-private.h"

#define CHAIN_MAX 129 /* one prefix for each length */

/* The nodes that cover an address, longest first. */
typedef struct Chain {
        const PrefixNode *nodes[CHAIN_MAX]; /* borrowed */
        size_t n;
} Chain;

static void chain_from(const PrefixIndex *x, uint32_t node, Chain *ret) {
        ret->n = 0;
        for (; node != PREFIX_NONE; node = x->nodes[node].parent) {
                assert(ret->n < CHAIN_MAX);
                ret->nodes[ret->n++] = &x->nodes[node];
        }
}

static bool covers(const struct cw_port_rule *e, const PortRange *r) {
        return (e->protocol == PROTOCOL_ALL || e->protocol == r->protocol) && e->low <= r->low && e->high >= r->high;
}

static int set_add(PortSet *set, uint32_t rule, Action action, const PortRange *range) {
        for (uint32_t i = 0; i < set->n; i++)
                if (covers(&set->rules[i], range))
                        return 0; /* unreachable entry */
        if (set->n == CW_PORT_RULES_MAX)
                return -E2BIG;

        set->rules[set->n++] = (struct cw_port_rule) {
                .rule = rule,
                .low = range->low,
                .high = range->high,
                .protocol = range->protocol,
                .action = (uint8_t) action,
        };
        return 0;
}

static int set_add_rule(PortSet *set, const Policy *p, uint32_t index) {
        static const PortRange every_port = { .low = 0, .high = UINT16_MAX, .protocol = PROTOCOL_ALL };
        const Rule *rule = &p->source.rules.rules[index];

        if (rule->n_ports == 0)
                return set_add(set, index, rule->action, &every_port);
        for (size_t i = 0; i < rule->n_ports; i++) {
                int r = set_add(set, index, rule->action, &rule->ports[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Adds the rules of one tier, of one action or of both. */
static int set_add_chain(PortSet *set, const Policy *p, const Chain *chain, Tier tier, bool denies, bool allows) {
        for (size_t i = 0; i < chain->n; i++)
                for (uint32_t k = 0; k < chain->nodes[i]->n; k++) {
                        uint32_t index = p->prefixes.rules[chain->nodes[i]->first + k];
                        const Rule *rule = &p->source.rules.rules[index];

                        if (rule->tier != tier || !(rule->action == ACTION_DENY ? denies : allows))
                                continue;
                        int r = set_add_rule(set, p, index);
                        if (r < 0)
                                return r;
                }
        return 0;
}

typedef enum Section {
        SECTION_DENY,
        SECTION_ALLOW,
        SECTION_LATE,
        _SECTION_MAX,
} Section;

static int set_add_names(PortSet *set, const Policy *p, const NameVerdict *const *names, size_t n_names, Tier tier,
                         Section section) {
        for (size_t i = 0; i < n_names; i++) {
                const NameVerdict *v = names[i];
                size_t first = section == SECTION_DENY    ? 0
                               : section == SECTION_ALLOW ? v->n_deny
                                                          : (size_t) v->n_deny + v->n_allow;
                size_t n = section == SECTION_DENY ? v->n_deny : section == SECTION_ALLOW ? v->n_allow : v->n_late;

                for (size_t k = first; k < first + n; k++) {
                        const Rule *rule = policy_rule(p, v->rules[k]);

                        if (!rule)
                                return -EINVAL; /* the verdict belongs to another policy */
                        if (rule->tier != tier)
                                continue;
                        int r = set_add_rule(set, p, v->rules[k]);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

/* Adds one tier for an address known from DNS. */
static int set_add_named_tier(PortSet *set, const Policy *p, const Chain *chain, const NameVerdict *const *names,
                              size_t n_names, Tier tier) {
        int r = set_add_chain(set, p, chain, tier, true, false);

        for (Section s = 0; r >= 0 && s < _SECTION_MAX; s++)
                r = set_add_names(set, p, names, n_names, tier, s);
        return r < 0 ? r : set_add_chain(set, p, chain, tier, false, true);
}

static int compile(const Policy *p, const Chain *chain, const NameVerdict *const *names, size_t n_names, PortSet *ret) {
        bool named = false;
        PortSet set;

        set.n = 0; /* entries are written before they are read */
        for (size_t i = 0; i < n_names; i++) {
                if (names[i]->overflow)
                        return -E2BIG;
                named = named || names[i]->n_deny + names[i]->n_allow > 0;
        }
        for (Tier tier = 0; tier < _TIER_MAX; tier++) {
                int r = named ? set_add_named_tier(&set, p, chain, names, n_names, tier)
                              : set_add_chain(&set, p, chain, tier, true, true);
                if (r < 0)
                        return r;
        }

        memcpy(ret->rules, set.rules, set.n * sizeof(set.rules[0]));
        ret->n = set.n;
        return 0;
}

int policy_compile_names(const Policy *p, const NameVerdict *const *names, size_t n_names, PortSet *ret) {
        Chain chain;

        assert(p);
        assert(names || n_names == 0);
        assert(ret);

        chain.n = 0;
        return compile(p, &chain, names, n_names, ret);
}

int policy_compile_address(const Policy *p, const InAddr *addr, const NameVerdict *const *names, size_t n_names,
                           PortSet *ret) {
        Chain chain;

        assert(p);
        assert(addr);
        assert(names || n_names == 0);
        assert(ret);

        chain_from(&p->prefixes, prefix_index_find(&p->prefixes, addr), &chain);
        return compile(p, &chain, names, n_names, ret);
}

/* ------------------------------------------------------------------ every prefix */

/* The lists of one prefix, one for each tier. The lists of the prefixes inside it are built from them, so a prefix
 * nested a hundred deep costs no more than one nested once. */
typedef struct Level {
        uint32_t node;
        bool overflow; /* this tier alone does not fit; the tiers before it can still make the whole fit */
        PortSet tiers[_TIER_MAX];
} Level;

static int set_add_set(PortSet *set, const PortSet *other) {
        for (uint32_t i = 0; i < other->n; i++) {
                const struct cw_port_rule *e = &other->rules[i];
                const PortRange range = { .low = e->low, .high = e->high, .protocol = e->protocol };

                int r = set_add(set, e->rule, (Action) e->action, &range);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void level_init(Level *level, const Policy *p, uint32_t node, const Level *parent) {
        const Chain own = { .nodes = { &p->prefixes.nodes[node] }, .n = 1 };

        level->node = node;
        level->overflow = parent && parent->overflow;
        for (Tier tier = 0; tier < _TIER_MAX; tier++) {
                PortSet *set = &level->tiers[tier];

                set->n = 0;
                if (set_add_chain(set, p, &own, tier, true, true) < 0 ||
                    (parent && set_add_set(set, &parent->tiers[tier]) < 0))
                        level->overflow = true;
        }
}

static int level_compile(const Level *level, const Policy *p, PortSet *ret) {
        Chain chain;
        int r = 0;

        if (level->overflow) {
                chain_from(&p->prefixes, level->node, &chain);
                return compile(p, &chain, NULL, 0, ret);
        }
        ret->n = 0;
        for (Tier tier = 0; r >= 0 && tier < _TIER_MAX; tier++)
                r = set_add_set(ret, &level->tiers[tier]);
        return r;
}

int policy_for_each_prefix(const Policy *p, policy_prefix_fn fn, void *userdata) {
        size_t n = 0; /* levels in use: the prefixes that enclose the current one, and itself */
        PortSet set;

        assert(p);
        assert(fn);

        _cleanup_free_ Level *levels = malloc(CHAIN_MAX * sizeof(Level)); /* touched as deep as prefixes are nested */
        if (!levels)
                return -ENOMEM;
        for (uint32_t i = 0; i < p->prefixes.n; i++) {
                while (n > 0 && levels[n - 1].node != p->prefixes.nodes[i].parent)
                        n--;
                assert(n < CHAIN_MAX);
                level_init(&levels[n], p, i, n > 0 ? &levels[n - 1] : NULL);
                int r = level_compile(&levels[n++], p, &set);
                if (r < 0)
                        return r;
                r = fn(&p->prefixes.nodes[i].prefix, &set, userdata);
                if (r < 0)
                        return r;
        }
        return 0;
}

bool policy_allows_address(const Policy *p, const InAddr *addr) {
        Chain chain;

        assert(p);
        assert(addr);

        chain_from(&p->prefixes, prefix_index_find(&p->prefixes, addr), &chain);
        for (size_t i = 0; i < chain.n; i++)
                for (uint32_t k = 0; k < chain.nodes[i]->n; k++) {
                        uint32_t index = p->prefixes.rules[chain.nodes[i]->first + k];
                        if (p->source.rules.rules[index].action == ACTION_ALLOW)
                                return true;
                }
        return false;
}
