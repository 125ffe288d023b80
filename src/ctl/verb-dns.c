/* SPDX-License-Identifier: Apache-2.0 */

/* dns: the proxy's counters, its resolvers, and the leases; its cache is flushed. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/time-text.h"
#include "ctl/ctl.h"
#include "ctl/table.h"
#include "ctl/variant-json.h"

#define LEASES_MAX 10000U

/* The status, plus the wiring and resolvers from the properties of the manager. */
static int get_status(Ctl *c, JsonObject **ret) {
        static const char *const from_manager[] = { "dns_wiring", "upstreams" };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(json_object_putp) JsonObject *p = NULL, *o = NULL;

        int status = bus_client_properties(&c->client, &p);
        if (status == STATUS_OK)
                status = bus_client_call(&c->client, "GetDNSStatus", 0, &reply, NULL);
        if (status != STATUS_OK)
                return status;
        int r = variant_to_json_properties(reply, &o);
        if (r < 0)
                return bus_client_fail(&c->client, "GetDNSStatus", NULL, r);
        for (size_t i = 0; i < ELEMENTSOF(from_manager); i++) {
                JsonObject *value;

                if (json_object_object_get_ex(p, from_manager[i], &value) && value &&
                    json_value_add(o, from_manager[i], json_object_get(value)) < 0)
                        return ctl_fail(-ENOMEM);
        }
        *ret = TAKE_PTR(o);
        return STATUS_OK;
}

/* An array of {scope, address, name, remaining_usec}. */
static int get_leases(Ctl *c, JsonObject **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(json_object_putp) JsonObject *array = json_object_new_array();
        const char *scope, *addr, *name;
        uint64_t remaining;

        int status = bus_client_call(&c->client, "ListLeases", CALL_PRIVILEGED, &reply, "su", c->scope ?: "",
                                     LEASES_MAX);
        if (status != STATUS_OK)
                return status;
        int r = array ? sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "(ssst)") : -ENOMEM;
        while (r >= 0 && (r = sd_bus_message_read(reply, "(ssst)", &scope, &addr, &name, &remaining)) > 0) {
                JsonObject *o = json_object_new_object();

                if (!o || json_object_array_add(array, o) < 0) {
                        json_object_put(o);
                        return ctl_fail(-ENOMEM);
                }
                r = json_value_add(o, "scope", json_object_new_string(scope));
                if (r >= 0)
                        r = json_value_add(o, "address", json_object_new_string(addr));
                if (r >= 0)
                        r = json_value_add(o, "name", json_object_new_string(name));
                if (r >= 0)
                        r = json_value_add(o, "remaining_usec", json_object_new_uint64(remaining));
        }
        if (r < 0)
                return bus_client_fail(&c->client, "ListLeases", NULL, r);
        *ret = TAKE_PTR(array);
        return STATUS_OK;
}

/* "cache_hits" -> "Cache hits" */
static void make_label(const char *key, char *buf, size_t size) {
        (void) snprintf(buf, size, "%s", key);
        if (buf[0] >= 'a' && buf[0] <= 'z')
                buf[0] = (char) (buf[0] - 'a' + 'A');
        for (char *p = buf; *p; p++)
                if (*p == '_')
                        *p = ' ';
}

static int print_status(const Ctl *c, JsonObject *status) {
        static const char *const headers[] = { "WHAT", "VALUE" };
        _cleanup_(table_freep) Table *t = NULL;
        char label[PROPERTY_KEY_MAX];

        int r = table_new(&c->output, headers, ELEMENTSOF(headers), &t);
        json_object_object_foreach(status, key, value) {
                size_t n = MAX(json_value_length(json_object_is_type(value, json_type_array) ? value : NULL), 1U);

                make_label(strcmp(key, "dns_wiring") == 0 ? "wiring" : key, label, sizeof(label));
                for (size_t i = 0; i < n && r >= 0; i++) {
                        bool list = json_object_is_type(value, json_type_array);

                        r = table_add(t, i == 0 ? label : " ");
                        if (r >= 0)
                                r = table_add(t, list ? json_value_element(value, i)
                                                      : json_object_get_string(value) ?: "");
                }
        }
        if (r < 0)
                return ctl_fail(r);
        table_print(t, stdout, false, c->full);
        return STATUS_OK;
}

static int print_leases(const Ctl *c, JsonObject *leases) {
        static const char *const headers[] = { "ADDRESS", "SCOPE", "REMAINING", "NAME" };
        _cleanup_(table_freep) Table *t = NULL;

        int r = table_new(&c->output, headers, ELEMENTSOF(headers), &t);
        for (size_t i = 0; i < json_value_length(leases) && r >= 0; i++) {
                JsonObject *o = json_object_array_get_idx(leases, i);
                char span[TIME_TEXT_MAX];

                r = table_add(t, json_value_text(o, "address"));
                if (r >= 0)
                        r = table_add(t, json_value_text(o, "scope"));
                if (r >= 0)
                        r = table_add(t, span_format(json_value_u64(o, "remaining_usec"), span));
                if (r >= 0)
                        r = table_add(t, json_value_text(o, "name"));
        }
        if (r < 0)
                return ctl_fail(r);
        (void) putchar('\n');
        table_print(t, stdout, c->legend, c->full);
        ctl_print_listed(c, json_value_length(leases), "lease", "leases");
        return STATUS_OK;
}

int verb_dns(Ctl *c, _unused_ int argc, _unused_ char **argv) {
        _cleanup_(json_object_putp) JsonObject *o = NULL, *leases = NULL;

        int status = get_status(c, &o);
        if (status != STATUS_OK)
                return status;
        /* Anybody may see the counters; polkit decides who may see the leases, which hold resolved names. */
        int lease_status = get_leases(c, &leases);
        if (c->json != JSON_OFF) {
                if (lease_status != STATUS_OK)
                        return lease_status;
                if (json_value_add(o, "lease_list", json_object_get(leases)) < 0)
                        return ctl_fail(-ENOMEM);
                return ctl_print_json(c, o);
        }
        ctl_page(c);
        status = print_status(c, o);
        if (status == STATUS_OK && lease_status == STATUS_OK)
                status = print_leases(c, leases);
        return status != STATUS_OK ? status : lease_status;
}

int verb_dns_flush(Ctl *c, _unused_ int argc, _unused_ char **argv) {
        return bus_client_call(&c->client, "FlushDNSCache", CALL_PRIVILEGED, NULL, NULL);
}
