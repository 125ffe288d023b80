/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the service passes to its successor and takes over from its predecessor, except for kernel objects: layers
 * and their ids, leases, jobs, the mode that was set, and the sequence number of events. Each change is written when
 * it is made, so that a SIGKILL at any instant loses nothing. What cannot be written is counted, and repaired when
 * there is memory again; of leases only as many are kept as there is room for. */

#include "basic/in-addr.h"
#include "handover/fd-store.h"
#include "handover/predecessors.h"

typedef struct Handover Handover;

typedef struct HandoverLease {
        const char *layer;     /* the names are borrowed, as are those below */
        const InAddr *addr;
        const char *name;
        const char *chain;     /* CNAME targets joined by ' '; NULL: none */
        uint64_t expires_nsec; /* CLOCK_BOOTTIME */
} HandoverLease;

#define HANDOVER_LABELS_MAX 16U
typedef struct HandoverJob {
        uint64_t id;
        const char *unit, *cgroup;
        uint64_t cgroup_id;        /* 0: unknown, as in what older versions wrote */
        const char *const *labels; /* "key=value" */
        size_t n_labels;           /* at most HANDOVER_LABELS_MAX are stored */
        uint64_t start_usec;       /* CLOCK_REALTIME */
} HandoverJob;

/* How the handover began. */
typedef struct HandoverReport {
        bool inherited; /* a predecessor left state that can be read */
        int error;      /* why it cannot be read: negative errno; otherwise 0 */
        size_t n_cut;   /* bytes at its end that cannot be read */
} HandoverReport;

/* Puts everything that is live, most important first. */
typedef void (*handover_snapshot_fn)(Handover *h, void *userdata);

/* store is borrowed, and keeps the state. Negative errno: nothing would outlive the process, or the predecessor's
 * layers cannot be read (-ENOMEM). */
int handover_new(FdStore *store, uint64_t now_nsec, handover_snapshot_fn snapshot, void *userdata, HandoverReport *ret_report,
                 Handover **ret);
Handover *handover_free(Handover *h);

/* ------------------------------------------------------------------ what a predecessor left */

bool handover_has_predecessor(const Handover *h);
const Predecessor *handover_predecessor(const Handover *h, const char *layer); /* NULL if there is none */
uint32_t handover_last_policy_id(const Handover *h); /* the highest id that any layer of any process had */
uint64_t handover_last_job(const Handover *h);       /* the highest id that any job of any process had */
bool handover_override(const Handover *h, uint8_t *ret); /* of the mode; false: none was written */
uint64_t handover_next_sequence(const Handover *h);  /* 0: start from the beginning */
/* Read in the order in which they were written. A negative value stops reading and is returned. */
typedef struct HandoverReader {
        int (*job)(const HandoverJob *job, void *userdata);
        int (*job_end)(uint64_t id, void *userdata);
        int (*lease)(const HandoverLease *lease, void *userdata); /* not expired at the time of reading */
        void *userdata;
} HandoverReader;
int handover_read(const Handover *h, uint64_t now_nsec, const HandoverReader *reader);
/* Call when the successor has started: forgets the predecessor's layers, and leaves behind what has expired. */
void handover_forget(Handover *h);

/* ------------------------------------------------------------------ for a successor */

void handover_put_layer(Handover *h, const char *name, uint32_t policy_id, uint8_t mode, const char *digest);
/* Writes the highest id so far; call before the layers of a snapshot. */
void handover_put_last_id(Handover *h);
/* Call before a change of policies: no successor will use an id that this change may take. */
void handover_reserve_ids(Handover *h);
void handover_put_lease(Handover *h, const HandoverLease *lease);
/* Negative errno: a successor would not know the job. */
int handover_put_job(Handover *h, const HandoverJob *job);
void handover_put_job_end(Handover *h, uint64_t id);
void handover_put_override(Handover *h, uint8_t setting);
void handover_put_sequence(Handover *h, uint64_t sequence); /* of the last event; writing the same one again is free */

/* Call from time to time. If something other than a lease could not be written, writes a snapshot, which has it.
 * Returns 1 if that was necessary and has repaired it; a negative errno if it is still missing. */
int handover_repair(Handover *h);
uint64_t handover_n_leases_lost(const Handover *h); /* so far */

/* ------------------------------------------------------------------ documents that came over the bus */

/* Keeps text under the name of its layer until it is dropped. */
int handover_keep_document(FdStore *store, const char *name, const char *text, size_t size);
/* -ENOENT: it was not kept. */
int handover_drop_document(FdStore *store, const char *name);
/* The caller frees the text. -ENOENT: none was kept; -EBADMSG, -EFBIG: not such a text. */
int handover_take_document(FdStore *store, const char *name, size_t max, char **ret_text, size_t *ret_size);

DEFINE_CLEANUP_FUNC(Handover *, handover_free)
