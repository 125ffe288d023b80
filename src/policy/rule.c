/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rule.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

#include "basic/macro.h"
#include "basic/siphash.h"

#define TEXT_MAX 1024 /* of one rule in the text grammar; fits a name and RULE_PORTS_MAX ports */

static int refuse(int error, const char **ret_reason, const char *reason) {
        *ret_reason = reason;
        return error;
}

/* ------------------------------------------------------------------ value */

/* RFC 1123 2.1: the last label of a host name is not a number; some parsers take such a name for an address. */
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
                        return refuse(-EINVAL, ret_reason, "not an address or a prefix such as 10.0.0.0/8; names are for rules of type hostname (--allow, --deny)");
                ret->type = type;
                ret->prefix = prefix;
                return 0;
        }

        if (is_prefix)
                return refuse(-EINVAL, ret_reason, "an address is not a host name: use a rule of type cidr (--allow-cidr, --deny-cidr)");
        int r = hostname_canonical(text, true, name, ret_reason);
        if (r < 0)
                return r;
        if (ends_in_number(name))
                return refuse(-EINVAL, ret_reason, "the last label of a host name cannot be a number");

        ret->type = type;
        (void) strcpy(ret->name, name);
        return 0;
}

/* ------------------------------------------------------------------ one rule */

static void rule_done(Rule *r) {
        free(r->name);
        free(r->automatic);
        pattern_free(r->pattern);
        memset(r, 0, sizeof(*r));
}

static int rule_init(Rule *r, const RuleValue *value, Action action, Tier tier, const char **ret_reason) {
        *r = (Rule) { .type = value->type, .action = action, .tier = tier };
        if (value->type == RULE_CIDR) {
                r->prefix = value->prefix;
                return 0;
        }
        r->name = strdup(value->name);
        return r->name ? pattern_new(value->name, &r->pattern, ret_reason) : -ENOMEM;
}

const char *rule_value(const Rule *r, char buf[static IN_PREFIX_TEXT_MAX]) {
        assert(r);

        return r->type == RULE_CIDR ? in_prefix_format(&r->prefix, buf) : r->name;
}

char *rule_to_string(const Rule *r) {
        char buf[TEXT_MAX], value[IN_PREFIX_TEXT_MAX], port[PORT_TEXT_MAX];

        assert(r);

        int n = snprintf(buf, sizeof(buf), "%s %s", action_to_string(r->action), rule_value(r, value));
        for (size_t i = 0; i < r->n_ports && n < (int) sizeof(buf); i++)
                n += snprintf(buf + n, sizeof(buf) - (size_t) n, "%c%s", i == 0 ? ':' : ';',
                              port_range_format(&r->ports[i], port));
        return strdup(buf);
}

/* ------------------------------------------------------------------ ports of a list */

#define PORT_BLOCK_MAX 256

/* The port lists are many and short: allocated one by one, each would need more memory for its header than for its
 * ports. */
struct PortBlock {
        PortBlock *next;
        size_t n;
        PortRange ranges[PORT_BLOCK_MAX];
};

_Static_assert(PORT_BLOCK_MAX >= RULE_PORTS_MAX, "a block has room for the ports of a rule");

/* The rule's previous ports stay allocated until the list is freed. */
static int rule_set_ports(RuleList *l, Rule *r, const PortRange *ports, size_t n) {
        PortBlock *b = l->ports;

        if (n > 0 && (!b || n > PORT_BLOCK_MAX - b->n)) {
                b = malloc(sizeof(*b));
                if (!b)
                        return -ENOMEM;
                b->next = l->ports;
                b->n = 0;
                l->ports = b;
        }
        r->n_ports = (uint8_t) n;
        r->ports = NULL;
        if (n > 0) {
                r->ports = b->ranges + b->n;
                memcpy(r->ports, ports, n * sizeof(*ports));
                b->n += n;
        }
        return 0;
}

static int rule_merge(RuleList *l, Rule *r, const PortRange *ports, size_t n_ports, const RuleOptions *options,
                      const char **ret_reason) {
        PortRange all[RULE_PORTS_MAX];

        int n = port_ranges_union(r->ports, r->n_ports, ports, n_ports, all);
        if (n < 0)
                return refuse(n, ret_reason, "this rule and the equal ones before it have more than 32 ports in all");
        /* An equal count means an equal set: a union never removes a port, except when it becomes every port. */
        if (n != r->n_ports) {
                int k = rule_set_ports(l, r, all, (size_t) n);
                if (k < 0)
                        return k;
        }
        r->allow_private = r->allow_private || options->allow_private;
        r->types |= options->types;
        return 0;
}

/* ------------------------------------------------------------------ list */

void rule_list_done(RuleList *l) {
        assert(l);

        for (size_t i = 0; i < l->n; i++)
                rule_done(&l->rules[i]);
        free(l->rules);
        free(l->slots);
        while (l->ports) {
                PortBlock *b = l->ports;
                l->ports = b->next;
                free(b);
        }
        *l = (RuleList) {};
}

void rule_list_seal(RuleList *l) {
        assert(l);

        free(l->slots);
        l->slots = NULL;
        l->n_slots = 0;
        if (l->n == 0)
                return;
        Rule *rules = realloc(l->rules, l->n * sizeof(Rule));
        if (rules)
                l->rules = rules;
        l->n_allocated = l->n;
}

/* Whoever submits a document for validation chooses what is hashed, so the hash is keyed with the 16 random bytes
 * that the kernel gives each process (getauxval(3)). */
