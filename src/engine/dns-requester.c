/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/dns-requester.h"

#include <assert.h>
#include <string.h>

void dns_requester_set_asked(DnsRequester *r, const uint8_t addr[static 16], uint16_t port, uint32_t zone) {
        assert(r);

        memcpy(r->asked.addr.b, addr, sizeof(r->asked.addr.b));
        r->asked.port = port;
        r->asked.zone = zone;
}

bool dns_requester_asks_elsewhere(const DnsRequester *r) {
        assert(r);

        return r->forwards && r->asked.port == 0;
}

bool dns_requester_is_judged(const DnsRequester *r) {
        assert(r);

        bool judged = r->is_self;
        for (size_t i = 0; i < r->n_layers; i++)
                judged = judged || layer_is_judged(r->layers[i]);
        return judged && !r->asks_for_us;
}

bool dns_requester_is_enforced(const DnsRequester *r) {
        assert(r);

        bool enforced = r->is_self;
        for (size_t i = 0; i < r->n_layers; i++)
                enforced = enforced || (layer_is_judged(r->layers[i]) && r->layers[i]->mode == MODE_ENFORCE);
        return enforced && !r->asks_for_us;
}
