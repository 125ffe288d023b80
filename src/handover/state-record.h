/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the state log keeps, one record each, and its bytes. Pure. Integers are in host byte order: the log is read on
 * the machine and in the boot that wrote it. Decoding takes nothing for granted. */

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
#define STATE_OVERRIDE_MAX 3 /* a mode, or what the configuration says */

#define STATE_PAYLOAD_MAX (16U * 1024) /* above the longest job's */

/* Strings are borrowed, at most as long as the limits above say. */
typedef struct StateScope {
        const char *name;   /* not empty */
        uint32_t policy_id; /* of the kernel's maps */
        uint8_t mode;       /* enum Mode */
        const char *digest; /* of the policy's document; "" for none */
} StateScope;

typedef struct StateLease {
        const char *scope;     /* not empty */
        InAddr addr;
        uint64_t expires_nsec; /* CLOCK_BOOTTIME */
        uint32_t ttl_seconds;  /* as the answer had it */
        const char *name;
        const char *chain;     /* CNAME targets joined by ' '; NULL for none */
} StateLease;

typedef struct StateJob {
        uint64_t id;
        uint64_t start_usec;   /* CLOCK_REALTIME */
        const char *unit;
        const char *cgroup;
        const char *labels[STATE_LABELS_MAX];
        size_t n_labels;
} StateJob;

typedef enum StateRecordType {
        STATE_RECORD_SCOPE = 1,
        STATE_RECORD_LEASE,
        STATE_RECORD_OVERRIDE,
        STATE_RECORD_SEQUENCE,
        STATE_RECORD_JOB,
        STATE_RECORD_JOB_END,
} StateRecordType;

typedef struct StateRecord {
        StateRecordType type;
        union {
                StateScope scope;
                StateLease lease;
                StateJob job;
                uint64_t job_end;  /* its id */
                uint64_t sequence; /* of events */
                uint8_t override;  /* of the mode: 0 to STATE_OVERRIDE_MAX */
        };
} StateRecord;

/* Writes the payload. Returns its size, -EINVAL when the record is beyond the limits above, -ENOSPC when it does not
 * fit into size bytes (what they hold then is undefined). */
int state_record_encode(const StateRecord *record, uint8_t *data, size_t size);
/* The strings of *ret point into data. -EBADMSG for anything the encoder would not have written. */
int state_record_decode(uint32_t type, const uint8_t *data, size_t size, StateRecord *ret);
