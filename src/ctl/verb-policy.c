/* SPDX-License-Identifier: Apache-2.0 */

/* policy show, load, check, lint, diff. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/lint-format.h"
#include "ctl/ctl.h"
#include "ctl/policy-diff.h"
#include "ctl/policy-text.h"
#include "policy/document.h"
#include "policy/policy-document.h"

typedef struct Fetched {
        sd_bus_message *reply; /* owns the texts */
        const char *scope, *text, *source, *digest; /* borrowed */
} Fetched;

static void fetched_done(Fetched *d) {
        (void) sd_bus_message_unref(d->reply);
}

/* "/x/runners.json" is "runners"; NULL: it says no name. */
static char *name_of_file(const char *file) {
        const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file;
        size_t n = strlen(base), suffix = strlen(".json");
        _cleanup_free_ char *name = n > suffix && strcmp(base + n - suffix, ".json") == 0 ? strndup(base, n - suffix) : NULL;

        return name && policy_document_name_is_valid(name) ? TAKE_PTR(name) : NULL;
}

/* The scope that the document is for, as the service would name it, unless the user has said another. *ret_name owns it. */
static int take_scope(Ctl *c, const char *file, const char *text, size_t size, char **ret_name) {
        _cleanup_(policy_document_done) PolicyDocument d = {};
        _cleanup_(fault_list_done) FaultList faults = {};
        _cleanup_free_ char *name = name_of_file(file);

        if (c->scope || policy_document_from_json(&d, text, size, name, &faults) < 0 || (d.match.n == 0 && d.jobs.n == 0))
                return STATUS_OK; /* what is wrong with it is said by others */
        if (!d.name) {
                complain("%s: the document has a match, and neither it nor the file gives a name: name its scope with --scope=",
                         policy_text_origin(file));
                return STATUS_USAGE;
        }
        *ret_name = TAKE_PTR(d.name);
        c->scope = *ret_name;
        return STATUS_OK;
}

static int get_document(Ctl *c, Fetched *ret) {
        ret->scope = c->scope ?: POLICY_HOST_NAME;
        int status = bus_client_call(&c->client, "GetPolicy", CALL_PRIVILEGED, &ret->reply, "s", ret->scope);
        if (status != STATUS_OK)
                return status;
        int r = sd_bus_message_read(ret->reply, "sss", &ret->text, &ret->source, &ret->digest);
        return r < 0 ? bus_client_fail(&c->client, "GetPolicy", NULL, r) : STATUS_OK;
}

static int add_text(JsonObject *o, const char *key, const char *value) {
        return json_value_add(o, key, json_object_new_string(value));
}

/* ------------------------------------------------------------------ show */

static int print_document_json(const Ctl *c, const Fetched *d) {
        _cleanup_(json_object_putp) JsonObject *o = json_object_new_object();

        int r = add_text(o, "scope", d->scope);
        if (r >= 0)
                r = add_text(o, "source", d->source);
        if (r >= 0)
                r = add_text(o, "digest", d->digest);
        if (r >= 0)
                r = add_text(o, "policy", d->text);
        return r < 0 ? ctl_fail(r) : ctl_print_json(c, o);
}

/* For a terminal: line by line, escaped except for tabs. */
static int print_lines(const Ctl *c, const char *text) {
        while (*text) {
                size_t n = strcspn(text, "\n\t");
                _cleanup_free_ char *line = strndup(text, n);
                _cleanup_free_ char *safe = line ? output_safe(&c->output, line) : NULL;

                if (!safe)
                        return ctl_fail(-ENOMEM);
                (void) fputs(safe, stdout);
                if (text[n] != '\0')
                        (void) putchar(text[n]);
                text += n + (text[n] != '\0');
        }
        return STATUS_OK;
}

int verb_policy_show(Ctl *c, _unused_ int argc, _unused_ char **argv) {
        _cleanup_(fetched_done) Fetched d = {};

        int status = get_document(c, &d);
        if (status != STATUS_OK)
                return status;
        if (c->json != JSON_OFF)
                return print_document_json(c, &d);
        if (!c->output.tty) {
                /* Unmodified, so that its digest is that of the policy. */
                (void) fputs(d.text, stdout);
                return STATUS_OK;
        }
        ctl_page(c);
        status = print_lines(c, d.text);
        size_t n = strlen(d.text);
        if (n > 0 && d.text[n - 1] != '\n')
                (void) putchar('\n');
        return status;
}

/* ------------------------------------------------------------------ load */

