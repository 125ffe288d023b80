/* SPDX-License-Identifier: Apache-2.0 */

/* job begin, end, allow, list, show: labels for what a unit does, and grants for one job. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/time-text.h"
#include "ctl/ctl.h"
#include "ctl/peer-answer.h"
#include "ctl/table.h"
#include "ctl/variant-json.h"

#define JOB_PATH BUS_PATH "/job/"
#define ID_MAX 64
#define ALLOW_USEC_DEFAULT (10 * 60 * USEC_PER_SEC)

/* id: a number, or the object path of the job. -EINVAL otherwise. */
static int job_path(const char *id, char ret[static sizeof(JOB_PATH) + ID_MAX]) {
        if (strncmp(id, JOB_PATH, strlen(JOB_PATH)) == 0)
                id += strlen(JOB_PATH);
        size_t n = strlen(id);
        if (n == 0 || n > ID_MAX || strspn(id, "0123456789") != n)
                return -EINVAL;
        (void) snprintf(ret, sizeof(JOB_PATH) + ID_MAX, JOB_PATH "%s", id);
        return 0;
}

static int no_such_job(const char *id) {
        complain("no such job: %s (see \"cargowallctl job list\")", id);
        return STATUS_NO_SUCH;
}

static int add_id(JsonObject *job) {
        const char *id = ctl_path_id(json_value_text(job, "path"));
        return json_value_add(job, "id", json_object_new_uint64(strtoull(id, NULL, 10)));
}

/* ------------------------------------------------------------------ begin, end */

DEFINE_CLEANUP_FUNC(PeerAnswer *, peer_answer_free)

