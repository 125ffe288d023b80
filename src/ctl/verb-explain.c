/* SPDX-License-Identifier: Apache-2.0 */

/* explain: what would happen now to a connection, according to the service. */

#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/variant-json.h"
#include "policy/explain.h"

static int ask(Ctl *c, const Destination *d, sd_bus_message **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        char addr[IN_ADDR_TEXT_MAX];

        int status = bus_client_message(&c->client, BUS_PATH, BUS_MANAGER, "Explain", &m);
        if (status != STATUS_OK)
                return status;
        int r = sd_bus_message_append(m, "sqs", d->name[0] != '\0' ? d->name : in_addr_format(&d->addr, addr), d->port,
                                      destination_protocol(d->protocol));
        if (r >= 0)
                r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r >= 0 && c->scope)
                r = sd_bus_message_append(m, "{sv}", "scope", "s", c->scope);
        if (r >= 0 && c->via)
                r = sd_bus_message_append(m, "{sv}", "via", "s", c->via);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? ctl_fail(r) : bus_client_send(&c->client, TAKE_PTR(m), 0, ret);
}

static int print_text(const Ctl *c, const char *destination, const char *verdict, const char *rule,
                      JsonObject *details) {
        const char *text = json_value_text(details, "text");
        _cleanup_free_ char *made = NULL, *safe = NULL;

        if (text[0] == '\0') {
                if (asprintf(&made, "%s: %s%s%s", destination, verdict, rule[0] != '\0' ? ", rule " : "", rule) < 0)
                        return ctl_fail(-ENOMEM);
                text = made;
        }
        safe = output_safe(&c->output, text);
        if (!safe)
                return ctl_fail(-ENOMEM);
        (void) puts(safe);
        return STATUS_OK;
}

static int print_json(const Ctl *c, const char *destination, const char *verdict, const char *rule,
                      JsonObject *details) {
        _cleanup_(json_object_putp) JsonObject *o = json_object_new_object();

        int r = json_value_add(o, "destination", json_object_new_string(destination));
        if (r >= 0)
                r = json_value_add(o, "verdict", json_object_new_string(verdict));
        if (r >= 0)
                r = rule[0] != '\0' ? json_value_add(o, "rule", json_object_new_string(rule))
                                    : json_value_add_null(o, "rule");
        json_object_object_foreach(details, key, value) {
                if (r >= 0)
                        r = value ? json_value_add(o, key, json_object_get(value)) : json_value_add_null(o, key);
        }
        return r < 0 ? ctl_fail(r) : ctl_print_json(c, o);
}

int verb_explain(Ctl *c, _unused_ int argc, char **argv) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(json_object_putp) JsonObject *details = NULL;
        const char *verdict, *rule, *reason;
        Destination d;

        if (destination_parse(argv[0], &d, &reason) < 0) {
                complain("%s: %s", argv[0], reason);
                return STATUS_USAGE;
        }
        if (c->via && d.name[0] != '\0') {
                complain("--via requires an address as destination");
                return STATUS_USAGE;
        }
        int status = ask(c, &d, &reply);
        if (status != STATUS_OK)
                return status;
        int r = sd_bus_message_read(reply, "ss", &verdict, &rule);
        if (r >= 0)
                r = variant_to_json_properties(reply, &details);
        if (r < 0)
                return bus_client_fail(&c->client, "Explain", NULL, r);

        if (c->json != JSON_OFF)
                status = print_json(c, argv[0], verdict, rule, details);
        else if (!c->quiet)
                status = print_text(c, argv[0], verdict, rule, details);
        return status != STATUS_OK ? status : strcmp(verdict, "allow") == 0 ? STATUS_OK : STATUS_FAILED;
}
