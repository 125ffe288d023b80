/* SPDX-License-Identifier: Apache-2.0 */

/* A running unbound whose queries the proxy gets: the proxy is a resolver, so that unbound, which wants the servers of the root, gets
 * nowhere. */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/preflight.h"
#include "ctl/unbound-conf.h"
#include "host/config-files.h"

#define UNBOUND "unbound.service"

static bool file_forwards(const CheckTable *t, const char *path) {
        _cleanup_free_ char *text = check_read(t, path);

        return text && unbound_conf_forwards(text);
}

static bool unbound_forwards(const CheckTable *t) {
        static const char folder[] = "/etc/unbound/unbound.conf.d";
        bool found = file_forwards(t, "/etc/unbound/unbound.conf");
        char path[512];
        struct dirent *e;

        (void) snprintf(path, sizeof(path), "%s%s", t->root, folder);
        DIR *d = opendir(path);
        while (d && !found && (e = readdir(d))) {
                const char *end = strrchr(e->d_name, '.');

                if (!end || strcmp(end, ".conf") != 0)
                        continue;
                (void) snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
                found = file_forwards(t, path);
        }
        if (d)
                (void) closedir(d);
        return found;
}

/* By the host's document, or as a forwarder. */
static bool unbound_is_captured(const CheckTable *t) {
        _cleanup_(service_config_done) ServiceConfig config = {};
        _cleanup_(fault_list_done) FaultList faults = {};

        if (t->facts->containers.has_host)
                return true;
        bool listed = false;
        int r = config_files_load(t->root, &config, &faults);
        for (size_t i = 0; r >= 0 && i < config.n_forwarders; i++)
                listed = listed || strcmp(config.forwarders[i], UNBOUND) == 0;
        return listed;
}

void check_unbound(CheckTable *t) {
        if (!t->facts->unbound_active)
                return;
        if (unbound_forwards(t))
                (void) check_add(t, "unbound", CHECK_OK, "forwards to a resolver");
        else if (!unbound_is_captured(t))
                (void) check_add(t, "unbound", CHECK_OK, "asks the servers of the root itself; its queries are not judged");
        else
                check_advise(check_add(t, "unbound", CHECK_WARN, "asks the servers of the root itself, in whose place the DNS proxy answers: "
                                       "names do not resolve"),
                             "add to /etc/unbound/unbound.conf.d a file with \"forward-zone:\", name: \".\" and forward-addr: with a "
                             "resolver's address, and restart unbound; see EXAMPLES in cargowall.conf(5)");
}
