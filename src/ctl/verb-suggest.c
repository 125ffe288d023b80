/* SPDX-License-Identifier: Apache-2.0 */

/* suggest: a policy that allows what the service has recorded. Reads its log files, without using the service. */

#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "cli/suggest-run.h"
#include "cli/time-text.h"
#include "ctl/ctl.h"

/* The file, and those that it was rotated to by the service or logrotate(8). The journal is not the default: it has no
 * connections that were allowed, and not all denials. */
#define LOG_PATTERN "/var/log/cargowall/events.ndjson*"

static int refuse(const char *option, const char *value, const char *reason) {
        complain("%s: %s: %s (see \"cargowallctl help\")", option, value, reason);
        return STATUS_USAGE;
}

static int set_filter(const Ctl *c, SuggestArguments *a) {
        const char *reason = "";

        if (c->scope && recorded_filter_add_scope(&a->filter, c->scope, &reason) < 0)
                return refuse("--scope", c->scope, reason);
        if (c->filter.unit && recorded_filter_add_unit(&a->filter, c->filter.unit, &reason) < 0)
                return refuse("--unit", c->filter.unit, reason);
        if (c->filter.job && recorded_filter_add_job(&a->filter, c->filter.job, &reason) < 0)
                return refuse("--job", c->filter.job, reason);
        suggest_set_since_usec(a, c->since_usec);
        return STATUS_OK;
}

static int status_of(SuggestStatus status) {
        return status == SUGGEST_STATUS_OK ? STATUS_OK : STATUS_FAILED;
}

static void glob_done(glob_t *g) {
        globfree(g);
}

static int run_on_service_logs(const SuggestArguments *a) {
        _cleanup_(glob_done) glob_t g = {};

        int r = glob(LOG_PATTERN, GLOB_ERR | GLOB_NOSORT, NULL, &g);
        if (r == GLOB_NOMATCH || r == GLOB_ABORTED || g.gl_pathc == 0) {
                complain("%s: no log can be read here; root and the group cargowall can. If EventsFile= in "
                         "/etc/cargowall/cargowall.conf names another file, give it; for the journal: journalctl -t cargowalld -o json | "
                         "cargowallctl suggest -", LOG_PATTERN);
                return STATUS_FAILED;
        }
        if (r != 0)
                return ctl_fail(-ENOMEM);
        return status_of(suggest_run(a, (const char *const *) g.gl_pathv, g.gl_pathc));
}

int verb_suggest(Ctl *c, int argc, char **argv) {
        SuggestArguments a = { .options = c->suggest, .program = "cargowallctl", .quiet = c->quiet };

        if (a.options.at_least == 0)
                a.options.at_least = 1;
        int status = set_filter(c, &a);
        if (status != STATUS_OK)
                return status;
        if (argc == 0)
                return run_on_service_logs(&a);
        return status_of(suggest_run(&a, (const char *const *) argv, (size_t) argc));
}