/* Prints all errors; the D-Bus error contains only the first. */
static int complain_faults(Ctl *c, const char *origin, int fd) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *path, *reason;
        uint32_t line;
        int n = 0;

        int status = bus_client_call(&c->client, "ValidatePolicy", CALL_PRIVILEGED, &reply, "h", fd);
        if (status != STATUS_OK)
                return status;
        int r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "(sus)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(sus)", &path, &line, &reason)) > 0) {
                policy_text_complain(origin, path, line, reason);
                n++;
        }
        if (r < 0)
                return bus_client_fail(&c->client, "ValidatePolicy", NULL, r);
        if (n == 0)
                complain("%s: the policy is valid, but the service rejected it for this scope", origin);
        return STATUS_INVALID_POLICY;
}

static int load(Ctl *c, int fd, sd_bus_message **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

        int status = bus_client_message(&c->client, BUS_PATH, BUS_MANAGER, "LoadPolicy", &m);
        if (status != STATUS_OK)
                return status;
        int r = sd_bus_message_append(m, "ha{sv}", fd, 1, "scope", "s", c->scope ?: POLICY_HOST_NAME);
        if (r < 0)
                return ctl_fail(r);
        return bus_client_send(&c->client, TAKE_PTR(m), CALL_PRIVILEGED, ret);
}

int verb_policy_load(Ctl *c, _unused_ int argc, char **argv) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *text = NULL;
        const char *digest;
        size_t size;

        int status = policy_text_read(argv[0], &text, &size);
        if (status != STATUS_OK)
                return status;
        int r = policy_text_memfd(text, size, &fd);
        if (r < 0)
                return ctl_fail(r);
        c->client.unprinted = STATUS_INVALID_POLICY; /* complain_faults() prints all errors */
        status = load(c, fd, &reply);
        c->client.unprinted = 0;
        if (status == STATUS_INVALID_POLICY)
                return complain_faults(c, policy_text_origin(argv[0]), fd);
        if (status != STATUS_OK)
                return status;
        r = sd_bus_message_read(reply, "s", &digest);
        if (r < 0)
                return bus_client_fail(&c->client, "LoadPolicy", NULL, r);
        _cleanup_free_ char *safe = output_safe(&c->output, digest);
        if (!safe)
                return ctl_fail(-ENOMEM);
        if (!c->quiet)
                (void) puts(safe);
        return STATUS_OK;
}

/* ------------------------------------------------------------------ check */

static int print_check_json(const Ctl *c, bool valid, size_t n_rules, JsonObject *faults) {
        _cleanup_(json_object_putp) JsonObject *o = json_object_new_object();

        int r = json_value_add(o, "valid", json_object_new_boolean(valid));
        if (r >= 0)
                r = json_value_add(o, "rules", json_object_new_uint64(n_rules));
        if (r >= 0)
                r = json_value_add(o, "faults", json_object_get(faults));
        return r < 0 ? ctl_fail(r) : ctl_print_json(c, o);
}

int verb_policy_check(Ctl *c, _unused_ int argc, char **argv) {
        _cleanup_(json_object_putp) JsonObject *faults = c->json != JSON_OFF ? json_object_new_array() : NULL;
        _cleanup_(policy_source_done) PolicySource source = {};
        _cleanup_free_ char *text = NULL;
        size_t size;

        if (c->json != JSON_OFF && !faults)
                return ctl_fail(-ENOMEM);
        int status = policy_text_read(argv[0], &text, &size);
        if (status != STATUS_OK)
                return status;
        status = policy_text_parse(policy_text_origin(argv[0]), text, size, faults, &source);
        if (status != STATUS_OK && status != STATUS_INVALID_POLICY)
                return status;
        if (faults) {
                int k = print_check_json(c, status == STATUS_OK, source.rules.n, faults);
                return k != STATUS_OK ? k : status;
        }
        _cleanup_free_ char *origin = output_safe(&c->output, policy_text_origin(argv[0]));
        if (!origin)
                return ctl_fail(-ENOMEM);
        if (status == STATUS_OK && !c->quiet)
                (void) printf("%s: valid, %zu rules\n", origin, source.rules.n);
        return status;
}

/* ------------------------------------------------------------------ lint */

static int add_finding(JsonObject *array, const LintFinding *f) {
        _cleanup_(json_object_putp) JsonObject *o = json_object_new_object();
        char path[32], text[LINT_TEXT_MAX], value[IN_PREFIX_TEXT_MAX];

        (void) snprintf(path, sizeof(path), "$.rules[%u]", f->rule);
        int r = add_text(o, "path", path);
        if (r >= 0)
                r = json_value_add(o, "line", json_object_new_int64(f->line));
        if (r >= 0)
                r = add_text(o, "value", f->value.type == RULE_HOSTNAME ? f->value.name : in_prefix_format(&f->value.prefix, value));
        if (r >= 0)
                r = add_text(o, "finding", lint_kind_to_string(f->kind));
        if (r >= 0)
                r = add_text(o, "reason", lint_reason(f, text));
        if (r >= 0)
                r = add_text(o, "advice", lint_advice(f, text));
        if (r >= 0 && json_object_array_add(array, o) < 0)
                r = -ENOMEM;
        if (r >= 0)
                o = NULL; /* owned by the array now */
        return r;
}

