/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/in-force.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void note_fault(InForce *f, const FaultList *faults, int error) {
        if (faults->n > 0)
                (void) fault_format(&faults->faults[0], NULL, f->fault);
        else
                (void) snprintf(f->fault, sizeof(f->fault), "/etc/cargowall: %s",
                                error == -ENOENT ? "there is no policy document" : strerror(-error));
}

/* error: why they are not as written. */
static int load_other(const char *root, const LastGood *g, Mode configured, int error, Documents *ret_documents,
                      InForce *f) {
        _cleanup_(fault_list_done) FaultList again = {}; /* the same as those reported already */
        int r;

        r = last_good_load(g, ret_documents, &f->time_usec, &f->no_last_good);
        if (r >= 0) {
                f->kind = IN_FORCE_LAST_GOOD;
                return 0;
        }
        if (r == -ENOMEM || error == -ENOENT)
                return r == -ENOMEM ? r : error;
        if (r == -ENOENT)
                f->no_last_good = "none was ever in force, or it could not be kept";
        f->kind = IN_FORCE_OUTLINES;
        return documents_load_outlines(root, configured, ret_documents, &f->n_left_out, &again);
}

int in_force_load(const char *root, const LastGood *g, Mode configured, Documents *ret_documents, InForce *ret,
                  FaultList *faults) {
        InForce f = {};
        int r;

        assert(root && g);
        assert(ret_documents && ret);
        assert(faults);

        r = documents_load(root, ret_documents, faults);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                note_fault(&f, faults, r);
                r = load_other(root, g, configured, r, ret_documents, &f);
        }
        if (r < 0)
                return r;
        *ret = f;
        return 0;
}

/* ------------------------------------------------------------------ words */

#define TIME_SIZE 32

static const char *format_time(uint64_t usec, char buf[static TIME_SIZE]) {
        time_t seconds = (time_t) (usec / USEC_PER_SEC);
        struct tm tm;

        if (!gmtime_r(&seconds, &tm) || strftime(buf, TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
                (void) strcpy(buf, "unknown time");
        return buf;
}

const char *in_force_format(const InForce *f, char buf[static IN_FORCE_TEXT_MAX]) {
        char time[TIME_SIZE], left_out[96] = "";

        assert(f);

        if (f->n_left_out > 0)
                (void) snprintf(left_out, sizeof(left_out), "; %zu of them cannot be read that far and %s not enforced", f->n_left_out,
                                f->n_left_out == 1 ? "is" : "are");
        switch (f->kind) {
        case IN_FORCE_AS_WRITTEN:
                buf[0] = '\0';
                break;
        case IN_FORCE_LAST_GOOD:
                (void) snprintf(buf, IN_FORCE_TEXT_MAX,
                                "the last good policy, in force since %s, is enforced until the documents are repaired: %.640s",
                                format_time(f->time_usec, time), f->fault);
                break;
        case IN_FORCE_OUTLINES:
                (void) snprintf(buf, IN_FORCE_TEXT_MAX,
                                "there is no last good policy (%s): until the documents are repaired, those with faults deny "
                                "everything if their mode is enforce%s: %.560s",
                                f->no_last_good, left_out, f->fault);
                break;
        }
        return buf;
}

const char *in_force_format_short(const InForce *f, char *buf, size_t size) {
        char time[TIME_SIZE];

        assert(f);
        assert(buf && size > 0);

        if (f->kind == IN_FORCE_LAST_GOOD)
                (void) snprintf(buf, size, " the last good policy of %s, because documents have faults",
                                format_time(f->time_usec, time));
        else if (f->kind == IN_FORCE_OUTLINES)
                (void) snprintf(buf, size, "; documents have faults, and there is no last good policy%s",
                                f->n_left_out > 0 ? ": not enforced" : "");
        else
                buf[0] = '\0';
        return buf;
}
