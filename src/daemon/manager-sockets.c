/* SPDX-License-Identifier: Apache-2.0 */

/* Each socket of the DNS proxy is the proxy's alone. A predecessor that was killed, and a socket unit before the service
 * started, leave sockets that others can share; see host/foreign-sockets.h. */

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "daemon/manager-internal.h"
#include "host/foreign-sockets.h"

typedef struct Finding {
        Manager *manager;
        size_t n;
        char text[FOREIGN_TEXT_MAX]; /* the last */
} Finding;

static void on_foreign(const DnsEndpoint *own, const ExistingSocket *s, void *userdata) {
        const IdentityFacts facts = { .cgroup_id = s->cgroup_id };
        char endpoint[DNS_ENDPOINT_TEXT_MAX];
        const char *cgroup = NULL;
        Finding *f = userdata;

        f->n++;
        if (f->manager->identity)
                cgroup = identity_path_of(f->manager->identity, &facts);
        (void) snprintf(f->text, sizeof(f->text), "%s, with user %" PRIu32 "%s%.64s",
                        dns_endpoint_format(own, endpoint), s->uid, cgroup ? " in " : "", cgroup ?: "");
        log_message(f->manager->log, LOG_CRIT, "a socket of the DNS proxy is shared (%s): end the process that holds it", f->text);
}

/* The order matters: what is claimed gets no further companions, so those that are listed after it are all. */
static int find_companions(Manager *m, const int *fds, size_t n_fds, Finding *ret) {
        DnsEndpoint endpoints[DNS_ENDPOINTS_MAX] = {};
        Finding f = { .manager = m };
        int r = 0;

        for (size_t i = 0; i < n_fds && r >= 0; i++) {
                r = dns_endpoint_claim(fds[i]);
                if (r >= 0)
                        r = dns_endpoint_of_socket(fds[i], &endpoints[i]);
        }
        if (r >= 0)
                r = foreign_sockets_list(endpoints, n_fds, on_foreign, &f);
        *ret = f;
        return r;
}

/* Of one family, from *n on. Where one is shared none is used: UDP and TCP have the same port. */
static void take_family(Manager *m, const char *unit, const int *passed, size_t n_passed, int *fds, size_t *n) {
        Finding found = {};
        int r = find_companions(m, passed, n_passed, &found);

        if (n_passed > 0 && r >= 0 && found.n == 0) {
                memcpy(fds + *n, passed, n_passed * sizeof(*fds));
                *n += n_passed;
                return;
        }
        for (size_t i = 0; i < n_passed; i++)
                (void) close(passed[i]);
        if (found.n > 0)
                memcpy(m->shared_socket, found.text, sizeof(m->shared_socket));
        if (r < 0)
                log_message(m->log, LOG_ERR, "cannot tell whether others share the sockets of %s: %s", unit, strerror(-r));
        log_message(m->log, m->own_path ? LOG_WARNING : LOG_NOTICE,
                    n_passed > 0 ? "the sockets of %s are not used: the DNS proxy listens on a free port of the loopback until "
                                   "the service is restarted" :
                                   "%s passed no sockets: the DNS proxy listens on a free port of the loopback until the "
                                   "service is restarted", unit);
}

size_t manager_take_sockets(Manager *m, int *fds, size_t max) {
        int passed[2][DNS_ENDPOINTS_MAX / 2], fd, family, type;
        size_t n_passed[2] = {}, n = 0;

        assert(max >= DNS_ENDPOINTS_MAX);

        while ((fd = fd_store_take_socket(m->store, "dns-host", &family, &type)) >= 0) {
                bool v6 = family == AF_INET6;

                if (n_passed[v6] < ELEMENTSOF(passed[v6]))
                        passed[v6][n_passed[v6]++] = fd;
                else
                        (void) close(fd);
        }
        take_family(m, "cargowalld-dns.socket", passed[0], n_passed[0], fds, &n);
        if (n_passed[1] > 0 || access("/proc/net/if_inet6", F_OK) == 0)
                take_family(m, "cargowalld-dns6.socket", passed[1], n_passed[1], fds, &n);
        return n;
}

void manager_tell_sockets(Manager *m) {
        if (m->shared_socket[0] != '\0')
                manager_tell_type(m, EVENT_PROXY_SHARED, NULL, m->shared_socket);
}

int manager_check_sockets(Manager *m) {
        Finding f = { .manager = m };
        int r = self_test_foreign_sockets(m->self_test, on_foreign, &f);

        if (r < 0)
                log_message(m->log, LOG_ERR, "cannot tell whether others share the DNS proxy's sockets: %s", strerror(-r));
        if (f.n > 0)
                manager_tell_type(m, EVENT_PROXY_SHARED, NULL, f.text);
        return r < 0 ? r : f.n > 0 ? -EADDRINUSE : 0;
}
