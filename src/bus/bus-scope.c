/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>

#include "bus/bus-error.h"
#include "bus/bus-internal.h"
#include "bus/bus-text.h"

/* For all paths of a scope together: every scope goes into one reply of the object manager. */
#define CONTROL_GROUPS_BYTES_MAX (32U * 1024)

static void strv_freep(char ***strv) {
        bus_strv_free(*strv);
}

int bus_scope_path(const char *name, char **ret) {
        return sd_bus_path_encode(BUS_PATH_SCOPE, name, ret);
}

int bus_scope_paths(const Service *m, char ***ret) {
        size_t n = service_n_scopes(m);
        _cleanup_(strv_freep) char **paths = calloc(n + 1, sizeof(char *));

        if (!paths)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                ServiceScope scope;

                service_scope(m, i, &scope);
                int r = bus_scope_path(scope.name, &paths[i]);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(paths);
        return 0;
}

int bus_find_scope(const Bus *b, const char *name, size_t *ret, sd_bus_error *error) {
        if (service_find_scope(b->service, name, ret) >= 0)
                return 0;
        (void) bus_error_set(error, BUS_ERROR_NO_SUCH_SCOPE, "There is no scope \"", name, "\".");
        return -ENOENT;
}

/* ------------------------------------------------------------------ what came and went */

static bool strv_contains(char *const *strv, const char *s) {
        for (; strv && *strv; strv++)
                if (strcmp(*strv, s) == 0)
                        return true;
        return false;
}

int bus_scopes_update(Bus *b, bool emit) {
        _cleanup_(strv_freep) char **old = NULL;
        char **paths;

        int r = bus_scope_paths(b->service, &paths);
        if (r < 0)
                return r;
        old = b->scopes;
        b->scopes = paths;
        if (!emit)
                return 0;

        bool changed = false;
        for (char **s = old; s && *s; s++)
                if (!strv_contains(paths, *s)) {
                        (void) sd_bus_emit_interfaces_removed(b->bus, *s, BUS_INTERFACE_SCOPE, NULL);
                        changed = true;
                }
        for (char **s = paths; *s; s++)
                if (!strv_contains(old, *s)) {
                        (void) sd_bus_emit_interfaces_added(b->bus, *s, BUS_INTERFACE_SCOPE, NULL);
                        changed = true;
                }
        if (changed)
                bus_properties_changed(b, "Scopes", NULL);
        return 0;
}

void bus_scopes_emit_changed(Bus *b) {
        for (char **s = b->scopes; s && *s; s++)
                (void) sd_bus_emit_properties_changed(b->bus, *s, BUS_INTERFACE_SCOPE, "Mode", "ModeSetting",
                                                      "ConfiguredMode", "PolicyDigest", "PolicySource", "RuleCount",
                                                      "Narrows", NULL);
}

/* ------------------------------------------------------------------ the interface */

int bus_get_scopes(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                   _unused_ const char *property, sd_bus_message *reply, void *userdata,
                   _unused_ sd_bus_error *error) {
        _cleanup_(strv_freep) char **paths = NULL;
        Bus *b = userdata;

        int r = bus_scope_paths(b->service, &paths);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, "o");
        for (char **s = paths; r >= 0 && *s; s++)
                r = sd_bus_message_append(reply, "o", *s);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* sd-bus asks find_scope() before it reads the properties of an object. */
static void found_scope(const FoundScope *found, ServiceScope *ret) {
        service_scope(found->service, found->i, ret);
}

static int get_text(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface, const char *property,
                    sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *error) {
        const char *text;
        ServiceScope scope;

        found_scope(userdata, &scope);
        if (strcmp(property, "Name") == 0)
                text = scope.name;
        else if (strcmp(property, "Mode") == 0)
                text = bus_mode_to_string((ModeSetting) scope.mode);
        else if (strcmp(property, "ModeSetting") == 0)
                text = bus_mode_to_string(scope.set);
        else if (strcmp(property, "ConfiguredMode") == 0)
                text = bus_mode_to_string((ModeSetting) scope.configured);
        else if (strcmp(property, "PolicyDigest") == 0)
                text = scope.digest;
        else
                text = scope.source;
        return bus_append_text(reply, text);
}

static int get_rule_count(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                          _unused_ const char *property, sd_bus_message *reply, void *userdata,
                          _unused_ sd_bus_error *error) {
        ServiceScope scope;

        found_scope(userdata, &scope);
        return sd_bus_message_append(reply, "u", scope.n_rules);
}

static int get_narrows(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                       _unused_ const char *property, sd_bus_message *reply, void *userdata,
                       _unused_ sd_bus_error *error) {
        ServiceScope scope;

        found_scope(userdata, &scope);
        return sd_bus_message_append(reply, "b", (int) scope.narrows);
}

typedef struct PathList {
        sd_bus_message *reply; /* borrowed */
        size_t room;           /* bytes */
        int result;
} PathList;

static void append_path(const char *path, void *userdata) {
        size_t n = strnlen(path, BUS_TEXT_MAX) + 1;
        PathList *list = userdata;

        if (list->result < 0 || n > list->room)
                return;
        list->room -= n;
        list->result = bus_append_text(list->reply, path);
}

static int get_control_groups(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                              _unused_ const char *property, sd_bus_message *reply, void *userdata,
                              _unused_ sd_bus_error *error) {
        PathList list = { .reply = reply, .room = CONTROL_GROUPS_BYTES_MAX };
        const FoundScope *found = userdata;

        int r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, "s");
        if (r < 0)
                return r;
        service_scope_cgroups(found->service, found->i, append_path, &list);
        return list.result < 0 ? list.result : sd_bus_message_close_container(reply);
}

static int find_scope(_unused_ sd_bus *bus, const char *path, _unused_ const char *interface, void *userdata,
                      void **ret, _unused_ sd_bus_error *error) {
        _cleanup_free_ char *name = NULL;
        Bus *b = userdata;

        int r = sd_bus_path_decode(path, BUS_PATH_SCOPE, &name);
        if (r <= 0)
                return r;
        if (service_find_scope(b->service, name, &b->found_scope.i) < 0)
                return 0;
        b->found_scope.service = b->service;
        *ret = &b->found_scope;
        return 1;
}

static int enumerate_scopes(_unused_ sd_bus *bus, _unused_ const char *prefix, void *userdata, char ***ret,
                            _unused_ sd_bus_error *error) {
        const Bus *b = userdata;

        return bus_scope_paths(b->service, ret);
}

static const sd_bus_vtable scope_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Name", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Mode", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("ModeSetting", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("ConfiguredMode", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("PolicyDigest", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("PolicySource", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("RuleCount", "u", get_rule_count, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Narrows", "b", get_narrows, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("ControlGroups", "as", get_control_groups, 0, 0),
        SD_BUS_VTABLE_END,
};

int bus_add_scopes(Bus *b) {
        int r = sd_bus_add_fallback_vtable(b->bus, NULL, BUS_PATH_SCOPE, BUS_INTERFACE_SCOPE, scope_vtable, find_scope,
                                           b);
        return r < 0 ? r : sd_bus_add_node_enumerator(b->bus, NULL, BUS_PATH_SCOPE, enumerate_scopes, b);
}
