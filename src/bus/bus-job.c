/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bus/bus-error.h"
#include "bus/bus-internal.h"
#include "bus/bus-text.h"
#include "policy/job-match.h"
#include "policy/pattern.h"

#define ALLOW_USEC_MAX (24 * 3600 * USEC_PER_SEC)
#define LABEL_MAX (32 + JOB_LABEL_VALUE_MAX)

_Static_assert(JOB_LABEL_KEYS <= SERVICE_JOB_LABELS_MAX, "room for one of each");

#define PROOF_KEY "proof" /* a socket among labels and options, see peer-proof.h */

/* In the order of job_label_keys, which is alphabetical. Empty: absent. */
typedef struct Labels {
        char text[JOB_LABEL_KEYS][LABEL_MAX]; /* "key=value" */
} Labels;

static void format_job_path(uint64_t id, char buf[static 64]) {
        (void) snprintf(buf, 64, BUS_PATH_JOB "/%" PRIu64, id);
}

/* -ENOENT: not the path of a job. Only the canonical form of the number is accepted. */
static int parse_job_path(const char *path, uint64_t *ret) {
        static const char prefix[] = BUS_PATH_JOB "/";
        char again[64];
        uint64_t id;

        if (strncmp(path, prefix, sizeof(prefix) - 1) != 0)
                return -ENOENT;
        errno = 0;
        id = strtoull(path + sizeof(prefix) - 1, NULL, 10);
        if (errno != 0)
                return -ENOENT;
        format_job_path(id, again);
        if (strcmp(path, again) != 0)
                return -ENOENT;
        *ret = id;
        return 0;
}

static int job_at(const Bus *b, const char *path, uint64_t *ret_id, ServiceJob *ret) {
        int r = parse_job_path(path, ret_id);
        return r < 0 ? r : service_job(b->service, *ret_id, ret);
}

/* ------------------------------------------------------------------ what came and went */

static bool contains(const uint64_t *ids, size_t n, uint64_t id) {
        for (size_t i = 0; i < n; i++)
                if (ids[i] == id)
                        return true;
        return false;
}

static void emit_job(Bus *b, uint64_t id, bool added) {
        char path[64];

        format_job_path(id, path);
        if (added)
                (void) sd_bus_emit_interfaces_added(b->bus, path, BUS_INTERFACE_JOB, NULL);
        else
                (void) sd_bus_emit_interfaces_removed(b->bus, path, BUS_INTERFACE_JOB, NULL);
        (void) sd_bus_emit_signal(b->bus, BUS_PATH, BUS_INTERFACE_MANAGER, added ? "JobAdded" : "JobRemoved", "o",
                                  path);
}

void bus_jobs_update(Bus *b, bool emit) {
        uint64_t jobs[SERVICE_JOBS_MAX];
        bool changed = false;

        size_t n = service_jobs(b->service, jobs, SERVICE_JOBS_MAX);
        for (size_t i = 0; emit && i < b->n_jobs; i++)
                if (!contains(jobs, n, b->jobs[i])) {
                        emit_job(b, b->jobs[i], false);
                        changed = true;
                }
        for (size_t i = 0; emit && i < n; i++)
                if (!contains(b->jobs, b->n_jobs, jobs[i])) {
                        emit_job(b, jobs[i], true);
                        changed = true;
                }
        if (n > 0)
                memcpy(b->jobs, jobs, n * sizeof(jobs[0]));
        b->n_jobs = n;
        if (changed)
                bus_properties_changed(b, "Jobs", NULL);
}

/* ------------------------------------------------------------------ methods */

static int invalid(sd_bus_error *error, const char *before, const char *text, const char *after) {
        return bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, before, text, after);
}

static int unknown_label(const char *key, sd_bus_error *error) {
        char text[32 + JOB_LABEL_KEYS * 16] = "\". The labels are ";
        size_t n = strlen(text);

        for (size_t i = 0; i < JOB_LABEL_KEYS; i++)
                n += (size_t) snprintf(text + n, sizeof(text) - n, "%s%s", job_label_keys[i],
                                       i + 2 < JOB_LABEL_KEYS ? ", " : i + 2 == JOB_LABEL_KEYS ? " and " : ".");
        return invalid(error, "There is no label \"", key, text);
}

