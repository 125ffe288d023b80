/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/repair-watch.h"

#include <assert.h>
#include <string.h>

#include "host/policy-files.h"

#define INTERVAL_USEC USEC_PER_SEC

struct RepairWatch {
        void (*changed)(void *userdata);
        void *userdata;
        sd_event_source *timer;
        char tried[POLICY_DIGEST_SIZE]; /* the stamp for which changed was called last */
        char last[POLICY_DIGEST_SIZE];
};

static int on_timer(sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        RepairWatch *w = userdata;
        char now[POLICY_DIGEST_SIZE];
        int r;

        policy_files_stamp("", now);
        bool is_settled = strcmp(now, w->last) == 0;
        memcpy(w->last, now, sizeof(now));
        r = sd_event_source_set_time_relative(source, INTERVAL_USEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        if (is_settled && strcmp(now, w->tried) != 0) {
                memcpy(w->tried, now, sizeof(now));
                w->changed(w->userdata); /* may free it */
        }
        return r;
}

int repair_watch_new(const Context *c, void (*changed)(void *userdata), void *userdata, RepairWatch **ret) {
        _cleanup_(repair_watch_freep) RepairWatch *w = calloc(1, sizeof(*w));
        int r;

        assert(c);
        assert(changed);
        assert(ret);

        if (!w)
                return -ENOMEM;
        w->changed = changed;
        w->userdata = userdata;
        policy_files_stamp("", w->tried);
        memcpy(w->last, w->tried, sizeof(w->last));
        r = sd_event_add_time_relative(c->event, &w->timer, CLOCK_MONOTONIC, INTERVAL_USEC, 0, on_timer, w);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(w->timer, "repair-watch");
        *ret = TAKE_PTR(w);
        return 0;
}

RepairWatch *repair_watch_free(RepairWatch *w) {
        if (!w)
                return NULL;
        sd_event_source_disable_unref(w->timer);
        free(w);
        return NULL;
}
