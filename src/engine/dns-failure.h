/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Queries that the upstream resolver did not answer. */

#include "engine/dns-waiter.h"
#include "net/upstream-groups.h"

/* The client got SERVFAIL, or what the resolver said. */
typedef struct DnsFailure {
        DnsPeer peer;
        const char *name;
        uint16_t type;
        int error;              /* as for dns_upstream_answer_fn; -ENOTCONN: no resolver is known; -ENODEV: as for
                                 * upstream_groups_find() */
        uint8_t rcode;          /* for -EREMOTEIO */
        bool has_server;
        DnsServer server;       /* the first that was asked */
} DnsFailure;

typedef void (*dns_failure_fn)(const DnsFailure *f, void *userdata);

/* False: no policy judges this client, so nothing is reported. Otherwise *f has the question, whose name stays that of q, and
 * the server. */
bool dns_failure_is_reported(DnsFailure *f, const DnsRequest *q, UpstreamGroups *upstream);
