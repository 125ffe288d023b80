/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/hosts-names.h"

#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "basic/clock.h"
#include "engine/dns-local.h"
#include "host/hosts-file.h"
#include "host/read-file.h"

#define TEXT_MAX (1024U * 1024)
#define RENEW_USEC (20 * USEC_PER_SEC) /* well before a lease without a TTL ends */
#define RENEW_ACCURACY_USEC (5 * USEC_PER_SEC)
#define CHANGES (IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ONLYDIR)

struct HostsNames {
        char *path;
        const char *name; /* in path, without its directory */
        const LayerTable *layers; /* borrowed */
        dns_lease_fn fn;
        void *userdata;
        sd_event_source *timer, *changes;
};

/* The kernel lets everything reach these. */
static bool addr_is_loopback_or_none(const InAddr *addr) {
        static const uint8_t none[4] = {};
        static const InAddr none6 = {};

        return in_addr_is_loopback(addr) || in_addr_equal(addr, &none6) ||
               (in_addr_is_v4(addr) && memcmp(addr->b + 12, none, sizeof(none)) == 0);
}

void hosts_names_open(HostsNames *h) {
        uint64_t now = clock_nsec(CLOCK_BOOTTIME);
        _cleanup_free_ char *text = NULL;
        HostsFile file;
        size_t n = 0;

        assert(h);

        if (read_file_at(AT_FDCWD, h->path, TEXT_MAX, &text, NULL) < 0 || hosts_file_parse(text, &file) < 0)
                return;
        for (size_t k = 0; k < h->layers->n; k++)
                lease_table_set_group(h->layers->layers[k]->leases, 0, true); /* nobody's, and they take over none */
        for (size_t i = 0; i < file.n && n < HOSTS_NAMES_MAX; i++) {
                const HostsEntry *e = &file.entries[i];

                if (addr_is_loopback_or_none(&e->addr))
                        continue;
                n++;
                for (size_t k = 0; k < h->layers->n; k++) /* without room in one: its denials show that */
                        (void) dns_local_open(h->layers->layers[k], e->name, &e->addr, 1, now, h->fn, h->userdata);
        }
        hosts_file_done(&file);
}

static int on_timer(sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        hosts_names_open(userdata);
        (void) sd_event_source_set_time_relative(s, RENEW_USEC);
        return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

static int on_change(_unused_ sd_event_source *s, const struct inotify_event *e, void *userdata) {
        HostsNames *h = userdata;

        if (e->mask & IN_Q_OVERFLOW || (e->len > 0 && strcmp(e->name, h->name) == 0))
                hosts_names_open(h);
        return 0;
}

/* If it cannot be watched, the timer remains. */
static void watch(HostsNames *h, sd_event *event) {
        _cleanup_free_ char *dir = strdup(h->path);

        if (!dir)
                return;
        dir[h->name - h->path] = '\0';
        if (sd_event_add_inotify(event, &h->changes, dir, CHANGES, on_change, h) >= 0)
                (void) sd_event_source_set_description(h->changes, "hosts-names-changes");
}

int hosts_names_new(sd_event *event, const char *path, const LayerTable *layers, dns_lease_fn fn, void *userdata,
                    HostsNames **ret) {
        _cleanup_(hosts_names_freep) HostsNames *h = calloc(1, sizeof(*h));
        int r;

        assert(event);
        assert(path && strchr(path, '/'));
        assert(layers);
        assert(ret);

        if (h)
                h->path = strdup(path);
        if (!h || !h->path)
                return -ENOMEM;
        h->name = strrchr(h->path, '/') + 1;
        h->layers = layers;
        h->fn = fn;
        h->userdata = userdata;
        r = sd_event_add_time_relative(event, &h->timer, CLOCK_BOOTTIME, RENEW_USEC, RENEW_ACCURACY_USEC, on_timer, h);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(h->timer, "hosts-names");
        watch(h, event);
        *ret = TAKE_PTR(h);
        return 0;
}

HostsNames *hosts_names_free(HostsNames *h) {
        if (!h)
                return NULL;
        sd_event_source_disable_unref(h->timer);
        sd_event_source_disable_unref(h->changes);
        free(h->path);
        free(h);
        return NULL;
}