static uint64_t hash_value(RuleType type, const char *name, const InPrefix *prefix) {
        const uint8_t *key = (const uint8_t *) getauxval(AT_RANDOM);
        uint8_t bytes[sizeof(prefix->addr.b) + 1];

        if (type == RULE_HOSTNAME)
                return siphash24(name, strlen(name), key);
        memcpy(bytes, prefix->addr.b, sizeof(prefix->addr.b));
        bytes[sizeof(bytes) - 1] = prefix->length;
        return siphash24(bytes, sizeof(bytes), key);
}

static bool rule_is(const Rule *r, RuleType type, const char *name, const InPrefix *prefix, Action action, Tier tier) {
        if (r->type != type || r->action != action || r->tier != tier)
                return false;
        return type == RULE_CIDR ? r->prefix.length == prefix->length && in_addr_equal(&r->prefix.addr, &prefix->addr)
                                 : strcmp(r->name, name) == 0;
}

/* The slot of the equal rule, or the free slot where it belongs. Uses name or prefix, depending on the type. */
static size_t find_slot(const RuleList *l, RuleType type, const char *name, const InPrefix *prefix, Action action,
                        Tier tier) {
        size_t i = hash_value(type, name, prefix) & (l->n_slots - 1); /* action and tier are not hashed */

        while (l->slots[i] != RULE_NONE && !rule_is(&l->rules[l->slots[i]], type, name, prefix, action, tier))
                i = (i + 1) & (l->n_slots - 1);
        return i;
}

static int rule_list_reserve(RuleList *l) {
        assert(l->n_slots > 0 || l->n_allocated == 0); /* not sealed */

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
                l->slots[find_slot(l, r->type, r->name, &r->prefix, r->action, r->tier)] = i;
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
                            const PortRange *ports, size_t n_ports, const RuleOptions *options, const char **ret_reason) {
        PortRange own[RULE_PORTS_MAX];
        Rule rule;

        if (l->n >= RULES_MAX)
                return refuse(-E2BIG, ret_reason, "a policy can have at most 20000 rules");

        int r = rule_init(&rule, value, action, tier, ret_reason);
        if (r >= 0) {
                /* The union of a list with itself drops duplicates. */
                int n = port_ranges_union(ports, n_ports, ports, n_ports, own);
                assert(n >= 0);
                r = rule_set_ports(l, &rule, own, (size_t) n);
        }
        if (r < 0) {
                rule_done(&rule);
                return r;
        }

        rule.allow_private = options->allow_private;
        rule.types = options->types;
        l->slots[slot] = (uint32_t) l->n;
        l->rules[l->n++] = rule;
        return 0;
}

int rule_list_add_value(RuleList *l, const RuleValue *value, Action action, Tier tier, const PortRange *ports,
                        size_t n_ports, const RuleOptions *options, const char **ret_reason) {
        assert(l);
        assert(value);
        assert(options);
        assert(ports || n_ports == 0);
        assert(ret_reason);

        int r = check_ports(value, ports, n_ports, ret_reason);
        if (r < 0)
                return r;
        r = rule_list_reserve(l);
        if (r < 0)
                return r;

        size_t slot = find_slot(l, value->type, value->name, &value->prefix, action, tier);
        if (l->slots[slot] != RULE_NONE)
                return rule_merge(l, &l->rules[l->slots[slot]], ports, n_ports, options, ret_reason);
        return rule_list_append(l, slot, value, action, tier, ports, n_ports, options, ret_reason);
}

int rule_list_add(RuleList *l, RuleType type, const char *text, Action action, Tier tier, const PortRange *ports,
                  size_t n_ports, bool allow_private, const char **ret_reason) {
        const RuleOptions options = { .allow_private = allow_private };
        RuleValue value;

        int r = rule_value_parse(type, text, &value, ret_reason);
        if (r < 0)
                return r;
        return rule_list_add_value(l, &value, action, tier, ports, n_ports, &options, ret_reason);
}

/* ------------------------------------------------------------------ text grammar */

/* Works in place; the result points into s. */
static char *trim(char *s) {
        while (isspace((unsigned char) *s))
                s++;
        size_t n = strlen(s);
        while (n > 0 && isspace((unsigned char) s[n - 1]))
                s[--n] = '\0';
        return s;
}

/* Splits "[ADDR]:PORTS", "ADDR/N:PORTS" or "NAME:PORTS" in two; *ret_ports is NULL if there is no colon. Two colons
 * before any slash make an IPv6 address, which can be followed by ports only after its prefix length or its bracket. */
static int split_ports(char *s, char **ret_value, char **ret_ports, const char **ret_reason) {
        char *colon;

        if (*s == '[') {
                char *end = strchr(s, ']');

                if (!end || (end[1] != '\0' && end[1] != ':') || !memchr(s, ':', (size_t) (end - s)))
                        return refuse(-EINVAL, ret_reason, "brackets are for IPv6 addresses: [ADDRESS]:PORT");
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
                if (r < 0 && strchr(s, ','))
                        return refuse(-EINVAL, ret_reason, "several ports are separated by ';', as in 443;80");
                if (r < 0)
                        return refuse(-EINVAL, ret_reason,
                                      "malformed port, expected PORT, LOW-HIGH, PORT/tcp, PORT/udp or 0/icmp");
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
        if (text_is_url(text))
                return refuse(-EINVAL, ret_reason, URL_REFUSED);
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
