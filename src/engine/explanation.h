/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What would happen now to a connection: policy/explain with what is known at run time, which are leases, the answers in the
 * cache of the proxy, the names and addresses of this machine, and systemd-resolved, which asks in the place of others. */

#include "engine/dns-proxy.h"
#include "engine/layer-table.h"
#include "policy/explain.h"

typedef struct ExplanationSources {
        const LayerTable *layers;
        const PolicyMaps *maps;
        DnsProxy *proxy;
} ExplanationSources;

/* layer: of the table. via: as for policy_explain(). Of a layer that does not judge: everything is allowed. */
void explanation_find(const ExplanationSources *s, const Layer *layer, const Destination *d, const char *via, uint64_t now_nsec,
                      Explanation *ret);
