/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rule.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"

#define TEXT_MAX 1024 /* of one rule in the text grammar; a name and RULE_PORTS_MAX ports fit */

static int refuse(int error, const char **ret_reason, const char *reason) {
        *ret_reason = reason;
        return error;
}

/* ------------------------------------------------------------------ value */

/* RFC 1123 2.1: the last label of a host name is not a number; what ends so is an address to some parser. */
static bool ends_in_number(const char *name) {
        const char *dot = strrchr(name, '.'), *last = dot ? dot + 1 : name;

        return last[strspn(last, "0123456789")] == '\0';
}

int rule_value_parse(RuleType type, const char *text, RuleValue *ret, const char **ret_reason) {
        InPrefix prefix;
        char name[254];

        assert(text);
        assert(ret);
        assert(ret_reason);

        bool is_prefix = in_prefix_parse(text, &prefix) == 0;

        if (type == RULE_CIDR) {
                if (!is_prefix)
                        return refuse(-EINVAL, ret_reason, "not an address or a prefix such as 10.0.0.0/8");
                ret->type = type;
                ret->prefix = prefix;
                (void) in_prefix_format(&prefix, ret->text);
                return 0;
        }

        if (is_prefix)
                return refuse(-EINVAL, ret_reason, "an address is not a host name: make it a rule of type cidr");
        int r = hostname_canonical(text, true, name, ret_reason);
        if (r < 0)
                return r;
        if (ends_in_number(name))
                return refuse(-EINVAL, ret_reason, "the last label of a host name cannot be a number");

        ret->type = type;
        (void) strcpy(ret->text, name);
        return 0;
}

/* ------------------------------------------------------------------ one rule */

void rule_done(Rule *r) {
        assert(r);

        free(r->value);
        free(r->automatic);
        pattern_free(r->pattern);
        free(r->ports);
        memset(r, 0, sizeof(*r));
}

static int rule_init(Rule *r, const RuleValue *value, Action action, Tier tier, const char **ret_reason) {
        *r = (Rule) { .type = value->type, .action = action, .tier = tier, .value = strdup(value->text) };
        if (!r->value)
                return -ENOMEM;
        if (value->type == RULE_HOSTNAME)
                return pattern_new(value->text, &r->pattern, ret_reason);
        r->prefix = value->prefix;
        return 0;
}

static int rule_set_ports(Rule *r, const PortRange *ports, size_t n) {
        PortRange *copy = NULL;

        if (n > 0) {
                copy = malloc(n * sizeof(*copy));
                if (!copy)
                        return -ENOMEM;
                memcpy(copy, ports, n * sizeof(*copy));
        }
        free(r->ports);
        r->ports = copy;
        r->n_ports = n;
        return 0;
}

static int rule_merge(Rule *r, const PortRange *ports, size_t n_ports, bool allow_private, const char **ret_reason) {
        PortRange all[RULE_PORTS_MAX];

        int n = port_ranges_union(r->ports, r->n_ports, ports, n_ports, all);
        if (n < 0)
                return refuse(n, ret_reason, "the rule and its equals before it have more than 32 ports together");
        int k = rule_set_ports(r, all, (size_t) n);
        if (k < 0)
                return k;
        r->allow_private = r->allow_private || allow_private;
        return 0;
}

char *rule_to_string(const Rule *r) {
        char buf[TEXT_MAX], port[PORT_TEXT_MAX];

        assert(r);

        int n = snprintf(buf, sizeof(buf), "%s %s", action_to_string(r->action), r->value);
        for (size_t i = 0; i < r->n_ports && n < (int) sizeof(buf); i++)
                n += snprintf(buf + n, sizeof(buf) - (size_t) n, "%c%s", i == 0 ? ':' : ';',
                              port_range_format(&r->ports[i], port));
        return strdup(buf);
}

/* ------------------------------------------------------------------ list */

void rule_list_done(RuleList *l) {
        assert(l);

        for (size_t i = 0; i < l->n; i++)
                rule_done(&l->rules[i]);
        free(l->rules);
        free(l->slots);
        *l = (RuleList) {};
}

/* FNV-1a. The key is the operator's own text: a keyed hash would guard against nobody. */
static uint64_t rule_hash(RuleType type, const char *value, Action action, Tier tier) {
        uint64_t hash = 0xcbf29ce484222325ULL ^ ((uint64_t) type << 16 | (uint64_t) action << 8 | (uint64_t) tier);

        for (const char *s = value; *s; s++)
                hash = (hash ^ (uint8_t) *s) * 0x100000001b3ULL;
        return hash;
}

