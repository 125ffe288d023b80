/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* May a DNS query be answered, as far as the name in it decides? Pure. */

#include "policy/policy.h"

/* The name that a service belongs to: what follows its labels, at most four ("_ldap._tcp.example": "example"). NULL if
 * the name has no such labels. */
const char *query_service_owner(const char *name);
/* As policy_match_name() and policy_name_resolves(): returns whether the name may be looked up. The name of a service
 * that no rule matches has the verdict of its owner; owner: as above, or NULL for a query for addresses. */
bool policy_match_query(const Policy *p, const char *name, const char *owner, NameVerdict *ret, uint32_t *ret_rule);
