/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/wiring.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "daemon/records.h"
#include "daemon/service-parts.h"
#include "host/allocator.h"

#define SYNC_TIMEOUT_USEC (5 * USEC_PER_SEC)

/* ------------------------------------------------------------------ what the parts report to each other */

/* Most important first: the links. What was not taken over is dropped last, when its replacement is kept. A failure is
 * logged once, and tried again with each tick. */
static void keep_for_successor(Service *s) {
        const Context *c = &s->context;
        int r = hooks_keep(c), k = policies_keep(s->policies);

        if (r >= 0)
                r = k;
        fd_store_drop_left_over(c->store);
        if (r >= 0 && !supervision_is_ready(s->supervision))
                r = fd_store_sync(SYNC_TIMEOUT_USEC);
        if (r < 0 && !s->keeping_failed) {
                log_message(c->log, LOG_ERR,
                            "the service manager does not keep our state (%s): a crash would end enforcement, or bring "
                            "back an earlier policy",
                            strerror(-r));
                context_emit_type(c, EVENT_STATE_NOT_KEPT, NULL, strerror(-r));
        }
        s->keeping_failed = r < 0;
}

static void on_assign_all(void *userdata) {
        Service *s = userdata;

        (void) follow_update(s->follow);
        assign_all(s->assign);
}

static void on_followed(void *userdata) {
        assign_all(((Service *) userdata)->assign);
}

void service_update_backstop(Service *s) {
        const PolicySet *set = policies_set(s->policies);

        if (s->context.engine)
                backstop_update(s->backstop, policy_set_matches_units(set) || policy_set_matches_jobs(set));
}

static void on_policies_changed(void *userdata) {
        Service *s = userdata;

        context_notify(&s->context, policy_reloaded);
        s->trim_is_due = true; /* the old documents, and what reading the new ones took */
        service_update_backstop(s);
        keep_for_successor(s);
}

static int on_job_assign(const Job *job, void *userdata) {
        Service *s = userdata;

        size_t n;

        if (jobs_get(s->jobs, job->id))
                return assign_new_job(s->assign, job);
        /* What the job's document denied, and TCP still has queued, must not leave when the unit's policy allows it. */
        if (s->context.engine)
                (void) engine_end_refused(s->context.engine, &n);
        return assign_job(s->assign, job);
}

static uint64_t on_job_find_cgroup(const char *path, void *userdata) {
        uint64_t id;

        return actors_find(((Service *) userdata)->actors, path, &id) < 0 ? 0 : id;
}

static void on_job_ended(const Job *job, void *userdata) {
        grants_revoke(((Service *) userdata)->grants, job->id);
}

static const char *job_restriction(const Job *job, void *userdata) {
        const Document *d = assign_restriction(((Service *) userdata)->assign, job);

        return d ? d->name : NULL;
}

static Mode effective_mode(void *userdata) {
        return policy_set_effective_mode(policies_set(((Service *) userdata)->policies));
}

/* A job that ended has nothing to be assigned to. */
static int on_grant_assign(uint64_t job, void *userdata) {
        Service *s = userdata;
        const Job *j = jobs_get(s->jobs, job);

        return j ? assign_job(s->assign, j) : 0;
}

static void on_actor_appeared(const char *path, uint64_t id, bool is_slice, void *userdata) {
        Service *s = userdata;

        (void) assign_actor(s->assign, path, id, is_slice);
        if (!is_slice)
                follow_appeared(s->follow, path);
}

static void on_actor_gone(const char *path, uint64_t id, _unused_ bool is_slice, void *userdata) {
        Service *s = userdata;

        if (jobs_of_cgroup(s->jobs, path))
                service_count_events(s); /* its last denials */
        jobs_end_of(s->jobs, path, id);
}

static void on_actor_forgotten(_unused_ const char *path, uint64_t id, _unused_ bool is_slice, void *userdata) {
        (void) engine_remove_subject(((Service *) userdata)->context.engine, id);
}

/* ------------------------------------------------------------------ ready */

static void describe(char ret[static SERVICE_STATUS_SIZE], void *userdata) {
        const Service *s = userdata;
        const PolicySet *set = policies_set(s->policies);
        Mode mode = policy_set_effective_mode(set);
        ServiceCounters counters;
        const char *const *texts;
        char in_force[96], audited[48] = "";

        service_counters(s, &counters); /* as on the bus */
        if (counters.connections_audited + counters.queries_audited > 0)
                (void) snprintf(audited, sizeof(audited), ", %" PRIu64 " would be denied",
                                counters.connections_audited + counters.queries_audited);
        (void) in_force_format_short(policies_in_force(s->policies), in_force, sizeof(in_force));
        (void) snprintf(ret, SERVICE_STATUS_SIZE, "%s%s%s; policy %.19s, %u rules, %zu scopes, %" PRIu64 " denied%s",
                        supervision_lost_sockets(s->supervision) ? "Not enforcing, the kernel does not know the cgroup of sockets"
                        : policies_in_force(s->policies)->n_left_out > 0 ? "Partly off"
                        : mode == MODE_ENFORCE ? "Enforcing"
                        : mode == MODE_AUDIT   ? "Auditing"
                                               : "Partly off",
                        in_force, resolvers_texts(s->resolvers, &texts) > 0 ? "" : ", no upstream resolver known: names do not resolve",
                        policies_digest(s->policies), policy_set_n_rules(set), set->documents.n,
                        counters.connections_denied + counters.queries_denied, audited);
}

