/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The suites of tests/conformance/cases.json. CARGOWALL_TEST_DATA is the directory "tests". */

#include <check.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The caller puts the result, which owns what the functions below return. */
static inline json_object *conformance_load(void) {
        const char *dir = getenv("CARGOWALL_TEST_DATA");
        char path[4096];

        (void) snprintf(path, sizeof(path), "%s/conformance/cases.json", dir ?: "tests");
        json_object *cases = json_object_from_file(path);
        ck_assert_msg(cases, "%s: %s", path, json_util_get_last_err());
        return cases;
}

static inline json_object *conformance_suite(json_object *cases, const char *id) {
        json_object *suites = json_object_object_get(cases, "suites");

        for (size_t i = 0; i < json_object_array_length(suites); i++) {
                json_object *suite = json_object_array_get_idx(suites, i);

                if (strcmp(json_object_get_string(json_object_object_get(suite, "id")), id) == 0)
                        return suite;
        }
        ck_abort_msg("no suite %s", id);
        return NULL;
}

static inline json_object *conformance_rows(json_object *cases, const char *id) {
        json_object *suite = conformance_suite(cases, id), *rows = json_object_object_get(suite, "rows");

        ck_assert_uint_gt(json_object_array_length(rows), 0);
        ck_assert_uint_eq(json_object_array_length(rows),
                          (size_t) json_object_get_int64(json_object_object_get(suite, "n")));
        return rows;
}
