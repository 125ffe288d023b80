/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Answers the calls socket(2) and socketpair(2) about which the filter of COMMAND asks its listener (syscall-filter.h),
 * and reports them. The families are refused as on a kernel without them; audit mode lets the calls continue. Nothing
 * depends on the answer being read: a call that nobody answers waits, can be killed, and fails when the listener is
 * closed. */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "basic/macro.h"

typedef struct SocketRefusals SocketRefusals;

typedef struct SocketRefusal {
        uint32_t pid, tid, uid, gid; /* pid 0: unknown, or several */
        unsigned family;  /* AF_…; 0: unknown */
        bool socketcall;  /* by socketcall(2), for an unknown family */
        uint64_t count;   /* repeats that were not reported one by one; 0: this is one call */
} SocketRefusal;

typedef struct SocketRefusalsOptions {
        bool enforce;
        /* The process waits for its answer: read its facts now. */
        void (*on_process)(uint32_t pid, void *userdata);
        /* The first refusal for each process and family at once, its repeats each second. */
        void (*on_refusal)(const SocketRefusal *r, void *userdata);
        void *userdata;
} SocketRefusalsOptions;

/* Processes reported one by one each second; what others do is reported for all of them together. */
#define SOCKET_REFUSALS_PROCESSES_MAX 100

/* listener_fd: taken, even on failure. Negative errno. */
int socket_refusals_new(sd_event *event, int listener_fd, const SocketRefusalsOptions *o, SocketRefusals **ret);
/* Reports the repeats that are not reported yet. r may be NULL. */
void socket_refusals_flush(SocketRefusals *r);
SocketRefusals *socket_refusals_free(SocketRefusals *r);

DEFINE_CLEANUP_FUNC(SocketRefusals *, socket_refusals_free)

/* Pure: ids of the text of /proc/PID/status, proc(5). -EBADMSG. */
int socket_refusals_parse_status(const char *text, SocketRefusal *ret);
