/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>

#include "bus/bus-error.h"
#include "bus/bus-event.h"
#include "bus/bus-internal.h"
#include "bus/bus-text.h"
#include "policy/pattern.h"

#define EVENTS_MAX 1000U
#define LEASES_MAX 10000U

static int invalid(sd_bus_error *error, const char *text) {
        return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, text);
}

/* 0: the maximum. */
static size_t clamp(uint32_t wanted, uint32_t max) {
        return wanted == 0 ? max : MIN(wanted, max);
}

/* ------------------------------------------------------------------ mode, reload, DNS cache */

static int mode_error(sd_bus_error *error, int r, const char *scope) {
        if (r == -ENOENT)
                return bus_error_set(error, BUS_ERROR_NO_SUCH_SCOPE, "There is no scope \"", scope, "\".");
        if (r == -EOPNOTSUPP)
                return invalid(error, "What was granted to a job has no mode of its own: it applies as long as the job's policy does.");
        return bus_error_set(error, SD_BUS_ERROR_IO_ERROR, "The mode cannot be kept over reboots, so it was not changed: ",
                             strerror(-r), ".");
}

/* scope NULL: all of them. */
static int set_mode(Bus *b, sd_bus_message *m, const char *scope, const char *text, uint64_t flags,
                    sd_bus_message_handler_t handler, sd_bus_error *error) {
        const char *details[] = { "mode", text, scope ? "scope" : NULL, scope, NULL };
        ModeSetting mode;
        Caller caller;
        int r;

        if (bus_mode_from_string(text, &mode) < 0)
                return invalid(error, "The mode must be enforce, audit, off or configured.");
        if ((flags & ~BUS_MODE_KEEP) != 0)
                return invalid(error, "Flags must be 0, or 1 to keep the mode over reboots.");

        /* Returning to a configuration that is off also turns the firewall off. */
        const char *action = service_mode_disables(b->service, scope, mode) ? ACTION_DISABLE : ACTION_SET_MODE;
        r = bus_authorize(b, m, action, details, handler, &caller, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        /* The configuration may have changed while polkit was asked, so that the call needs the other action. */
        if (service_mode_disables(b->service, scope, mode) && strcmp(action, ACTION_DISABLE) != 0)
                r = sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED, "The configuration has changed; try again.");
        else {
                r = service_set_mode(b->service, scope, mode, (flags & BUS_MODE_KEEP) != 0);
                if (r < 0)
                        r = mode_error(error, r, scope ?: "");
        }
        if (bus_note_result(b, action, &caller, r, error) < 0)
                return r;
        return sd_bus_reply_method_return(m, NULL);
}

int bus_method_set_mode(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *text;
        uint64_t flags;

        int r = sd_bus_message_read(m, "st", &text, &flags);
        return r < 0 ? r : set_mode(userdata, m, NULL, text, flags, bus_method_set_mode, error);
}

int bus_method_set_scope_mode(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *scope, *text;
        Bus *b = userdata;
        uint64_t flags;
        size_t i;

        int r = sd_bus_message_read(m, "sst", &scope, &text, &flags);
        if (r >= 0)
                r = bus_find_scope(b, scope, &i, error);
        return r < 0 ? r : set_mode(b, m, scope, text, flags, bus_method_set_scope_mode, error);
}

