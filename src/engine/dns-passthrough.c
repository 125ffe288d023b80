/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/dns-passthrough.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct DnsPassthrough {
        UpstreamGroups *upstream; /* borrowed */
        dns_passthrough_fn fn;
        size_t n;              /* in flight */
};

typedef struct Passage {
        DnsPassthrough *passthrough; /* borrowed */
        void *userdata;
        DnsServer asked;
        bool forwards;
        DnsRelay relay;
} Passage;

int dns_passthrough_new(dns_passthrough_fn fn, DnsPassthrough **ret) {
        assert(fn);
        assert(ret);

        DnsPassthrough *p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        p->fn = fn;
        *ret = p;
        return 0;
}

DnsPassthrough *dns_passthrough_free(DnsPassthrough *p) {
        assert(!p || p->n == 0);

        free(p);
        return NULL;
}

void dns_passthrough_set_upstream(DnsPassthrough *p, UpstreamGroups *upstream) {
        assert(p);

        p->upstream = upstream;
}

static void on_answer(int r, const uint8_t *answer, size_t size, void *userdata);

static int ask(Passage *passage) {
        UpstreamGroups *upstream = passage->passthrough->upstream;
        UpstreamKey key;

        if (!upstream)
                return -ENOTCONN;
        int r = upstream_groups_find(upstream, &passage->asked, passage->forwards, &key);
        return r < 0 ? r : upstream_groups_relay(upstream, key, &passage->relay, on_answer, passage);
}

static void on_answer(int r, const uint8_t *answer, size_t size, void *userdata) {
        Passage *passage = userdata;
        DnsPassthrough *p = passage->passthrough;

        /* The servers have been replaced: ask the new ones. */
        if (r == -ECANCELED && ask(passage) >= 0)
                return;
        p->n--;
        p->fn(r, &passage->relay, answer, size, passage->userdata);
        free(passage);
}

int dns_passthrough_query(DnsPassthrough *p, const DnsServer *asked, bool forwards, const DnsRelay *relay, void *userdata) {
        assert(p);
        assert(asked);
        assert(relay);

        Passage *passage = malloc(sizeof(*passage));
        if (!passage)
                return -ENOMEM;
        *passage = (Passage) { .passthrough = p, .userdata = userdata, .asked = *asked, .forwards = forwards,
                               .relay = *relay };
        int r = ask(passage);
        if (r < 0) {
                free(passage);
                return r;
        }
        p->n++;
        return 0;
}