static int append_labels(const Ctl *c, const PeerAnswer *answer, sd_bus_message *m) {
        int r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{sv}");

        for (size_t i = 0; i < c->n_labels && r >= 0; i++) {
                const char *value = strchr(c->labels[i], '=') + 1; /* checked by parse_label() */
                _cleanup_free_ char *key = strndup(c->labels[i], (size_t) (value - 1 - c->labels[i]));

                r = key ? sd_bus_message_append(m, "{sv}", key, "s", value) : -ENOMEM;
        }
        if (r >= 0)
                r = peer_answer_append(answer, m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_options(const PeerAnswer *answer, sd_bus_message *m) {
        int r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{sv}");

        if (r >= 0)
                r = peer_answer_append(answer, m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int verb_job_begin(Ctl *c, _unused_ int argc, _unused_ char **argv) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_(peer_answer_freep) PeerAnswer *answer = NULL;
        _cleanup_(json_object_putp) JsonObject *o = NULL;
        const char *path;

        int status = bus_client_message(&c->client, BUS_PATH, BUS_MANAGER, "BeginJob", &m);
        if (status != STATUS_OK)
                return status;
        int r = peer_answer_new(&answer);
        if (r >= 0)
                r = append_labels(c, answer, m);
        if (r < 0)
                return ctl_fail(r);
        status = bus_client_send(&c->client, TAKE_PTR(m), CALL_PRIVILEGED, &reply);
        if (status != STATUS_OK)
                return status;
        r = sd_bus_message_read(reply, "o", &path);
        if (r < 0)
                return bus_client_fail(&c->client, "BeginJob", NULL, r);
        if (c->json != JSON_OFF) {
                o = json_object_new_object();
                r = json_value_add(o, "path", json_object_new_string(path));
                if (r >= 0)
                        r = add_id(o);
                return r < 0 ? ctl_fail(r) : ctl_print_json(c, o);
        }
        if (!c->quiet)
                (void) puts(ctl_path_id(path)); /* letters, digits and underscores: D-Bus Specification */
        return STATUS_OK;
}

static int print_counts(JsonObject *o) {
        (void) printf("%12s: %" PRIu64 " allowed, %" PRIu64 " denied\n", "Connections",
                      json_value_u64(o, "connections_allowed"), json_value_u64(o, "connections_denied"));
        return STATUS_OK;
}

/* Labels are untrusted: they come from whoever began the job. */
static int print_labels(const Ctl *c, JsonObject *job) {
        JsonObject *labels = json_value_object(job, "labels");
        bool first = true;

        if (!labels)
                return STATUS_OK;
        json_object_object_foreach(labels, key, value) {
                _cleanup_free_ char *text = NULL;

                if (asprintf(&text, "%s=%s", key, json_object_get_string(value) ?: "") < 0)
                        return ctl_fail(-ENOMEM);
                int status = ctl_print_field(c, first ? "Labels" : "", text);
                if (status != STATUS_OK)
                        return status;
                first = false;
        }
        return STATUS_OK;
}

static int print_job(const Ctl *c, JsonObject *job) {
        char local[TIME_TEXT_MAX] = "";
        uint64_t start = json_value_u64(job, "start_usec");

        if (start > 0 || time_parse(json_value_text(job, "start_timestamp"), 0, &start) >= 0)
                (void) time_format_local(start, local);
        int status = ctl_print_field(c, "Unit", json_value_text(job, "unit"));
        if (status == STATUS_OK)
                status = ctl_print_field(c, "Since", local);
        if (status == STATUS_OK && json_value_text(job, "scope")[0] != '\0')
                status = ctl_print_field(c, "Scope", json_value_text(job, "scope"));
        if (status == STATUS_OK)
                status = print_labels(c, job);
        return status != STATUS_OK ? status : print_counts(job);
}

int verb_job_end(Ctl *c, _unused_ int argc, char **argv) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_(json_object_putp) JsonObject *summary = NULL;
        _cleanup_(peer_answer_freep) PeerAnswer *answer = NULL;
        char path[sizeof(JOB_PATH) + ID_MAX];

        if (job_path(argv[0], path) < 0)
                return no_such_job(argv[0]);
        int status = bus_client_message(&c->client, BUS_PATH, BUS_MANAGER, "EndJob", &m);
        if (status != STATUS_OK)
                return status;
        int r = peer_answer_new(&answer);
        if (r >= 0)
                r = sd_bus_message_append(m, "o", path);
        if (r >= 0)
                r = append_options(answer, m);
        if (r < 0)
                return ctl_fail(r);
        status = bus_client_send(&c->client, TAKE_PTR(m), CALL_PRIVILEGED, &reply);
        if (status != STATUS_OK)
                return status;
        r = variant_to_json_properties(reply, &summary);
        if (r < 0)
                return bus_client_fail(&c->client, "EndJob", NULL, r);
        if (c->json != JSON_OFF)
                return ctl_print_json(c, summary);
        return c->quiet ? STATUS_OK : print_job(c, summary);
}

/* ------------------------------------------------------------------ allow */

int verb_job_allow(Ctl *c, _unused_ int argc, char **argv) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        char path[sizeof(JOB_PATH) + ID_MAX];

        if (job_path(argv[0], path) < 0)
                return no_such_job(argv[0]);
        int status = bus_client_message(&c->client, BUS_PATH, BUS_MANAGER, "AllowOnce", &m);
        if (status != STATUS_OK)
                return status;
        int r = sd_bus_message_append(m, "ost", path, argv[1], c->for_usec ?: ALLOW_USEC_DEFAULT);
        return r < 0 ? ctl_fail(r) : bus_client_send(&c->client, TAKE_PTR(m), CALL_PRIVILEGED, &reply);
}

/* ------------------------------------------------------------------ list, show */

static int get_jobs(Ctl *c, JsonObject **ret) {
        _cleanup_(json_object_putp) JsonObject *jobs = NULL;

        int status = bus_client_objects(&c->client, BUS_JOB, &jobs);
        for (size_t i = 0; i < json_value_length(jobs) && status == STATUS_OK; i++)
                if (add_id(json_object_array_get_idx(jobs, i)) < 0)
                        status = ctl_fail(-ENOMEM);
        if (status == STATUS_OK)
                *ret = TAKE_PTR(jobs);
        return status;
}

/* The labels by which most readers distinguish jobs. */
static char *describe(JsonObject *job) {
        JsonObject *labels = json_value_object(job, "labels");
        const char *repository = json_value_text(labels, "repository"), *workflow = json_value_text(labels, "workflow");
        const char *name = json_value_text(labels, "job");
        char *text;

        int n = asprintf(&text, "%s%s%s%s%s", repository, repository[0] != '\0' && workflow[0] != '\0' ? " " : "",
                         workflow, name[0] != '\0' && (repository[0] != '\0' || workflow[0] != '\0') ? " " : "", name);
        return n < 0 ? NULL : text;
}

static int add_row(Table *t, JsonObject *job, uint64_t now) {
        _cleanup_free_ char *what = describe(job);
        char age[TIME_TEXT_MAX] = "";
        uint64_t start;

        if (!what)
                return -ENOMEM;
        if (time_parse(json_value_text(job, "start_timestamp"), now, &start) >= 0)
                (void) span_format(start < now ? now - start : 0, age);
        int r = table_add(t, ctl_path_id(json_value_text(job, "path")));
        if (r >= 0)
                r = table_add(t, json_value_text(job, "unit"));
        if (r >= 0)
                r = table_add(t, age);
        if (r >= 0)
                r = table_add_u64(t, json_value_u64(job, "connections_allowed"));
        if (r >= 0)
                r = table_add_u64(t, json_value_u64(job, "connections_denied"));
        return r < 0 ? r : table_add(t, what);
}

int verb_job_list(Ctl *c, _unused_ int argc, _unused_ char **argv) {
        static const char *const headers[] = { "ID", "UNIT", "AGE", "ALLOWED", "DENIED", "JOB" };
        _cleanup_(json_object_putp) JsonObject *jobs = NULL;
        _cleanup_(table_freep) Table *t = NULL;

        int status = get_jobs(c, &jobs);
        if (status != STATUS_OK)
                return status;
        if (c->json != JSON_OFF)
                return ctl_print_json(c, jobs);
        int r = table_new(&c->output, headers, ELEMENTSOF(headers), &t);
        for (size_t i = 0; i < json_value_length(jobs) && r >= 0; i++)
                r = add_row(t, json_object_array_get_idx(jobs, i), (uint64_t) time(NULL) * USEC_PER_SEC);
        if (r < 0)
                return ctl_fail(r);
        table_print(t, stdout, c->legend, c->full);
        ctl_print_listed(c, json_value_length(jobs), "job", "jobs");
        return STATUS_OK;
}

int verb_job_show(Ctl *c, _unused_ int argc, char **argv) {
        _cleanup_(json_object_putp) JsonObject *jobs = NULL;
        char path[sizeof(JOB_PATH) + ID_MAX];

        if (job_path(argv[0], path) < 0)
                return no_such_job(argv[0]);
        int status = get_jobs(c, &jobs);
        if (status != STATUS_OK)
                return status;
        JsonObject *job = ctl_find(jobs, "path", path);
        if (!job)
                return no_such_job(argv[0]);
        return c->json != JSON_OFF ? ctl_print_json(c, job) : print_job(c, job);
}
