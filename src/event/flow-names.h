/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Under which name a flow is reported. Several names may share its address: it has the one that its process looked up
 * last, otherwise the one that its unit did, and keeps it to its end. For reports only. Bounded. Pure. */

#include "basic/macro.h"
#include "event/event.h"
#include "event/name-history.h"

typedef struct FlowNames FlowNames;

int flow_names_new(const uint8_t key[static 16], FlowNames **ret); /* -ENOMEM */
FlowNames *flow_names_free(FlowNames *f);

/* A process received this address for the name. pid 0: unknown. chain: CNAME targets joined by ' ', or NULL. */
void flow_names_looked_up(FlowNames *f, uint32_t actor, uint32_t pid, const InAddr *addr, const char *name,
                          const char *chain);

/* What would that change? NAME_KEPT: it has been noted, and need not be called. NAME_REPLACED: first give names to the
 * flows that were opened before. */
NameChange flow_names_renew(FlowNames *f, uint32_t actor, uint32_t pid, const InAddr *addr, const char *name,
                            const char *chain);

/* Names the event of a flow or denial that has a destination: hostname and cname_chain, valid until the next call.
 * name, chain: of the address in general, or NULL. by_rule: it is the name that the deciding rule is about, and the
 * rule denies: it is the cause, whatever was looked up. cookie: of the socket; 0: none. */
void flow_names_set(FlowNames *f, uint64_t cookie, const char *name, const char *chain, bool by_rule, Event *e);

DEFINE_CLEANUP_FUNC(FlowNames *, flow_names_free)
