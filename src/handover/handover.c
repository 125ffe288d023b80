/* SPDX-License-Identifier: Apache-2.0 */

#include "handover/handover.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-id128.h>

#include "bpf/api.h"
#include "handover/state-log.h"
#include "handover/state-memory.h"

#define NAME_STATE "state"
#define LAST_ID_NAME ":last" /* not the name of any layer */

struct Handover {
        StateMemory memory;
        StateLog *log;
        handover_snapshot_fn snapshot;
        void *userdata;
        Predecessors predecessors;
        bool inherited;
        bool has_override;
        uint8_t override;
        uint64_t next_sequence, written_sequence;
        uint64_t last_job;
        uint64_t n_lost_repaired; /* of the records that the log has lost */
};

_Static_assert(HANDOVER_LABELS_MAX == STATE_LABELS_MAX, "a job's labels fit into its record");

/* ------------------------------------------------------------------ the log's memory */

static void handover_on_snapshot(_unused_ StateLog *log, void *userdata) {
        Handover *h = userdata;

        h->written_sequence = 0; /* it is not in the half being written */
        if (h->last_job > 0) /* a snapshot has no records of jobs that ended */
                (void) state_log_append_last_job(h->log, h->last_job);
        if (h->has_override)
                handover_put_override(h, h->override);
        h->snapshot(h, h->userdata);
}

static int handover_on_reserve(size_t offset, size_t size, void *userdata) {
        return state_memory_reserve(offset, size, &((Handover *) userdata)->memory);
}

static void handover_on_release(size_t offset, size_t size, void *userdata) {
        state_memory_release(offset, size, &((Handover *) userdata)->memory);
}

static int boot_id(uint8_t ret[static 16]) {
        sd_id128_t id;
        int r = sd_id128_get_boot(&id);

        if (r >= 0)
                memcpy(ret, id.bytes, 16);
        return r;
}

static int open_inherited(Handover *h, FdStore *store, const StateLogOwner *owner, const uint8_t id[static 16],
                          size_t *ret_cut) {
        _cleanup_close_ int fd = fd_store_take(store, NAME_STATE);
        int r;

        if (fd < 0)
                return fd;
        r = state_memory_open(fd, &h->memory);
        if (r < 0)
                return r;
        (void) TAKE_FD(fd);
        r = state_log_open(h->memory.region, STATE_MEMORY_SIZE, id, owner, ret_cut, &h->log);
        if (r < 0)
                state_memory_done(&h->memory);
        return r;
}

static int open_log(Handover *h, FdStore *store, HandoverReport *report) {
        const StateLogOwner owner = {
                .snapshot = handover_on_snapshot, .reserve = handover_on_reserve,
                .release = handover_on_release, .userdata = h,
        };
        uint8_t id[16];
        int r;

        r = boot_id(id);
        if (r < 0)
                return r;
        r = open_inherited(h, store, &owner, id, &report->n_cut);
        if (r >= 0) {
                report->inherited = h->inherited = true;
                return 0;
        }
        if (r != -ENOENT)
                report->error = r;
        r = state_memory_new(&h->memory);
        if (r >= 0)
                r = state_log_new(h->memory.region, STATE_MEMORY_SIZE, id, &owner, &h->log);
        if (r >= 0)
                r = fd_store_push(store, NAME_STATE, h->memory.fd);
        return r < 0 ? r : 0;
}

/* ------------------------------------------------------------------ reading */

static int handover_on_scope(const StateScope *scope, void *userdata) {
        Handover *h = userdata;

        return predecessors_add(&h->predecessors, scope->name, scope->policy_id, scope->digest);
}

static int handover_on_override(uint8_t setting, void *userdata) {
        Handover *h = userdata;

        h->has_override = true;
        h->override = setting;
        return 0;
}

static int handover_on_sequence(uint64_t sequence, void *userdata) {
        ((Handover *) userdata)->next_sequence = sequence + 1;
        return 0;
}

static int handover_on_job_id(uint64_t id, void *userdata) {
        Handover *h = userdata;

        h->last_job = MAX(h->last_job, id);
        return 0;
}

static int handover_on_own_job(const StateJob *job, void *userdata) {
        return handover_on_job_id(job->id, userdata);
}

