/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/existing.h"

#include <assert.h>

#include "host/existing-sockets.h"

#define REPORTED_MAX 256U

typedef struct Keeper {
        const Context *context;
        unsigned n_reported;
        int r;
} Keeper;

static void report(const Context *c, const ExistingSocket *s) {
        Event e = {
                .type = EVENT_EXISTING_CONNECTION,
                .rule = RULE_NONE,
                .has_src = true,
                .src = s->local,
                .src_port = s->local_port,
                .has_dst = true,
                .dst = s->remote,
                .dst_port = s->remote_port,
                .protocol = IPPROTO_TCP,
                .uid = s->uid,
                .cgroup_id = s->cgroup_id,
                .mode = engine_layer(c->engine, 0)->mode,
        };

        context_emit(c, &e);
}

static void keep(const ExistingSocket *s, void *userdata) {
        Keeper *k = userdata;
        int r;

        if (s->remote_port == 53)
                return; /* to a resolver other than the proxy */
        r = engine_keep_flow(k->context->engine, s->cookie, &s->remote, s->remote_port);
        if (r < 0 && r != -EEXIST)
                k->r = r;
        if (!s->accepted && k->n_reported++ < REPORTED_MAX)
                report(k->context, s);
}

int existing_connections_keep(const Context *c) {
        Keeper k = { .context = c };
        int r;

        assert(c);

        r = existing_sockets_list(EXISTING_SOCKETS_MAX, keep, &k);
        return r < 0 ? r : k.r;
}
