/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/dns-sockets.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

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

/* The order matters: once claimed, a socket cannot be shared by new ones, so those listed afterwards are all. */
static int find_companions(const DnsSockets *d, const int *fds, size_t n_fds, Finding *ret) {
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
        *ret = f;
        return r;
}

/* Takes the sockets of one family, from *n on. If one is shared, none is used: UDP and TCP have the same port. */
static void take_family(DnsSockets *d, const char *unit, const int *passed, size_t n_passed, int *fds, size_t *n) {
        Finding found = {};
        int r = find_companions(d, passed, n_passed, &found);

        if (n_passed > 0 && r >= 0 && found.n == 0) {
                memcpy(fds + *n, passed, n_passed * sizeof(*fds));
                *n += n_passed;
                return;
        }
        for (size_t i = 0; i < n_passed; i++)
                (void) close(passed[i]);
        if (found.n > 0)
                memcpy(d->shared, found.text, sizeof(d->shared));
        if (r < 0)
                log_message(d->context->log, LOG_ERR, "cannot determine whether others share the sockets of %s: %s", unit,
                            strerror(-r));
        log_message(d->context->log, actors_own_path(d->actors) ? LOG_WARNING : LOG_NOTICE,
                    n_passed > 0 ? "the sockets of %s are not used: the DNS proxy listens on a free port of the loopback "
                                   "until the service is restarted" :
                                   "%s passed no sockets: the DNS proxy listens on a free port of the loopback until the "
                                   "service is restarted",
                    unit);
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
        take_family(d, "cargowalld-dns.socket", passed[0], n_passed[0], fds, &n);
        if (n_passed[1] > 0 || access("/proc/net/if_inet6", F_OK) == 0)
                take_family(d, "cargowalld-dns6.socket", passed[1], n_passed[1], fds, &n);
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

        n = dns_proxy_endpoints(engine_proxy(d->context->engine), endpoints, ELEMENTSOF(endpoints));
        r = foreign_sockets_list(endpoints, n, sockets_on_foreign, &f);
        if (r < 0)
                log_message(d->context->log, LOG_ERR, "cannot determine whether others share the DNS proxy's sockets: %s",
                            strerror(-r));
        if (f.n > 0)
                context_emit_type(d->context, EVENT_PROXY_SHARED, NULL, f.text);
        return r < 0 ? r : f.n > 0 ? -EADDRINUSE : 0;
}
