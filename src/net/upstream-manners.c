/* SPDX-License-Identifier: Apache-2.0 */
#include "net/upstream-manners.h"

#include <assert.h>
#include <string.h>

#include "basic/siphash.h"

#define OPT_SIZE 11U

void upstream_manners_answered(UpstreamManners *m, bool plain) {
        assert(m);

        if (!plain)
                m->has_edns = true;
        else if (!m->has_edns)
                m->no_edns = true;
}

static uint64_t answer_digest(const DnsAnswer *a) {
        static const uint8_t key[16];
        uint64_t digest = siphash24(a->addrs, a->n_addrs * sizeof(a->addrs[0]), key);

        for (size_t i = 0; i < a->n_chain; i++)
                digest = digest * 31 + siphash24(a->chain[i], strlen(a->chain[i]), key);
        return digest * 31 + a->rcode;
}

bool upstream_answers_agree(UpstreamEqual *e, const DnsAnswer *a) {
        uint64_t digest;

        assert(e && a);

        digest = answer_digest(a);
        e->n = e->n > 0 && digest != e->digest ? 1 : e->n + 1;
        e->digest = digest;
        return e->n >= UPSTREAM_EQUAL_MIN;
}

size_t upstream_remove_edns(uint8_t *query, size_t size) {
        static const uint8_t opt[] = { 0, 0, DNS_TYPE_OPT };

        assert(query);

        if (size < DNS_HEADER_SIZE + OPT_SIZE || query[DNS_HEADER_SIZE - 1] != 1 ||
            memcmp(query + size - OPT_SIZE, opt, sizeof(opt)) != 0 || query[size - 1] != 0 || query[size - 2] != 0)
                return size;
        query[DNS_HEADER_SIZE - 1] = 0;
        return size - OPT_SIZE;
}