static int add_label(Labels *labels, const char *key, const char *value, sd_bus_error *error) {
        for (size_t i = 0; i < JOB_LABEL_KEYS; i++)
                if (strcmp(key, job_label_keys[i]) == 0) {
                        if (labels->text[i][0] != '\0')
                                return invalid(error, "The label \"", key, "\" is there twice.");
                        if (strlen(value) > JOB_LABEL_VALUE_MAX || !bus_text_is_clean(value))
                                return invalid(error, "The label \"", key,
                                               "\" must be printable and at most 256 bytes long.");
                        (void) snprintf(labels->text[i], LABEL_MAX, "%s=%s", key, value);
                        return 0;
                }
        return unknown_label(key, error);
}

/* The value of PROOF_KEY; the message owns the descriptor. */
static int read_proof(sd_bus_message *m, const char *type, int *ret, sd_bus_error *error) {
        if (strcmp(type, "h") != 0 || *ret >= 0)
                return invalid(error, "There can be one \"", PROOF_KEY, "\" at most, and it must be a descriptor.");
        return sd_bus_message_read(m, "v", "h", ret);
}

static int read_labels(sd_bus_message *m, Labels *ret, int *ret_proof_fd, sd_bus_error *error) {
        const char *key, *value, *type;
        int r;

        *ret_proof_fd = -EBADF;

        r = sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv")) > 0) {
                r = sd_bus_message_read_basic(m, SD_BUS_TYPE_STRING, &key);
                if (r < 0)
                        return r;
                r = sd_bus_message_peek_type(m, NULL, &type);
                if (r < 0)
                        return r;
                if (strcmp(key, PROOF_KEY) == 0)
                        r = read_proof(m, type, ret_proof_fd, error);
                else if (strcmp(type, "s") != 0)
                        return invalid(error, "The label \"", key, "\" must be a string.");
                else {
                        r = sd_bus_message_read(m, "v", "s", &value);
                        if (r >= 0)
                                r = add_label(ret, key, value, error);
                }
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r;
}

static int begin_job(Bus *b, const char *unit, const char *cgroup, const Labels *labels, uint64_t *ret,
                     sd_bus_error *error) {
        const char *texts[JOB_LABEL_KEYS];
        size_t n = 0;

        for (size_t i = 0; i < JOB_LABEL_KEYS; i++)
                if (labels->text[i][0] != '\0')
                        texts[n++] = labels->text[i];
        int r = service_begin_job(b->service, unit, cgroup, texts, n, ret);
        if (r == -EIO)
                return sd_bus_error_set(error, SD_BUS_ERROR_NO_MEMORY,
                                        "The job cannot be recorded: the machine is out of memory, and a crash of the "
                                        "service would end the job's restriction.");
        return r < 0 ? bus_error_set_service(error, r) : 0;
}

int bus_method_begin_job(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_free_ char *unit = NULL, *cgroup = NULL;
        Labels labels = {};
        Bus *b = userdata;
        int r, proof_fd;
        Caller caller;
        char path[64];
        uint64_t id;

        r = read_labels(m, &labels, &proof_fd, error);
        if (r < 0)
                return r;
        r = bus_authorize(b, m, ACTION_MANAGE_JOBS, NULL, bus_method_begin_job, &caller, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = bus_prove_unit(b, m, &caller, proof_fd, &unit, &cgroup, error);
        if (r == 0)
                return 1;
        if (r == -ENODATA)
                r = sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                     "The caller does not belong to a unit of the service manager.");
        if (r > 0)
                r = begin_job(b, unit, cgroup, &labels, &id, error);
        if (bus_note_result(b, ACTION_MANAGE_JOBS, &caller, r, error) < 0)
                return r;
        format_job_path(id, path);
        return sd_bus_reply_method_return(m, "o", path);
}

/* An address, or a name in canonical form. */
static int read_host(const char *text, char ret[static 254], sd_bus_error *error) {
        const char *reason;
        InAddr addr;

        if (in_addr_parse(text, &addr) >= 0) {
                (void) in_addr_format(&addr, ret);
                return 0;
        }
        if (hostname_canonical(text, false, ret, &reason) >= 0)
                return 0;
        return bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "The host is not an address or a name: ", reason, ".");
}

static int allow_once(Bus *b, uint64_t id, const char *path, const char *host, uint64_t usec, sd_bus_error *error) {
        int r = service_allow_once(b->service, id, host, usec);

        if (r == -ENOENT)
                return bus_error_set(error, BUS_ERROR_NO_SUCH_JOB, "There is no job ", path, ".");
        return r < 0 ? bus_error_set_service(error, r) : 0;
}

