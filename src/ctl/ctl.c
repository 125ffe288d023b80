/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

int ctl_fail(int r) {
        complain("%s", strerrordesc_np(-r) ?: "unknown error");
        return STATUS_FAILED;
}

int ctl_print_json(const Ctl *c, JsonObject *o) {
        int r = json_value_print(stdout, o, c->json);
        return r < 0 ? ctl_fail(r) : STATUS_OK;
}

int ctl_print_field(const Ctl *c, const char *label, const char *value) {
        if (value[0] == '\0')
                return STATUS_OK;
        _cleanup_free_ char *safe = output_safe(&c->output, value);
        if (!safe)
                return ctl_fail(-ENOMEM);
        (void) printf("%12s%c %s\n", label, label[0] != '\0' ? ':' : ' ', safe);
        return STATUS_OK;
}

void ctl_page(Ctl *c) {
        if (c->use_pager && c->json == JSON_OFF && !c->quiet)
                pager_open(&c->pager);
}

JsonObject *ctl_find(JsonObject *objects, const char *key, const char *wanted) {
        for (size_t i = 0; i < json_value_length(objects); i++) {
                JsonObject *o = json_object_array_get_idx(objects, i);

                if (strcmp(json_value_text(o, key), wanted) == 0)
                        return o;
        }
        return NULL;
}

const char *ctl_path_id(const char *path) {
        const char *slash = strrchr(path, '/');
        return slash ? slash + 1 : path;
}

bool ctl_hooks_complete(JsonObject *properties) {
        JsonObject *required = json_value_array(properties, "required_hooks");
        JsonObject *achieved = json_value_array(properties, "achieved_hooks");

        for (size_t i = 0; i < json_value_length(required); i++)
                if (!json_value_contains(achieved, json_value_element(required, i)))
                        return false;
        return required && achieved;
}

void ctl_print_listed(const Ctl *c, size_t n, const char *one, const char *many) {
        if (c->legend)
                (void) printf("\n%zu %s listed.\n", n, n == 1 ? one : many);
}
