/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the service leaves to its successor and takes over from its predecessor, apart from the kernel's objects: the layers that
 * judge and their ids, leases, jobs, the mode that was set, the sequence of events. Each change is written when it is made,
 * so that a SIGKILL at any instant loses nothing; what there is no room for is lost, and a successor asks for it again. */

#include "basic/in-addr.h"
#include "handover/fd-store.h"
#include "handover/predecessors.h"

typedef struct Handover Handover;

typedef struct HandoverLease {
        const char *layer;     /* the names are borrowed, as below */
        const InAddr *addr;
        const char *name;
        const char *chain;     /* CNAME targets joined by ' '; NULL: none */
        uint64_t expires_nsec; /* CLOCK_BOOTTIME */
} HandoverLease;

#define HANDOVER_LABELS_MAX 16U
typedef struct HandoverJob {
        uint64_t id;
        const char *unit, *cgroup;
        const char *const *labels; /* "key=value" */
        size_t n_labels;           /* at most HANDOVER_LABELS_MAX are kept */
        uint64_t start_usec;       /* CLOCK_REALTIME */
} HandoverJob;

/* How it began. */
typedef struct HandoverReport {
        bool inherited; /* there was a predecessor whose state can be read */
        int error;      /* why it cannot: negative errno; 0 */
        size_t n_cut;   /* bytes at its end that cannot */
} HandoverReport;

/* Puts all that is live, the most important first. */
typedef void (*handover_snapshot_fn)(Handover *h, void *userdata);

/* store is borrowed, and keeps the state. Negative errno: nothing would outlive the process, or the predecessor's layers
 * cannot be read (-ENOMEM). */
int handover_new(FdStore *store, uint64_t now_nsec, handover_snapshot_fn snapshot, void *userdata, HandoverReport *ret_report,
                 Handover **ret);
Handover *handover_free(Handover *h);

/* ------------------------------------------------------------------ what a predecessor left */

bool handover_has_predecessor(const Handover *h);
const Predecessor *handover_predecessor(const Handover *h, const char *layer); /* NULL */
uint32_t handover_last_policy_id(const Handover *h); /* the highest that any layer of any process had */
bool handover_override(const Handover *h, uint8_t *ret); /* of the mode; false: none was written */
uint64_t handover_next_sequence(const Handover *h);  /* 0: from the beginning */
/* In the order they were written. A negative value ends it, and is returned. */
typedef struct HandoverReader {
        int (*job)(const HandoverJob *job, void *userdata);
        int (*job_end)(uint64_t id, void *userdata);
        int (*lease)(const HandoverLease *lease, void *userdata); /* that did not expire by then */
        void *userdata;
} HandoverReader;
int handover_read(const Handover *h, uint64_t now_nsec, const HandoverReader *reader);
/* Once its successor has started: layers are no predecessor's any more, and what ended is left behind. */
void handover_forget(Handover *h);

/* ------------------------------------------------------------------ for a successor */

void handover_put_layer(Handover *h, const char *name, uint32_t policy_id, uint8_t mode, const char *digest);
/* The highest id so far, before the layers of a snapshot. */
void handover_put_last_id(Handover *h);
void handover_put_lease(Handover *h, const HandoverLease *lease);
void handover_put_job(Handover *h, const HandoverJob *job);
void handover_put_job_end(Handover *h, uint64_t id);
void handover_put_override(Handover *h, uint8_t setting);
void handover_put_sequence(Handover *h, uint64_t sequence); /* of the last event; the same one again costs nothing */

/* ------------------------------------------------------------------ documents that came over the bus */

/* Kept under the name of their layer until they are dropped. */
int handover_keep_document(FdStore *store, const char *name, const char *text, size_t size);
void handover_drop_document(FdStore *store, const char *name);
/* The caller frees the text. -ENOENT: none was kept; -EBADMSG, -EFBIG: it is no such text. */
int handover_take_document(FdStore *store, const char *name, size_t max, char **ret_text, size_t *ret_size);

DEFINE_CLEANUP_FUNC(Handover *, handover_free)
