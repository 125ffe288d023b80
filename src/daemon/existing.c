/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/existing.h"

#include <assert.h>
#include <syslog.h>

#include "host/existing-sockets.h"

#define REPORTED_MAX 256U

typedef struct Keeper {
        const Context *context;
        unsigned n_reported;
        unsigned n, n_too_many;
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
        k->n++;
        if (r == -ENOSPC)
                k->n_too_many++;
        else if (r < 0)
                k->r = r;
        if (!s->accepted && k->n_reported++ < REPORTED_MAX)
                report(k->context, s);
}

int existing_connections_keep(const Context *c) {
        Keeper k = { .context = c };
        int r;

        assert(c);

        r = existing_sockets_list(EXISTING_SOCKETS_MAX, keep, &k);
        if (r == -E2BIG || k.n_too_many > 0)
                log_message(c->log, LOG_WARNING,
                            "%u of %u existing connections are too many to be kept%s: they are judged like new "
                            "ones, and end if the policy does not allow them",
                            k.n_too_many, k.n, r == -E2BIG ? ", and there are more" : "");
        return r < 0 && r != -E2BIG ? r : k.r;
}
