/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/service-life.h"

#include <assert.h>
#include <linux/capability.h>
#include <string.h>
#include <syslog.h>

#include "basic/clock.h"
#include "daemon/engine-start.h"
#include "daemon/fault-note.h"
#include "daemon/records.h"
#include "daemon/service-parts.h"
#include "daemon/wiring.h"
#include "host/capability.h"
#include "host/config-files.h"
#include "host/existing-sockets.h"

/* Writes all live state when the handover log starts another half. */
static void on_snapshot(_unused_ Handover *h, void *userdata) {
        Service *s = userdata;

        if (s->jobs)
                records_put_all(&s->context, jobs_table(s->jobs));
}

/* ------------------------------------------------------------------ life */

static int load_config(Service *s) {
        _cleanup_(fault_list_done) FaultList faults = {};
        int r = config_files_load("", &s->config, &faults);

        context_log_faults(&s->context, &faults);
        if (r < 0)
                return r;
        s->context.config = &s->config;
        service_log_set_level(s->context.log, s->config.log_level);
        return 0;
}

static int open_handover(Service *s) {
        Context *c = &s->context;
        HandoverReport report;
        int r;

        r = fd_store_collect(&c->store);
        if (r >= 0)
                r = handover_new(c->store, clock_nsec(CLOCK_BOOTTIME), on_snapshot, s, &report, &c->handover);
        if (r < 0) {
                log_message(c->log, LOG_ERR, "cannot set up the state that outlives the service: %s", strerror(-r));
                return r;
        }
        if (report.error < 0)
                log_message(c->log, LOG_WARNING,
                            "cannot read the state of the previous process (%s): the mode is as configured, jobs and their "
                            "restrictions have ended, and names are looked up again",
                            strerror(-report.error));
        if (report.n_cut > 0)
                log_message(c->log, LOG_WARNING, "cannot read the last %zu bytes of the previous process's state: recent jobs, a "
                            "mode that was set recently and recent names may be missing",
                            report.n_cut);
        return 0;
}

static void check_connections(const Context *c) {
        int r = existing_sockets_can_end();

        if (r < 0)
                log_message(c->log, LOG_WARNING,
                            "this kernel cannot end connections (%s): programs wait longer for a refusal, and data for a denied "
                            "destination may be sent when the service is stopped; see cargowallctl check",
                            strerror(-r));
}

/* Worth a line only where a policy is for more than the host, whose own services need such sockets. */
static void check_families(const Service *s) {
        const PolicySet *set = policies_set(s->policies);

        if (hooks_refuse_families(&s->context) || (!policy_set_matches_units(set) && !policy_set_matches_jobs(set)))
                return;
        if (backstop_stands(s->backstop))
                log_message(s->context.log, LOG_NOTICE,
                            "this kernel cannot refuse sockets of other families than IP: what units send with them is "
                            "dropped at the network devices instead, as far as it can be seen there; see cargowallctl check, "
                            "and SOCKET FAMILIES in cargowalld(8)");
        else
                log_message(s->context.log, LOG_WARNING,
                            "this kernel cannot refuse sockets of other families than IP: a unit can use those that the "
                            "kernel offers to send past its policy; see cargowallctl check, and SOCKET FAMILIES in "
                            "cargowalld(8)");
}

/* Worth a line where the kernel does not refuse it. Where the host's policy is enforced, that at least refuses what no scope
 * allows. */
static void check_resolved(const Service *s) {
        const PolicySet *set = policies_set(s->policies);

        if (!hooks_refuse_name_services(&s->context) && policy_set_matches_units(set) &&
            policy_set_mode_of(set, policy_set_host(set)) != MODE_ENFORCE && resolvers_have_sockets())
                log_message(s->context.log, LOG_NOTICE,
                            "units can look up names that their policy denies over the sockets of systemd-resolved, which does "
                            "not say for whom it asks (%s): see NAME SERVICES in cargowalld(8)",
                            s->config.name_services == NAME_SERVICES_ALLOW ?
                                    "[DNS] NameServices=allow" : "this kernel cannot refuse their connections to it");
}