static int read_own(Handover *h, uint64_t now_nsec) {
        const StateLogReader reader = {
                .scope = handover_on_scope, .override = handover_on_override,
                .sequence = handover_on_sequence, .job = handover_on_own_job, .job_end = handover_on_job_id,
                .last_job = handover_on_job_id, .userdata = h,
        };
        StateLogReadCounts counts;

        return state_log_read(h->log, &reader, now_nsec, &counts);
}

int handover_new(FdStore *store, uint64_t now_nsec, handover_snapshot_fn snapshot, void *userdata, HandoverReport *ret_report,
                 Handover **ret) {
        _cleanup_(handover_freep) Handover *h = calloc(1, sizeof(*h));
        HandoverReport report = {};
        int r;

        assert(store);
        assert(snapshot);
        assert(ret_report);
        assert(ret);

        if (!h)
                return -ENOMEM;
        h->memory = STATE_MEMORY_NONE;
        h->snapshot = snapshot;
        h->userdata = userdata;
        r = open_log(h, store, &report);
        if (r >= 0)
                r = read_own(h, now_nsec);
        if (r < 0)
                return r;
        *ret_report = report;
        *ret = TAKE_PTR(h);
        return 0;
}

Handover *handover_free(Handover *h) {
        if (!h)
                return NULL;
        predecessors_forget(&h->predecessors);
        state_log_free(h->log);
        state_memory_done(&h->memory);
        free(h);
        return NULL;
}

static int handover_on_job(const StateJob *job, void *userdata) {
        const HandoverReader *reader = userdata;
        const HandoverJob j = {
                .id = job->id, .unit = job->unit, .cgroup = job->cgroup, .cgroup_id = job->cgroup_id,
                .labels = job->labels, .n_labels = job->n_labels, .start_usec = job->start_usec,
        };

        return reader->job(&j, reader->userdata);
}

static int handover_on_job_end(uint64_t id, void *userdata) {
        const HandoverReader *reader = userdata;

        return reader->job_end(id, reader->userdata);
}

static int handover_on_lease(const StateLease *lease, void *userdata) {
        const HandoverReader *reader = userdata;
        const HandoverLease l = {
                .layer = lease->scope, .addr = &lease->addr, .name = lease->name, .chain = lease->chain,
                .expires_nsec = lease->expires_nsec,
        };

        return reader->lease(&l, reader->userdata);
}

int handover_read(const Handover *h, uint64_t now_nsec, const HandoverReader *reader) {
        StateLogReadCounts counts;

        assert(h);
        assert(reader);

        const StateLogReader log_reader = {
                .job = reader->job ? handover_on_job : NULL,
                .job_end = reader->job_end ? handover_on_job_end : NULL,
                .lease = reader->lease ? handover_on_lease : NULL,
                .userdata = (void *) reader,
        };
        return state_log_read(h->log, &log_reader, now_nsec, &counts);
}

bool handover_has_predecessor(const Handover *h) {
        assert(h);

        return h->predecessors.n > 0;
}

const Predecessor *handover_predecessor(const Handover *h, const char *layer) {
        assert(h);

        return predecessors_find(&h->predecessors, layer);
}

uint32_t handover_last_policy_id(const Handover *h) {
        assert(h);

        return h->predecessors.last_policy_id;
}

uint64_t handover_last_job(const Handover *h) {
        assert(h);

        return h->last_job;
}

bool handover_override(const Handover *h, uint8_t *ret) {
        assert(h);
        assert(ret);

        if (h->has_override)
                *ret = h->override;
        return h->has_override;
}

uint64_t handover_next_sequence(const Handover *h) {
        assert(h);

        return h->next_sequence;
}

void handover_forget(Handover *h) {
        assert(h);

        predecessors_forget(&h->predecessors);
        (void) state_log_compact(h->log);
}

/* ------------------------------------------------------------------ writing */

/* What is lost here is counted by the log, see handover_repair(). */
void handover_put_layer(Handover *h, const char *name, uint32_t policy_id, uint8_t mode, const char *digest) {
        const StateScope record = { .name = name, .policy_id = policy_id, .mode = mode, .digest = digest };

        assert(h);

        predecessors_note_id(&h->predecessors, policy_id);
        (void) state_log_append_scope(h->log, &record);
}

