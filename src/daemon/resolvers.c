/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/resolvers.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "host/resolved.h"
#include "host/upstreams.h"

struct Resolvers {
        const Context *context; /* borrowed */
        Upstreams *upstreams;
        char **texts;
        size_t n_texts;
        sd_bus *bus; /* while systemd-resolved is flushing its cache */
        sd_bus_slot *slot;
};

static void free_texts(Resolvers *r) {
        for (size_t i = 0; i < r->n_texts; i++)
                free(r->texts[i]);
        free(r->texts);
}

static int set_texts(Resolvers *r, const DnsServer *servers, size_t n) {
        char **texts = calloc(n + 1, sizeof(*texts)), text[DNS_SERVER_TEXT_MAX];

        if (!texts)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                texts[i] = strdup(dns_server_format(&servers[i], text));
        free_texts(r);
        r->texts = texts;
        r->n_texts = n;
        return 0;
}

static bool texts_are(const Resolvers *r, const DnsServer *servers, size_t n) {
        char text[DNS_SERVER_TEXT_MAX];
        bool same = n == r->n_texts;

        for (size_t i = 0; i < n && same; i++)
                same = strcmp(dns_server_format(&servers[i], text), r->texts[i]) == 0;
        return same;
}

static void log_missing(const Context *c, int error) {
        if (error == -ENOENT)
                log_message(c->log, LOG_WARNING,
                            "no upstream resolver is known: names do not resolve until /etc/resolv.conf or systemd-resolved has "
                            "one. A resolver on this machine must be named in [DNS] Forwarders=, see cargowall.conf(5)");
        else
                log_message(c->log, LOG_WARNING, "cannot determine the system resolvers (%s): names do not resolve",
                            strerror(-error));
}

static void on_upstreams(int error, const DnsServer *servers, size_t n, void *userdata) {
        Resolvers *r = userdata;
        const Context *c = r->context;
        bool same;
        int k;

        if (error < 0 && n == 0) {
                log_missing(c, error);
                return;
        }
        if (error < 0) {
                log_message(c->log, LOG_WARNING, "cannot determine the system resolvers (%s), keeping the current ones",
                            error == -ENOENT ? "none is configured" : strerror(-error));
                return;
        }
        same = texts_are(r, servers, n);
        k = engine_set_servers(c->engine, servers, n);
        if (k >= 0)
                k = set_texts(r, servers, n);
        if (k < 0) {
                log_message(c->log, LOG_ERR, "cannot use the new upstream resolvers (%s), keeping the current ones",
                            strerror(-k));
                return;
        }
        if (same) {
                log_message(c->log, LOG_INFO, "the domains of a link or of resolved.conf changed, or systemd-resolved was started: "
                                              "cached answers are looked up again");
                return;
        }
        log_message(c->log, LOG_INFO, "upstream resolvers changed, the first is %s", r->texts[0]);
        context_notify(c, upstreams_changed);
}

static int parse_configured(const Context *c, DnsServer ret[static DNS_UPSTREAM_SERVERS_MAX], size_t *ret_n) {
        size_t n = MIN(c->config->n_upstreams, (size_t) DNS_UPSTREAM_SERVERS_MAX);

        for (size_t i = 0; i < n; i++) {
                int r = dns_server_parse(c->config->upstreams[i], DNS_SERVER_PORT, &ret[i]);

                if (r == -ENODEV)
                        log_message(c->log, LOG_ERR, "[DNS] Upstream=%s: no such interface", c->config->upstreams[i]);
                if (r < 0)
                        return r;
        }
        *ret_n = n;
        return 0;
}

static int start(Resolvers *r) {
        const Context *c = r->context;
        DnsServer configured[DNS_UPSTREAM_SERVERS_MAX];
        const DnsServer *servers;
        size_t n = 0;
        int k;

        k = parse_configured(c, configured, &n);
        if (k < 0)
                return k;
        k = upstreams_check(configured, n);
        if (k >= 0)
                k = upstreams_new(c->event, &upstream_files_default, upstream_locals(c->config), configured, n,
                                  on_upstreams, r, &r->upstreams);
        if (k == -ELOOP)
                log_message(c->log, LOG_ERR,
                            "[DNS] Upstream= names this service or systemd-resolved's stub, which asks "
                            "this service");
        else if (k < 0)
                log_message(c->log, LOG_ERR, "cannot follow the upstream resolvers: %s", strerror(-k));
        if (k < 0)
                return k;
        n = upstreams_get(r->upstreams, &servers);
        if (n == 0)
                log_missing(c, upstreams_error(r->upstreams));
        return set_texts(r, servers, n);
}

int resolvers_new(const Context *c, Resolvers **ret) {
        _cleanup_(resolvers_freep) Resolvers *r = calloc(1, sizeof(*r));

        assert(c);
        assert(ret);

        if (!r)
                return -ENOMEM;
        r->context = c;
        int k = start(r);
        if (k < 0)
                return k;
        *ret = TAKE_PTR(r);
        return 0;
}

Resolvers *resolvers_free(Resolvers *r) {
        if (!r)
                return NULL;
        sd_bus_slot_unref(r->slot);
        sd_bus_close_unref(r->bus);
        upstreams_free(r->upstreams);
        free_texts(r);
        free(r);
        return NULL;
}

size_t resolvers_servers(const Resolvers *r, const DnsServer **ret) {
        assert(r);
        assert(ret);

        return upstreams_get(r->upstreams, ret);
}

size_t resolvers_texts(const Resolvers *r, const char *const **ret) {
        assert(r);
        assert(ret);

        *ret = (const char *const *) r->texts;
        return r->n_texts;
}

bool resolvers_have_sockets(void) {
        return access(upstream_files_default.socket, F_OK) >= 0;
}

int resolvers_forget_answers(Resolvers *r) {
        const DnsServer *servers;

        assert(r);

        size_t n = upstreams_get(r->upstreams, &servers);
        return engine_set_servers(r->context->engine, servers, n);
}

/* ------------------------------------------------------------------ systemd-resolved's cache */

static void on_flushed(int error, void *userdata) {
        Resolvers *r = userdata;

        if (error < 0)
                log_message(r->context->log, LOG_NOTICE,
                            "systemd-resolved did not flush its cache (%s): cached names "
                            "are not looked up again until they expire",
                            strerror(-error));
        r->slot = sd_bus_slot_unref(r->slot);
        (void) sd_bus_detach_event(r->bus);
        r->bus = sd_bus_close_unref(r->bus);
}

void resolvers_flush_cache(Resolvers *r) {
        assert(r);

        if (r->bus || sd_bus_open_system(&r->bus) < 0)
                return;
        if (sd_bus_attach_event(r->bus, r->context->event, 0) < 0 ||
            resolved_flush_caches(r->bus, on_flushed, r, &r->slot) < 0)
                r->bus = sd_bus_close_unref(r->bus);
}
