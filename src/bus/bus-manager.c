/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>

#include "bus/bus-internal.h"
#include "bus/bus-text.h"

static const char *const mode_names[] = {
        [MODE_SETTING_ENFORCE] = "enforce",
        [MODE_SETTING_AUDIT] = "audit",
        [MODE_SETTING_OFF] = "off",
        [MODE_SETTING_CONFIGURED] = "configured",
};

const char *bus_mode_to_string(ModeSetting mode) {
        return (size_t) mode < ELEMENTSOF(mode_names) && mode_names[mode] ? mode_names[mode] : "unknown";
}

int bus_mode_from_string(const char *s, ModeSetting *ret) {
        assert(s);

        for (size_t i = 0; i < ELEMENTSOF(mode_names); i++)
                if (mode_names[i] && strcmp(s, mode_names[i]) == 0) {
                        *ret = (ModeSetting) i;
                        return 0;
                }
        return -EINVAL;
}

static int get_text(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                    const char *property, sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *error) {
        const Service *m = ((const Bus *) userdata)->service;
        char fault[SERVICE_FAULT_MAX];
        const char *text;

        if (strcmp(property, "Version") == 0)
                text = CARGOWALL_VERSION;
        else if (strcmp(property, "Mode") == 0)
                text = bus_mode_to_string(service_mode(m));
        else if (strcmp(property, "ConfiguredMode") == 0)
                text = bus_mode_to_string((ModeSetting) service_configured_mode(m));
        else if (strcmp(property, "EffectiveMode") == 0)
                text = bus_mode_to_string((ModeSetting) service_effective_mode(m));
        else if (strcmp(property, "PolicyDigest") == 0)
                text = service_policy_digest(m);
        else if (strcmp(property, "PolicySource") == 0)
                text = service_policy_source(m);
        else if (strcmp(property, "PolicyFault") == 0)
                text = service_policy_fault(m, fault);
        else
                text = service_dns_wiring(m);
        return bus_append_text(reply, text);
}

static int get_enforcing(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                         _unused_ const char *property, sd_bus_message *reply, void *userdata,
                         _unused_ sd_bus_error *error) {
        const Bus *b = userdata;

        return sd_bus_message_append(reply, "b", service_enforcing(b->service));
}

static int get_mode_kept(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                         _unused_ const char *property, sd_bus_message *reply, void *userdata,
                         _unused_ sd_bus_error *error) {
        const Bus *b = userdata;

        return sd_bus_message_append(reply, "b", (int) service_mode_is_kept(b->service));
}

static int get_rule_count(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                          _unused_ const char *property, sd_bus_message *reply, void *userdata,
                          _unused_ sd_bus_error *error) {
        const Bus *b = userdata;

        return sd_bus_message_append(reply, "u", service_n_rules(b->service));
}

static int get_texts(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                     const char *property, sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *error) {
        const Service *m = ((const Bus *) userdata)->service;
        const char *const *texts = NULL;
        size_t n;

        if (strcmp(property, "Upstreams") == 0)
                n = service_upstreams(m, &texts);
        else if (strcmp(property, "RequiredHooks") == 0)
                n = service_required_hooks(m, &texts);
        else
                n = service_achieved_hooks(m, &texts);
        return bus_append_texts(reply, texts, n);
}

static int get_timestamp(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                         const char *property, sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *error) {
        const Bus *b = userdata;

        return sd_bus_message_append(reply, "t",
                                     service_start_usec(b->service, strcmp(property, "StartTimestamp") != 0));
}

static int get_counter(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                       const char *property, sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *error) {
        const Bus *b = userdata;
        ServiceCounters c = {};

        service_counters(b->service, &c);
        const struct {
                const char *name;
                uint64_t value;
        } counters[] = {
                { "ConnectionsAllowed", c.connections_allowed },
                { "ConnectionsDenied", c.connections_denied },
                { "ConnectionsWouldDeny", c.connections_audited },
                { "QueriesAllowed", c.queries_allowed },
                { "QueriesDenied", c.queries_denied },
                { "QueriesWouldDeny", c.queries_audited },
                { "EventsLost", c.events_lost },
        };
        for (size_t i = 0; i < ELEMENTSOF(counters); i++)
                if (strcmp(property, counters[i].name) == 0)
                        return sd_bus_message_append(reply, "t", counters[i].value);
        return -ENOENT;
}

/* Everybody may call: without this flag sd-bus would look up the caller first and block. bus_authorize() decides who
 * may do what. */
