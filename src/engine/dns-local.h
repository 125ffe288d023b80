/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Answers for names that this machine itself gives a meaning: nobody else is asked. */

#include "engine/dns-waiter.h"
#include "host/local-names.h"

/* Returns 1 and the answer, or the name for a reverse name; 0: it is no such name. Where nothing is enforced, only names
 * that no client asks a resolver elsewhere for, and those for which systemd-resolved would have answered. */
int dns_local_answer(LocalNames *names, const DnsRequest *q, uint64_t now_nsec, DnsAnswer *ret, const char **ret_name);
/* Opens the addresses of such a name where a rule of the layer names it, private ones too: only an administrator says what
 * they are. Negative: there is no room. fn may be NULL. */
int dns_local_open(Layer *l, const char *name, const InAddr *addrs, size_t n_addrs, uint64_t now_nsec, dns_lease_fn fn,
                   void *userdata);
