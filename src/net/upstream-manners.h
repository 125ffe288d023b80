/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a server was found to do: old resolvers and small routers do not know EDNS, or do not keep the case of a name. */

#include "dns/dns-message.h"

typedef struct UpstreamManners {
        bool has_edns; /* it has answered a query with EDNS */
        bool no_edns;  /* it has answered one without, and none with EDNS */
        bool no_case;  /* it has no TCP, and does not keep the case of a name */
} UpstreamManners;

/* Equal answers in a row to queries with other ids, from other ports. */
typedef struct UpstreamEqual {
        uint64_t digest;
        unsigned n;
} UpstreamEqual;

#define UPSTREAM_EQUAL_MIN 2U /* from a server that does not keep the case, before one is believed */

/* plain: to a query without EDNS. */
void upstream_manners_answered(UpstreamManners *m, bool plain);
/* Are there enough equal answers, with this one? */
bool upstream_answers_agree(UpstreamEqual *e, const DnsAnswer *a);
/* Returns the new size. The OPT record must be the last one and have no options, otherwise the query stays as it is. */
size_t upstream_remove_edns(uint8_t *query, size_t size);
