/* SPDX-License-Identifier: Apache-2.0 */

/* What the proxy knows of a name without asking, for explanations. */

#include <assert.h>

#include "engine/dns-proxy-private.h"

/* Clients, those of single servers, and forwarders. */
static bool find_cached(DnsProxy *p, const char *name, uint16_t type, uint64_t now) {
        const DnsServer none = {};
        UpstreamKey own, other;

        if (upstream_groups_find(p->upstream, &none, false, &own) < 0)
                return false;
        if (dns_cache_get(p->cache, own, name, type, now, &p->answer) > 0)
                return true;
        for (size_t i = 0; upstream_groups_next(p->upstream, own, &i, &other);)
                if (dns_cache_get(p->cache, other, name, type, now, &p->answer) > 0)
                        return true;
        return upstream_groups_find(p->upstream, &none, true, &other) >= 0 &&
               dns_cache_get(p->cache, other, name, type, now, &p->answer) > 0;
}

bool dns_proxy_is_local(DnsProxy *p, const char *name, uint64_t now) {
        assert(p && name);

        if (!p->local_names)
                return false;
        local_names_refresh(p->local_names, now);
        return local_names_kind(p->local_names, name) != LOCAL_NAME_NONE;
}

void dns_proxy_known(DnsProxy *p, const char *name, uint64_t now, dns_known_fn fn, void *userdata) {
        static const uint16_t types[] = { DNS_TYPE_A, DNS_TYPE_AAAA };

        assert(p && name && fn);

        bool local = dns_proxy_is_local(p, name, now);
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                if (local) {
                        dns_answer_init(&p->answer, types[i]);
                        p->answer.n_addrs = (uint16_t) local_names_addrs(p->local_names, name, types[i] == DNS_TYPE_AAAA,
                                                                         p->answer.addrs);
                } else if (!find_cached(p, name, types[i], now))
                        continue;
                fn(&p->answer, userdata);
        }
}

bool dns_proxy_has_stub(const DnsProxy *p) {
        assert(p);

        return p->local_names && local_names_has_stub(p->local_names);
}
