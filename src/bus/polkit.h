/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Authorization: may the sender of a call do this? Asks the bus for its credentials and polkit(8) for a decision,
 * without blocking: a call that cannot be answered at once is kept, and its handler is called again when the answer
 * arrives.
 *
 * Anything but a clear yes is a no: an error, a timeout, a missing polkit, a sender that has left. Root needs no
 * authorization. The sender's identity comes from the bus driver (D-Bus specification, GetConnectionCredentials),
 * and polkit is given the sender's unique name: the decision never depends on a pid, which may have been reused.
 * Whatever depends on the process needs its pidfd, see polkit_prove(). */

#include <systemd/sd-bus.h>

#include "basic/macro.h"

typedef struct Polkit Polkit;

#define POLKIT_TIMEOUT_USEC (10 * USEC_PER_SEC)
/* Pending calls. The user of a call is known when the bus has answered; until then, a user can hold as many as the
 * 256 connections that dbus-daemon(1) allows each user times those of one sender: that must not be all. */
#define POLKIT_CHECKS_MAX 4096
#define POLKIT_CHECKS_PER_SENDER_MAX 8
#define POLKIT_TEXT_MAX (64U * 1024 * 1024) /* bytes of text in all of them … */
#define POLKIT_TEXT_FREE 4096U              /* … except for calls with less, which are always kept */
#define POLKIT_ASKED_MAX 64                 /* of these, waiting for polkit */
#define POLKIT_ASKED_PER_UID_MAX 16         /* waiting for polkit or a proof, so that no user takes all slots */

typedef struct PolkitOptions {
        uint64_t timeout_usec; /* for a check without user interaction; 0: POLKIT_TIMEOUT_USEC */
        bool trust_nobody;     /* root needs authorization too: for tests, which run as root */
} PolkitOptions;

/* The sender of a call. Valid until the handler returns. */
typedef struct Caller {
        const char *sender; /* borrowed from the message; "" if it has none */
        uint32_t uid;       /* UINT32_MAX: unknown */
        uint32_t pid;       /* of the process that connected, may have been reused since; 0: unknown */
        bool decided;       /* polkit was asked, or need not be */
        int pidfd;          /* of that process; borrowed; -EBADF: unknown */
} Caller;

int polkit_new(Polkit **ret);
Polkit *polkit_free(Polkit *p);
void polkit_set_options(Polkit *p, const PolkitOptions *options);
/* Drops all pending calls: their bus connection is gone. */
void polkit_reset(Polkit *p);

/* Identifies the caller without authorization: returns 1, 0 or an error as polkit_check(), which may be called
 * afterwards. */
int polkit_identify(Polkit *p, sd_bus_message *m, sd_bus_message_handler_t handler, void *userdata,
                    Caller *ret_caller, sd_bus_error *error);

/* action: constant; NULL if only root may do it. details: key, value, … NULL, passed to polkit's rules; NULL for
 * none. Returns 1: allowed. 0: pending; the handler must return 1 without a reply, and is called again with m,
 * rewound, and userdata; what it returns then is handled as sd-bus would. Negative with *error set: -EACCES,
 * -ETIMEDOUT; -ECANCELED, the sender has left; -ENOBUFS, too many pending calls. *ret_caller is always filled in as
 * far as known. */
int polkit_check(Polkit *p, sd_bus_message *m, const char *action, const char *const *details,
                 sd_bus_message_handler_t handler, void *userdata, Caller *ret_caller, sd_bus_error *error);

/* Call after polkit_check() returned 1: obtains Caller.pidfd, from the bus or through the socket proof_fd
 * (peer-proof.h; borrowed; -EBADF: none). Returns 1: it is known. 0: pending; the handler returns 1 and is called
 * again. Negative with *error set. */
int polkit_prove(Polkit *p, sd_bus_message *m, int proof_fd, sd_bus_error *error);

size_t polkit_n_pending(const Polkit *p);

DEFINE_CLEANUP_FUNC(Polkit *, polkit_free)
