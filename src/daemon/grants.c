/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/grants.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "basic/clock.h"
#include "daemon/records.h"

#define ACCURACY_USEC USEC_PER_SEC

struct Grants {
        const Context *context; /* borrowed, like the next one */
        const Policies *policies;
        GrantsObserver observer;
        GrantTable table;
        sd_event_source *timer; /* fires when the next one expires */
};

/* Document names contain no colon. */
const char *grants_format_name(uint64_t job, char buf[static GRANTS_NAME_SIZE]) {
        (void) snprintf(buf, GRANTS_NAME_SIZE, "job:%" PRIu64, job);
        return buf;
}

/* ------------------------------------------------------------------ the layer of a job */

const GrantTable *grants_table(const Grants *g) {
        assert(g);

        return &g->table;
}

Layer *grants_layer(const Grants *g, uint64_t job) {
        char name[GRANTS_NAME_SIZE];

        assert(g);

        (void) grants_format_name(job, name);
        return engine_find_layer(g->context->engine, name);
}

static int install(Grants *g, uint64_t job) {
        LayerProperties properties;
        char name[GRANTS_NAME_SIZE];
        Policy *policy;
        Layer *layer;
        int r;

        r = grant_table_policy(&g->table, job, &policy);
        if (r < 0)
                return r;
        (void) grants_format_name(job, name);
        policy_set_properties(policies_set(g->policies), NULL, &properties);
        LayerSpec spec = {
                .name = name,
                .policy = policy,
                .kind = properties.kind,
                .mode = properties.mode,
                .inbound = properties.inbound,
                .system = properties.system,
        };
        records_reserve_ids(g->context);
        if (grants_layer(g, job))
                r = engine_set_layer(g->context->engine, &spec);
        else
                r = engine_add_layer(g->context->engine, &spec, &layer);
        records_put_layers(g->context);
        return r;
}

/* The job has no more grants. The layer is removed even if the job is no longer followed. */
static void remove_layer(Grants *g, uint64_t job) {
        Layer *layer = grants_layer(g, job);

        (void) g->observer.assign(job, g->observer.userdata);
        if (!layer)
                return;
        engine_remove_layer(g->context->engine, layer);
        context_notify(g->context, scopes_changed);
}

/* Call before they are removed, while their layer has its mode. job: 0 for every job. */
static void report_ends(const Grants *g, uint64_t job, uint64_t until_nsec) {
        char detail[512], name[GRANTS_NAME_SIZE];

        for (size_t i = 0; i < g->table.n; i++) {
                const Grant *grant = &g->table.grants[i];

                if ((job != 0 && grant->job != job) || grant->until_nsec > until_nsec || !grants_layer(g, grant->job))
                        continue;
                (void) grants_format_name(grant->job, name);
                (void) snprintf(detail, sizeof(detail), "%s is no longer allowed to job %" PRIu64, grant->host,
                                grant->job);
                context_emit_type(g->context, EVENT_POLICY_LOADED, name, detail);
        }
}

void grants_revoke(Grants *g, uint64_t job) {
        assert(g);

        report_ends(g, job, UINT64_MAX);
        if (grant_table_revoke(&g->table, job) == 0)
                return;
        remove_layer(g, job);
}

void grants_revoke_all(Grants *g) {
        assert(g);

        while (g->table.n > 0)
                grants_revoke(g, g->table.grants[0].job);
}

void grants_update_modes(Grants *g) {
        uint64_t job;
        Mode mode;

        assert(g);

        mode = policy_set_mode_of(policies_set(g->policies), NULL);
        for (size_t i = 0; (job = grant_table_job(&g->table, i)) != 0; i++) {
                Layer *layer = grants_layer(g, job);
                if (layer)
                        layer_set_mode(layer, mode);
        }
}

/* ------------------------------------------------------------------ their end */

static void arm(Grants *g) {
        uint64_t next = grant_table_next_end(&g->table);

        if (next == UINT64_MAX) {
                (void) sd_event_source_set_enabled(g->timer, SD_EVENT_OFF);
                return;
        }
        (void) sd_event_source_set_time(g->timer, next / 1000 + 1);
        (void) sd_event_source_set_enabled(g->timer, SD_EVENT_ONESHOT);
}

/* If something cannot be removed from a layer, the whole layer is removed. */
static int on_end(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        Grants *g = userdata;
        uint64_t now = clock_nsec(CLOCK_BOOTTIME), job;

        report_ends(g, 0, now);
        while ((job = grant_table_expire(&g->table, now)) != 0) {
                if (grant_table_count(&g->table, job) > 0) {
                        if (install(g, job) < 0)
                                grants_revoke(g, job);
                        continue;
                }
                remove_layer(g, job);
        }
        arm(g);
        return 0;
}

/* ------------------------------------------------------------------ life */

int grants_new(const Context *c, const Policies *policies, const GrantsObserver *observer, Grants **ret) {
        _cleanup_(grants_freep) Grants *g = calloc(1, sizeof(*g));
        int r;

        assert(c);
        assert(policies);
        assert(observer);
        assert(ret);

        if (!g)
                return -ENOMEM;
        g->context = c;
        g->policies = policies;
        g->observer = *observer;
        r = sd_event_add_time(c->event, &g->timer, CLOCK_BOOTTIME, 0, ACCURACY_USEC, on_end, g);
        if (r >= 0)
                r = sd_event_source_set_enabled(g->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(g->timer, "grants-end");
        *ret = TAKE_PTR(g);
        return 0;
}

Grants *grants_free(Grants *g) {
        if (!g)
                return NULL;
        sd_event_source_disable_unref(g->timer);
        grant_table_done(&g->table);
        free(g);
        return NULL;
}

static int allow(Grants *g, uint64_t job, const char *host, uint64_t usec) {
        int r;

        r = grant_table_add(&g->table, job, host, clock_nsec(CLOCK_BOOTTIME) + usec * 1000);
        if (r < 0)
                return r;
        r = install(g, job);
        if (r >= 0)
                r = g->observer.assign(job, g->observer.userdata);
        if (r < 0)
                grants_revoke(g, job); /* the last one may be only partly in effect */
        return r;
}

int grants_allow(Grants *g, uint64_t job, const char *host, uint64_t usec) {
        char detail[512], name[GRANTS_NAME_SIZE];
        int r;

        assert(g);
        assert(host);

        r = allow(g, job, host, usec);
        arm(g);
        if (r < 0)
                return r;
        (void) grants_format_name(job, name);
        (void) snprintf(detail, sizeof(detail), "%s is allowed to job %" PRIu64 " for %" PRIu64 " s", host, job,
                        (uint64_t) (usec / USEC_PER_SEC));
        context_emit_type(g->context, EVENT_POLICY_LOADED, name, detail);
        context_notify(g->context, scopes_changed);
        return 0;
}