static int print_lint_json(const Ctl *c, const LintReport *report) {
        _cleanup_(json_object_putp) JsonObject *o = json_object_new_object(), *array = json_object_new_array();
        int r = array ? json_value_add(o, "rules", json_object_new_uint64(report->n_rules)) : -ENOMEM;

        for (size_t i = 0; i < report->n && r >= 0; i++)
                r = add_finding(array, &report->findings[i]);
        if (r >= 0)
                r = json_value_add(o, "more", json_object_new_uint64(report->n_more));
        if (r >= 0)
                r = json_value_add(o, "findings", json_object_get(array));
        return r < 0 ? ctl_fail(r) : ctl_print_json(c, o);
}

int verb_policy_lint(Ctl *c, _unused_ int argc, char **argv) {
        _cleanup_(policy_source_done) PolicySource source = {};
        _cleanup_(lint_report_done) LintReport report = {};
        _cleanup_free_ char *text = NULL;
        size_t size;

        int status = policy_text_read(argv[0], &text, &size);
        if (status == STATUS_OK)
                status = policy_text_parse(policy_text_origin(argv[0]), text, size, NULL, &source);
        if (status != STATUS_OK)
                return status;
        int r = policy_lint(text, size, &report);
        if (r < 0)
                return ctl_fail(r);
        if (c->json != JSON_OFF) {
                status = print_lint_json(c, &report);
                if (status != STATUS_OK)
                        return status;
        } else if (!c->quiet)
                lint_write_text(stdout, &report, policy_text_origin(argv[0]));
        return report.n > 0 ? STATUS_FAILED : STATUS_OK;
}

/* ------------------------------------------------------------------ diff */

static int print_diff_json(const Ctl *c, const PolicyDiff *d) {
        _cleanup_(json_object_putp) JsonObject *o = json_object_new_object();
        JsonObject *removed = json_object_new_array(), *added = json_object_new_array();

        int r = json_value_add(o, "same", json_object_new_boolean(d->n == 0));
        int k = json_value_add(o, "removed", removed), l = json_value_add(o, "added", added);
        if (r < 0 || k < 0 || l < 0)
                return ctl_fail(-ENOMEM);
        for (size_t i = 0; i < d->n; i++) {
                JsonObject *text = json_object_new_string(d->changes[i].text);

                if (!text || json_object_array_add(d->changes[i].sign == '-' ? removed : added, text) < 0) {
                        json_object_put(text);
                        return ctl_fail(-ENOMEM);
                }
        }
        return ctl_print_json(c, o);
}

static int print_diff(const Ctl *c, const PolicyDiff *d) {
        for (size_t i = 0; i < d->n; i++) {
                _cleanup_free_ char *safe = output_safe(&c->output, d->changes[i].text);

                if (!safe)
                        return ctl_fail(-ENOMEM);
                Color color = d->changes[i].sign == '-' ? COLOR_RED : COLOR_GREEN;
                (void) printf("%s%c %s%s\n", output_color(&c->output, color), d->changes[i].sign, safe,
                              output_color(&c->output, COLOR_NORMAL));
        }
        return STATUS_OK;
}

int verb_policy_diff(Ctl *c, _unused_ int argc, char **argv) {
        _cleanup_(policy_source_done) PolicySource old = {}, new = {};
        _cleanup_(fetched_done) Fetched d = {};
        _cleanup_(policy_diff_done) PolicyDiff diff = {};
        _cleanup_free_ char *text = NULL, *scope = NULL;
        size_t size;

        int status = policy_text_read(argv[0], &text, &size);
        if (status == STATUS_OK)
                status = policy_text_parse(policy_text_origin(argv[0]), text, size, NULL, &new);
        if (status == STATUS_OK)
                status = take_scope(c, argv[0], text, size, &scope);
        if (status == STATUS_OK)
                status = get_document(c, &d);
        if (status == STATUS_OK)
                status = policy_text_parse("the policy in force", d.text, strlen(d.text), NULL, &old);
        if (status != STATUS_OK)
                return status;

        int r = policy_diff_keys(&diff, d.text, text);
        if (r >= 0)
                r = policy_diff(&diff, &old, &new);
        if (r < 0)
                return ctl_fail(r);
        if (c->json != JSON_OFF)
                status = print_diff_json(c, &diff);
        else if (!c->quiet)
                status = print_diff(c, &diff);
        return status != STATUS_OK ? status : diff.n > 0 ? STATUS_FAILED : STATUS_OK;
}
