/* SPDX-License-Identifier: Apache-2.0 */

#include <inttypes.h>
#include <linux/capability.h>
#include <malloc.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "daemon/manager-internal.h"
#include "basic/clock.h"
#include "daemon/manager-life.h"
#include "host/capability.h"
#include "host/config-files.h"
#include "host/guarded-open.h"

#define TICK_USEC (10 * USEC_PER_SEC) /* so late a hook that was taken away is noticed */
#define TICK_ACCURACY_USEC USEC_PER_SEC
#define SELF_TEST_USEC (10 * USEC_PER_SEC)
#define SELF_TEST_FAULTS_MAX 2 /* in a row; then the watchdog is left to bite */

/* ------------------------------------------------------------------ configuration */

static int load_config(Manager *m) {
        _cleanup_(fault_list_done) FaultList faults = {};
        int r = config_files_load("", &m->config, &faults);

        manager_log_faults(m, &faults);
        if (r < 0)
                return r;
        service_log_set_level(m->log, m->config.log_level);
        return 0;
}

/* ------------------------------------------------------------------ upstream resolvers */

static int note_upstreams(Manager *m, const DnsServer *servers, size_t n) {
        char **texts = calloc(n + 1, sizeof(*texts)), text[ENDPOINT_TEXT_MAX];

        if (!texts)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                texts[i] = strdup(endpoint_format(&servers[i], text));
        for (size_t i = 0; i < m->n_upstreams; i++)
                free(m->upstream_texts[i]);
        free(m->upstream_texts);
        m->upstream_texts = texts;
        m->n_upstreams = n;
        return 0;
}

static void on_upstreams(int error, const DnsServer *servers, size_t n, void *userdata) {
        Manager *m = userdata;
        int r;

        if (error < 0) {
                log_message(m->log, LOG_WARNING, "this machine's resolvers cannot be told (%s): those known stay in use",
                            error == -ENOENT ? "none is configured" : strerror(-error));
                return;
        }
        r = engine_set_servers(m->engine, servers, n);
        if (r >= 0)
                r = note_upstreams(m, servers, n);
        if (r < 0) {
                log_message(m->log, LOG_ERR, "the new upstream resolvers are not used: %s", strerror(-r));
                return;
        }
        log_message(m->log, LOG_INFO, "upstream resolvers changed, the first is %s", m->upstream_texts[0]);
        if (m->observer.upstreams_changed)
                m->observer.upstreams_changed(m->observer.userdata);
}

static int start_upstreams(Manager *m) {
        DnsServer configured[DNS_UPSTREAM_SERVERS_MAX];
        const DnsServer *servers;
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < m->config.n_upstreams && n < ELEMENTSOF(configured) && r >= 0; i++)
                r = endpoint_parse(m->config.upstreams[i], DNS_SERVER_PORT, &configured[n++]);
        if (r >= 0)
                r = upstreams_new(m->event, &upstream_files_default, configured, n, NULL, 0, on_upstreams, m,
                                  &m->upstreams);
        if (r == -ENOENT)
                log_message(m->log, LOG_ERR, "no upstream resolver in /etc/resolv.conf or known to systemd-resolved: "
                                             "configure one with [DNS] Upstream=, see cargowall.conf(5)");
        else if (r == -ELOOP)
                log_message(m->log, LOG_ERR, "[DNS] Upstream= names this service or systemd-resolved's stub, which asks "
                                             "this service");
        else if (r < 0)
                log_message(m->log, LOG_ERR, "the upstream resolvers cannot be read: %s", strerror(-r));
        if (r < 0)
                return r;
        n = upstreams_get(m->upstreams, &servers);
        return note_upstreams(m, servers, n);
}

/* ------------------------------------------------------------------ the engine */

