/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The records of the state log and their encoding. Pure. Integers are in host byte order: the log is only read on
 * the machine, and in the boot, that wrote it. Decoding validates everything. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/in-addr.h"

#define STATE_SCOPE_NAME_MAX 63
#define STATE_DIGEST_MAX 95
#define STATE_NAME_MAX 253   /* a DNS name's text */
#define STATE_CHAIN_MAX 1023 /* names joined by ' ' */
#define STATE_UNIT_MAX 255
#define STATE_CGROUP_MAX 4095
#define STATE_LABELS_MAX 16
#define STATE_LABEL_MAX 511  /* "key=value" */
#define STATE_MODE_MAX 2     /* of enum Mode: enforce, audit, off */
#define STATE_OVERRIDE_MAX 3 /* a mode, or "as configured" */

#define STATE_PAYLOAD_MAX (16U * 1024) /* more than the largest job needs */

/* Strings are borrowed, and limited as above. */
typedef struct StateScope {
        const char *name;   /* not empty */
        uint32_t policy_id; /* as in the kernel's maps */
        uint8_t mode;       /* enum Mode */
        const char *digest; /* of the policy's document; "" if none */
} StateScope;

typedef struct StateLease {
        const char *scope;     /* not empty */
        InAddr addr;
        uint64_t expires_nsec; /* CLOCK_BOOTTIME */
        uint32_t ttl_seconds;  /* as in the answer */
        const char *name;
        const char *chain;     /* CNAME targets joined by ' '; NULL if none */
} StateLease;

typedef struct StateJob {
        uint64_t id;
        uint64_t start_usec;   /* CLOCK_REALTIME */
        const char *unit;
        const char *cgroup;
        uint64_t cgroup_id;    /* 0: unknown */
        const char *labels[STATE_LABELS_MAX];
        size_t n_labels;
} StateJob;

typedef enum StateRecordType {
        STATE_RECORD_SCOPE = 1,
        STATE_RECORD_LEASE,
        STATE_RECORD_OVERRIDE,
        STATE_RECORD_SEQUENCE,
        STATE_RECORD_JOB_1, /* a job as version 1 wrote it, without the cgroup's id: decoded as STATE_RECORD_JOB */
        STATE_RECORD_JOB_END,
        STATE_RECORD_JOB,
        STATE_RECORD_LAST_JOB,
} StateRecordType;

typedef struct StateRecord {
        StateRecordType type;
        union {
                StateScope scope;
                StateLease lease;
                StateJob job;
                uint64_t job_end;  /* the job's id */
                uint64_t last_job; /* the highest id that any job had */
                uint64_t sequence; /* of events */
                uint8_t override;  /* of the mode: 0 to STATE_OVERRIDE_MAX */
        };
} StateRecord;

/* Writes the payload. Returns its size; -EINVAL if the record exceeds the limits above; -ENOSPC if it does not fit
 * in size bytes (which are then undefined). */
int state_record_encode(const StateRecord *record, uint8_t *data, size_t size);
/* The strings of *ret point into data. -EBADMSG for anything that the encoder would not have written. */
int state_record_decode(uint32_t type, const uint8_t *data, size_t size, StateRecord *ret);
