/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>
#include <sys/random.h>
#include <syslog.h>

#include "daemon/manager-internal.h"

#define FILE_MODE 0640
#define FILE_DELAY_USEC (200 * USEC_PER_MSEC) /* a reader of the log sees an event so late at most */

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

static int on_flush(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        manager_flush_sinks(userdata);
        return 0;
}

static int on_file_due(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        ndjson_file_flush(((Manager *) userdata)->file);
        return 0;
}

static int add_timer(Manager *m, sd_event_source **ret, sd_event_time_handler_t fn, const char *description) {
        int r = sd_event_add_time_relative(m->event, ret, CLOCK_MONOTONIC, 0, 0, fn, m);

        if (r >= 0)
                r = sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
        if (r >= 0)
                (void) sd_event_source_set_description(*ret, description);
        return r;
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
                r = add_timer(m, &m->flush, on_flush, "journal-flush");
        if (r >= 0)
                r = add_timer(m, &m->log_flush, on_file_due, "file-flush");
        if (r < 0 || !m->config.events_file)
                return r;
        r = ndjson_file_open_mode(m->config.events_file, FILE_MODE, &m->file);
        if (r < 0) /* evidence that was asked for and cannot be given */
                log_message(m->log, LOG_ERR, "%s cannot be opened: %s", m->config.events_file, strerror(-r));
        return r;
}

static void arm(sd_event_source *s, uint64_t usec) {
        int enabled;

        if (sd_event_source_get_enabled(s, &enabled) != 0 || sd_event_source_set_time_relative(s, usec) < 0)
                return;
        (void) sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

static void arm_journal(Manager *m) {
        uint64_t next = journal_sink_next(m->journal), now = manager_now(CLOCK_MONOTONIC);

        if (next == UINT64_MAX)
                (void) sd_event_source_set_enabled(m->flush, SD_EVENT_OFF);
        else {
                (void) sd_event_source_set_time_relative(m->flush, next > now ? (next - now) / 1000 + 1 : 0);
                (void) sd_event_source_set_enabled(m->flush, SD_EVENT_ONESHOT);
        }
}

void manager_flush_sinks(Manager *m) {
        journal_sink_flush(m->journal, manager_now(CLOCK_MONOTONIC));
        arm_journal(m);
        service_log_flush(m->log);
        if (m->file)
                ndjson_file_flush(m->file);
}

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

static bool is_traffic(const Event *e) {
        return e->type == EVENT_CONNECTION_ALLOWED || e->type == EVENT_CONNECTION_CLOSED;
}

static void keep(Manager *m, const Event *e) {
        if (is_traffic(e))
                return;
        recent_events_add(m->recent, e);
        if (m->observer.denial && event_is_denial(e))
                m->observer.denial(e, m->observer.userdata);
}

void manager_on_event(const Event *event, void *userdata) {
        Manager *m = userdata;
        _cleanup_free_ char *copy = NULL;
        char unit[CGROUP_UNIT_MAX];
        Event e = *event;
        Job *job = NULL;

        if (e.cgroup_id != 0)
                e.cgroup = manager_path_of(m, e.cgroup_id, e.pid, &copy);
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
        journal_sink_write(m->journal, &e, manager_now(CLOCK_MONOTONIC));
        arm_journal(m);
        if (m->file) {
                int enabled;

                ndjson_file_write(m->file, &e);
                if (sd_event_source_get_enabled(m->log_flush, &enabled) == 0)
                        arm(m->log_flush, FILE_DELAY_USEC);
        }
        keep(m, &e);
}

void manager_tell(Manager *m, Event *e) {
        engine_tell(m->engine, e);
}

void manager_tell_type(Manager *m, EventType type, const char *scope, const char *detail) {
        const Scope *s = engine_find_scope(m->engine, scope ?: SCOPE_HOST);
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
