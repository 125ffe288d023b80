/* SPDX-License-Identifier: Apache-2.0 */

#include "event/flow-names.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_UPS_MAX 4096
#define FLOWS_MAX 4096
#define ADDRESSES_MAX 4096

struct FlowNames {
        NameHistory *look_ups;  /* by actor and process, and by actor alone */
        NameHistory *flows;     /* by cookie */
        NameHistory *addresses; /* the last that was reported: a flow may outlive the lease and its place above */
};

int flow_names_new(const uint8_t key[static 16], FlowNames **ret) {
        _cleanup_(flow_names_freep) FlowNames *f = calloc(1, sizeof(*f));

        assert(ret);

        if (!f)
                return -ENOMEM;
        int r = name_history_new(LOOK_UPS_MAX, key, &f->look_ups);
        if (r >= 0)
                r = name_history_new(FLOWS_MAX, key, &f->flows);
        if (r >= 0)
                r = name_history_new(ADDRESSES_MAX, key, &f->addresses);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(f);
        return 0;
}

FlowNames *flow_names_free(FlowNames *f) {
        if (!f)
                return NULL;
        name_history_free(f->look_ups);
        name_history_free(f->flows);
        name_history_free(f->addresses);
        free(f);
        return NULL;
}

static uint64_t look_up_owner(uint32_t actor, uint32_t pid) {
        return (uint64_t) actor << 32 | pid;
}

void flow_names_looked_up(FlowNames *f, uint32_t actor, uint32_t pid, const InAddr *addr, const char *name,
                          const char *chain) {
        assert(f);
        assert(addr);
        assert(name);

        /* without memory, an older or a general name is reported */
        if (pid != 0)
                (void) name_history_put(f->look_ups, addr, look_up_owner(actor, pid), name, chain);
        (void) name_history_put(f->look_ups, addr, look_up_owner(actor, 0), name, chain);
}

NameChange flow_names_renew(FlowNames *f, uint32_t actor, uint32_t pid, const InAddr *addr, const char *name,
                            const char *chain) {
        NameChange own = NAME_KEPT, general;

        assert(f);
        assert(addr);
        assert(name);

        if (pid != 0)
                own = name_history_renew(f->look_ups, addr, look_up_owner(actor, pid), name, chain);
        general = name_history_renew(f->look_ups, addr, look_up_owner(actor, 0), name, chain);
        return MAX(own, general);
}

static const char *looked_up(const FlowNames *f, const Event *e, const char **ret_chain) {
        const char *name = NULL;

        if (e->pid != 0)
                name = name_history_get(f->look_ups, &e->dst, look_up_owner(e->actor, e->pid), ret_chain);
        return name ?: name_history_get(f->look_ups, &e->dst, look_up_owner(e->actor, 0), ret_chain);
}

void flow_names_set(FlowNames *f, uint64_t cookie, const char *name, const char *chain, bool by_rule, Event *e) {
        const char *found = NULL;

        assert(f);
        assert(e && e->has_dst);

        if (e->type == EVENT_CONNECTION_CLOSED && cookie != 0)
                found = name_history_get(f->flows, &e->dst, cookie, &e->cname_chain);
        if (!found && !by_rule)
                found = looked_up(f, e, &e->cname_chain);
        if (!found && name) {
                found = name;
                e->cname_chain = chain;
        }
        e->hostname = found ?: name_history_get(f->addresses, &e->dst, 0, &e->cname_chain);
        if (!found)
                return;
        (void) name_history_put(f->addresses, &e->dst, 0, e->hostname, e->cname_chain);
        if (e->type == EVENT_CONNECTION_ALLOWED && cookie != 0)
                (void) name_history_put(f->flows, &e->dst, cookie, e->hostname, e->cname_chain);
}
