/* SPDX-License-Identifier: Apache-2.0 */

/* Requests to the service, each passed to the responsible part. */

#include "daemon/service.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "daemon/records.h"
#include "daemon/service-parts.h"

int service_set_mode(Service *s, const char *scope, ModeSetting mode, bool keep) {
        const Context *c = &s->context;
        ModeSetting old;
        bool changed;
        size_t i;
        int r;

        assert(s);

        old = service_mode(s);
        if (scope && service_find_scope(s, scope, &i) >= 0 && !policy_set_find(policies_set(s->policies), scope))
                return -EOPNOTSUPP;
        r = policies_set_mode(s->policies, scope, mode, keep, &changed);
        if (r < 0)
                return r;
        grants_update_modes(s->grants);
        records_put_layers(c);
        if ((changed || keep) && c->observer.mode_changed)
                c->observer.mode_changed(old, service_mode(s), c->observer.userdata);
        return 0;
}

bool service_mode_disables(const Service *s, const char *scope, ModeSetting mode) {
        const PolicySet *set;

        assert(s);

        set = policies_set(s->policies);
        if (mode != MODE_SETTING_CONFIGURED)
                return mode == MODE_SETTING_OFF;
        for (size_t i = 0; i < set->documents.n; i++) {
                const Document *d = &set->documents.items[i];

                if (d->origin != DOCUMENT_NONE && (!scope || strcmp(d->name, scope) == 0) &&
                    policy_set_configured_mode_of(set, d) == MODE_OFF)
                        return true;
        }
        return false;
}

int service_reload(Service *s, FaultList *faults) {
        assert(s);

        return policies_reload(s->policies, faults);
}

int service_load_policy(Service *s, const char *scope, const char *text, size_t size, FaultList *faults) {
        assert(s);

        return policies_load(s->policies, scope, text, size, faults);
}

int service_flush_dns_cache(Service *s) {
        assert(s);

        return resolvers_forget_answers(s->resolvers);
}

int service_validate(const char *text, size_t size, FaultList *faults) {
        return document_validate(text, size, faults);
}

int service_begin_job(Service *s, const char *unit, const char *cgroup, const char *const *labels, size_t n_labels,
                      uint64_t *ret_id) {
        assert(s);

        return jobs_begin(s->jobs, unit, cgroup, labels, n_labels, ret_id);
}

void service_count_events(Service *s) {
        assert(s);

        if (s->context.engine)
                engine_flush(s->context.engine);
}

int service_end_job(Service *s, uint64_t id) {
        assert(s);

        return jobs_end(s->jobs, id);
}

int service_allow_once(Service *s, uint64_t id, const char *host, uint64_t usec) {
        const Job *job;

        assert(s);

        job = jobs_get(s->jobs, id);
        if (!job)
                return -ENOENT;
        if (!assign_is_judged(s->assign, job))
                return -EOPNOTSUPP;
        return grants_allow(s->grants, id, host, usec);
}

void service_set_log_level(Service *s, int level) {
        assert(s);

        service_log_set_level(s->context.log, level);
}

void service_note_call(Service *s, const char *action, const char *sender, uint32_t uid, uint32_t pid, const char *unit,
                       const char *result) {
        char detail[256];
        Event e = {
                .type = EVENT_PRIVILEGED_CALL,
                .rule = RULE_NONE,
                .uid = uid,
                .pid = pid,
                .unit = unit,
                .detail = detail,
        };

        assert(s);
        assert(action);
        assert(result);

        (void) snprintf(detail, sizeof(detail), "%s by %s: %s", action, sender ?: "unknown", result);
        e.mode = policy_set_effective_mode(policies_set(s->policies));
        context_emit(&s->context, &e);
}