/* Slot of the equal rule, or the free one where it belongs. */
static size_t find_slot(const RuleList *l, RuleType type, const char *value, Action action, Tier tier) {
        size_t i = rule_hash(type, value, action, tier) & (l->n_slots - 1);
        for (;; i = (i + 1) & (l->n_slots - 1)) {
                if (l->slots[i] == RULE_NONE)
                        return i;
                const Rule *r = &l->rules[l->slots[i]];
                if (r->type == type && r->action == action && r->tier == tier && strcmp(r->value, value) == 0)
                        return i;
        }
}

static int rule_list_reserve(RuleList *l) {
        if (l->n < l->n_allocated)
                return 0;

        size_t n = l->n_allocated == 0 ? 8 : l->n_allocated * 2;
        Rule *rules = realloc(l->rules, n * sizeof(Rule));
        if (!rules)
                return -ENOMEM;
        l->rules = rules;

        uint32_t *slots = malloc(2 * n * sizeof(uint32_t));
        if (!slots)
                return -ENOMEM;
        memset(slots, 0xff, 2 * n * sizeof(uint32_t));
        free(l->slots);
        l->slots = slots;
        l->n_slots = 2 * n;
        l->n_allocated = n;
        for (uint32_t i = 0; i < l->n; i++) {
                const Rule *r = &l->rules[i];
                l->slots[find_slot(l, r->type, r->value, r->action, r->tier)] = i;
        }
        return 0;
}

static int check_ports(const RuleValue *value, const PortRange *ports, size_t n_ports, const char **ret_reason) {
        if (n_ports > RULE_PORTS_MAX)
                return refuse(-E2BIG, ret_reason, "a rule can list at most 32 ports");
        if (value->type != RULE_CIDR || in_prefix_is_v4(&value->prefix))
                return 0;
        for (size_t i = 0; i < n_ports; i++)
                if (ports[i].protocol == PROTOCOL_ICMP)
                        return refuse(-EINVAL, ret_reason, "icmp is IPv4 only");
        return 0;
}

static int rule_list_append(RuleList *l, size_t slot, const RuleValue *value, Action action, Tier tier,
                            const PortRange *ports, size_t n_ports, bool allow_private, const char **ret_reason) {
        PortRange own[RULE_PORTS_MAX];
        Rule rule;

        if (l->n >= RULES_MAX)
                return refuse(-E2BIG, ret_reason, "a policy can have at most 200000 rules");

        int r = rule_init(&rule, value, action, tier, ret_reason);
        if (r >= 0) {
                /* The union with itself drops duplicates. */
                int n = port_ranges_union(ports, n_ports, ports, n_ports, own);
                assert(n >= 0);
                r = rule_set_ports(&rule, own, (size_t) n);
        }
        if (r < 0) {
                rule_done(&rule);
                return r;
        }

        rule.allow_private = allow_private;
        l->slots[slot] = (uint32_t) l->n;
        l->rules[l->n++] = rule;
        return 0;
}

int rule_list_add_value(RuleList *l, const RuleValue *value, Action action, Tier tier, const PortRange *ports,
                        size_t n_ports, bool allow_private, const char **ret_reason) {
        assert(l);
        assert(value);
        assert(ports || n_ports == 0);
        assert(ret_reason);

        int r = check_ports(value, ports, n_ports, ret_reason);
        if (r < 0)
                return r;
        r = rule_list_reserve(l);
        if (r < 0)
                return r;

        size_t slot = find_slot(l, value->type, value->text, action, tier);
        if (l->slots[slot] != RULE_NONE)
                return rule_merge(&l->rules[l->slots[slot]], ports, n_ports, allow_private, ret_reason);
        return rule_list_append(l, slot, value, action, tier, ports, n_ports, allow_private, ret_reason);
}

int rule_list_add(RuleList *l, RuleType type, const char *text, Action action, Tier tier, const PortRange *ports,
                  size_t n_ports, bool allow_private, const char **ret_reason) {
        RuleValue value;

        int r = rule_value_parse(type, text, &value, ret_reason);
        if (r < 0)
                return r;
        return rule_list_add_value(l, &value, action, tier, ports, n_ports, allow_private, ret_reason);
}

/* ------------------------------------------------------------------ text grammar */