/* Policy ids of removed layers must not be reused, because flows carry them. Stored as a layer that nothing refers
 * to, so it may have the slot of a layer that comes later. */
void handover_put_last_id(Handover *h) {
        assert(h);

        uint32_t id = h->predecessors.last_policy_id;
        if (id != 0)
                handover_put_layer(h, LAST_ID_NAME, id, 0, "");
}

/* A change takes one id of a slot, or two if the first does not fit: the highest that can follow, in a slot that no layer
 * of ours has. */
void handover_reserve_ids(Handover *h) {
        assert(h);

        predecessors_note_id(&h->predecessors,
                             (h->predecessors.last_policy_id | (CW_LAYERS_MAX - 1)) + 2 * CW_LAYERS_MAX);
        handover_put_last_id(h);
}

void handover_put_lease(Handover *h, const HandoverLease *lease) {
        assert(h);
        assert(lease);

        const StateLease record = {
                .scope = lease->layer, .addr = *lease->addr, .expires_nsec = lease->expires_nsec, .name = lease->name,
                .chain = lease->chain,
        };
        (void) state_log_append_lease(h->log, &record);
}

int handover_put_job(Handover *h, const HandoverJob *job) {
        assert(h);
        assert(job);

        StateJob record = {
                .id = job->id, .start_usec = job->start_usec, .unit = job->unit, .cgroup = job->cgroup,
                .cgroup_id = job->cgroup_id, .n_labels = MIN(job->n_labels, (size_t) STATE_LABELS_MAX),
        };
        h->last_job = MAX(h->last_job, job->id);
        for (size_t i = 0; i < record.n_labels; i++)
                record.labels[i] = job->labels[i];
        return state_log_append_job(h->log, &record);
}

void handover_put_job_end(Handover *h, uint64_t id) {
        assert(h);

        (void) state_log_append_job_end(h->log, id);
}

void handover_put_override(Handover *h, uint8_t setting) {
        assert(h);

        h->has_override = true;
        h->override = setting;
        (void) state_log_append_override(h->log, setting);
}

void handover_put_sequence(Handover *h, uint64_t sequence) {
        assert(h);

        if (sequence != h->written_sequence)
                (void) state_log_append_sequence(h->log, sequence);
        h->written_sequence = sequence;
}

int handover_repair(Handover *h) {
        StateLogCounters before, after;
        int r;

        assert(h);

        state_log_counters(h->log, &before);
        if (before.n_lost == h->n_lost_repaired)
                return 0;
        r = state_log_compact(h->log);
        state_log_counters(h->log, &after);
        if (r < 0 || after.n_lost != before.n_lost)
                return r < 0 ? r : -ENOSPC;
        h->n_lost_repaired = after.n_lost;
        return 1;
}

uint64_t handover_n_leases_lost(const Handover *h) {
        StateLogCounters counters;

        assert(h);

        state_log_counters(h->log, &counters);
        return counters.n_leases_lost;
}

/* ------------------------------------------------------------------ documents */

static void document_name(const char *name, char ret[static FD_STORE_NAME_MAX + 1]) {
        (void) snprintf(ret, FD_STORE_NAME_MAX + 1, "policy-%s", name);
}

int handover_keep_document(FdStore *store, const char *name, const char *text, size_t size) {
        char stored[FD_STORE_NAME_MAX + 1];

        document_name(name, stored);
        _cleanup_close_ int fd = memfd_seal_copy("cargowall-policy", text, size);
        if (fd < 0)
                return fd;
        return fd_store_push(store, stored, fd);
}

int handover_drop_document(FdStore *store, const char *name) {
        char stored[FD_STORE_NAME_MAX + 1];

        document_name(name, stored);
        return fd_store_remove(store, stored);
}

int handover_take_document(FdStore *store, const char *name, size_t max, char **ret_text, size_t *ret_size) {
        char stored[FD_STORE_NAME_MAX + 1];

        document_name(name, stored);
        _cleanup_close_ int fd = fd_store_take(store, stored);
        if (fd < 0)
                return fd;
        return memfd_read_sealed(fd, max, ret_text, ret_size);
}