static int start(Service *s) {
        const char *what = "cannot start the service";
        int r;

        s->start_realtime_usec = clock_usec(CLOCK_REALTIME);
        s->start_monotonic_usec = clock_usec(CLOCK_MONOTONIC);
        r = load_config(s);
        if (r >= 0)
                r = open_handover(s);
        if (r >= 0)
                r = service_make_parts(s);
        if (r < 0)
                return r;
        r = service_make_actors(s, &what);
        if (r >= 0)
                r = service_start_engine(s, &what);
        if (r < 0) {
                log_message(s->context.log, LOG_ERR, "%s: %s", what, strerror(-r));
                return r;
        }
        r = capability_drop(CAPABILITY(CAP_PERFMON)); /* it was needed for loading only */
        if (r < 0) {
                log_message(s->context.log, LOG_ERR, "cannot drop CAP_PERFMON: %s", strerror(-r));
                return r;
        }
        dns_sockets_report(s->sockets);
        check_connections(&s->context);
        service_update_backstop(s);
        check_families(s);
        check_resolved(s);
        jobs_end_left(s->jobs);
        handover_forget(s->context.handover);
        records_put_layers(&s->context);
        s->trim_is_due = true; /* the memory used to read the documents */
        r = supervision_start(s->supervision, actors_own_path(s->actors) != NULL);
        if (r < 0)
                log_message(s->context.log, LOG_ERR, "cannot start the self-test: %s", strerror(-r));
        return r;
}

int service_new(sd_event *event, ServiceLog *log, Service **ret) {
        _cleanup_(service_freep) Service *s = calloc(1, sizeof(*s));
        int r;

        assert(event);
        assert(log);
        assert(ret);

        if (!s)
                return -ENOMEM;
        s->context.event = event;
        s->context.log = log;
        r = start(s);
        if (r < 0) {
                service_manager_failed(r, "the start failed, see the journal");
                fault_note_set("cargowalld.service cannot start, and is tried again: see journalctl -u cargowalld.service\n");
                return r;
        }
        *ret = TAKE_PTR(s);
        return 0;
}

void service_set_observer(Service *s, const ServiceObserver *observer) {
        assert(s);

        s->context.observer = observer ? *observer : (ServiceObserver) {};
}

int service_exit_status(const Service *s) {
        assert(s);

        return supervision_exit_status(s->supervision);
}

/* Enforcement may end now, by intent, but not for what was denied before. */
static void end_refused(const Context *c) {
        size_t n;
        int r = engine_end_refused(c->engine, &n);

        if (r < 0)
                log_message(c->log, LOG_WARNING,
                            "cannot end connections to denied destinations (%s): what they have queued may be sent when "
                            "enforcement ends",
                            strerror(-r));
}

/* A successor continues where this process ends, so flows are not reported as closed. */
void service_stop(Service *s) {
        Context *c = &s->context;

        assert(s);

        if (!c->engine || s->stopped)
                return;
        s->stopped = true;
        grants_revoke_all(s->grants);
        end_refused(c);
        engine_flush(c->engine);
        if (s->is_last)
                context_emit_type(c, EVENT_ENFORCEMENT_ENDED, NULL, "the service is stopped");
        records_put_sequence(c);
        events_flush(s->events);
        (void) service_log_flush(c->log);
        events_sync(s->events);
}

Service *service_free(Service *s) {
        if (!s)
                return NULL;
        service_stop(s);
        supervision_free(s->supervision);
        backstop_free(s->backstop);
        resolvers_free(s->resolvers);
        if (s->actors)
                actors_unfollow(s->actors); /* nobody is left to be notified */
        s->context.engine = engine_free(s->context.engine);
        assign_free(s->assign);
        follow_free(s->follow);
        dns_sockets_free(s->sockets);
        grants_free(s->grants);
        jobs_free(s->jobs);
        events_free(s->events);
        actors_free(s->actors);
        policies_free(s->policies);
        handover_free(s->context.handover);
        fd_store_free(s->context.store);
        service_config_done(&s->config);
        free(s);
        return NULL;
}
