/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>
#include <sys/random.h>
#include <syslog.h>

#include "daemon/manager-internal.h"
#include "host/guarded-open.h"

#define FILE_MODE 0640

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

/* ------------------------------------------------------------------ sinks */

/* Who observes the service, the bus, gets denials alone. */
static void observer_write(void *object, const Event *e, _unused_ uint64_t now_nsec) {
        Manager *m = object;

        if (m->observer.denial && event_is_denial(e))
                m->observer.denial(e, m->observer.userdata);
}

static uint64_t observer_n_lost(const void *object) {
        const Manager *m = object;

        return m->observer.n_denials_lost ? m->observer.n_denials_lost(m->observer.userdata) : 0;
}

static int open_file(Manager *m) {
        if (!m->config.events_file)
                return 0;

        int r = ndjson_file_open_mode(m->config.events_file, FILE_MODE, &m->file);
        if (r < 0) { /* evidence that was asked for and cannot be given */
                log_message(m->log, LOG_ERR, "%s cannot be opened: %s", m->config.events_file, guarded_open_error(r));
                return r;
        }
        Sink sink = ndjson_file_as_sink(m->file);
        return sink_hub_add(m->sinks, &sink);
}

int manager_open_sinks(Manager *m) {
        uint8_t key[16];
        int r;

        if (getrandom(key, sizeof(key), 0) != sizeof(key))
                return -EIO;
        r = journal_sink_new(journal_filter(m->config.journal_events), NULL, key, &m->journal);
        if (r >= 0)
                r = recent_events_new(&m->recent);
        if (r >= 0)
                r = sink_hub_new(m->event, &m->sinks);
        if (r < 0)
                return r;

        const Sink sinks[] = {
                journal_sink_as_sink(m->journal),
                recent_events_as_sink(m->recent),
                { .name = "bus", .object = m, .write = observer_write, .n_lost = observer_n_lost },
        };
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(sinks); i++)
                r = sink_hub_add(m->sinks, &sinks[i]);
        return r < 0 ? r : open_file(m);
}

/* ------------------------------------------------------------------ events */

static void count(Manager *m, const Event *e, Job *job) {
        if (e->type == EVENT_CONNECTION_ALLOWED) {
                m->counters.connections_allowed++;
                if (job)
                        job->allowed++;
        } else if (event_is_denial(e)) {
                if (e->type == EVENT_DNS_BLOCKED)
                        m->counters.queries_denied++;
                else
                        m->counters.connections_denied++;
                if (job)
                        job->denied++;
        }
}

void manager_on_event(const Event *event, void *userdata) {
        Manager *m = userdata;
        char unit[CGROUP_UNIT_MAX];
        Event e = *event;
        Job *job = NULL;

        if (m->identity && (e.actor != 0 || e.cgroup_id != 0))
                e.cgroup = identity_path_of(m->identity,
                                            &(IdentityFacts) { .actor = e.actor, .cgroup_id = e.cgroup_id, .pid = e.pid });
        if (e.cgroup) {
                job = job_table_of_cgroup(&m->jobs, e.cgroup);
                if (!e.unit)
                        e.unit = cgroup_path_unit(e.cgroup, unit);
        }
        if (job) {
                e.labels = (const char *const *) job->labels;
                e.n_labels = job->n_labels;
        }
        count(m, &e, job);
        sink_hub_write(m->sinks, &e);
}

void manager_tell(Manager *m, Event *e) {
        engine_tell(m->engine, e);
}

void manager_tell_type(Manager *m, EventType type, const char *scope, const char *detail) {
        const Layer *s = engine_find_layer(m->engine, scope ?: SCOPE_HOST);
        Event e = {
                .type = type,
                .rule = RULE_NONE,
                .mode = s ? s->mode : MODE_OFF,
                .scope = scope,
                .policy_digest = s ? s->digest : NULL,
                .detail = detail,
        };

        manager_tell(m, &e);
}
