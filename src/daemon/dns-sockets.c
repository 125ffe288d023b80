/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/dns-sockets.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "basic/macro.h"

#define FOREIGN_TEXT_MAX 160

struct DnsSockets {
        const Context *context; /* borrowed, like actors */
        Actors *actors;
        char shared[FOREIGN_TEXT_MAX]; /* the last one not used because others share it; "": none */
};

int dns_sockets_new(const Context *c, Actors *actors, DnsSockets **ret) {
        DnsSockets *d = calloc(1, sizeof(*d));

        assert(c);
        assert(actors);
        assert(ret);

        if (!d)
                return -ENOMEM;
        d->context = c;
        d->actors = actors;
        *ret = d;
        return 0;
}

DnsSockets *dns_sockets_free(DnsSockets *d) {
        free(d);
        return NULL;
}

typedef struct Finding {
        const DnsSockets *sockets;
        size_t n;
        char text[FOREIGN_TEXT_MAX]; /* the last one */
} Finding;

static void sockets_on_foreign(const DnsEndpoint *own, const ExistingSocket *s, void *userdata) {
        const IdentityFacts facts = { .cgroup_id = s->cgroup_id };
        char endpoint[DNS_ENDPOINT_TEXT_MAX];
        const char *cgroup = NULL;
        Finding *f = userdata;

        f->n++;
        cgroup = actors_path_of(f->sockets->actors, &facts);
        (void) snprintf(f->text, sizeof(f->text), "%s, with user %" PRIu32 "%s%.64s",
                        dns_endpoint_format(own, endpoint), s->uid, cgroup ? " in " : "", cgroup ?: "");
        log_message(f->sockets->context->log, LOG_CRIT,
                    "a socket of the DNS proxy is shared (%s): kill the process that holds it", f->text);
}

/* Not having the kernel's list of sockets matters only where users may bind the port. */
static int check_unlisted(const DnsEndpoint *endpoints, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (endpoints[i].port >= unprivileged_port_start())
                        return -ENOENT;
        return 0;
}

/* The order matters: once claimed, a socket cannot be shared by new ones, so those listed afterwards are all. */
static int find_foreign(const DnsSockets *d, const int *fds, size_t n_fds, Finding *ret) {
        DnsEndpoint endpoints[DNS_ENDPOINTS_MAX] = {};
        Finding f = { .sockets = d };
        int r = 0;

        for (size_t i = 0; i < n_fds && r >= 0; i++) {
                r = dns_endpoint_claim(fds[i]);
                if (r >= 0)
                        r = dns_endpoint_of_socket(fds[i], &endpoints[i]);
        }
        if (r >= 0)
                r = foreign_sockets_list(endpoints, n_fds, sockets_on_foreign, &f);
        if (r == -ENOENT)
                r = check_unlisted(endpoints, n_fds);
        *ret = f;
        return r;
}

/* Are all passed sockets of one family usable? If one is shared, none is used: UDP and TCP have the same port. */
static bool is_usable(DnsSockets *d, const char *unit, const int *passed, size_t n_passed) {
        Finding found = {};
        int r;

        if (n_passed == 0)
                return false;
        r = find_foreign(d, passed, n_passed, &found);
        if (found.n > 0)
                memcpy(d->shared, found.text, sizeof(d->shared));
        if (r == -ENOENT)
                log_message(d->context->log, LOG_ERR,
                            "cannot determine whether others share the sockets of %s: the kernel modules tcp_diag and "
                            "udp_diag are not available",
                            unit);
        else if (r < 0)
                log_message(d->context->log, LOG_ERR, "cannot determine whether others share the sockets of %s: %s", unit,
                            strerror(-r));
        return r >= 0 && found.n == 0;
}

static void log_free(const DnsSockets *d, const char *unit, bool passed) {
        log_message(d->context->log, actors_own_path(d->actors) ? LOG_WARNING : LOG_NOTICE,
                    passed ? "the sockets of %s are not used: the DNS proxy listens on a free port of the loopback until the "
                             "service is restarted" :
                             "%s passed no sockets: the DNS proxy listens on a free port of the loopback until the service is "
                             "restarted",
                    unit);
}

/* Sockets on a free port, UDP and TCP: those of a predecessor, whose clients then notice nothing, or new ones, stored
 * for a successor. Without an address of this family there are none. Returns how many. */