#define METHOD(name, in, in_names, out, out_names, handler) \
        SD_BUS_METHOD_WITH_NAMES(name, in, in_names, out, out_names, handler, SD_BUS_VTABLE_UNPRIVILEGED)
#define P SD_BUS_PARAM

/* dbus/org.cargowall1.Manager.xml lists the same in the same order; a test compares them. */
static const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Version", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Mode", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("ModeKept", "b", get_mode_kept, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("ConfiguredMode", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("EffectiveMode", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Enforcing", "b", get_enforcing, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("PolicyDigest", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("PolicySource", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("PolicyFault", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("RuleCount", "u", get_rule_count, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("DNSWiring", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Upstreams", "as", get_texts, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("RequiredHooks", "as", get_texts, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("AchievedHooks", "as", get_texts, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("StartTimestamp", "t", get_timestamp, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("StartTimestampMonotonic", "t", get_timestamp, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Scopes", "ao", bus_get_scopes, 0, SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_PROPERTY("Jobs", "ao", bus_get_jobs, 0, SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_PROPERTY("ConnectionsAllowed", "t", get_counter, 0, 0),
        SD_BUS_PROPERTY("ConnectionsDenied", "t", get_counter, 0, 0),
        SD_BUS_PROPERTY("ConnectionsWouldDeny", "t", get_counter, 0, 0),
        SD_BUS_PROPERTY("QueriesAllowed", "t", get_counter, 0, 0),
        SD_BUS_PROPERTY("QueriesDenied", "t", get_counter, 0, 0),
        SD_BUS_PROPERTY("QueriesWouldDeny", "t", get_counter, 0, 0),
        SD_BUS_PROPERTY("EventsLost", "t", get_counter, 0, 0),

        METHOD("SetMode", "st", P(mode) P(flags), NULL, "", bus_method_set_mode),
        METHOD("SetScopeMode", "sst", P(scope) P(mode) P(flags), NULL, "", bus_method_set_scope_mode),
        METHOD("Reload", NULL, "", NULL, "", bus_method_reload),
        METHOD("LoadPolicy", "ha{sv}", P(policy) P(options), "s", P(digest), bus_method_load_policy),
        METHOD("LoadPolicyString", "sa{sv}", P(policy) P(options), "s", P(digest), bus_method_load_policy_string),
        METHOD("ValidatePolicy", "h", P(policy), "a(sus)", P(faults), bus_method_validate_policy),
        METHOD("ValidatePolicyString", "s", P(policy), "a(sus)", P(faults), bus_method_validate_policy_string),
        METHOD("GetPolicy", "s", P(scope), "sss", P(policy) P(source) P(digest), bus_method_get_policy),
        METHOD("Explain", "sqsa{sv}", P(destination) P(port) P(protocol) P(options), "ssa{sv}",
               P(verdict) P(rule) P(details), bus_method_explain),
        METHOD("ListEvents", "tu", P(since_usec) P(max), "aa{sv}", P(events), bus_method_list_events),
        METHOD("GetDNSStatus", NULL, "", "a{sv}", P(status), bus_method_get_dns_status),
        METHOD("ListLeases", "su", P(scope) P(max), "a(ssst)", P(leases), bus_method_list_leases),
        METHOD("FlushDNSCache", NULL, "", NULL, "", bus_method_flush_dns_cache),
        METHOD("Subscribe", NULL, "", NULL, "", bus_method_subscribe),
        METHOD("Unsubscribe", NULL, "", NULL, "", bus_method_unsubscribe),
        METHOD("BeginJob", "a{sv}", P(labels), "o", P(job), bus_method_begin_job),
        METHOD("AllowOnce", "ost", P(job) P(host) P(duration_usec), NULL, "", bus_method_allow_once),
        METHOD("EndJob", "oa{sv}", P(job) P(options), "a{sv}", P(summary), bus_method_end_job),

        SD_BUS_SIGNAL_WITH_NAMES("ModeChanged", "ss", P(old_mode) P(new_mode), 0),
        SD_BUS_SIGNAL_WITH_NAMES("PolicyReloaded", "s", P(digest), 0),
        SD_BUS_SIGNAL_WITH_NAMES("ConnectionDenied", "a{sv}", P(event), 0),
        SD_BUS_SIGNAL_WITH_NAMES("JobAdded", "o", P(job), 0),
        SD_BUS_SIGNAL_WITH_NAMES("JobRemoved", "o", P(job), 0),
        SD_BUS_VTABLE_END,
};

int bus_add_manager(Bus *b) {
        return sd_bus_add_object_vtable(b->bus, NULL, BUS_PATH, BUS_INTERFACE_MANAGER, manager_vtable, b);
}
