/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/records.h"

#include <assert.h>

static void put_layer(Handover *h, const Layer *s) {
        handover_put_layer(h, s->name, layer_policy_id(s), (uint8_t) s->mode, s->digest ?: "");
}

static void put_binding(Handover *h, const Layer *s, const Lease *lease, const LeaseBinding *b) {
        const HandoverLease record = {
                .layer = s->name,
                .addr = &lease->addr,
                .name = b->name,
                .chain = b->chain,
                .expires_nsec = b->expires_nsec,
        };

        handover_put_lease(h, &record);
}

void records_reserve_ids(const Context *c) {
        assert(c);

        handover_reserve_ids(c->handover);
}

void records_put_layers(const Context *c) {
        assert(c);

        for (size_t i = 0; i < engine_n_layers(c->engine); i++)
                put_layer(c->handover, engine_layer(c->engine, i));
}

void records_put_lease(const Context *c, const Layer *layer, const Lease *lease) {
        assert(c);
        assert(layer);
        assert(lease);

        if (lease->n_bindings > 0)
                put_binding(c->handover, layer, lease, &lease->bindings[lease->latest]);
}

void records_put_job(const Context *c, const Job *job) {
        assert(c);
        assert(job);

        const HandoverJob record = {
                .id = job->id,
                .unit = job->unit,
                .cgroup = job->cgroup,
                .cgroup_id = job->cgroup_id,
                .labels = (const char *const *) job->labels,
                .n_labels = job->n_labels,
                .start_usec = job->start_usec,
        };
        handover_put_job(c->handover, &record);
}

void records_put_sequence(const Context *c) {
        assert(c);

        handover_put_sequence(c->handover, engine_sequence(c->engine));
}

typedef struct LeaseWriter {
        Handover *handover;
        const Layer *layer;
} LeaseWriter;

static void put_bindings(const Lease *lease, void *userdata) {
        const LeaseWriter *w = userdata;

        for (size_t i = 0; i < lease->n_bindings; i++)
                put_binding(w->handover, w->layer, lease, &lease->bindings[i]);
}

/* Most important first. */
void records_put_all(const Context *c, const JobTable *jobs) {
        assert(c);
        assert(jobs);

        if (!c->engine)
                return;
        records_put_sequence(c);
        handover_put_last_id(c->handover);
        records_put_layers(c);
        for (size_t i = 0; i < jobs->n; i++)
                records_put_job(c, jobs->jobs[i]);
        for (size_t i = 0; i < engine_n_layers(c->engine); i++) {
                LeaseWriter w = { .handover = c->handover, .layer = engine_layer(c->engine, i) };
                lease_table_for_each(w.layer->leases, put_bindings, &w);
        }
}

static int restore_on_lease(const HandoverLease *lease, void *userdata) {
        const Context *c = userdata;
        Layer *layer = engine_find_layer(c->engine, lease->layer);

        if (layer)
                (void) engine_restore_lease(c->engine, layer, lease->addr, lease->name, lease->chain,
                                            lease->expires_nsec);
        return 0;
}

int records_restore_leases(const Context *c, uint64_t now_nsec) {
        assert(c);

        const HandoverReader reader = { .lease = restore_on_lease, .userdata = (void *) c };
        return handover_read(c->handover, now_nsec, &reader);
}
