/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/json-reader.h"

#include <assert.h>
#include <string.h>

void json_fault(FaultList *faults, const JsonStep *at, const char *reason) {
        assert(faults);
        assert(reason);

        Fault *f = fault_list_add(faults, NULL, 0, reason);
        if (f)
                (void) json_step_format(at, f->item, sizeof(f->item));
}

static bool type_is(json_object *o, unsigned types) {
        return (types & 1U << json_object_get_type(o)) != 0;
}

/* A string with an embedded NUL would end there in C, but not for other readers of the document. */
static bool has_nul(json_object *o) {
        return json_object_is_type(o, json_type_string) &&
               strlen(json_object_get_string(o)) != (size_t) json_object_get_string_len(o);
}

bool json_is_text(json_object *o) {
        return json_object_is_type(o, json_type_string) && !has_nul(o);
}

int json_read_object(FaultList *faults, const JsonStep *at, json_object *o, const JsonKey *keys, size_t n_keys,
                     void *into) {
        assert(faults);
        assert(keys);

        json_object_object_foreach(o, name, value) {
                const JsonStep inner = { .outer = at, .key = name, .n = strlen(name) };
                size_t i = 0;

                while (i < n_keys && strcmp(keys[i].name, name) != 0)
                        i++;
                if (i == n_keys) {
                        json_fault(faults, &inner, "unknown key");
                        continue;
                }
                if (!type_is(value, keys[i].types) || has_nul(value)) {
                        json_fault(faults, &inner, keys[i].wrong_type);
                        continue;
                }
                int k = keys[i].read(faults, &inner, value, into);
                if (k < 0)
                        return k;
        }
        return 0;
}

int json_read_array(FaultList *faults, const JsonStep *at, json_object *o, unsigned types, const char *wrong_type,
                    json_read_fn read, void *into) {
        JsonStep inner = { .outer = at };

        assert(faults);
        assert(read);

        for (size_t n = json_object_array_length(o); inner.n < n; inner.n++) {
                json_object *value = json_object_array_get_idx(o, inner.n);

                if (!type_is(value, types) || has_nul(value)) {
                        json_fault(faults, &inner, wrong_type);
                        continue;
                }
                int k = read(faults, &inner, value, into);
                if (k < 0)
                        return k;
        }
        return 0;
}