/* With the maps there and nothing attached yet, or a predecessor's programs still judging. */
static int fill(Engine *e, void *userdata) {
        Manager *m = userdata;
        int r;

        m->engine = e;
        m->restoring = true;
        r = manager_start_subjects(m);
        if (r >= 0)
                r = manager_restore_leases(m);
        m->restoring = false;
        if (r >= 0 && m->config.existing_connections == EXISTING_KEEP && !handover_has_predecessor(m->handover))
                r = manager_keep_connections(m);
        if (r >= 0)
                manager_write_scopes(m); /* before they judge: who finds flows with these ids must know that they were used */
        else
                m->engine = NULL;
        return r;
}

static void on_lease(const Layer *layer, const Lease *lease, void *userdata) {
        manager_write_lease(userdata, layer, lease);
}

static int start_engine(Manager *m, const char **ret_what) {
        /* Flows mean nothing without the ids they were judged under. */
        _cleanup_(inheritance_done) Inheritance inheritance = {
                .store = m->store, .pin_directory = PIN_DIRECTORY, .with_maps = handover_has_predecessor(m->handover),
        };
        _cleanup_free_ LayerSpec *specs = NULL;
        const DnsServer *servers;
        size_t n_servers = upstreams_get(m->upstreams, &servers);
        const struct passwd *network_user = getpwnam("systemd-network");
        int fds[8], r;
        EngineOptions o = {
                .servers = servers,
                .n_servers = n_servers,
                .dns_fds = fds,
                .n_dns_fds = manager_take_sockets(m, fds, ELEMENTSOF(fds)),
                .cgroup_fd = m->cgroup_fd,
                .cgroup_id = m->cgroup_id,
                .many_layers = true,
                .network_uid = network_user ? network_user->pw_uid : 0,
                .has_self = m->own_path != NULL,
                .optional_hooks = ~m->config.required_hooks,
                .inherit = inheritance_get,
                .inherit_userdata = &inheritance,
                .on_event = manager_on_event,
                .on_client = manager_attribute,
                .on_lease = on_lease,
                .last_policy_id = handover_last_policy_id(m->handover),
                .first_sequence = handover_next_sequence(m->handover),
                .userdata = m,
        };

        r = manager_make_specs(m, &m->documents, &specs);
        if (r >= 0)
                r = engine_new(m->event, &o, specs, m->documents.n, fill, &m->engine, ret_what);
        if (r < 0)
                m->engine = NULL;
        return r;
}

/* ------------------------------------------------------------------ ready */

static void say_status(Manager *m, char buf[static SERVICE_STATUS_SIZE]) {
        Mode mode = manager_effective_mode(m);

        (void) snprintf(buf, SERVICE_STATUS_SIZE, "%s; policy %.19s, %u rules, %zu scopes, %" PRIu64 " denied",
                        mode == MODE_ENFORCE ? "Enforcing" : mode == MODE_AUDIT ? "Auditing" : "Partly off",
                        m->digest, manager_n_rules(m), m->documents.n,
                        m->counters.connections_denied + m->counters.queries_denied);
}

static void on_flushed(_unused_ int r, void *userdata) {
        Manager *m = userdata;

        if (r < 0)
                log_message(m->log, LOG_NOTICE, "systemd-resolved did not forget its cache: %s", strerror(-r));
        m->resolved_slot = sd_bus_slot_unref(m->resolved_slot);
        (void) sd_bus_detach_event(m->resolved_bus);
        m->resolved_bus = sd_bus_close_unref(m->resolved_bus);
}

/* What it knew before us passed nobody. */
static void flush_resolved(Manager *m) {
        if (sd_bus_open_system(&m->resolved_bus) < 0)
                return;
        if (sd_bus_attach_event(m->resolved_bus, m->event, 0) < 0 ||
            resolved_flush_caches(m->resolved_bus, on_flushed, m, &m->resolved_slot) < 0)
                m->resolved_bus = sd_bus_close_unref(m->resolved_bus);
}

