/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/events.h"

#include <assert.h>
#include <limits.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>
#include <unistd.h>

#include "daemon/recent-events.h"
#include "host/guarded-open.h"
#include "sink/hub.h"
#include "sink/journal.h"
#include "sink/ndjson-file.h"

#define FILE_MODE 0640

struct Events {
        const Context *context; /* borrowed, like the next two */
        Actors *actors;         /* NULL: actors are unknown */
        Jobs *jobs;
        JournalSink *journal;
        NdjsonFile *file; /* NULL: none */
        char host[HOST_NAME_MAX + 1];
        RecentEvents *recent;
        SinkHub *hub;
        ServiceCounters counters;
};

/* ------------------------------------------------------------------ sinks */

static JournalFilter journal_filter(JournalEvents which) {
        switch (which) {
        case JOURNAL_EVENTS_ALL:
                return JOURNAL_FILTER_ALL;
        case JOURNAL_EVENTS_NONE:
                return JOURNAL_FILTER_NONE;
        default:
                return JOURNAL_FILTER_DENIED;
        }
}

/* The observer, which is the bus, only gets denials. */
static void observer_write(void *object, const Event *e, _unused_ uint64_t now_nsec) {
        const ServiceObserver *o = &((const Events *) object)->context->observer;

        if (o->denial && event_is_denial(e))
                o->denial(e, o->userdata);
}

static uint64_t observer_n_lost(const void *object) {
        const ServiceObserver *o = &((const Events *) object)->context->observer;

        return o->n_denials_lost ? o->n_denials_lost(o->userdata) : 0;
}

static int open_file(Events *e) {
        const Context *c = e->context;
        int r;

        if (!c->config->events_file)
                return 0;
        r = ndjson_file_open_mode(c->config->events_file, FILE_MODE, &e->file);
        if (r < 0) { /* requested evidence that cannot be recorded */
                log_message(c->log, LOG_ERR, "cannot open %s: %s", c->config->events_file, guarded_open_error(r));
                return r;
        }
        if (gethostname(e->host, sizeof(e->host) - 1) < 0)
                return -errno;
        ndjson_file_set_format(e->file, c->config->events_file_format, e->host);
        if (c->config->events_file_max_size > 0)
                ndjson_file_limit(e->file, c->config->events_file_max_size, c->config->events_file_keep);
        Sink sink = ndjson_file_as_sink(e->file);
        return sink_hub_add(e->hub, &sink);
}

static int open_sinks(Events *e) {
        uint8_t key[16];
        int r;

        if (getrandom(key, sizeof(key), 0) != sizeof(key))
                return -EIO;
        r = journal_sink_new(journal_filter(e->context->config->journal_events), NULL, key, &e->journal);
        if (r >= 0)
                r = recent_events_new(&e->recent);
        if (r >= 0)
                r = sink_hub_new(e->context->event, &e->hub);
        if (r < 0)
                return r;

        const Sink sinks[] = {
                journal_sink_as_sink(e->journal),
                recent_events_as_sink(e->recent),
                { .name = "bus", .object = e, .write = observer_write, .n_lost = observer_n_lost },
        };
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(sinks); i++)
                r = sink_hub_add(e->hub, &sinks[i]);
        return r < 0 ? r : open_file(e);
}

/* ------------------------------------------------------------------ life */

int events_new(const Context *c, Events **ret) {
        _cleanup_(events_freep) Events *e = calloc(1, sizeof(*e));
        int r;

        assert(c);
        assert(ret);

        if (!e)
                return -ENOMEM;
        e->context = c;
        r = open_sinks(e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(e);
        return 0;
}

Events *events_free(Events *e) {
        if (!e)
                return NULL;
        sink_hub_free(e->hub);
        journal_sink_free(e->journal);
        ndjson_file_free(e->file);
        recent_events_free(e->recent);
        free(e);
        return NULL;
}

void events_attribute(Events *e, Actors *actors, Jobs *jobs) {
        assert(e);

        e->actors = actors;
        e->jobs = jobs;
}

/* ------------------------------------------------------------------ one event */

static void count(Events *e, const Event *event, const Job *job) {
        ServiceCounters *c = &e->counters;
        uint64_t n_denied = event_n_denied(event);
        bool audited = event->mode == MODE_AUDIT;

        if (n_denied == 0 && event->type != EVENT_CONNECTION_ALLOWED)
                return;
        if (n_denied == 0)
                c->connections_allowed++;
        else if (event->type == EVENT_DNS_BLOCKED || event->type == EVENT_QUERIES_SUPPRESSED)
                *(audited ? &c->queries_audited : &c->queries_denied) += n_denied;
        else
                *(audited ? &c->connections_audited : &c->connections_denied) += n_denied;
        if (job)
                jobs_count(e->jobs, job, n_denied);
}

void events_on_event(const Event *event, void *userdata) {
        Events *e = userdata;
        char unit[CGROUP_UNIT_MAX];
        const Job *job = NULL;
        Event full;

        assert(event);
        assert(e);

        full = *event;
        if (e->actors && (full.actor != ACTOR_NONE || full.cgroup_id != 0))
                full.cgroup = actors_path_of(e->actors, &(IdentityFacts) {
                                                                .actor = full.actor,
                                                                .cgroup_id = full.cgroup_id,
                                                                .pid = full.pid,
                                                        });
        if (full.cgroup) {
                job = e->jobs ? jobs_of_cgroup(e->jobs, full.cgroup) : NULL;
                if (!full.unit)
                        full.unit = cgroup_path_unit(full.cgroup, unit);
        }
        if (job) {
                full.labels = (const char *const *) job->labels;
                full.n_labels = job->n_labels;
        }
        count(e, &full, job);
        sink_hub_write(e->hub, &full);
}

/* ------------------------------------------------------------------ requests */

void events_flush(Events *e) {
        assert(e);

        sink_hub_flush(e->hub);
}

void events_sync(Events *e) {
        assert(e);

        if (e->file)
                (void) ndjson_file_sync(e->file);
}

void events_reopen(Events *e) {
        int r;

        assert(e);

        r = e->file ? ndjson_file_reopen(e->file) : 0;
        if (r < 0)
                log_message(e->context->log, LOG_ERR, "cannot reopen %s: %s", e->context->config->events_file,
                            guarded_open_error(r));
}

void events_counters(const Events *e, ServiceCounters *ret) {
        assert(e);
        assert(ret);

        *ret = e->counters;
        ret->events_lost = sink_hub_n_lost(e->hub);
}

void events_recent(const Events *e, uint64_t since_usec, size_t max, event_fn fn, void *userdata) {
        assert(e);
        assert(fn);

        recent_events_for_each(e->recent, since_usec, max, fn, userdata);
}
