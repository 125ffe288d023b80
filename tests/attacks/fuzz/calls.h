/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Random socket calls on a few descriptors. */

#include <stdatomic.h>
#include <sys/uio.h>

#include "ring.h"
#include "values.h"

#define SLOTS 6
#define FAMILIES 64
#define CALLS_MAX 48 /* in one sequence */
#define LEFT_MAX 12  /* processes that a job leaves behind */

/* Of all processes of the job. */
typedef struct Shared {
        _Atomic uint32_t next; /* sequence */
        _Atomic uint32_t n_left;
        _Atomic uint64_t n_calls, n_succeeded, n_sent;
        _Atomic uint32_t families[FAMILIES]; /* sockets that were made, but in namespaces of the job's own */
} Shared;

/* Below 4 GB, for 32-bit entries. Only what the kernel reads while a call lasts. */
typedef struct Low {
        uint8_t payload[PAYLOAD_MAX + 64], value[VALUE_MAX], control[2 * VALUE_MAX];
        struct sockaddr_storage addr;
        uint32_t message[7], iov[2];
} Low;

typedef struct Slot {
        int fd;        /* -1: none */
        Target target; /* of the last connect() */
} Slot;

typedef struct Job {
        Shared *shared;
        Low *low;
        Where where;
        Slot slots[SLOTS];
        unsigned last; /* slot */
        int file, pipe[2], pair[2];
        Ring ring;
        bool has_compat, inside, verbose;
        const char *program;
        pid_t parent;
} Job;

/* Calls of this process that would block end after a moment. */
void job_never_block(void);

void job_open(Job *j);
void job_close_slots(Job *j);

/* The calls of the sequence, or those whose bit is set. */
void job_run_sequence(Job *j, uint32_t sequence, uint64_t calls);

/* What a program does with a descriptor that it inherits over exec. */
void job_run_inherited(Job *j, int fd);

/* Asks for the allowed name, so that its addresses are allowed too. */
void job_look_up(Job *j);
