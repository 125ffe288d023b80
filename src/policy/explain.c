/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/explain.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "basic/endpoint.h"
#include "basic/macro.h"
#include "policy/query.h"
#include "policy/special-addr.h"

#define TEXT_MAX 320 /* name, brackets, port and protocol */
#define DNS_PORT 53
#define DEFAULT_PORT 443

static int refuse(const char **ret_reason, const char *reason) {
        *ret_reason = reason;
        return -EINVAL;
}

/* ------------------------------------------------------------------ destination */

static const char brackets[] = "brackets are for IPv6 addresses: [ADDRESS]:PORT";

static int parse_host(const char *host, bool bracketed, Destination *d, const char **ret_reason) {
        if (in_addr_parse(host, &d->addr) >= 0) {
                if (bracketed && !strchr(host, ':'))
                        return refuse(ret_reason, brackets);
                return 0;
        }
        if (bracketed || strchr(host, ':'))
                return refuse(ret_reason, "not an IPv6 address");
        return hostname_canonical(host, false, d->name, ret_reason);
}

#define PROTOCOL_SCTP 132
#define PROTOCOL_UDPLITE 136

static const struct {
        const char *name;
        uint8_t number;
} protocols[] = {
        { "tcp", PROTOCOL_TCP },       { "udp", PROTOCOL_UDP },   { "icmp", PROTOCOL_ICMP },
        { "sctp", PROTOCOL_SCTP },     { "udplite", PROTOCOL_UDPLITE },
};

bool destination_protocol_parse(const char *s, uint8_t *ret) {
        assert(s && ret);

        for (size_t i = 0; i < ELEMENTSOF(protocols); i++)
                if (strcmp(s, protocols[i].name) == 0) {
                        *ret = protocols[i].number;
                        return true;
                }
        return false;
}

const char *destination_protocol(uint8_t protocol) {
        for (size_t i = 0; i < ELEMENTSOF(protocols); i++)
                if (protocols[i].number == protocol)
                        return protocols[i].name;
        return "icmp";
}

bool destination_has_port(uint8_t protocol) {
        return protocol != PROTOCOL_ICMP && protocol != PROTOCOL_ICMP6;
}

void destination_fix_protocol(Destination *d) {
        assert(d);

        if (!destination_has_port(d->protocol))
                d->protocol = in_addr_is_v4(&d->addr) ? PROTOCOL_ICMP : PROTOCOL_ICMP6;
}

void destination_set_addr(Destination *d, const InAddr *addr) {
        assert(d && addr);

        d->name[0] = '\0';
        d->addr = *addr;
        destination_fix_protocol(d);
}

static int parse_port(const char *s, Destination *d, const char **ret_reason) {
        if (!destination_has_port(d->protocol))
                return refuse(ret_reason, "icmp has no ports");
        return port_parse(s, &d->port) < 0 ? refuse(ret_reason, "a port must be a number from 1 to 65535") : 0;
}

int destination_parse(const char *text, Destination *ret, const char **ret_reason) {
        Destination d = { .protocol = PROTOCOL_TCP };
        char buf[TEXT_MAX];
        EndpointText parts;
        int r;

        assert(text);
        assert(ret);
        assert(ret_reason);

        size_t n = strnlen(text, sizeof(buf));
        if (n == sizeof(buf))
                return refuse(ret_reason, "the destination is too long");
        if (text_is_url(text))
                return refuse(ret_reason, URL_REFUSED);
        memcpy(buf, text, n + 1);

        char *slash = strchr(buf, '/');
        if (slash) {
                if (!destination_protocol_parse(slash + 1, &d.protocol))
                        return refuse(ret_reason, "unknown protocol, expected " DESTINATION_PROTOCOLS);
                *slash = '\0';
        }
        if (endpoint_split(buf, &parts) < 0)
                return refuse(ret_reason, brackets);
        r = parse_host(parts.host, parts.bracketed, &d, ret_reason);
        if (r < 0)
                return r;
        if (parts.port) {
                r = parse_port(parts.port, &d, ret_reason);
                if (r < 0)
                        return r;
        } else if (destination_has_port(d.protocol))
                d.port = DEFAULT_PORT;
        if (d.name[0] == '\0')
                destination_fix_protocol(&d);

        *ret = d;
        return 0;
}

int destination_format(const Destination *d, char *buf, size_t size) {
        char addr[IN_ADDR_TEXT_MAX];
        const char *protocol = destination_protocol(d->protocol);
        const char *host = d->name[0] != '\0' ? d->name : in_addr_format(&d->addr, addr);
        char text[HOST_NAME_TEXT_MAX + 8]; /* brackets, colon and port */

        if (!destination_has_port(d->protocol))
                return snprintf(buf, size, "%s/%s", host, protocol);
        (void) endpoint_format_host(host, d->port, text, sizeof(text));
        return snprintf(buf, size, "%s/%s", text, protocol);
}

