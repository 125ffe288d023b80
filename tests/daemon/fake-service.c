/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/service.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fake-service.h"

static const char *const scope_names[FAKE_SCOPES_MAX] = { "host", "runner-a", "off", "new" };
static const char *const hooks[] = { "connect4", "connect6" };
static const char *const upstream_texts[] = { "192.0.2.1:53" };

int fake_validate_gate = -1;

Service *fake_service_new(void) {
        Service *m = calloc(1, sizeof(*m));
        if (!m)
                abort();
        m->mode = MODE_SETTING_CONFIGURED;
        m->n_scopes = 3;
        m->source = "/etc/cargowall/policy.json";
        m->cgroup = "/system.slice/a.service";
        m->next_job = 1;
        m->log_level = 6;
        m->texts[0] = strdup("{\"rules\":[]}");
        return m;
}

Service *fake_service_free(Service *m) {
        if (!m)
                return NULL;
        for (size_t i = 0; i < FAKE_SCOPES_MAX; i++)
                free(m->texts[i]);
        while (m->n_jobs > 0)
                (void) service_end_job(m, m->job_ids[m->n_jobs - 1]);
        free(m);
        return NULL;
}

void service_set_observer(Service *m, const ServiceObserver *observer) {
        m->observer = observer ? *observer : (ServiceObserver) {};
}

size_t service_n_scopes(const Service *m) {
        return m->n_scopes;
}

void service_scope(const Service *m, size_t i, ServiceScope *ret) {
        *ret = (ServiceScope) {
                .name = scope_names[i],
                .source = m->source,
                .digest = m->texts[i] ? "sha256:00" : "",
                .mode = i == 2 ? MODE_OFF : service_effective_mode(m),
                .n_rules = 3,
        };
}

int service_find_scope(const Service *m, const char *name, size_t *ret) {
        for (size_t i = 0; i < m->n_scopes; i++)
                if (strcmp(scope_names[i], name) == 0) {
                        *ret = i;
                        return 0;
                }
        return -ENOENT;
}

void service_scope_cgroups(const Service *m, _unused_ size_t i, void (*fn)(const char *, void *), void *userdata) {
        fn(m->cgroup, userdata);
}

ModeSetting service_mode(const Service *m) {
        return m->mode;
}

Mode service_configured_mode(const Service *m) {
        return m->configured;
}

Mode service_effective_mode(const Service *m) {
        return m->mode == MODE_SETTING_CONFIGURED ? m->configured : (Mode) m->mode;
}

bool service_enforcing(const Service *m) {
        return service_effective_mode(m) == MODE_ENFORCE;
}

const char *service_policy_digest(_unused_ const Service *m) {
        return "sha256:00";
}

const char *service_policy_fault(_unused_ const Service *m, char buf[static SERVICE_FAULT_MAX]) {
        buf[0] = '\0';
        return buf;
}

const char *service_policy_source(const Service *m) {
        return m->source;
}

uint32_t service_n_rules(_unused_ const Service *m) {
        return 3;
}

const char *service_dns_wiring(_unused_ const Service *m) {
        return "bpf";
}

size_t service_upstreams(_unused_ const Service *m, const char *const **ret) {
        *ret = upstream_texts;
        return ELEMENTSOF(upstream_texts);
}

size_t service_required_hooks(_unused_ const Service *m, const char *const **ret) {
        *ret = hooks;
        return ELEMENTSOF(hooks);
}

size_t service_achieved_hooks(_unused_ const Service *m, const char *const **ret) {
        *ret = hooks;
        return 1;
}

uint64_t service_start_usec(_unused_ const Service *m, bool monotonic) {
        return monotonic ? 5 : 1700000000000000;
}

void service_counters(_unused_ const Service *m, ServiceCounters *ret) {
        *ret = (ServiceCounters) { 1, 2, 3, 4, 5, .connections_audited = 6, .queries_audited = 7 };
}

bool service_mode_is_kept(const Service *m) {
        return m->mode_is_kept;
}

