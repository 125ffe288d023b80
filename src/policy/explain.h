/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Why a destination is allowed or denied: uses the functions that enforcement uses, and puts the reason into words.
 * Pure. */

#include "policy/policy.h"

#define HOST_NAME_TEXT_MAX 254 /* canonical, with the terminating NUL */

typedef struct Destination {
        char name[HOST_NAME_TEXT_MAX]; /* canonical; empty if an address was given */
        InAddr addr;     /* valid if name is empty */
        uint16_t port;
        uint8_t protocol;
} Destination;

/* "github.com", "github.com:22", "[2001:db8::1]:443/udp", "10.0.0.1/icmp". The default is port 443 and tcp; the protocols
 * are those of destination_protocol_parse(). -EINVAL, with a constant sentence in *ret_reason. */
int destination_parse(const char *text, Destination *ret, const char **ret_reason);

#define DESTINATION_PROTOCOLS "tcp, udp, icmp, sctp or udplite"
/* "tcp", "udp", "icmp", and "sctp" and "udplite", which no rule allows. Returns false if it is none of these. */
bool destination_protocol_parse(const char *s, uint8_t *ret);
/* "icmp" for both of its versions. */
const char *destination_protocol(uint8_t protocol);
bool destination_has_port(uint8_t protocol);
/* Of an address: ICMP has another number for IPv6. */
void destination_fix_protocol(Destination *d);
/* In the place of the name. */
void destination_set_addr(Destination *d, const InAddr *addr);

/* "[2001:db8::1]:443/udp". Returns the length as snprintf() does. */
int destination_format(const Destination *d, char *buf, size_t size);

typedef struct Explanation {
        Action verdict;
        Action action;   /* what happens to the packet: a deny is ACTION_ALLOW in audit mode */
        Reason reason;
        uint32_t rule;   /* RULE_NONE if no rule decided */
        Tier tier;       /* of the rule */
        bool name_refused; /* already denied at the DNS query */
        bool rebinding;    /* refused by the rebinding check: the name must not have this address */
        /* what is known of this machine, and of answers to its queries; otherwise false and 0 */
        bool own_addr;     /* allowed as an address of this machine; the policy denies it in other network namespaces */
        Action elsewhere;  /* what happens there, valid if own_addr */
        bool unasked;      /* the addresses of the name are not known: rules for them count, too */
        bool resolver_refuses; /* it passes, but whoever asks systemd-resolved for the name gets no answer */
        uint32_t n_addrs, n_allowed; /* addresses of the name, and how many of them are allowed */
        InAddr addr;       /* that was judged in the place of the name; valid if n_addrs > 0 */
} Explanation;

/* via: canonical name that the address is taken to have resolved from, or NULL. */
int policy_explain(const Policy *p, Mode mode, const Destination *d, const char *via, Explanation *ret);
/* The same for a name and its aliases in order, as in cname_chain of an event: their denies count, too. n: 0 for none. */
int policy_explain_aliases(const Policy *p, Mode mode, const Destination *d, const char *const *names, size_t n,
                           Explanation *ret);
/* Of a query as such, for whatever port. name: canonical. */
int policy_explain_query(const Policy *p, Mode mode, const char *name, bool for_addresses, Explanation *ret);
/* For an address and the names that lead to it; n as returned by lease_names() of dns/lease-names.h. Also for a name that
 * may be looked up, by what its names say. */
int policy_explain_leased(const Policy *p, Mode mode, const Destination *d, const NameVerdict *const *names, int n,
                          Explanation *ret);
#define RESOLVER_REFUSES " But systemd-resolved does not answer for it: the host's policy is enforced, and no scope allows the name."
/* One sentence for the user. Returns the length as snprintf() does. */
int explanation_format(const Policy *p, const Destination *d, const Explanation *e, char *buf, size_t size);
/* "denied: no rule matches; the default action is deny." */
int explanation_format_reason(const Policy *p, const Explanation *e, char *buf, size_t size);