/* ------------------------------------------------------------------ explanation */

static bool is_dns(const Destination *d) {
        return d->port == DNS_PORT && (d->protocol == PROTOCOL_TCP || d->protocol == PROTOCOL_UDP);
}

static void explain_by_rules(const Policy *p, const Destination *d, const NameVerdict *const *names, size_t n,
                             Explanation *e) {
        PortSet set;
        int r;

        if (d->protocol != PROTOCOL_TCP && d->protocol != PROTOCOL_UDP && destination_has_port(d->protocol)) {
                e->reason = CW_REASON_PROTOCOL;
                return;
        }
        e->reason = CW_REASON_FAULT; /* fail closed until a more specific reason is found */
        r = d->name[0] != '\0' ? policy_compile_names(p, names, n, &set)
                               : policy_compile_address(p, &d->addr, names, n, &set);
        if (r < 0)
                return;

        PortVerdict v = port_set_judge(&set, policy_default_action(p), d->protocol, d->port);
        e->verdict = v.action;
        e->reason = v.reason;
        e->rule = v.rule;
}

/* By the verdict of a name alone; e->rule is set. */
static void explain_name(const NameVerdict *v, bool answered, Explanation *e) {
        e->name_refused = !answered;
        e->reason = v->overflow ? CW_REASON_FAULT : e->rule == RULE_NONE ? CW_REASON_DEFAULT : CW_REASON_RULE;
}

/* The DNS query of a program that connects to the destination by this name. Returns whether the proxy answers it. */
static bool explain_lookup(const Policy *p, const Destination *d, const NameVerdict *v, Explanation *e) {
        uint32_t rule = RULE_NONE;

        if (!policy_name_resolves(p, v, &rule)) {
                e->rule = rule;
                explain_name(v, false, e);
                return false;
        }
        if (d->name[0] == '\0' && !rebinding_check(p, &d->addr, v)) {
                e->name_refused = e->rebinding = true;
                e->reason = CW_REASON_DNS;
                return false;
        }
        return true;
}

/* ip(7): to connect() and sendto(), it means this host. */
static bool is_unspecified(const InAddr *a) {
        static const uint8_t zero[sizeof(a->b)];
        size_t first = in_addr_is_v4(a) ? 12 : 0;

        return memcmp(a->b + first, zero, sizeof(zero) - first) == 0;
}

/* Decisions that need no rule, in the order of bpf/verdict.bpf.h. */
static bool explain_without_rules(const Destination *d, Explanation *e) {
        if (is_dns(d))
                e->reason = CW_REASON_DNS;
        else if (d->name[0] == '\0' && (in_addr_is_loopback(&d->addr) || is_unspecified(&d->addr))) {
                e->verdict = ACTION_ALLOW;
                e->reason = CW_REASON_LOCAL;
        } else
                return false;
        return true;
}

static void explain_finish(const Policy *p, Mode mode, Explanation *e) {
        const Rule *rule = policy_rule(p, e->rule);

        if (rule)
                e->tier = rule->tier;
        e->action = mode == MODE_ENFORCE ? e->verdict : ACTION_ALLOW;
}

#define EXPLANATION_INIT { .verdict = ACTION_DENY, .rule = RULE_NONE, .tier = TIER_USER }

int policy_explain_aliases(const Policy *p, Mode mode, const Destination *d, const char *const *names, size_t n,
                           Explanation *ret) {
        Explanation e = EXPLANATION_INIT;
        NameVerdict verdict;

        assert(p);
        assert(d);
        assert(names || n == 0);
        assert(ret);

        if (n > 0)
                policy_match_name(p, names[0], &verdict);
        for (size_t i = 1; i < n; i++)
                policy_follow_alias(p, names[i], &verdict);
        if (is_dns(d))
                e.reason = CW_REASON_DNS; /* for every name */
        else if ((n == 0 || explain_lookup(p, d, &verdict, &e)) && !explain_without_rules(d, &e))
                explain_by_rules(p, d, &(const NameVerdict *) { &verdict }, n > 0 ? 1 : 0, &e);
        explain_finish(p, mode, &e);
        *ret = e;
        return 0;
}

int policy_explain(const Policy *p, Mode mode, const Destination *d, const char *via, Explanation *ret) {
        assert(d);

        const char *name = d->name[0] != '\0' ? d->name : via;
        return policy_explain_aliases(p, mode, d, &name, name ? 1 : 0, ret);
}

