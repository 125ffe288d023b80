/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/dns-local.h"

#include <assert.h>
#include <string.h>

static int answer_reverse(const LocalNames *names, const DnsQuery *q, bool enforced, const char **ret_name) {
        InAddr addr;

        if (q->type != DNS_TYPE_PTR || dns_reverse_name_to_addr(q->name, &addr) < 0)
                return 0;
        const char *name = local_names_reverse(names, &addr);
        if (!name || (!enforced && strcmp(name, "localhost") != 0))
                return 0;
        *ret_name = name;
        return 1;
}

/* Would a client that is not judged ask a resolver elsewhere, and hear something else? */
static bool belongs_to_others(const LocalNames *names, const char *name, LocalNameKind kind) {
        if (kind == LOCAL_NAME_LOOPBACK || local_names_has_stub(names))
                return false;
        return kind == LOCAL_NAME_FILE || strchr(name, '.');
}

int dns_local_answer(LocalNames *names, const DnsRequest *q, uint64_t now, DnsAnswer *ret, const char **ret_name) {
        const DnsQuery *message = q->message;
        bool enforced = dns_requester_is_enforced(&q->requester), v6 = message->type == DNS_TYPE_AAAA;
        bool is_address = v6 || message->type == DNS_TYPE_A;

        assert(ret);
        assert(ret_name);

        *ret_name = NULL;
        if (!names)
                return 0;
        local_names_refresh(names, now);
        if (answer_reverse(names, message, enforced, ret_name) > 0)
                return 1;
        LocalNameKind kind = local_names_kind(names, message->name);
        if (kind == LOCAL_NAME_NONE || (kind == LOCAL_NAME_FILE && !is_address) ||
            (!enforced && belongs_to_others(names, message->name, kind)))
                return 0;
        dns_answer_init(ret, message->type);
        if (is_address)
                ret->n_addrs = (uint16_t) local_names_addrs(names, message->name, v6, ret->addrs);
        return 1;
}

int dns_local_open(Layer *l, const char *name, const InAddr *addrs, size_t n_addrs, uint64_t now, dns_lease_fn fn,
                   void *userdata) {
        NameVerdict v;
        int r = 0;

        assert(l);
        assert(addrs || n_addrs == 0);

        if (!layer_is_judged(l))
                return 0;
        policy_match_name(l->policy, name, &v);
        if (v.n_allow + v.n_deny + v.n_late == 0)
                return 0;
        v.search = true;
        for (size_t i = 0; i < n_addrs; i++) {
                const Lease *lease = NULL;
                int k = layer_bind(l, &addrs[i], name, NULL, &v, 0, now, &lease);

                if (k < 0)
                        r = k;
                else if (lease && fn)
                        fn(l, lease, userdata);
        }
        return r;
}
