/* SPDX-License-Identifier: Apache-2.0 */

/* Which devices get the filter and when, with the engine, the kernel and its notices in the test itself. */

#include "daemon/backstop.h"

#include <check.h>
#include <string.h>

#include "host/device-filter.h"
#include "host/devices.h"

#define DEVICES_MAX 64

static struct {
        bool exists, filtered;
        int error; /* of the next attempts */
        unsigned n_puts;
} devices[DEVICES_MAX];
static int program, devices_error;
static device_fn notice; /* NULL: nobody follows */
static void *notice_userdata;
static unsigned n_events, n_removals;
static Context context;
static Backstop *backstop;

/* ------------------------------------------------------------------ in the place of the others */

int engine_device_filter(_unused_ const Engine *e) {
        return program;
}

void context_emit_type(_unused_ const Context *c, EventType type, _unused_ const char *layer, const char *detail) {
        ck_assert_int_eq(type, EVENT_HOOK_LOST);
        ck_assert_str_eq(detail, BACKSTOP_NAME);
        n_events++;
}

int device_filter_put(unsigned device, int fd) {
        ck_assert(device < DEVICES_MAX && device != DEVICE_LOOPBACK && fd == program);
        if (!devices[device].exists)
                return -ENODEV;
        devices[device].n_puts++;
        if (devices[device].error == 0)
                devices[device].filtered = true;
        return devices[device].error;
}

int device_filter_find(unsigned device) {
        return devices[device].filtered;
}

int device_filters_remove(void) {
        for (size_t i = 0; i < DEVICES_MAX; i++)
                devices[i].filtered = false;
        n_removals++;
        return 0;
}

static void report_all(void) {
        for (unsigned i = 1; i < DEVICES_MAX; i++)
                if (devices[i].exists)
                        notice(i, false, notice_userdata);
}

int devices_new(_unused_ sd_event *event, device_fn fn, void *userdata, Devices **ret) {
        static int something;

        if (devices_error < 0)
                return devices_error;
        ck_assert_ptr_null(notice);
        notice = fn;
        notice_userdata = userdata;
        *ret = (Devices *) &something;
        report_all();
        return 0;
}

Devices *devices_free(Devices *d) {
        if (d)
                notice = NULL;
        return NULL;
}

/* ------------------------------------------------------------------ tests */

static void set_up(void) {
        memset(devices, 0, sizeof(devices));
        devices[1].exists = devices[2].exists = devices[3].exists = true;
        program = 100;
        devices_error = 0;
        notice = NULL;
        n_events = n_removals = 0;
        context = (Context) {};
        ck_assert_int_ge(service_log_new(STDERR_FILENO, NULL, NULL, "test", &context.log), 0);
        ck_assert_int_eq(backstop_new(&context, &backstop), 0);
}

static void tear_down(void) {
        backstop = backstop_free(backstop);
        context.log = service_log_free(context.log);
        ck_assert_ptr_null(notice);
}

START_TEST(devices_as_they_come_and_go) {
        backstop_update(backstop, true);
        ck_assert(backstop_stands(backstop));
        ck_assert(!devices[1].filtered && devices[2].filtered && devices[3].filtered);
        for (unsigned i = 4; i < DEVICES_MAX; i++) {
                devices[i].exists = true;
                for (int k = 0; k < 3; k++) /* up, running, … */
                        notice(i, false, notice_userdata);
                ck_assert(devices[i].filtered && devices[i].n_puts == 1);
        }
        /* The number of another device. */
        notice(4, true, notice_userdata);
        devices[4].filtered = false;
        notice(4, false, notice_userdata);
        ck_assert(devices[4].filtered && devices[4].n_puts == 2);
        /* Of the others nobody knows whether they are the same. */
        devices[5].filtered = false;
        notice(DEVICES_ALL, true, notice_userdata);
        report_all();
        ck_assert(devices[5].filtered && devices[6].n_puts == 2);
        /* One that is gone before it is looked at. */
        devices[7].exists = false;
        notice(7, true, notice_userdata);
        notice(7, false, notice_userdata);
        devices[7].exists = true;
        notice(7, false, notice_userdata);
        ck_assert_uint_eq(devices[7].n_puts, 3);
        ck_assert_uint_eq(n_events, 0);
}
END_TEST

START_TEST(filters_come_back) {
        backstop_update(backstop, true);
        backstop_check(backstop);
        ck_assert(devices[2].n_puts == 1 && n_events == 0);
        devices[2].filtered = false;
        backstop_check(backstop);
        ck_assert(devices[2].filtered && n_events == 1);
        /* What failed is tried again, and is no loss. */
        devices[9].exists = true;
        devices[9].error = -EBUSY;
        notice(9, false, notice_userdata);
        ck_assert(backstop_stands(backstop) && !devices[9].filtered);
        devices[9].error = 0;
        backstop_check(backstop);
        ck_assert(devices[9].filtered && n_events == 1);
}
END_TEST

START_TEST(only_while_it_is_wanted) {
        backstop_update(backstop, false);
        ck_assert(!backstop_stands(backstop) && !notice);
        ck_assert_uint_eq(n_removals, 1); /* a predecessor's */
        backstop_update(backstop, true);
        backstop_update(backstop, true);
        ck_assert(devices[2].filtered && devices[2].n_puts == 1);
        backstop_update(backstop, false);
        ck_assert(!devices[2].filtered && !notice && !backstop_stands(backstop));
        backstop_update(backstop, true);
        ck_assert(devices[2].filtered);
        backstop = backstop_free(backstop);
        ck_assert(devices[2].filtered); /* for the successor */
}
END_TEST

/* -EBADF: the kernel refuses the sockets themselves, or only one layer judges. */
START_TEST(no_use_for_it) {
        program = -EBADF;
        backstop_update(backstop, true);
        backstop_update(backstop, false);
        ck_assert(!backstop_stands(backstop) && !notice && n_removals == 0 && devices[2].n_puts == 0);
}
END_TEST

START_TEST(kernels_without_it) {
        if (_i == 0)
                program = -EINVAL;
        else if (_i == 1)
                devices_error = -EPERM;
        else
                devices[2].error = devices[3].error = -EOPNOTSUPP;
        backstop_update(backstop, true);
        ck_assert(!backstop_stands(backstop));
        unsigned n = devices[2].n_puts;
        backstop_check(backstop);
        backstop_update(backstop, true);
        ck_assert_uint_eq(devices[2].n_puts, n);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("backstop-devices");
        TCase *t = tcase_create("backstop-devices");

        suite_add_tcase(s, t);
        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_test(t, devices_as_they_come_and_go);
        tcase_add_test(t, filters_come_back);
        tcase_add_test(t, only_while_it_is_wanted);
        tcase_add_test(t, no_use_for_it);
        tcase_add_loop_test(t, kernels_without_it, 0, 3);
        return s;
}

#include "check-main.h"
