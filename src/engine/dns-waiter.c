/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/dns-waiter.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

DnsWaiter *dns_waiter_new(const DnsRequest *q, DnsClient *client, void *userdata) {
        assert(q);
        assert(client);

        DnsWaiter *w = calloc(1, sizeof(*w));
        if (!w)
                return NULL;
        w->userdata = userdata;
        w->group = q->requester.group;
        w->client = client;
        w->message = *q->message;
        w->n_layers = q->requester.n_layers;
        for (size_t i = 0; i < w->n_layers; i++) {
                w->layer_ids[i] = q->requester.layers[i]->id;
                w->findings[i] = q->findings[i];
        }
        w->forwards = q->requester.forwards;
        w->asks_for_us = q->requester.asks_for_us;
        w->is_signed = q->is_signed;
        w->asked = q->requester.asked;
        w->actor = q->requester.actor;
        w->pid = q->requester.pid;
        return w;
}

DnsWaiter *dns_waiter_free(DnsWaiter *w) {
        assert(!w || (!w->waiting.group && !w->passed.group));

        free(w);
        return NULL;
}

bool dns_waiter_request(const DnsWaiter *w, const LayerTable *layers, DnsRequest *ret) {
        assert(w);
        assert(layers);
        assert(ret);

        *ret = (DnsRequest) {
                .message = &w->message,
                .is_signed = w->is_signed,
                .requester = {
                        .forwards = w->forwards, .asks_for_us = w->asks_for_us, .asked = w->asked, .actor = w->actor,
                        .pid = w->pid, .group = w->group,
                },
        };
        for (size_t i = 0; i < w->n_layers; i++) {
                Layer *l = layer_table_by_id(layers, w->layer_ids[i]);

                if (!l)
                        return false;
                ret->requester.layers[ret->requester.n_layers++] = l;
                ret->findings[i] = w->findings[i];
        }
        return true;
}