/* Where pins are not asked for, those of an earlier configuration go: the links have other holders by now. */
static void keep_pins(Manager *m) {
        bool wanted = m->config.persist == PERSIST_PIN;
        int r = wanted ? pins_add(PIN_DIRECTORY, engine_programs(m->engine)) : pins_remove(PIN_DIRECTORY);

        if (r < 0 && (wanted || r != -ENOENT))
                log_message(m->log, LOG_ERR, wanted ? "the links cannot be pinned in %s (%s): enforcement ends with a stop" :
                                                      "the pins in %s cannot be removed: %s",
                            PIN_DIRECTORY, strerror(-r));
}

static void become_ready(Manager *m) {
        bool inherited = programs_inherited(engine_programs(m->engine));
        char status[SERVICE_STATUS_SIZE];
        int r;

        r = manager_store_fds(m);
        if (r < 0)
                log_message(m->log, LOG_WARNING, "the service manager does not keep our state (%s): a crash would end "
                                                 "enforcement", strerror(-r));
        keep_pins(m);
        m->ready = true;
        say_status(m, status);
        service_manager_ready(&m->service, status, clock_usec(CLOCK_MONOTONIC));
        manager_tell_type(m, inherited ? EVENT_ENFORCEMENT_RESUMED : EVENT_ENFORCEMENT_STARTED, NULL, status);
        if (m->observer.ready)
                m->observer.ready(m->observer.userdata);
        manager_end_left_jobs(m);
        if (!inherited)
                flush_resolved(m);
}

static void on_self_test(const char *fault, void *userdata) {
        Manager *m = userdata;

        if (!fault) {
                m->n_self_test_faults = 0;
                service_manager_progress(&m->service);
                if (!m->ready)
                        become_ready(m);
                return;
        }
        log_message(m->log, LOG_ERR, "self-test failed: %s", fault);
        if (!m->ready) {
                service_manager_failed(-EIO, fault);
                m->exit_status = EXIT_FAILURE;
                (void) sd_event_exit(m->event, 0);
        } else
                m->n_self_test_faults++;
}

static void run_self_test(Manager *m) {
        int r;

        if (manager_check_sockets(m) < 0) {
                on_self_test("another process shares a socket of the DNS proxy", m);
                return;
        }
        r = self_test_run(m->self_test, SELF_TEST_USEC);
        if (r < 0)
                on_self_test(r == -EACCES ? "a connection that must be refused was not" : strerror(-r), m);
}

/* ------------------------------------------------------------------ loop */

/* Who may take a hook away from us is root; it does not go unseen. */
static void check_hooks(Manager *m) {
        Programs *p = engine_programs(m->engine);
        uint32_t lost = programs_check(p, m->cgroup_id), back;
        unsigned n_scopes = engine_repair(m->engine);

        if (n_scopes > 0) {
                log_message(m->log, LOG_CRIT, "%u scope entries in the kernel were modified externally; restored", n_scopes);
                manager_tell_type(m, EVENT_HOOK_LOST, NULL, "scopes");
        }
        if (lost == 0)
                return;
        back = programs_reattach(p, lost, m->cgroup_fd);
        for (size_t i = 0; i < programs_n_hooks(); i++) {
                if (!(lost & (1U << i)))
                        continue;
                log_message(m->log, LOG_CRIT, "hook %s was taken away and %s", programs_hook_name(i),
                            back & (1U << i) ? "attached again" : "cannot be attached again");
                manager_tell_type(m, EVENT_HOOK_LOST, NULL, programs_hook_name(i));
        }
        (void) manager_store_fds(m);
        keep_pins(m);
        if (m->observer.hooks_changed)
                m->observer.hooks_changed(m->observer.userdata);
}

static uint64_t tick_usec(const Manager *m) {
        uint64_t watchdog = m->service.watchdog_usec;

        return watchdog == 0 ? TICK_USEC : MIN(TICK_USEC, MAX(watchdog / 4, USEC_PER_SEC / 4));
}