static int on_check(void *userdata) {
        return dns_sockets_check(((Service *) userdata)->sockets);
}

static void on_prepare(void *userdata) {
        keep_for_successor(userdata);
}

static void on_ready(const char *status, void *userdata) {
        Service *s = userdata;
        bool inherited = engine_is_inherited(s->context.engine);

        context_emit_type(&s->context, inherited ? EVENT_ENFORCEMENT_RESUMED : EVENT_ENFORCEMENT_STARTED, NULL, status);
        policies_started(s->policies);
        context_notify(&s->context, ready);
        s->trim_is_due = true; /* what loading the programs took */
        if (!inherited) /* what it knew before passed nobody */
                resolvers_flush_cache(s->resolvers);
}

static void on_tick(void *userdata) {
        Service *s = userdata;

        actors_tick(s->actors);
        backstop_check(s->backstop);
        records_check(&s->context, &s->records_warned);
        (void) service_log_flush(s->context.log);
        if (hooks_check(&s->context) || s->keeping_failed || policies_keep(s->policies) < 0)
                keep_for_successor(s);
        if (s->trim_is_due)
                allocator_trim();
        s->trim_is_due = false;
        if (!supervision_is_ready(s->supervision))
                return;
        records_put_sequence(&s->context);
        policies_keep_last_good(s->policies);
}

static void on_reload(void *userdata) {
        _cleanup_(fault_list_done) FaultList faults = {};

        (void) policies_reload(((Service *) userdata)->policies, &faults);
}

static void on_last(void *userdata) {
        ((Service *) userdata)->is_last = true;
}

static void on_reopen(void *userdata) {
        events_reopen(((Service *) userdata)->events);
}

/* ------------------------------------------------------------------ the parts */

int service_make_parts(Service *s) {
        const Context *c = &s->context;
        int r;

        r = supervision_new(c,
                            &(SupervisionObserver) {
                                    .check = on_check,
                                    .prepare = on_prepare,
                                    .ready = on_ready,
                                    .tick = on_tick,
                                    .describe = describe,
                                    .reload = on_reload,
                                    .reopen = on_reopen,
                                    .last = on_last,
                                    .userdata = s,
                            },
                            &s->supervision);
        if (r >= 0)
                r = policies_new(c,
                                 &(PoliciesObserver) {
                                         .assign_all = on_assign_all,
                                         .changed = on_policies_changed,
                                         .userdata = s,
                                 },
                                 &s->policies);
        if (r >= 0)
                r = backstop_new(c, &s->backstop);
        if (r >= 0)
                r = resolvers_new(c, &s->resolvers);
        if (r >= 0)
                r = events_new(c, &s->events);
        if (r >= 0)
                r = jobs_new(c,
                             &(JobsObserver) {
                                     .assign = on_job_assign,
                                     .find_cgroup = on_job_find_cgroup,
                                     .ended = on_job_ended,
                                     .restriction = job_restriction,
                                     .mode = effective_mode,
                                     .userdata = s,
                             },
                             &s->jobs);
        if (r >= 0)
                r = grants_new(c, s->policies, &(GrantsObserver) { .assign = on_grant_assign, .userdata = s },
                               &s->grants);
        return r;
}

int service_make_actors(Service *s, const char **ret_what) {
        const Context *c = &s->context;
        int r;

        r = actors_new(c,
                       &(ActorsObserver) {
                               .appeared = on_actor_appeared,
                               .gone = on_actor_gone,
                               .forgotten = on_actor_forgotten,
                               .userdata = s,
                       },
                       &s->actors, ret_what);
        if (r >= 0)
                r = dns_sockets_new(c, s->actors, &s->sockets);
        if (r >= 0)
                r = follow_new(c, s->policies, s->actors, on_followed, s, &s->follow);
        if (r >= 0)
                r = assign_new(c, s->policies, s->jobs, s->grants, s->actors, s->follow, &s->assign);
        if (r >= 0)
                events_attribute(s->events, s->actors, s->jobs);
        return r;
}
