/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/dns-failure.h"

#include <assert.h>

bool dns_failure_is_reported(DnsFailure *f, const DnsRequest *q, UpstreamGroups *upstream) {
        const DnsRequester *requester = &q->requester;
        UpstreamKey key;

        assert(f);
        assert(upstream);

        if (!dns_requester_is_judged(requester))
                return false;
        f->name = q->message->name;
        f->type = q->message->type;
        if (f->error == -ENODEV)
                f->server = requester->asked;
        f->has_server = f->error == -ENODEV ||
                        (upstream_groups_find(upstream, &requester->asked, requester->forwards, &key) >= 0 &&
                         upstream_groups_server(upstream, key, &f->server));
        return true;
}
