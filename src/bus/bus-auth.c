/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "basic/clock.h"
#include "bus/bus-internal.h"
#include "host/peer-process.h"

/* Tokens, see call-budget.h. */
#define COST_CALL 5
#define COST_REFUSAL 50

/* ------------------------------------------------------------------ the caller's unit */

/* If the pid was reused, the process usually belongs to another user; where that is not enough, use polkit_prove(). */
static int open_process(const Caller *caller) {
        uint32_t uid;
        int r;

        int fd = peer_process_open(caller->pid);
        if (fd < 0)
                return fd;
        r = peer_process_uid(fd, &uid);
        if (r >= 0 && uid != caller->uid)
                r = -ESRCH;
        if (r < 0) {
                (void) close(fd);
                return r;
        }
        return fd;
}

int bus_unit_of(const Bus *b, const Caller *caller, char **ret_unit, char **ret_cgroup) {
        _cleanup_close_ int own = -EBADF;

        if (b->options.unit_of)
                return b->options.unit_of(caller->pid, ret_unit, ret_cgroup);
        if (caller->pidfd < 0) {
                own = open_process(caller);
                if (own < 0)
                        return own;
        }
        return peer_process_unit(caller->pidfd >= 0 ? caller->pidfd : own, ret_unit, ret_cgroup);
}

int bus_prove_unit(Bus *b, sd_bus_message *m, const Caller *caller, int proof_fd, char **ret_unit, char **ret_cgroup,
                   sd_bus_error *error) {
        int r;

        if (caller->uid != 0) { /* root may do so for any unit */
                r = polkit_prove(b->polkit, m, proof_fd, error);
                if (r <= 0)
                        return r;
        }
        r = bus_unit_of(b, caller, ret_unit, ret_cgroup);
        return r < 0 ? -ENODATA : 1;
}

/* ------------------------------------------------------------------ the record of privileged calls */

static void note(Bus *b, const char *action, const Caller *caller, const char *result) {
        _cleanup_free_ char *unit = NULL, *cgroup = NULL;

        (void) bus_unit_of(b, caller, &unit, &cgroup);
        service_note_call(b->service, action, caller->sender, caller->uid, caller->pid, unit, result);
}

/* Rate-limited, so that a user who is refused all the time cannot fill the journal. */
static void note_refusal(Bus *b, const char *action, const Caller *caller, const char *result) {
        char text[96];

        if (caller->uid != 0 && !call_budget_take(&b->budget, caller->uid, COST_REFUSAL, clock_usec(CLOCK_MONOTONIC))) {
                b->n_refusals_unrecorded++;
                return;
        }
        if (b->n_refusals_unrecorded > 0) {
                (void) snprintf(text, sizeof(text), "%s; %" PRIu64 " earlier refusals were not recorded", result,
                                b->n_refusals_unrecorded);
                b->n_refusals_unrecorded = 0;
                result = text;
        }
        note(b, action, caller, result);
}

static int refuse_flood(sd_bus_error *error) {
        (void) sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED, "Too many calls by this user; wait a second.");
        return -ENOBUFS;
}

int bus_spend_tokens(Bus *b, uint32_t uid, unsigned cost, sd_bus_error *error) {
        if (uid == 0 || call_budget_take(&b->budget, uid, cost, clock_usec(CLOCK_MONOTONIC)))
                return 0;
        return refuse_flood(error);
}

int bus_spend(Bus *b, const Caller *caller, sd_bus_error *error) {
        return bus_spend_tokens(b, caller->uid, COST_CALL, error);
}

int bus_authorize(Bus *b, sd_bus_message *m, const char *action, const char *const *details,
                  sd_bus_message_handler_t handler, Caller *ret, sd_bus_error *error) {
        int r = polkit_identify(b->polkit, m, handler, b, ret, error);

        /* A user who keeps being refused is rejected without asking polkit again: each question costs polkit, and a
         * line in the journal. */
        if (r > 0 && !ret->decided && ret->uid != 0 &&
            !call_budget_has(&b->budget, ret->uid, COST_REFUSAL, clock_usec(CLOCK_MONOTONIC))) {
                b->n_refusals_unrecorded++;
                return refuse_flood(error);
        }
        if (r > 0)
                r = polkit_check(b->polkit, m, action, details, handler, b, ret, error);
        /* A call rejected for rate is not recorded: a flood would end up in the journal line by line. */
        if (r < 0 && r != -ENOBUFS)
                note_refusal(b, action ?: "root", ret,
                             r == -ETIMEDOUT ? "timed out" : r == -ECANCELED ? "cancelled" : "denied");
        if (r <= 0)
                return r;
        int k = bus_spend(b, ret, error);
        return k < 0 ? k : r;
}

int bus_note_result(Bus *b, const char *action, const Caller *caller, int r, const sd_bus_error *error) {
        char text[320];

        if (r >= 0 && strcmp(action, ACTION_VIEW_EVENTS) == 0)
                return r; /* who looks at events would find these among them */
        if (r >= 0)
                note(b, action, caller, "done");
        else if (r == -EACCES)
                note_refusal(b, action, caller, "denied");
        else {
                (void) snprintf(text, sizeof(text), "error: %s",
                                sd_bus_error_is_set(error) ? error->message : strerror(-r));
                note(b, action, caller, text);
        }
        return r;
}