/* In place; the result is inside s. */
static char *trim(char *s) {
        while (isspace((unsigned char) *s))
                s++;
        size_t n = strlen(s);
        while (n > 0 && isspace((unsigned char) s[n - 1]))
                s[--n] = '\0';
        return s;
}

/* Cuts "[ADDR]:PORTS", "ADDR/N:PORTS" or "NAME:PORTS" in two; *ret_ports is NULL without a colon. Two colons before
 * any slash make an IPv6 address, which can only be followed by ports after its prefix length or its bracket. */
static int split_ports(char *s, char **ret_value, char **ret_ports, const char **ret_reason) {
        char *colon;

        if (*s == '[') {
                char *end = strchr(s, ']');

                if (!end || (end[1] != '\0' && end[1] != ':') || !memchr(s, ':', (size_t) (end - s)))
                        return refuse(-EINVAL, ret_reason, "brackets belong around an IPv6 address: [ADDRESS]:PORT");
                *end = '\0';
                *ret_value = s + 1;
                *ret_ports = end[1] == ':' ? end + 2 : NULL;
                return 0;
        }

        size_t n = strcspn(s, "/");
        char *first = memchr(s, ':', n);
        if (first && memchr(first + 1, ':', n - (size_t) (first - s) - 1))
                colon = strchr(s + n, ':');
        else
                colon = strchr(s, ':');

        if (colon)
                *colon = '\0';
        *ret_value = s;
        *ret_ports = colon ? colon + 1 : NULL;
        return 0;
}

static int parse_ports(char *s, PortRange ports[static RULE_PORTS_MAX], size_t *ret_n, const char **ret_reason) {
        size_t n = 0;
        char *next;

        for (s = trim(s); s && *s; s = next) {
                next = strchr(s, ';');
                if (next) {
                        *next++ = '\0';
                        if (*next == '\0')
                                return refuse(-EINVAL, ret_reason, "a port is missing after ';'");
                }
                if (n == RULE_PORTS_MAX)
                        return refuse(-E2BIG, ret_reason, "a rule can list at most 32 ports");

                int r = port_range_parse(trim(s), &ports[n]);
                if (r == -ERANGE)
                        return refuse(-EINVAL, ret_reason, "a port is out of range (1 to 65535, or 0/icmp)");
                if (r < 0)
                        return refuse(-EINVAL, ret_reason,
                                      "malformed port: PORT, LOW-HIGH, PORT/tcp, PORT/udp or 0/icmp");
                n++;
        }
        *ret_n = n;
        return 0;
}

int rule_list_add_text(RuleList *l, RuleType type, const char *text, Action action, Tier tier,
                       const char **ret_reason) {
        PortRange ports[RULE_PORTS_MAX];
        char buf[TEXT_MAX], *value, *port_text;
        size_t n_ports = 0;

        assert(text);
        assert(ret_reason);

        size_t n = strnlen(text, sizeof(buf));
        if (n == sizeof(buf))
                return refuse(-EINVAL, ret_reason, "the rule is too long");
        memcpy(buf, text, n + 1);

        int r = split_ports(trim(buf), &value, &port_text, ret_reason);
        if (r < 0)
                return r;
        if (port_text) {
                r = parse_ports(port_text, ports, &n_ports, ret_reason);
                if (r < 0)
                        return r;
        }
        return rule_list_add(l, type, trim(value), action, tier, ports, n_ports, false, ret_reason);
}

static void copy_cut(char bad[static 128], const char *s, size_t n) {
        n = MIN(n, 127U);
        memcpy(bad, s, n);
        bad[n] = '\0';
}

int rule_list_add_csv(RuleList *l, RuleType type, const char *csv, Action action, Tier tier, char bad[static 128],
                      const char **ret_reason) {
        char entry[TEXT_MAX];

        assert(csv);
        assert(ret_reason);

        for (const char *s = csv;; s++) {
                size_t n = strcspn(s, ",");
                int r = 0;

                if (n >= sizeof(entry))
                        r = refuse(-EINVAL, ret_reason, "the rule is too long");
                else {
                        memcpy(entry, s, n);
                        entry[n] = '\0';
                        if (*trim(entry))
                                r = rule_list_add_text(l, type, entry, action, tier, ret_reason);
                }
                if (r < 0) {
                        copy_cut(bad, s, n);
                        return r;
                }
                s += n;
                if (*s == '\0')
                        return 0;
        }
}
