/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/dns-waiter.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int dns_waiter_new(FairShare *waiting, unsigned share, const DnsRequest *q, DnsClient *client, void *userdata,
                   DnsWaiter **ret) {
        assert(waiting);
        assert(q);
        assert(client);
        assert(ret);

        if (!fair_share_take(waiting, share))
                return -EBUSY;
        DnsWaiter *w = calloc(1, sizeof(*w));
        if (!w) {
                fair_share_put(waiting, share);
                return -ENOMEM;
        }
        w->userdata = userdata;
        w->waiting = waiting;
        w->share = share;
        w->client = client;
        w->message = *q->message;
        w->n_layers = q->requester.n_layers;
        for (size_t i = 0; i < w->n_layers; i++) {
                w->layer_ids[i] = q->requester.layers[i]->id;
                w->findings[i] = q->findings[i];
        }
        w->forwards = q->requester.forwards;
        *ret = w;
        return 0;
}

DnsWaiter *dns_waiter_free(DnsWaiter *w) {
        if (w)
                fair_share_put(w->waiting, w->share);
        free(w);
        return NULL;
}

bool dns_waiter_request(const DnsWaiter *w, const LayerTable *layers, DnsRequest *ret) {
        assert(w);
        assert(layers);
        assert(ret);

        *ret = (DnsRequest) { .message = &w->message, .requester = { .forwards = w->forwards } };
        for (size_t i = 0; i < w->n_layers; i++) {
                Layer *l = layer_table_by_id(layers, w->layer_ids[i]);

                if (!l)
                        return false;
                ret->requester.layers[ret->requester.n_layers++] = l;
                ret->findings[i] = w->findings[i];
        }
        return true;
}
