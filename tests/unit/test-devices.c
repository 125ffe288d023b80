/* SPDX-License-Identifier: Apache-2.0 */
#include "host/devices.h"

#include <string.h>

#include <check.h>

#include "basic/macro.h"
#include "own-tap.h"

typedef struct Seen {
        char text[256]; /* "+lo +a -a " */
        unsigned index; /* of the device a */
        unsigned n_lost;
        unsigned n_listed; /* a, since then */
} Seen;

static void on_device(unsigned device, bool gone, void *userdata) {
        Seen *s = userdata;
        size_t n = strlen(s->text);

        if (device == DEVICES_ALL) {
                s->n_lost++;
                s->n_listed = 0;
                return;
        }
        s->n_listed += device == s->index && !gone;
        const char *name = device == s->index ? "a" : device == 1 ? "lo" : "other";
        char word[16];

        (void) snprintf(word, sizeof(word), "%c%s ", gone ? '-' : '+', name);
        if (n < strlen(word) || strcmp(s->text + n - strlen(word), word) != 0) /* again */
                (void) snprintf(s->text + n, sizeof(s->text) - n, "%s", word);
}

static void run_pending(sd_event *event) {
        int r;

        do
                r = sd_event_run(event, 0);
        while (r > 0);
        CHECK(r == 0);
}

static void follow(_unused_ int i) {
        sd_event *event = NULL;
        Devices *d = NULL;
        Seen seen = {};

        CHECK(sd_event_new(&event) >= 0);
        CHECK(devices_new(event, on_device, &seen, &d) == 0);
        CHECK(strcmp(seen.text, "+lo ") == 0);
        int tap = tap_new("a");
        seen.index = if_nametoindex("a");
        run_pending(event);
        CHECK(strcmp(seen.text, "+lo +a ") == 0);
        (void) close(tap);
        run_pending(event);
        CHECK(strcmp(seen.text, "+lo +a -a ") == 0 && seen.n_lost == 0);
        devices_free(d);
        sd_event_unref(event);
}

START_TEST(devices_are_listed_and_followed) {
        run_in_own_network(follow, 0, false);
}
END_TEST

/* More notices than the socket can hold: what exists is listed again. */
static void lose(_unused_ int i) {
        sd_event *event = NULL;
        Devices *d = NULL;
        Seen seen = {};

        CHECK(sd_event_new(&event) >= 0);
        CHECK(devices_new(event, on_device, &seen, &d) == 0);
        for (int k = 0; k < 300; k++)
                (void) close(tap_new("other"));
        int tap = tap_new("a");
        seen.index = if_nametoindex("a");
        run_pending(event);
        CHECK(seen.n_lost > 0 && seen.n_listed > 0);
        (void) close(tap);
        devices_free(d);
        sd_event_unref(event);
}

START_TEST(lost_notices) {
        run_in_own_network(lose, 0, false);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("devices");
        TCase *t = tcase_create("devices");

        suite_add_tcase(s, t);
        tcase_set_timeout(t, 60);
        tcase_add_test(t, devices_are_listed_and_followed);
        tcase_add_test(t, lost_notices);
        return s;
}

#include "check-main.h"