int bus_method_reload(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(fault_list_done) FaultList faults = {};
        Bus *b = userdata;
        Caller caller;
        int r;

        r = bus_authorize(b, m, ACTION_RELOAD, NULL, bus_method_reload, &caller, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = service_reload(b->service, &faults);
        if (r < 0)
                r = bus_error_set_rejected(error, r, &faults);
        if (bus_note_result(b, ACTION_RELOAD, &caller, r, error) < 0)
                return r;
        return sd_bus_reply_method_return(m, NULL);
}

int bus_method_flush_dns_cache(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *b = userdata;
        Caller caller;
        int r;

        r = bus_authorize(b, m, ACTION_FLUSH_DNS, NULL, bus_method_flush_dns_cache, &caller, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = service_flush_dns_cache(b->service);
        if (bus_note_result(b, ACTION_FLUSH_DNS, &caller, r, error) < 0)
                return r;
        return sd_bus_reply_method_return(m, NULL);
}

/* ------------------------------------------------------------------ explain */

static int read_option(sd_bus_message *m, const char *const *keys, const char **values, size_t n, sd_bus_error *error) {
        const char *key, *type;
        size_t i = 0;

        int r = sd_bus_message_read_basic(m, SD_BUS_TYPE_STRING, &key);
        if (r < 0)
                return r;
        r = sd_bus_message_peek_type(m, NULL, &type);
        if (r < 0)
                return r;
        while (i < n && strcmp(key, keys[i]) != 0)
                i++;
        if (i == n)
                return bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "There is no option \"", key, "\".");
        if (strcmp(type, "s") != 0)
                return bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "The option \"", key, "\" must be a string.");
        r = sd_bus_message_read(m, "v", "s", &values[i]);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

int bus_read_options(sd_bus_message *m, const char *const *keys, const char **values, size_t n, sd_bus_error *error) {
        int r = sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, "{sv}");

        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv")) > 0) {
                r = read_option(m, keys, values, n, error);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

int bus_read_scope_option(sd_bus_message *m, const char **ret, sd_bus_error *error) {
        *ret = SCOPE_HOST;
        return bus_read_options(m, (const char *const[]) { "scope" }, ret, 1, error);
}

static int parse_destination(const char *host, uint16_t port, const char *protocol, Destination *ret,
                             sd_bus_error *error) {
        Destination d = { .port = port };
        const char *reason;

        if (in_addr_parse(host, &d.addr) < 0 && hostname_canonical(host, false, d.name, &reason) < 0)
                return bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                     "The destination is not an address or a name: ", reason, ".");
        if (!destination_protocol_parse(protocol, &d.protocol))
                return invalid(error, "The protocol must be " DESTINATION_PROTOCOLS ".");
        if (destination_has_port(d.protocol) != (port != 0))
                return invalid(error, "A port from 1 to 65535 is needed; icmp has none: use 0.");
        if (d.name[0] == '\0')
                destination_fix_protocol(&d);
        *ret = d;
        return 0;
}

/* The option "via"; text NULL: absent, and *ret is NULL. */
static int parse_via(const char *text, const Destination *d, char buf[static HOST_NAME_TEXT_MAX], const char **ret,
                     sd_bus_error *error) {
        const char *reason;

        *ret = NULL;
        if (!text)
                return 0;
        if (d->name[0] != '\0')
                return invalid(error, "With the option \"via\", the destination must be an address.");
        if (hostname_canonical(text, false, buf, &reason) < 0)
                return bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                     "The option \"via\" is not a host name: ", reason, ".");
        *ret = buf;
        return 0;
}

/* A scope that is off has no policy to evaluate: all traffic passes. */
static int reply_off(sd_bus_message *m, const char *scope, const Explanation *e) {
        return sd_bus_reply_method_return(m, "ssa{sv}", "allow", "", 6, "reason", "s", "off", "action", "s", "allow",
                                          "mode", "s", "off", "resolver_refuses", "b", (int) e->resolver_refuses,
                                          "scope", "s", scope, "text", "s", e->resolver_refuses ?
                                          "The scope is off: all traffic passes." RESOLVER_REFUSES :
                                          "The scope is off: all traffic passes.");
}