int bus_method_allow_once(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *path, *text;
        Bus *b = userdata;
        uint64_t id, usec;
        char host[254];
        ServiceJob job;
        Caller caller;
        int r;

        r = sd_bus_message_read(m, "ost", &path, &text, &usec);
        if (r >= 0)
                r = read_host(text, host, error);
        if (r < 0)
                return r;
        if (usec == 0 || usec > ALLOW_USEC_MAX)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                        "The duration must be between one microsecond and 24 hours.");
        if (job_at(b, path, &id, &job) < 0)
                return bus_error_set(error, BUS_ERROR_NO_SUCH_JOB, "There is no job ", path, ".");
        r = bus_authorize(b, m, ACTION_SET_POLICY, (const char *const[]) { "job", path, "host", host, NULL },
                          bus_method_allow_once, &caller, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = allow_once(b, id, path, host, usec, error);
        if (bus_note_result(b, ACTION_SET_POLICY, &caller, r, error) < 0)
                return r;
        return sd_bus_reply_method_return(m, NULL);
}

static int append_labels(sd_bus_message *m, const ServiceJob *job) {
        char label[LABEL_MAX];

        int r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{ss}");
        for (size_t i = 0; r >= 0 && i < job->n_labels; i++) {
                (void) snprintf(label, sizeof(label), "%s", job->labels[i]);
                char *value = strchr(label, '=');
                if (!value || !bus_text_is_clean(label))
                        continue;
                *value++ = '\0';
                r = sd_bus_message_append(m, "{ss}", label, value);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_summary(sd_bus_message *m, uint64_t id, const ServiceJob *job) {
        int r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}{sv}{sv}{sv}", "id", "t", id, "start_usec", "t", job->start_usec,
                                          "connections_allowed", "t", job->allowed, "connections_denied", "t",
                                          job->denied);
        if (r >= 0)
                r = bus_append_entry_text(m, "unit", job->unit);
        if (r >= 0)
                r = bus_append_entry_text(m, "scope", job->scope);
        if (r >= 0)
                r = sd_bus_message_open_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "labels");
        if (r >= 0)
                r = sd_bus_message_open_container(m, SD_BUS_TYPE_VARIANT, "a{ss}");
        if (r >= 0)
                r = append_labels(m, job);
        for (int i = 0; r >= 0 && i < 3; i++) /* variant, entry, array */
                r = sd_bus_message_close_container(m);
        return r;
}

/* Root may end any job, other callers only that of their own unit. Returns as bus_prove_unit() does. */
static int may_end(Bus *b, sd_bus_message *m, const Caller *caller, int proof_fd, const char *path,
                   sd_bus_error *error) {
        _cleanup_free_ char *unit = NULL, *cgroup = NULL;
        ServiceJob job;
        uint64_t id;

        if (caller->uid == 0)
                return 1;
        int r = bus_prove_unit(b, m, caller, proof_fd, &unit, &cgroup, error);
        if (r <= 0 && r != -ENODATA)
                return r;
        if (job_at(b, path, &id, &job) < 0)
                return bus_error_set(error, BUS_ERROR_NO_SUCH_JOB, "There is no job ", path, ".");
        if (r == -ENODATA || strcmp(unit, job.unit) != 0) {
                (void) sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED, "The job belongs to another unit.");
                return -EACCES;
        }
        return 1;
}

/* The summary is built before the job is removed, because it borrows from the job. */
static int end_job(Bus *b, const char *path, sd_bus_message *reply, sd_bus_error *error) {
        ServiceJob job;
        uint64_t id;

        service_count_events(b->service);
        if (job_at(b, path, &id, &job) < 0)
                return bus_error_set(error, BUS_ERROR_NO_SUCH_JOB, "There is no job ", path, ".");
        int r = append_summary(reply, id, &job);
        if (r < 0)
                return r;
        r = service_end_job(b->service, id);
        return r < 0 ? bus_error_set_service(error, r) : 0;
}

