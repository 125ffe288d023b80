/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rule-json.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "policy/record-type.h"

/* The text of one rule. */
typedef struct RuleText {
        const char *value; /* borrowed; NULL if missing */
        RuleType type;
        Action action;
        bool has_type;
        bool has_action;
        bool has_allow_private;
        bool has_types;
        RuleOptions options;
        PortRange ports[RULE_PORTS_MAX];
        size_t n_ports;
} RuleText;

typedef struct PortText {
        json_object *port;    /* borrowed */
        const char *protocol; /* borrowed */
} PortText;

static bool protocol_is_known(const char *name) {
        char text[32];
        PortRange range;

        return snprintf(text, sizeof(text), "1/%s", name) < (int) sizeof(text) &&
               port_range_parse(text, &range) != -EINVAL;
}

static void add_range(FaultList *faults, const JsonStep *at, const PortRange *range, RuleText *rule) {
        if (rule->n_ports == RULE_PORTS_MAX)
                json_fault(faults, at, "a rule can list at most 32 ports");
        else
                rule->ports[rule->n_ports++] = *range;
}

static void add_port(FaultList *faults, const JsonStep *at, const char *text, RuleText *rule) {
        PortRange range;

        const char *slash = strchr(text, '/');
        int k = port_range_parse(text, &range);
        if (k == -ERANGE)
                json_fault(faults, at, "a port is out of range (1 to 65535, low before high; 0 for icmp)");
        else if (k < 0 && slash && !protocol_is_known(slash + 1))
                json_fault(faults, at, "unknown protocol, expected tcp, udp, icmp or all");
        else if (k < 0 && strchr(text, ','))
                json_fault(faults, at, "several ports are several elements: [\"443\", \"80\"]");
        else if (k < 0)
                json_fault(faults, at, "malformed port, expected PORT or LOW-HIGH, with or without a protocol");
        else
                add_range(faults, at, &range, rule);
}

static int read_port_number(_unused_ FaultList *faults, _unused_ const JsonStep *at, json_object *o, void *into) {
        PortText *text = into;

        text->port = o;
        return 0;
}

static int read_port_protocol(_unused_ FaultList *faults, _unused_ const JsonStep *at, json_object *o, void *into) {
        PortText *text = into;

        text->protocol = json_object_get_string(o);
        return 0;
}

static int read_port_object(FaultList *faults, const JsonStep *at, json_object *o, RuleText *rule) {
        static const JsonKey keys[] = {
                { "port", IS_INT | IS_STRING, "port must be a number or a range such as 8000-8100", read_port_number },
                { "protocol", IS_STRING, "protocol must be a string: tcp, udp, icmp or all", read_port_protocol },
        };
        PortText text = {};
        char joined[64];
        size_t before = fault_list_count(faults);

        int k = json_read_object(faults, at, o, keys, ELEMENTSOF(keys), &text);
        if (k < 0 || fault_list_count(faults) > before)
                return k;

        const char *protocol = text.protocol ?: "all";
        const char *port = text.port                             ? json_object_get_string(text.port)
                           : strcasecmp(protocol, "icmp") == 0 ? "0" /* ICMP has no ports */
                                                                 : NULL;
        if (!port)
                json_fault(faults, at, "port is missing");
        else if (strchr(port, '/') ||
                 snprintf(joined, sizeof(joined), "%s/%s", port, protocol) >= (int) sizeof(joined))
                json_fault(faults, at, "malformed port");
        else
                add_port(faults, at, joined, rule);
        return 0;
}

static int read_port(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        if (json_object_is_type(o, json_type_object))
                return read_port_object(faults, at, o, into);

        int64_t number = json_object_is_type(o, json_type_int) ? json_object_get_int64(o) : 0;
        if (number > 0 && number <= UINT16_MAX) { /* most ports are plain numbers: no detour through text */
                const PortRange range = { (uint16_t) number, (uint16_t) number, PROTOCOL_ALL };

                add_range(faults, at, &range, into);
        } else
                add_port(faults, at, json_object_get_string(o), into);
        return 0;
}

static int read_ports(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        return json_read_array(faults, at, o, IS_INT | IS_STRING | IS_OBJECT,
                               "a port must be a number, a string or an object", read_port, into);
}

static int read_record_type(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        uint32_t *types = into;
        const char *reason;

        uint32_t bit = record_type_parse(json_object_get_string(o), &reason);
        if (bit == 0)
                json_fault(faults, at, reason);
        *types |= bit;
        return 0;
}