static int append_details(sd_bus_message *reply, const ServiceScope *scope, const Policy *policy, const Destination *d,
                          const Explanation *e) {
        char text[BUS_TEXT_MAX] = "";

        int r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}", "reason", "s", reason_to_string(e->reason),
                                          "action", "s", action_to_string(e->action), "mode", "s",
                                          bus_mode_to_string((ModeSetting) scope->mode), "name_refused", "b",
                                          (int) e->name_refused);
        if (r >= 0 && e->rule != RULE_NONE)
                r = sd_bus_message_append(reply, "{sv}", "tier", "s", tier_to_string(e->tier));
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}", "resolver_refuses", "b", (int) e->resolver_refuses);
        if (r >= 0 && e->own_addr)
                r = sd_bus_message_append(reply, "{sv}", "action_elsewhere", "s", action_to_string(e->elsewhere));
        if (r >= 0)
                r = bus_append_entry_text(reply, "scope", scope->name);
        if (r < 0)
                return r;
        if (policy)
                (void) explanation_format(policy, d, e, text, sizeof(text));
        if (scope->narrows && e->verdict == ACTION_ALLOW)
                strncat(text, " The policy of the job's unit must allow it as well.", sizeof(text) - strlen(text) - 1);
        r = bus_append_entry_text(reply, "text", text);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int reply_explanation(sd_bus_message *m, const ServiceScope *scope, const Policy *policy, const Destination *d,
                             const Explanation *e) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const Rule *rule = policy ? policy_rule(policy, e->rule) : NULL;
        _cleanup_free_ char *text = rule ? rule_to_string(rule) : NULL;

        if (rule && !text)
                return -ENOMEM;
        int r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_append(reply, "s", action_to_string(e->verdict));
        if (r >= 0)
                r = bus_append_text(reply, text);
        if (r >= 0)
                r = append_details(reply, scope, policy, d, e);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static bool is_own_scope(const Bus *b, const Caller *caller, const char *scope) {
        _cleanup_free_ char *unit = NULL, *cgroup = NULL;

        return caller->uid == 0 ||
               (bus_unit_of(b, caller, &unit, &cgroup) >= 0 && service_judges(b->service, scope, cgroup));
}

/* Everybody may ask about the policy of their own unit, which they could find out by trying. What other units may
 * reach is only for those who may view events. Returns as bus_authorize() does. */
static int authorize_explain(Bus *b, sd_bus_message *m, const char *scope, sd_bus_error *error) {
        Caller caller;

        int r = polkit_identify(b->polkit, m, bus_method_explain, b, &caller, error);
        if (r <= 0)
                return r;
        if (is_own_scope(b, &caller, scope)) {
                r = bus_spend(b, &caller, error);
                return r < 0 ? r : 1;
        }
        r = bus_authorize(b, m, ACTION_VIEW_EVENTS, (const char *const[]) { "scope", scope, NULL }, bus_method_explain,
                          &caller, error);
        if (r > 0)
                (void) bus_note_result(b, ACTION_VIEW_EVENTS, &caller, 0, NULL);
        return r;
}

int bus_method_explain(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const char *const keys[] = { "scope", "via" };
        const char *host, *protocol, *via, *options[] = { SCOPE_HOST, NULL };
        char buf[HOST_NAME_TEXT_MAX];
        const Policy *policy = NULL;
        Bus *b = userdata;
        ServiceScope scope;
        Destination d;
        Explanation e;
        uint16_t port;
        size_t i;
        int r;

        r = sd_bus_message_read(m, "sqs", &host, &port, &protocol);
        if (r < 0)
                return r;
        r = bus_read_options(m, keys, options, ELEMENTSOF(keys), error);
        if (r < 0)
                return r;
        r = parse_destination(host, port, protocol, &d, error);
        if (r < 0)
                return r;
        r = parse_via(options[1], &d, buf, &via, error);
        if (r < 0)
                return r;
        r = bus_find_scope(b, options[0], &i, error);
        if (r < 0)
                return r;
        r = authorize_explain(b, m, options[0], error);
        if (r <= 0)
                return r < 0 ? r : 1;
        service_scope(b->service, i, &scope);
        r = service_explain(b->service, options[0], &d, via, &e, &policy);
        if (r < 0)
                return r;
        return !policy ? reply_off(m, options[0], &e) : reply_explanation(m, &scope, policy, &d, &e);
}

