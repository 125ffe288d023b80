/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/cached-answer.h"

#include <assert.h>

bool cached_answer_find(DnsCache *cache, const UpstreamGroups *groups, UpstreamKey key, const DnsQuery *q, uint64_t now_nsec,
                        DnsAnswer *ret) {
        UpstreamKey other;

        assert(cache && groups && q && ret);

        if (dns_cache_get(cache, key, q->name, q->type, now_nsec, ret) > 0)
                return true;
        for (size_t i = 0; upstream_groups_next(groups, key, &i, &other);)
                if (dns_cache_get(cache, other, q->name, q->type, now_nsec, ret) > 0 && ret->rcode == 0 && ret->n_addrs > 0)
                        return true;
        return false;
}
