/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/engine-start.h"

#include <pwd.h>
#include <string.h>
#include <syslog.h>

#include "basic/clock.h"
#include "daemon/existing.h"
#include "daemon/records.h"
#include "daemon/service-parts.h"
#include "handover/inheritance.h"

static void on_event(const Event *e, void *userdata) {
        events_on_event(e, ((Service *) userdata)->events);
}

static bool on_client(const EngineClient *client, uint32_t *chain, void *userdata) {
        return assign_client(client, chain, ((Service *) userdata)->assign);
}

static void on_lease(const Layer *layer, const Lease *lease, void *userdata) {
        const Service *s = userdata;

        if (!s->restoring)
                records_put_lease(&s->context, layer, lease);
}

static void on_not_local(const InAddr *addr, int error, void *userdata) {
        const Service *s = userdata;
        char text[IN_ADDR_TEXT_MAX];

        log_message(s->context.log, LOG_WARNING,
                    "cannot register the machine's own address %s (%s): connections to it, and to others that are added, "
                    "are judged by the policy; allow them there",
                    in_addr_format(addr, text), strerror(-error));
}

static void on_forgery(const Endpoint *server, void *userdata) {
        const Service *s = userdata;
        char text[ENDPOINT_TEXT_MAX];

        log_message(s->context.log, LOG_WARNING,
                    "datagrams from the upstream resolver %s answer no query, or were sent by this machine: somebody forges "
                    "answers, or a NAT rule redirects queries to a resolver on this machine (then name that one as the "
                    "upstream). Queries use TCP for the next 10 minutes",
                    endpoint_format(server, text));
}

/* Called with the maps loaded and nothing attached yet, or with a predecessor's programs attached. */
static int fill(Engine *e, void *userdata) {
        Service *s = userdata;
        Context *c = &s->context;
        int r;

        c->engine = e;
        s->restoring = true;
        follow_restore(s->follow); /* their service managers are assigned to them at once */
        r = actors_follow(s->actors);
        if (r >= 0 && follow_update(s->follow)) /* of units that run already */
                assign_all(s->assign);
        if (r >= 0)
                r = records_restore_leases(c, clock_nsec(CLOCK_BOOTTIME));
        s->restoring = false;
        if (r >= 0 && s->config.existing_connections == EXISTING_KEEP && !handover_has_predecessor(c->handover))
                r = existing_connections_keep(c);
        if (r < 0)
                c->engine = NULL;
        else /* recorded first: flows carry their ids */
                records_put_layers(c);
        return r;
}

int service_start_engine(Service *s, const char **ret_what) {
        Context *c = &s->context;
        /* Flows are meaningless without the policy ids they were judged under. */
        _cleanup_(inheritance_done) Inheritance inheritance = {
                .store = c->store,
                .pin_directory = HOOKS_PIN_DIRECTORY,
                .with_maps = handover_has_predecessor(c->handover),
        };
        static const uint8_t rcodes[_DNS_REFUSAL_MAX] = {
                [DNS_REFUSAL_NXDOMAIN] = DNS_RCODE_NXDOMAIN,
                [DNS_REFUSAL_REFUSED] = DNS_RCODE_REFUSED,
                [DNS_REFUSAL_NODATA] = DNS_RCODE_NOERROR,
        };
        _cleanup_free_ LayerSpec *specs = NULL;
        const struct passwd *network_user = getpwnam("systemd-network");
        size_t n_specs;
        int fds[DNS_ENDPOINTS_MAX], r;
        EngineOptions o = {
                .dns_refusal = rcodes[s->config.dns_refusal],
                .dns_fds = fds,
                .n_dns_fds = dns_sockets_take(s->sockets, fds),
                .cgroup_fd = actors_root_fd(s->actors),
                .cgroup_id = actors_root_id(s->actors),
                .own_cgroup_fd = actors_root_fd(s->actors),
                .many_layers = true,
                .network_uid = network_user ? network_user->pw_uid : 0,
                .has_self = actors_own_path(s->actors) != NULL,
                .optional_hooks = ~s->config.required_hooks,
                .unused_hooks = s->config.name_services == NAME_SERVICES_ALLOW ? CW_HOOKS_NAME_SERVICE : 0,
                .inherit = inheritance_get,
                .inherit_userdata = &inheritance,
                .on_event = on_event,
                .on_client = on_client,
                .on_lease = on_lease,
                .on_not_local = on_not_local,
                .on_forgery = on_forgery,
                .last_policy_id = handover_last_policy_id(c->handover),
                .first_sequence = handover_next_sequence(c->handover),
                .userdata = s,
        };

        o.n_servers = resolvers_servers(s->resolvers, &o.servers);
        r = policies_make_specs(s->policies, &specs, &n_specs);
        if (r >= 0)
                r = engine_new(c->event, &o, specs, n_specs, fill, &c->engine, ret_what);
        if (r < 0)
                c->engine = NULL;
        return r;
}
