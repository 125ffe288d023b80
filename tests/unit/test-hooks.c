/* SPDX-License-Identifier: Apache-2.0 */

/* What is stored and pinned for a successor, with the engine, the store and the pins in the test itself. */

#include "daemon/hooks.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "handover/pins.h"

#define OBJECTS_MAX 4

static struct {
        const char *name;
        bool is_new;
        unsigned n_pushed, n_pinned;
} objects[OBJECTS_MAX];
static const char *failing; /* the name that cannot be stored */
static int pin_result;
static unsigned n_pins_removed, n_events;
static uint32_t lost, reattached;
static ServiceConfig config;
static Context context;

/* ------------------------------------------------------------------ in the place of the others */

int engine_for_each_object(_unused_ Engine *e, engine_object_fn fn, void *userdata) {
        for (size_t i = 0; i < OBJECTS_MAX; i++) {
                int r = fn(objects[i].name, (int) i, objects[i].is_new, userdata);
                if (r < 0)
                        return r;
                if (r > 0)
                        objects[i].is_new = false;
        }
        return 0;
}

const char *engine_hook_name(size_t i) {
        static const char *const names[] = { "egress", "connect4" };

        return i < ELEMENTSOF(names) ? names[i] : NULL;
}

uint32_t engine_hooks(_unused_ const Engine *e) {
        return 1;
}

bool engine_refused_flows(_unused_ Engine *e) {
        return false;
}

unsigned engine_repair(_unused_ Engine *e) {
        return 0;
}

uint32_t engine_repair_hooks(_unused_ Engine *e, uint32_t *ret_reattached) {
        *ret_reattached = reattached;
        return lost;
}

int fd_store_push(_unused_ FdStore *s, const char *name, int fd) {
        ck_assert_str_eq(name, objects[fd].name);
        if (failing && strcmp(name, failing) == 0)
                return -ENOSPC;
        objects[fd].n_pushed++;
        return 1;
}

int pins_put(const char *directory, const char *name, int fd) {
        ck_assert_str_eq(directory, HOOKS_PIN_DIRECTORY);
        ck_assert_str_eq(name, objects[fd].name);
        objects[fd].n_pinned++;
        return pin_result;
}

int pins_remove(_unused_ const char *directory) {
        n_pins_removed++;
        return -ENOENT;
}

void context_emit_type(_unused_ const Context *c, EventType type, _unused_ const char *layer, const char *detail) {
        ck_assert_int_eq(type, EVENT_HOOK_LOST);
        ck_assert_str_eq(detail, "connect4");
        n_events++;
}

/* ------------------------------------------------------------------ tests */

static void set_up(void) {
        static const char *const names[OBJECTS_MAX] = { "link-egress", "link-connect4", "map-flows", "map-ring" };

        for (size_t i = 0; i < OBJECTS_MAX; i++) {
                objects[i].name = names[i];
                objects[i].is_new = true;
                objects[i].n_pushed = objects[i].n_pinned = 0;
        }
        failing = NULL;
        pin_result = 0;
        n_pins_removed = n_events = 0;
        lost = reattached = 0;
        config = (ServiceConfig) {};
        context = (Context) { .config = &config };
        ck_assert_int_ge(service_log_new(STDERR_FILENO, NULL, NULL, "test", &context.log), 0);
}

static void tear_down(void) {
        context.log = service_log_free(context.log);
}

/* The service manager ignores what it already has, and would be left without it once the older entry is removed. */
START_TEST(nothing_is_stored_twice) {
        failing = "map-flows";
        ck_assert_int_eq(hooks_keep(&context), -ENOSPC);
        for (size_t i = 0; i < OBJECTS_MAX; i++)
                ck_assert_uint_eq(objects[i].n_pushed, i != 2); /* also what comes later */
        ck_assert_int_eq(hooks_keep(&context), -ENOSPC);
        failing = NULL;
        ck_assert_int_eq(hooks_keep(&context), 0);
        for (size_t i = 0; i < OBJECTS_MAX; i++)
                ck_assert_uint_eq(objects[i].n_pushed, 1);
        ck_assert_uint_eq(n_pins_removed, 3);
}
END_TEST

START_TEST(links_are_pinned) {
        config.persist = PERSIST_PIN;
        failing = "link-egress"; /* what cannot be stored can be pinned */
        ck_assert_int_eq(hooks_keep(&context), -ENOSPC);
        for (size_t i = 0; i < OBJECTS_MAX; i++)
                ck_assert_uint_eq(objects[i].n_pinned, i < 2);
        failing = NULL;
        pin_result = -EPERM;
        ck_assert_int_eq(hooks_keep(&context), 0); /* logged, and the store has them */
        ck_assert_uint_eq(n_pins_removed, 0);
}
END_TEST

START_TEST(lost_hooks_are_reported) {
        const char *names[HOOKS_MAX];

        ck_assert(!hooks_check(&context));
        ck_assert_uint_eq(n_events, 0);
        lost = reattached = 2;
        ck_assert(hooks_check(&context));
        ck_assert_uint_eq(n_events, 1);
        config.required_hooks = 1;
        ck_assert(hooks_are_complete(&context));
        config.required_hooks = 3;
        ck_assert(!hooks_are_complete(&context));
        ck_assert_uint_eq(hooks_required(&context, names), 2);
        ck_assert_str_eq(names[1], "connect4");
        ck_assert_uint_eq(hooks_achieved(&context, names), 1);
        ck_assert_str_eq(names[0], "egress");
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("hooks");
        TCase *t = tcase_create("hooks");

        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_test(t, nothing_is_stored_twice);
        tcase_add_test(t, links_are_pinned);
        tcase_add_test(t, lost_hooks_are_reported);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