static int on_tick(sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        Manager *m = userdata;
        char status[SERVICE_STATUS_SIZE];

        identity_tick(m->identity);
        (void) service_log_flush(m->log);
        check_hooks(m);
        if (m->trim_is_due)
                (void) malloc_trim(0);
        m->trim_is_due = false;
        if (m->ready) {
                run_self_test(m);
                say_status(m, status);
                if (strcmp(status, m->last_status) != 0)
                        service_manager_status(&m->service, status, clock_usec(CLOCK_MONOTONIC));
                memcpy(m->last_status, status, sizeof(status));
                manager_write_sequence(m);
        }
        (void) service_manager_tick(&m->service, clock_usec(CLOCK_MONOTONIC));
        (void) sd_event_source_set_time_relative(s, tick_usec(m));
        return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

static int on_hup(_unused_ sd_event_source *s, _unused_ const struct signalfd_siginfo *si, void *userdata) {
        Manager *m = userdata;
        _cleanup_(fault_list_done) FaultList faults = {};
        char status[SERVICE_STATUS_SIZE];

        service_manager_reloading(clock_usec(CLOCK_MONOTONIC));
        (void) manager_reload(m, &faults);
        say_status(m, status);
        service_manager_ready(&m->service, status, clock_usec(CLOCK_MONOTONIC));
        return 0;
}

static int on_usr1(_unused_ sd_event_source *s, _unused_ const struct signalfd_siginfo *si, void *userdata) {
        Manager *m = userdata;
        int r = m->file ? ndjson_file_reopen(m->file) : 0;

        if (r < 0)
                log_message(m->log, LOG_ERR, "%s cannot be opened again: %s", m->config.events_file, guarded_open_error(r));
        return 0;
}

static int on_term(_unused_ sd_event_source *s, _unused_ const struct signalfd_siginfo *si, void *userdata) {
        Manager *m = userdata;

        service_manager_stopping();
        return sd_event_exit(m->event, 0);
}

static int start_loop(Manager *m) {
        int r;

        r = sd_event_add_signal(m->event, &m->hup, SIGHUP, on_hup, m);
        if (r >= 0)
                r = sd_event_add_signal(m->event, &m->usr1, SIGUSR1, on_usr1, m);
        if (r >= 0)
                r = sd_event_add_signal(m->event, &m->term, SIGTERM, on_term, m);
        if (r >= 0)
                r = sd_event_add_signal(m->event, &m->interrupt, SIGINT, on_term, m);
        if (r >= 0)
                r = sd_event_add_time_relative(m->event, &m->tick, CLOCK_MONOTONIC, 0, TICK_ACCURACY_USEC, on_tick, m);
        if (r >= 0)
                (void) sd_event_source_set_description(m->tick, "manager-tick");
        return r;
}

/* ------------------------------------------------------------------ life */

static int start(Manager *m) {
        const char *what = "the service could not be started";
        int r;

        m->start_realtime_usec = clock_usec(CLOCK_REALTIME);
        m->start_monotonic_usec = clock_usec(CLOCK_MONOTONIC);
        service_manager_init(&m->service, clock_usec(CLOCK_MONOTONIC));
        r = load_config(m);
        if (r >= 0)
                r = fd_store_collect(&m->store);
        if (r >= 0)
                r = manager_open_state(m);
        if (r >= 0)
                r = manager_start_policies(m);
        if (r >= 0)
                r = start_upstreams(m);
        if (r >= 0)
                r = manager_open_sinks(m);
        if (r < 0)
                return r; /* said where it happened */
        r = manager_open_cgroups(m, &what);
        if (r >= 0)
                r = start_engine(m, &what);
        if (r >= 0)
                r = self_test_new(m->event, m->engine, m->own_path != NULL, on_self_test, m, &m->self_test);
        if (r >= 0)
                r = start_loop(m);
        if (r < 0) {
                log_message(m->log, LOG_ERR, "%s: %s", what, strerror(-r));
                return r;
        }
        r = capability_drop(CAPABILITY(CAP_PERFMON)); /* loading was what it was for */
        if (r < 0) {
                log_message(m->log, LOG_ERR, "CAP_PERFMON cannot be given up: %s", strerror(-r));
                return r;
        }
        manager_tell_sockets(m);
        handover_forget(m->handover);
        manager_write_scopes(m);
        m->trim_is_due = true; /* what reading the documents took */
        run_self_test(m);
        return 0;
}

int manager_new(sd_event *event, ServiceLog *log, Manager **ret) {
        _cleanup_(manager_freep) Manager *m = calloc(1, sizeof(*m));
        int r;

        if (!m)
                return -ENOMEM;
        m->event = event;
        m->log = log;
        m->cgroup_fd = -EBADF;
        m->override = MODE_SETTING_CONFIGURED;
        r = start(m);
        if (r < 0)
                service_manager_failed(r, "the start failed, see the journal");
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

void manager_set_observer(Manager *m, const ManagerObserver *observer) {
        m->observer = observer ? *observer : (ManagerObserver) {};
}

int manager_exit_status(const Manager *m) {
        return m->exit_status;
}

/* A successor goes on where we end, so flows are not told as closed. */
void manager_stop(Manager *m) {
        if (!m->engine || m->stopped)
                return;
        m->stopped = true;
        manager_drop_grants(m);
        engine_drain(m->engine);
        manager_tell_type(m, EVENT_ENFORCEMENT_ENDED, NULL, "the service stops or restarts");
        manager_write_sequence(m);
        sink_hub_flush(m->sinks);
        (void) service_log_flush(m->log);
        if (m->file)
                (void) ndjson_file_sync(m->file);
}

Manager *manager_free(Manager *m) {
        if (!m)
                return NULL;
        manager_stop(m);
        sd_bus_slot_unref(m->resolved_slot);
        sd_bus_close_unref(m->resolved_bus);
        self_test_free(m->self_test);
        identity_free(m->identity);
        m->identity = NULL;
        upstreams_free(m->upstreams);
        engine_free(m->engine);
        sd_event_source *sources[] = { m->hup, m->usr1, m->term, m->interrupt, m->tick, m->grant_end };
        for (size_t i = 0; i < ELEMENTSOF(sources); i++)
                sd_event_source_disable_unref(sources[i]);
        sink_hub_free(m->sinks);
        journal_sink_free(m->journal);
        ndjson_file_free(m->file);
        recent_events_free(m->recent);
        job_table_done(&m->jobs);
        grant_table_done(&m->grants);
        documents_done(&m->documents);
        handover_free(m->handover);
        fd_store_free(m->store);
        for (size_t i = 0; i < m->n_upstreams; i++)
                free(m->upstream_texts[i]);
        free(m->upstream_texts);
        free(m->cgroup_path);
        free(m->own_path);
        if (m->cgroup_fd >= 0)
                (void) close(m->cgroup_fd);
        service_config_done(&m->config);
        free(m);
        return NULL;
}

/* ------------------------------------------------------------------ what else the bus asks for */

void manager_set_log_level(Manager *m, int level) {
        service_log_set_level(m->log, level);
}

void manager_note_call(Manager *m, const char *action, const char *sender, uint32_t uid, uint32_t pid,
                       const char *unit, const char *result) {
        char detail[256];
        Event e = {
                .type = EVENT_PRIVILEGED_CALL, .rule = RULE_NONE, .uid = uid, .pid = pid, .unit = unit, .detail = detail,
        };

        (void) snprintf(detail, sizeof(detail), "%s by %s: %s", action, sender ?: "unknown", result);
        e.mode = manager_effective_mode(m);
        manager_tell(m, &e);
}
