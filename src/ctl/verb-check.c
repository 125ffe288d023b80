/* SPDX-License-Identifier: Apache-2.0 */

/* check: whether this host can run the service. Asks it only for its hooks, if it runs. */

#include <stdio.h>

#include "ctl/ctl.h"
#include "ctl/preflight.h"
#include "ctl/table.h"

static int print_json(const Ctl *c, const CheckRow *rows, size_t n) {
        _cleanup_(json_object_putp) JsonObject *array = json_object_new_array();

        if (!array)
                return ctl_fail(-ENOMEM);
        for (size_t i = 0; i < n; i++) {
                JsonObject *o = json_object_new_object();

                if (!o || json_object_array_add(array, o) < 0) {
                        json_object_put(o);
                        return ctl_fail(-ENOMEM);
                }
                int r = json_value_add(o, "name", json_object_new_string(rows[i].name));
                if (r >= 0)
                        r = json_value_add(o, "state", json_object_new_string(check_state_to_string(rows[i].state)));
                if (r >= 0)
                        r = json_value_add(o, "detail", json_object_new_string(rows[i].detail));
                if (r >= 0)
                        r = json_value_add(o, "advice", json_object_new_string(rows[i].advice));
                if (r >= 0)
                        r = json_value_add(o, "opens", json_object_new_boolean(rows[i].opens));
                if (r < 0)
                        return ctl_fail(r);
        }
        return ctl_print_json(c, array);
}

/* What is asked for, and how much of it there is. */
static void print_score(const CheckRow *rows, size_t n) {
        size_t n_ok = 0, n_open = 0;

        for (size_t i = 0; i < n; i++) {
                n_ok += rows[i].state == CHECK_OK;
                n_open += rows[i].opens;
        }
        (void) printf("\n%zu of %zu checks are met", n_ok, n);
        if (n_open > 0)
                (void) printf("; %zu %s traffic past a policy", n_open, n_open == 1 ? "gap lets" : "gaps let");
        (void) puts(".");
}

static int print_table(const Ctl *c, const CheckRow *rows, size_t n) {
        static const char *const headers[] = { "CHECK", "STATE", "FOUND" };
        static const Color colors[] = {
                [CHECK_OK] = COLOR_GREEN,
                [CHECK_WARN] = COLOR_YELLOW,
                [CHECK_FAIL] = COLOR_RED,
        };
        _cleanup_(table_freep) Table *t = NULL;
        bool first = true;

        int r = table_new(&c->output, headers, ELEMENTSOF(headers), &t);
        for (size_t i = 0; i < n && r >= 0; i++) {
                r = table_add(t, rows[i].name);
                if (r >= 0)
                        r = table_add_color(t, colors[rows[i].state], check_state_to_string(rows[i].state));
                if (r >= 0)
                        r = table_add(t, rows[i].detail);
        }
        if (r < 0)
                return ctl_fail(r);
        table_print(t, stdout, c->legend, c->full);
        for (size_t i = 0; i < n; i++) {
                if (rows[i].advice[0] == '\0')
                        continue;
                _cleanup_free_ char *safe = output_safe(&c->output, rows[i].advice);
                if (!safe)
                        return ctl_fail(-ENOMEM);
                (void) printf("%s%s: %s\n", first ? "\n" : "", rows[i].name, safe);
                first = false;
        }
        if (c->legend)
                print_score(rows, n);
        return STATUS_OK;
}

int verb_check(Ctl *c, _unused_ int argc, _unused_ char **argv) {
        CheckRow rows[CHECK_ROWS_MAX];
        PreflightFacts facts;
        bool failed = false;

        preflight_facts(&facts);
        size_t n = preflight_check(&facts, "", rows);
        for (size_t i = 0; i < n; i++)
                failed = failed || rows[i].state == CHECK_FAIL || rows[i].opens;

        int status = STATUS_OK;
        if (c->json != JSON_OFF)
                status = print_json(c, rows, n);
        else if (!c->quiet)
                status = print_table(c, rows, n);
        return status != STATUS_OK ? status : failed ? STATUS_FAILED : STATUS_OK;
}
