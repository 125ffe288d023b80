/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/backstop.h"

#include <assert.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "host/device-filter.h"
#include "host/devices.h"

typedef struct Device {
        unsigned index;
        int error; /* why it has no filter; 0: it has one */
} Device;

struct Backstop {
        const Context *context; /* borrowed */
        Devices *devices;       /* NULL: not wanted, or not possible */
        Device *list;
        size_t n, n_room;
        bool failed;            /* the kernel has no such filters; logged */
};

/* ------------------------------------------------------------------ the list */

static Device *find(const Backstop *b, unsigned index) {
        for (size_t i = 0; i < b->n; i++)
                if (b->list[i].index == index)
                        return &b->list[i];
        return NULL;
}

static void forget(Backstop *b, unsigned index) {
        Device *d = find(b, index);

        if (d)
                *d = b->list[--b->n];
}

static Device *remember(Backstop *b, unsigned index, int error) {
        if (b->n == b->n_room) {
                size_t room = MAX(2 * b->n_room, 16U);
                Device *list = realloc(b->list, room * sizeof(*list));

                if (!list)
                        return NULL; /* filtered again with its next notice */
                b->list = list;
                b->n_room = room;
        }
        b->list[b->n] = (Device) { .index = index, .error = error };
        return &b->list[b->n++];
}

/* ------------------------------------------------------------------ filters */

static const char *why(int error) {
        return error == -EBUSY ? "it has a queueing discipline of the kind ingress; replace it by one of the kind clsact" :
               error == -ENOSPC ? "filters of other kinds have all of the first priorities" :
                                  strerror(-error);
}

static void name_of(unsigned index, char buf[static IF_NAMESIZE]) {
        if (!if_indextoname(index, buf))
                (void) snprintf(buf, IF_NAMESIZE, "%u", index);
}

static int filter(const Backstop *b, unsigned index) {
        return device_filter_put(index, engine_device_filter(b->context->engine));
}

static void report_failure(Backstop *b, unsigned index, int error) {
        char name[IF_NAMESIZE];

        if (error == -EOPNOTSUPP) {
                if (!b->failed)
                        log_message(b->context->log, LOG_WARNING,
                                    "this kernel has no filters for network devices (CONFIG_NET_SCH_INGRESS, "
                                    "CONFIG_NET_CLS_BPF): packets of other socket families than IP are not dropped");
                b->failed = true;
                return;
        }
        name_of(index, name);
        log_message(b->context->log, LOG_WARNING,
                    "cannot filter the network device %s: %s. A unit can send past its policy there with sockets of other "
                    "families than IP", name, why(error));
}

static void on_device(unsigned index, bool gone, void *userdata) {
        Backstop *b = userdata;

        if (gone && index == DEVICES_ALL)
                b->n = 0;
        else if (gone)
                forget(b, index);
        if (gone || index == DEVICE_LOOPBACK || find(b, index))
                return;
        int r = filter(b, index);
        if (r == -ENODEV) /* gone again */
                return;
        (void) remember(b, index, r);
        if (r < 0)
                report_failure(b, index, r);
}

static void check_device(const Backstop *b, Device *d) {
        bool had = d->error == 0;
        char name[IF_NAMESIZE];

        if (had && device_filter_find(d->index) != 0)
                return;
        d->error = filter(b, d->index);
        if (!had || d->error == -ENODEV)
                return;
        name_of(d->index, name);
        log_message(b->context->log, LOG_CRIT, "the filter of the network device %s was removed externally; %s", name,
                    d->error < 0 ? "cannot put it back" : "put back");
        context_emit_type(b->context, EVENT_HOOK_LOST, NULL, BACKSTOP_NAME);
}

void backstop_check(Backstop *b) {
        assert(b);

        for (size_t i = 0; i < b->n && !b->failed; i++)
                check_device(b, &b->list[i]);
}

/* ------------------------------------------------------------------ life */

static void start(Backstop *b) {
        const Context *c = b->context;
        int program = engine_device_filter(c->engine);
        int r = program < 0 ? program : devices_new(c->event, on_device, b, &b->devices);

        if (r < 0)
                log_message(c->log, LOG_WARNING,
                            "cannot filter network devices (%s): packets of other socket families than IP are not dropped",
                            strerror(-r));
        b->failed = b->failed || r < 0;
}

/* Also those of a predecessor. */
static void stop(Backstop *b) {
        b->devices = devices_free(b->devices);
        b->n = 0;
        (void) device_filters_remove();
}

void backstop_update(Backstop *b, bool wanted) {
        assert(b);

        if (b->failed || engine_device_filter(b->context->engine) == -EBADF) /* no use for it */
                return;
        bool stood = backstop_stands(b);
        if (wanted && !b->devices)
                start(b);
        else if (!wanted)
                stop(b);
        if (stood != backstop_stands(b))
                context_notify(b->context, hooks_changed);
}

bool backstop_stands(const Backstop *b) {
        assert(b);

        return b->devices && !b->failed;
}

int backstop_new(const Context *c, Backstop **ret) {
        Backstop *b = calloc(1, sizeof(*b));

        assert(c && ret);

        if (!b)
                return -ENOMEM;
        b->context = c;
        *ret = b;
        return 0;
}

Backstop *backstop_free(Backstop *b) {
        if (!b)
                return NULL;
        devices_free(b->devices);
        free(b->list);
        free(b);
        return NULL;
}