/* ------------------------------------------------------------------ lists */

typedef struct List {
        sd_bus_message *reply; /* borrowed */
        int result;            /* the first error */
} List;

static void append_event(const Event *e, void *userdata) {
        List *list = userdata;

        if (list->result < 0)
                return;
        list->result = bus_event_append(list->reply, e, 0);
}

int bus_method_list_events(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        List list = {};
        Bus *b = userdata;
        uint64_t since;
        Caller caller;
        uint32_t max;
        int r;

        r = sd_bus_message_read(m, "tu", &since, &max);
        if (r < 0)
                return r;
        r = bus_authorize(b, m, ACTION_VIEW_EVENTS, NULL, bus_method_list_events, &caller, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, "a{sv}");
        if (r >= 0) {
                list.reply = reply;
                service_recent_events(b->service, since, clamp(max, EVENTS_MAX), append_event, &list);
                r = list.result;
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (bus_note_result(b, ACTION_VIEW_EVENTS, &caller, r, error) < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}

static void append_lease(const char *scope, const InAddr *addr, const char *name, uint64_t remaining_usec,
                         void *userdata) {
        char text[IN_ADDR_TEXT_MAX];
        List *list = userdata;

        if (list->result < 0)
                return;
        int r = sd_bus_message_open_container(list->reply, SD_BUS_TYPE_STRUCT, "ssst");
        if (r >= 0)
                r = bus_append_text(list->reply, scope);
        if (r >= 0)
                r = sd_bus_message_append(list->reply, "s", in_addr_format(addr, text));
        if (r >= 0)
                r = bus_append_text(list->reply, name);
        if (r >= 0)
                r = sd_bus_message_append(list->reply, "t", remaining_usec);
        list->result = r < 0 ? r : sd_bus_message_close_container(list->reply);
}

static int append_leases(Bus *b, const char *scope, uint32_t max, sd_bus_message *reply, sd_bus_error *error) {
        List list = { .reply = reply };
        size_t i;
        int r;

        if (scope[0] != '\0') {
                r = bus_find_scope(b, scope, &i, error);
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, "(ssst)");
        if (r < 0)
                return r;
        r = service_for_each_lease(b->service, scope[0] != '\0' ? scope : NULL, clamp(max, LEASES_MAX), append_lease,
                                   &list);
        if (r < 0)
                return bus_error_set_service(error, r);
        return list.result < 0 ? list.result : sd_bus_message_close_container(reply);
}

int bus_method_list_leases(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Bus *b = userdata;
        const char *scope;
        Caller caller;
        uint32_t max;
        size_t i;
        int r;

        r = sd_bus_message_read(m, "su", &scope, &max);
        if (r < 0)
                return r;
        if (scope[0] != '\0') {
                r = bus_find_scope(b, scope, &i, error);
                if (r < 0)
                        return r;
        }
        r = bus_authorize(b, m, ACTION_VIEW_EVENTS, NULL, bus_method_list_leases, &caller, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = append_leases(b, scope, max, reply, error);
        if (bus_note_result(b, ACTION_VIEW_EVENTS, &caller, r, error) < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}

int bus_method_get_dns_status(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error) {
        const Bus *b = userdata;
        ServiceDnsStatus s = {};

        service_dns_status(b->service, &s);
        return sd_bus_reply_method_return(m, "a{sv}", 13, "queries", "t", s.queries, "refused", "t", s.refused,
                                          "cache_hits", "t", s.cache_hits, "malformed", "t", s.malformed,
                                          "upstream_failures", "t", s.upstream_failures, "lease_failures", "t",
                                          s.lease_failures, "tcp_connections", "t", s.tcp_connections, "leases", "t",
                                          s.n_leases, "cached", "t", s.n_cached, "withheld", "t", s.withheld,
                                          "expanded", "t", s.expanded, "local", "t", s.local, "limited", "t", s.limited);
}
