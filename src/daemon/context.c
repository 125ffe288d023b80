/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/context.h"

#include <assert.h>
#include <syslog.h>

void context_emit(const Context *c, Event *e) {
        assert(c);
        assert(e);

        if (c->engine)
                engine_emit(c->engine, e);
}

void context_emit_type(const Context *c, EventType type, const char *layer, const char *detail) {
        assert(c);

        if (!c->engine)
                return;
        const Layer *s = engine_find_layer(c->engine, layer ?: SCOPE_HOST);
        Event e = {
                .type = type,
                .rule = RULE_NONE,
                .mode = s ? s->mode : MODE_OFF,
                .scope = layer,
                .policy_digest = s ? s->digest : NULL,
                .detail = detail,
        };
        context_emit(c, &e);
}

void context_log_faults(const Context *c, const FaultList *faults) {
        char text[FAULT_TEXT_MAX];

        assert(c);
        assert(faults);

        for (size_t i = 0; i < faults->n; i++)
                log_message(c->log, LOG_ERR, "%s", fault_format(&faults->faults[i], NULL, text));
        if (faults->n_more > 0)
                log_message(c->log, LOG_ERR, "and %zu more errors", faults->n_more);
}