static int read_end_options(sd_bus_message *m, int *ret_proof_fd, sd_bus_error *error) {
        const char *key, *type;
        int r;

        *ret_proof_fd = -EBADF;
        r = sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv")) > 0) {
                r = sd_bus_message_read_basic(m, SD_BUS_TYPE_STRING, &key);
                if (r >= 0)
                        r = sd_bus_message_peek_type(m, NULL, &type);
                if (r < 0)
                        return r;
                if (strcmp(key, PROOF_KEY) != 0)
                        return invalid(error, "There is no option \"", key, "\".");
                r = read_proof(m, type, ret_proof_fd, error);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

int bus_method_end_job(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Bus *b = userdata;
        int r, proof_fd;
        const char *path;
        ServiceJob job;
        Caller caller;
        uint64_t id;

        r = sd_bus_message_read(m, "o", &path);
        if (r >= 0)
                r = read_end_options(m, &proof_fd, error);
        if (r < 0)
                return r;
        if (job_at(b, path, &id, &job) < 0)
                return bus_error_set(error, BUS_ERROR_NO_SUCH_JOB, "There is no job ", path, ".");
        r = bus_authorize(b, m, ACTION_MANAGE_JOBS, NULL, bus_method_end_job, &caller, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = may_end(b, m, &caller, proof_fd, path, error);
        if (r == 0)
                return 1;
        if (r > 0)
                r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = end_job(b, path, reply, error);
        if (bus_note_result(b, ACTION_MANAGE_JOBS, &caller, r, error) < 0)
                return r;
        return sd_bus_send(b->bus, reply, NULL);
}

/* ------------------------------------------------------------------ the interface */

int bus_get_jobs(_unused_ sd_bus *bus, _unused_ const char *path, _unused_ const char *interface,
                 _unused_ const char *property, sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *error) {
        uint64_t jobs[SERVICE_JOBS_MAX];
        const Bus *b = userdata;
        char job[64];

        size_t n = service_jobs(b->service, jobs, SERVICE_JOBS_MAX);
        int r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, "o");
        for (size_t i = 0; r >= 0 && i < n; i++) {
                format_job_path(jobs[i], job);
                r = sd_bus_message_append(reply, "o", job);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int get_property(_unused_ sd_bus *bus, const char *path, _unused_ const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *error) {
        ServiceJob job;
        uint64_t id;

        int r = job_at(userdata, path, &id, &job);
        if (r < 0)
                return r;
        if (strcmp(property, "Labels") == 0)
                return append_labels(reply, &job);
        if (strcmp(property, "Unit") == 0)
                return bus_append_text(reply, job.unit);
        if (strcmp(property, "Scope") == 0)
                return bus_append_text(reply, job.scope ?: "");
        if (strcmp(property, "StartTimestamp") == 0)
                return sd_bus_message_append(reply, "t", job.start_usec);
        if (strcmp(property, "ConnectionsAllowed") == 0)
                return sd_bus_message_append(reply, "t", job.allowed);
        return sd_bus_message_append(reply, "t", job.denied);
}

static int find_job(_unused_ sd_bus *bus, const char *path, _unused_ const char *interface, void *userdata,
                    void **ret, _unused_ sd_bus_error *error) {
        ServiceJob job;
        uint64_t id;

        int r = job_at(userdata, path, &id, &job);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        *ret = userdata;
        return 1;
}

static void strv_freep(char ***strv) {
        bus_strv_free(*strv);
}

static int enumerate_jobs(_unused_ sd_bus *bus, _unused_ const char *prefix, void *userdata, char ***ret,
                          _unused_ sd_bus_error *error) {
        _cleanup_(strv_freep) char **paths = NULL;
        uint64_t jobs[SERVICE_JOBS_MAX];
        const Bus *b = userdata;
        char path[64];

        size_t n = service_jobs(b->service, jobs, SERVICE_JOBS_MAX);
        paths = calloc(n + 1, sizeof(char *));
        if (!paths)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                format_job_path(jobs[i], path);
                paths[i] = strdup(path);
                if (!paths[i])
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(paths);
        return 0;
}

static const sd_bus_vtable job_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Labels", "a{ss}", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Unit", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Scope", "s", get_property, 0, 0),
        SD_BUS_PROPERTY("StartTimestamp", "t", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("ConnectionsAllowed", "t", get_property, 0, 0),
        SD_BUS_PROPERTY("ConnectionsDenied", "t", get_property, 0, 0),
        SD_BUS_VTABLE_END,
};

int bus_add_jobs(Bus *b) {
        int r = sd_bus_add_fallback_vtable(b->bus, NULL, BUS_PATH_JOB, BUS_INTERFACE_JOB, job_vtable, find_job, b);
        return r < 0 ? r : sd_bus_add_node_enumerator(b->bus, NULL, BUS_PATH_JOB, enumerate_jobs, b);
}