int json_read_record_types(FaultList *faults, const JsonStep *at, json_object *o, uint32_t *types) {
        return json_read_array(faults, at, o, IS_STRING, "a type must be a string such as TXT", read_record_type, types);
}

static int read_type(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        const char *s = json_object_get_string(o);
        RuleText *rule = into;

        rule->has_type = true;
        if (strcmp(s, "hostname") == 0)
                rule->type = RULE_HOSTNAME;
        else if (strcmp(s, "cidr") == 0)
                rule->type = RULE_CIDR;
        else
                json_fault(faults, at, "unknown type, expected hostname or cidr");
        return 0;
}

static int read_value(_unused_ FaultList *faults, _unused_ const JsonStep *at, json_object *o, void *into) {
        RuleText *rule = into;

        rule->value = json_object_get_string(o);
        return 0;
}

static int read_action(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        RuleText *rule = into;

        rule->has_action = true;
        if (action_from_string(json_object_get_string(o), &rule->action) < 0)
                json_fault(faults, at, "unknown action, expected allow or deny");
        return 0;
}

static int read_allow_private(_unused_ FaultList *faults, _unused_ const JsonStep *at, json_object *o, void *into) {
        RuleText *rule = into;

        rule->has_allow_private = true;
        rule->options.allow_private = json_object_get_boolean(o);
        return 0;
}

static int read_rule_types(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        RuleText *rule = into;

        rule->has_types = true;
        return json_read_record_types(faults, at, o, &rule->options.types);
}

/* Checks what involves several keys. *ret_value is valid if there was no fault. */
static void check_rule(FaultList *faults, const JsonStep *at, const RuleText *rule, RuleValue *ret_value) {
        const JsonStep value = { .outer = at, .key = "value", .n = strlen("value") };
        const char *reason;

        if (!rule->has_type)
                json_fault(faults, at, "type is missing");
        if (!rule->has_action)
                json_fault(faults, at, "action is missing");
        if (!rule->value)
                json_fault(faults, at, "value is missing");
        if (rule->has_allow_private && rule->has_type && rule->type != RULE_HOSTNAME)
                json_fault(faults, at, "allowPrivate needs a rule of type hostname");
        if (rule->has_types && ((rule->has_type && rule->type != RULE_HOSTNAME) ||
                                (rule->has_action && rule->action != ACTION_ALLOW)))
                json_fault(faults, at, "types needs a rule of type hostname that allows");
        if (rule->value && rule->has_type && rule_value_parse(rule->type, rule->value, ret_value, &reason) < 0)
                json_fault(faults, &value, reason);
}

static int add_rule(FaultList *faults, const JsonStep *at, const RuleText *rule, RuleList *rules) {
        RuleValue value;
        const char *reason;
        size_t before = fault_list_count(faults);

        check_rule(faults, at, rule, &value);
        if (fault_list_count(faults) > before)
                return 0;
        int k = rule_list_add_value(rules, &value, rule->action, TIER_USER, rule->ports, rule->n_ports,
                                    &rule->options, &reason);
        if (k == -EINVAL || k == -E2BIG)
                json_fault(faults, at, reason);
        return k == -EINVAL ? 0 : k;
}

int json_read_rule(FaultList *faults, const JsonStep *at, json_object *o, RuleList *rules) {
        static const JsonKey keys[] = {
                { "type", IS_STRING, "type must be a string: hostname or cidr", read_type },
                { "value", IS_STRING, "value must be a string", read_value },
                { "action", IS_STRING, "action must be a string: allow or deny", read_action },
                { "ports", IS_ARRAY, "ports must be an array", read_ports },
                { "allowPrivate", IS_BOOL, "allowPrivate must be true or false", read_allow_private },
                { "types", IS_ARRAY, "types must be an array", read_rule_types },
        };
        RuleText rule = {};

        assert(faults);
        assert(rules);

        if (!json_object_is_type(o, json_type_object)) {
                json_fault(faults, at, "a rule must be an object");
                return 0;
        }
        size_t before = fault_list_count(faults);
        int k = json_read_object(faults, at, o, keys, ELEMENTSOF(keys), &rule);
        return k < 0 || fault_list_count(faults) > before ? k : add_rule(faults, at, &rule, rules);
}