static size_t take_free(const DnsSockets *d, int family, int ret_fds[static 2]) {
        static const char *const names[2][2] = {
                { FD_STORE_SOCKET_PREFIX "udp4", FD_STORE_SOCKET_PREFIX "tcp4" },
                { FD_STORE_SOCKET_PREFIX "udp6", FD_STORE_SOCKET_PREFIX "tcp6" },
        };
        const char *const *name = names[family == AF_INET6];
        FdStore *store = d->context->store;
        DnsEndpoint udp, tcp;
        int fds[2];

        fds[0] = fd_store_take(store, name[0]);
        fds[1] = fd_store_take(store, name[1]);
        if (fds[0] >= 0 && fds[1] >= 0 && dns_endpoint_of_socket(fds[0], &udp) >= 0 &&
            dns_endpoint_of_socket(fds[1], &tcp) >= 0 && udp.protocol == IPPROTO_UDP && tcp.protocol == IPPROTO_TCP &&
            udp.port == tcp.port && in_addr_is_v4(&udp.addr) == (family == AF_INET) && in_addr_equal(&udp.addr, &tcp.addr)) {
                memcpy(ret_fds, fds, sizeof(fds));
                return 2;
        }
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                if (fds[i] >= 0)
                        (void) close(fds[i]);
        if (dns_endpoint_bind_free(family, fds) < 0)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
                int r = fd_store_push(store, name[i], fds[i]);

                if (r < 0)
                        log_message(d->context->log, LOG_WARNING,
                                    "the service manager does not keep a socket of the DNS proxy (%s): queries fail while "
                                    "the service restarts",
                                    strerror(-r));
        }
        memcpy(ret_fds, fds, sizeof(fds));
        return 2;
}

/* Takes the sockets of one family, from *n on. */
static void take_family(DnsSockets *d, int family, const int *passed, size_t n_passed, int *fds, size_t *n) {
        const char *unit = family == AF_INET ? "cargowalld-dns.socket" : "cargowalld-dns6.socket";

        if (is_usable(d, unit, passed, n_passed)) {
                memcpy(fds + *n, passed, n_passed * sizeof(*fds));
                *n += n_passed;
                return;
        }
        for (size_t i = 0; i < n_passed; i++)
                (void) close(passed[i]);
        log_free(d, unit, n_passed > 0);
        *n += take_free(d, family, fds + *n);
}

size_t dns_sockets_take(DnsSockets *d, int fds[static DNS_ENDPOINTS_MAX]) {
        int passed[2][DNS_ENDPOINTS_MAX / 2], fd, family, type;
        size_t n_passed[2] = {}, n = 0;

        assert(d);

        while ((fd = fd_store_take_socket(d->context->store, "dns-host", &family, &type)) >= 0) {
                bool v6 = family == AF_INET6;

                if (n_passed[v6] < ELEMENTSOF(passed[v6]))
                        passed[v6][n_passed[v6]++] = fd;
                else
                        (void) close(fd);
        }
        take_family(d, AF_INET, passed[0], n_passed[0], fds, &n);
        if (n_passed[1] > 0 || access("/proc/net/if_inet6", F_OK) == 0)
                take_family(d, AF_INET6, passed[1], n_passed[1], fds, &n);
        return n;
}

void dns_sockets_report(const DnsSockets *d) {
        assert(d);

        if (d->shared[0] != '\0')
                context_emit_type(d->context, EVENT_PROXY_SHARED, NULL, d->shared);
}

int dns_sockets_check(const DnsSockets *d) {
        DnsEndpoint endpoints[DNS_ENDPOINTS_MAX];
        Finding f = { .sockets = d };
        size_t n;
        int r;

        assert(d);

        n = engine_dns_endpoints(d->context->engine, endpoints, ELEMENTSOF(endpoints));
        r = foreign_sockets_list(endpoints, n, sockets_on_foreign, &f);
        if (r == -ENOENT) /* not listed, but bound by root, or our own and never open to others */
                r = 0;
        if (r < 0)
                log_message(d->context->log, LOG_ERR, "cannot determine whether others share the DNS proxy's sockets: %s",
                            strerror(-r));
        if (f.n > 0)
                context_emit_type(d->context, EVENT_PROXY_SHARED, NULL, f.text);
        return r < 0 ? r : f.n > 0 ? -EADDRINUSE : 0;
}
