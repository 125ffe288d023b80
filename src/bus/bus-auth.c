/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-login.h>

#include "bus/bus-internal.h"

int bus_unit_of(const Bus *b, const Caller *caller, char **ret_unit, char **ret_cgroup) {
        _cleanup_free_ char *unit = NULL, *cgroup = NULL;
        int r;

        if (caller->pid == 0 || caller->pid > INT32_MAX)
                return -ENODATA;
        if (b->options.unit_of)
                return b->options.unit_of(caller->pid, ret_unit, ret_cgroup);

        r = sd_pid_get_unit((pid_t) caller->pid, &unit);
        if (r < 0)
                return r;
        r = sd_pid_get_cgroup((pid_t) caller->pid, &cgroup);
        if (r < 0)
                return r;
        *ret_unit = TAKE_PTR(unit);
        *ret_cgroup = TAKE_PTR(cgroup);
        return 0;
}

static void note(Bus *b, const char *action, const Caller *caller, const char *result) {
        _cleanup_free_ char *unit = NULL, *cgroup = NULL;

        (void) bus_unit_of(b, caller, &unit, &cgroup);
        manager_note_call(b->manager, action, caller->sender, caller->uid, caller->pid, unit, result);
}

int bus_authorize(Bus *b, sd_bus_message *m, const char *action, const char *const *details,
                  sd_bus_message_handler_t handler, Caller *ret, sd_bus_error *error) {
        int r = polkit_check(b->polkit, m, action, details, handler, b, ret, error);

        /* A flood that is turned away at the door is not noted: the journal would have it line by line. */
        if (r < 0 && r != -ENOBUFS)
                note(b, action ?: "root", ret,
                     r == -ETIMEDOUT ? "timed out" : r == -ECANCELED ? "cancelled" : "denied");
        return r;
}

int bus_note_result(Bus *b, const char *action, const Caller *caller, int r, const sd_bus_error *error) {
        char text[320];

        if (r >= 0)
                note(b, action, caller, "done");
        else if (r == -EACCES)
                note(b, action, caller, "denied");
        else {
                (void) snprintf(text, sizeof(text), "error: %s",
                                sd_bus_error_is_set(error) ? error->message : strerror(-r));
                note(b, action, caller, text);
        }
        return r;
}