bool service_mode_disables(const Service *m, _unused_ const char *scope, ModeSetting mode) {
        return mode == MODE_SETTING_OFF || (mode == MODE_SETTING_CONFIGURED && m->configured == MODE_OFF);
}

int service_set_mode(Service *m, const char *scope, ModeSetting mode, bool keep) {
        ModeSetting old = (ModeSetting) service_effective_mode(m);

        m->n_set_mode++;
        if (m->set_mode_error < 0)
                return m->set_mode_error;
        m->mode_is_kept = keep;
        if (scope) {
                m->n_set_scope_mode++;
                return 0;
        }
        m->mode = mode;
        if (m->observer.mode_changed)
                m->observer.mode_changed(old, (ModeSetting) service_effective_mode(m), m->observer.userdata);
        return 0;
}

int service_reload(Service *m, FaultList *faults) {
        m->n_reloads++;
        if (m->reload_error < 0) {
                (void) fault_list_add(faults, "ci", 0, "the reason");
                return m->reload_error;
        }
        if (m->reload_fails) {
                faults->file = "/etc/policy.json";
                /* Cut in the middle of a character, as snprintf() would. */
                for (unsigned i = 0; i < 3; i++)
                        (void) fault_list_add(faults, "$.r\xc3", 7, "an unknown key");
                return -EINVAL;
        }
        m->n_scopes = 4; /* "new" appears */
        if (m->observer.policy_reloaded)
                m->observer.policy_reloaded(m->observer.userdata);
        return 0;
}

int service_flush_dns_cache(Service *m) {
        m->n_flushes++;
        return 0;
}

int service_validate(const char *text, size_t size, FaultList *faults) {
        PolicySource source = {};
        char c;

        if (fake_validate_gate >= 0 && read(fake_validate_gate, &c, 1) != 1)
                return -EIO;
        int r = policy_source_from_json(&source, text, size, faults);
        policy_source_done(&source);
        return r;
}

int service_load_policy(Service *m, const char *scope, const char *text, size_t size, FaultList *faults) {
        size_t i;

        if (service_find_scope(m, scope, &i) < 0)
                return -ENOENT;
        int r = service_validate(text, size, faults);
        if (r < 0)
                return r;
        free(m->texts[i]);
        m->texts[i] = strndup(text, size);
        if (m->observer.policy_reloaded)
                m->observer.policy_reloaded(m->observer.userdata);
        return 0;
}

int service_policy_text(const Service *m, const char *scope, const char **ret_text, size_t *ret_size) {
        size_t i;

        if (service_find_scope(m, scope, &i) < 0 || !m->texts[i])
                return -ENOENT;
        *ret_text = m->texts[i];
        *ret_size = strlen(m->texts[i]);
        return 0;
}

int service_explain(const Service *m, const char *scope, const Destination *d, const char *via, Explanation *ret,
                    const Policy **ret_policy) {
        *ret_policy = strcmp(scope, "off") == 0 ? NULL : m->policy;
        *ret = (Explanation) { .verdict = ACTION_ALLOW, .action = ACTION_ALLOW, .rule = RULE_NONE };
        if (!*ret_policy)
                return 0;
        return policy_explain(m->policy, policy_mode(m->policy, MODE_ENFORCE), d, via, ret);
}

bool service_judges(const Service *m, const char *scope, const char *cgroup) {
        (void) m;
        return (strcmp(scope, "host") == 0 || strcmp(scope, "off") == 0) &&
               strcmp(cgroup, "/system.slice/unit-77.service") == 0;
}

int service_for_each_lease(const Service *m, _unused_ const char *scope, size_t max, service_lease_fn fn,
                           void *userdata) {
        InAddr addr;

        (void) in_addr_parse("203.0.113.5", &addr);
        for (size_t i = 0; i < MIN(max, m->n_leases); i++)
                fn("host", &addr, "www.example", 60 * USEC_PER_SEC, userdata);
        return 0;
}

void service_dns_status(_unused_ const Service *m, ServiceDnsStatus *ret) {
        *ret = (ServiceDnsStatus) { .queries = 11, .n_cached = 12 };
}

