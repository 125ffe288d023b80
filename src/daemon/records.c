/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/records.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <syslog.h>

#include "daemon/grants.h"
#include "dns/lease.h"
#include "handover/state-record.h"
#include "policy/job-match.h"
#include "policy/policy-document.h"

/* Whatever the service has can be recorded. */
_Static_assert(POLICY_NAME_MAX <= STATE_SCOPE_NAME_MAX, "names of documents");
_Static_assert(GRANTS_NAME_SIZE - 1 <= STATE_SCOPE_NAME_MAX, "names of grants");
_Static_assert(POLICY_DIGEST_SIZE - 1 <= STATE_DIGEST_MAX, "digests of documents");
_Static_assert(LEASE_CHAIN_TEXT_MAX - 1 <= STATE_CHAIN_MAX, "chains of leases");
_Static_assert(JOB_LABEL_VALUE_MAX + sizeof("repository=") <= STATE_LABEL_MAX, "labels of jobs");

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

int records_put_job(const Context *c, const Job *job) {
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
        return handover_put_job(c->handover, &record);
}

void records_put_sequence(const Context *c) {
        assert(c);

        handover_put_sequence(c->handover, engine_sequence(c->engine));
}

/* One line for each time that the number of lost leases has doubled. */
void records_check(const Context *c, RecordsWarned *warned) {
        uint64_t n_leases;
        int r;

        assert(c);
        assert(warned);

        r = handover_repair(c->handover);
        if (r < 0 && !warned->is_incomplete)
                log_message(c->log, LOG_WARNING,
                            "out of memory, cannot record changes for a successor (%s): a crash would lose jobs with their "
                            "restrictions, or the mode that was set; trying again",
                            strerror(-r));
        else if (r > 0 && warned->is_incomplete)
                log_message(c->log, LOG_NOTICE, "changes are recorded for a successor again");
        if (r != 0)
                warned->is_incomplete = r < 0;
        n_leases = handover_n_leases_lost(c->handover);
        if (n_leases == 0 || n_leases < 2 * warned->n_leases)
                return;
        log_message(c->log, LOG_WARNING,
                    "%" PRIu64 " addresses of names could not be recorded for a successor, which has to look up the names "
                    "again",
                    n_leases);
        warned->n_leases = n_leases;
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
                (void) records_put_job(c, jobs->jobs[i]); /* counted */
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