int policy_explain_query(const Policy *p, Mode mode, const char *name, bool for_addresses, Explanation *ret) {
        Explanation e = EXPLANATION_INIT;
        NameVerdict verdict;

        assert(p);
        assert(name);
        assert(ret);

        bool answered = policy_match_query(p, name, for_addresses ? NULL : query_service_owner(name), &verdict, &e.rule);
        if (answered)
                e.verdict = ACTION_ALLOW;
        explain_name(&verdict, answered, &e);
        explain_finish(p, mode, &e);
        *ret = e;
        return 0;
}

int policy_explain_leased(const Policy *p, Mode mode, const Destination *d, const NameVerdict *const *names, int n,
                          Explanation *ret) {
        Explanation e = EXPLANATION_INIT;

        assert(p);
        assert(d);
        assert(names || n <= 0);
        assert(ret);

        if (!explain_without_rules(d, &e)) {
                e.rebinding = n < 0;
                e.reason = CW_REASON_DNS;
                if (n >= 0)
                        explain_by_rules(p, d, names, (size_t) n, &e);
        }
        explain_finish(p, mode, &e);
        *ret = e;
        return 0;
}

static const char *verb(Action a) {
        return a == ACTION_ALLOW ? "allowed" : "denied";
}

int explanation_format_reason(const Policy *p, const Explanation *e, char *buf, size_t size) {
        _cleanup_free_ char *text = NULL;
        const Rule *rule = policy_rule(p, e->rule);
        const char *at = e->name_refused ? " at its DNS query" : "";

        assert(buf || size == 0);

        if (e->rebinding)
                return snprintf(buf, size, "%s%s: a name may resolve to a private address only if its rule has "
                                "allowPrivate or a cidr rule allows the address.", verb(e->verdict), at);
        switch (e->reason) {

        case CW_REASON_RULE:
                text = rule ? rule_to_string(rule) : NULL;
                return snprintf(buf, size, "%s%s by the %srule \"%s\".", verb(e->verdict), at,
                                e->tier == TIER_AUTOMATIC ? "automatic " : "", text ?: "?");

        case CW_REASON_DEFAULT:
                return snprintf(buf, size, "%s%s: no rule matches; the default action is %s.", verb(e->verdict),
                                at, action_to_string(policy_default_action(p)));

        case CW_REASON_LOCAL:
                return snprintf(buf, size, "%s: %s", verb(e->verdict), e->own_addr ?
                                "it is an address of this machine. In another network namespace, as a container's, the policy denies it." :
                                "loopback traffic stays on this host.");

        case CW_REASON_PROTOCOL:
                return snprintf(buf, size, "%s: no rule allows other protocols than TCP, UDP and ICMP.", verb(e->verdict));

        case CW_REASON_DNS:
                return snprintf(buf, size,
                                "%s: DNS traffic is redirected to the proxy, which answers for the names "
                                "that the policy allows.",
                                verb(e->verdict));

        default:
                return snprintf(buf, size, "%s%s: more rules match it than can be evaluated.",
                                verb(e->verdict), at);
        }
}

/* What was judged in the place of a name. */
static void format_name(const Destination *d, const Explanation *e, char *buf, size_t size) {
        bool by_policy = e->reason == CW_REASON_RULE || e->reason == CW_REASON_DEFAULT;
        char addr[IN_ADDR_TEXT_MAX];

        buf[0] = '\0';
        if (d->name[0] == '\0' || e->name_refused)
                return;
        if (e->n_addrs == 1)
                (void) snprintf(buf, size, " Judged by its address, %s.", in_addr_format(&e->addr, addr));
        else if (e->n_addrs > 1)
                (void) snprintf(buf, size, " Judged by its %" PRIu32 " addresses, of which %" PRIu32 " are allowed; the first of these "
                                "verdicts is for %s.", e->n_addrs, e->n_allowed, in_addr_format(&e->addr, addr));
        else if (by_policy)
                (void) snprintf(buf, size, " The name itself may be looked up.%s",
                                e->unasked ? " Its addresses are not known until then: rules for them count, too." : "");
}

int explanation_format(const Policy *p, const Destination *d, const Explanation *e, char *buf, size_t size) {
        char destination[TEXT_MAX], reason[2048], name[192];

        assert(p);
        assert(d);
        assert(e);
        assert(buf || size == 0);

        (void) destination_format(d, destination, sizeof(destination));
        (void) explanation_format_reason(p, e, reason, sizeof(reason));
        format_name(d, e, name, sizeof(name));
        return snprintf(buf, size, "%s is %s%s%s%s", destination, reason, name, e->resolver_refuses ? RESOLVER_REFUSES : "",
                        e->action != e->verdict && (e->reason != CW_REASON_DNS || e->rebinding)
                                ? " In audit mode it passes and is reported."
                                : "");
}