void service_recent_events(const Service *m, _unused_ uint64_t since_usec, size_t max, event_fn fn,
                           void *userdata) {
        for (size_t i = 0; i < MIN(max, m->n_events); i++)
                fn(&m->event, userdata);
}

int service_begin_job(Service *m, const char *unit, _unused_ const char *cgroup, const char *const *labels,
                      size_t n_labels, uint64_t *ret_id) {
        for (size_t i = 0; i < m->n_jobs; i++)
                if (strcmp(m->job_units[i], unit) == 0)
                        return -EEXIST;
        if (m->n_jobs == SERVICE_JOBS_MAX)
                return -ENOSPC;
        size_t i = m->n_jobs++;
        m->job_units[i] = strdup(unit);
        for (size_t k = 0; k < n_labels; k++)
                m->job_labels[i][k] = strdup(labels[k]);
        m->n_job_labels[i] = n_labels;
        m->job_ids[i] = *ret_id = m->next_job++;
        if (m->observer.jobs_changed)
                m->observer.jobs_changed(m->observer.userdata);
        return 0;
}

static int job_index(const Service *m, uint64_t id, size_t *ret) {
        for (size_t i = 0; i < m->n_jobs; i++)
                if (m->job_ids[i] == id) {
                        *ret = i;
                        return 0;
                }
        return -ENOENT;
}

int service_job(const Service *m, uint64_t id, ServiceJob *ret) {
        size_t i;

        if (job_index(m, id, &i) < 0)
                return -ENOENT;
        *ret = (ServiceJob) {
                .id = id,
                .unit = m->job_units[i],
                .cgroup = m->cgroup,
                .labels = (const char *const *) m->job_labels[i],
                .n_labels = m->n_job_labels[i],
                .start_usec = 1700000000000000,
                .allowed = 6,
                .denied = 7,
        };
        return 0;
}

size_t service_jobs(const Service *m, uint64_t *ret_ids, size_t max) {
        size_t n = MIN(m->n_jobs, max);

        for (size_t i = 0; i < n; i++)
                ret_ids[i] = m->job_ids[i];
        return n;
}

int service_allow_once(Service *m, uint64_t id, const char *host, _unused_ uint64_t usec) {
        size_t i;

        if (job_index(m, id, &i) < 0)
                return -ENOENT;
        return strcmp(host, "full.example") == 0 ? -ENOSPC : 0;
}

void service_count_events(Service *s) {
        (void) s;
}

int service_end_job(Service *m, uint64_t id) {
        size_t i, last = m->n_jobs - 1;

        if (job_index(m, id, &i) < 0)
                return -ENOENT;
        free(m->job_units[i]);
        for (size_t k = 0; k < m->n_job_labels[i]; k++)
                free(m->job_labels[i][k]);
        m->job_ids[i] = m->job_ids[last];
        m->job_units[i] = m->job_units[last];
        memcpy(m->job_labels[i], m->job_labels[last], sizeof(m->job_labels[i]));
        m->n_job_labels[i] = m->n_job_labels[last];
        m->n_jobs--;
        if (m->observer.jobs_changed)
                m->observer.jobs_changed(m->observer.userdata);
        return 0;
}

int service_get_log_level(const Service *m) {
        return m->log_level;
}

void service_set_log_level(Service *m, int level) {
        m->log_level = level;
}

void service_note_call(Service *m, const char *action, const char *sender, uint32_t uid, uint32_t pid,
                       const char *unit, const char *result) {
        FakeNote *n = &m->notes[m->n_notes++ % FAKE_NOTES_MAX];

        *n = (FakeNote) { .uid = uid, .pid = pid };
        (void) snprintf(n->action, sizeof(n->action), "%s", action);
        (void) snprintf(n->sender, sizeof(n->sender), "%s", sender);
        (void) snprintf(n->unit, sizeof(n->unit), "%s", unit ?: "");
        (void) snprintf(n->result, sizeof(n->result), "%s", result);
}
