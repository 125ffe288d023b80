/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Why a destination is allowed or denied: the same functions as enforcement, with the reason in words. Pure. */

#include "policy/policy.h"

#define HOST_NAME_TEXT_MAX 254 /* canonical, with the terminating zero */

typedef struct Destination {
        char name[HOST_NAME_TEXT_MAX]; /* canonical; empty when an address was given */
        InAddr addr;     /* valid when name is empty */
        uint16_t port;
        uint8_t protocol;
} Destination;

/* "github.com", "github.com:22", "[2001:db8::1]:443/udp", "10.0.0.1/icmp". Port 443 and tcp when absent. -EINVAL with
 * a constant sentence. */
int destination_parse(const char *text, Destination *ret, const char **ret_reason);

typedef struct Explanation {
        Action verdict;
        Action action;   /* what happens: deny is "allow" in audit mode */
        Reason reason;
        uint32_t rule;   /* RULE_NONE when none decided */
        Tier tier;       /* of the rule */
        bool name_refused; /* denied already at the DNS query */
        bool rebinding;    /* by the rebinding check: the name must not have this address */
} Explanation;

/* via: canonical name that an address is said to have resolved from, or NULL. */
int policy_explain(const Policy *p, Mode mode, const Destination *d, const char *via, Explanation *ret);
/* Of an address and the names that count for it; n as lease_names() of dns/lease-names.h returns it. */
int policy_explain_leased(const Policy *p, Mode mode, const Destination *d, const NameVerdict *const *names, int n,
                          Explanation *ret);
/* One sentence for people. Returns the length as snprintf does. */
int explanation_format(const Policy *p, const Destination *d, const Explanation *e, char *buf, size_t size);
