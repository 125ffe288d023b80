/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* May the sender of a call do this? Asks the bus who it is and polkit(8) what it may do, without waiting for either: a
 * call that cannot be answered at once is kept, and its handler is called again when the answer is there.
 *
 * Every way out but a clear yes is a no: an error, silence, polkit absent, a sender that left meanwhile. Root is asked
 * nothing. Who the sender is comes from the bus driver (D-Bus specification, GetConnectionCredentials), polkit gets the
 * sender's unique name: no process id takes part in the decision, since it may be another process's by now. What
 * depends on the process needs its descriptor, see polkit_prove(). */

#include <systemd/sd-bus.h>

#include "basic/macro.h"

typedef struct Polkit Polkit;

#define POLKIT_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define POLKIT_CHECKS_MAX 128          /* calls kept */
#define POLKIT_CHECKS_PER_SENDER_MAX 8
#define POLKIT_ASKED_MAX 64            /* of those, waiting for polkit */
#define POLKIT_ASKED_PER_UID_MAX 16    /* so that no user takes all places */

typedef struct PolkitOptions {
        uint64_t timeout_usec; /* of a check that needs nobody at a screen; 0: POLKIT_TIMEOUT_USEC */
        bool trust_nobody;     /* root is asked too: for tests, which are run as root */
} PolkitOptions;

/* Who calls. Valid until the handler returns. */
typedef struct Caller {
        const char *sender; /* borrowed from the message; "" where it has none */
        uint32_t uid;       /* UINT32_MAX: unknown */
        uint32_t pid;       /* of the process that connected, which may be another one's by now; 0: unknown */
        bool decided;       /* polkit has been asked, or need not be */
        int pidfd;          /* of that process; borrowed; -EBADF: unknown */
} Caller;

int polkit_new(Polkit **ret);
Polkit *polkit_free(Polkit *p);
void polkit_set_options(Polkit *p, const PolkitOptions *options);
/* Forgets all calls in flight: their bus is gone. */
void polkit_reset(Polkit *p);

/* Who calls, and nothing more: 1, 0 and errors as from polkit_check(), which may be called afterwards. */
int polkit_identify(Polkit *p, sd_bus_message *m, sd_bus_message_handler_t handler, void *userdata,
                    Caller *ret_caller, sd_bus_error *error);

/* action: constant, NULL where only root may. details: key, value, … NULL; shown to polkit's rules; NULL for none.
 * Returns 1: allowed. 0: asked; the handler returns 1 without a reply and is called again with m, rewound, and
 * userdata; what it returns then is sent as sd-bus would have. Negative with *error set: -EACCES, -ETIMEDOUT;
 * -ECANCELED, the sender is gone; -ENOBUFS, too many calls wait. *ret_caller is always written, as far as known. */
int polkit_check(Polkit *p, sd_bus_message *m, const char *action, const char *const *details,
                 sd_bus_message_handler_t handler, void *userdata, Caller *ret_caller, sd_bus_error *error);

/* After polkit_check() has returned 1: makes Caller.pidfd known, by the bus or by the socket proof_fd (peer-proof.h;
 * borrowed; -EBADF: none). Returns 1: it is. 0: the caller was asked; the handler returns 1 and is called again.
 * Negative with *error set. */
int polkit_prove(Polkit *p, sd_bus_message *m, int proof_fd, sd_bus_error *error);

size_t polkit_n_pending(const Polkit *p);

DEFINE_CLEANUP_FUNC(Polkit *, polkit_free)
