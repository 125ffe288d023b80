/* SPDX-License-Identifier: Apache-2.0 */

#include "policy/policy-set.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static PolicySet set;
static ModeTable set_modes;
static GrantTable grants;

/* Parses a document and puts it at the end of the set; NULL: the host's, which nobody wrote. */
static void add(const char *name, const char *text) {
        _cleanup_(policy_document_done) PolicyDocument parsed = {};
        _cleanup_(fault_list_done) FaultList faults = {};

        set.documents.items = reallocarray(set.documents.items, set.documents.n + 1, sizeof(Document));
        ck_assert_ptr_nonnull(set.documents.items);
        Document *d = &set.documents.items[set.documents.n++];
        *d = (Document) { .origin = DOCUMENT_FILE };
        if (!text) {
                ck_assert_int_eq(document_init_none(d), 0);
                return;
        }
        int r = policy_document_from_json(&parsed, text, strlen(text), name, &faults);
        ck_assert_msg(r == 0, "%s: %s", faults.faults[0].item, faults.faults[0].reason);
        ck_assert_int_eq(document_fill(d, &parsed, strlen(text)), 0);
        (void) snprintf(d->digest, sizeof(d->digest), "sha256:%s-%zu", name, strlen(text));
}

static void set_up(void) {
        set = (PolicySet) { .configured_mode = MODE_ENFORCE, .modes = &set_modes };
        set_modes = (ModeTable) MODE_TABLE_EMPTY;
        grants = (GrantTable) {};
}

static void tear_down(void) {
        policy_set_done(&set);
        mode_table_done(&set_modes);
        grant_table_done(&grants);
}

/* A machine with a bit of everything; the host's document first. */
static void add_all(bool has_host) {
        add("host", has_host ? "{\"rules\":[]}" : NULL);
        add("ci", "{\"match\":{\"slices\":[\"ci.slice\"]},\"mode\":\"audit\",\"rules\":[]}");
        add("containers", "{\"match\":{\"containers\":[\"*\"]},\"rules\":[]}");
        add("runner", "{\"match\":{\"units\":[\"runner.*\"]},\"inbound\":\"allow\",\"rules\":[]}");
        add("acme", "{\"match\":{\"jobs\":[{\"repository\":\"acme/*\"}]},\"rules\":[]}");
        add("release",
            "{\"match\":{\"jobs\":[{\"repository\":\"acme/*\",\"workflow\":\"release\"}]},\"mode\":\"audit\","
            "\"rules\":[]}");
}

static const char *const widgets[] = { "repository=acme/widgets" };
static const char *const release[] = { "repository=acme/widgets", "workflow=release" };
static const char *const other[] = { "repository=other/widgets" };

static PolicyActor actor(const char *cgroup, uint64_t job, const char *const *labels, size_t n_labels) {
        return (PolicyActor) { .cgroup = cgroup, .job = job, .labels = labels, .n_labels = n_labels };
}

/* "host acme +": the names of the layers in order, "+" for a grant. */
static const char *layers(PolicyActor a) {
        static char text[256];
        PolicyLayer l[POLICY_LAYERS_MAX];
        size_t n = policy_set_layers(&set, &grants, &a, l);

        text[0] = '\0';
        for (size_t i = 0; i < n; i++) {
                strcat(text, i > 0 ? " " : "");
                strcat(text, l[i].document ? l[i].document->name : "+");
                ck_assert_int_eq(l[i].mode, policy_set_mode_of(&set, l[i].document));
                ck_assert_int_eq(l[i].kind, i == 0 ? LAYER_BASE : l[i].document ? LAYER_RESTRICT : LAYER_GRANT);
        }
        return text;
}

/* ------------------------------------------------------------------ base */

static const struct {
        const char *cgroup, *expected;
} bases[] = {
        { "/", "host" },
        { "/system.slice/ssh.service", "host" },
        { "/system.slice/runner.1.service", "runner" },
        { "/system.slice/runner.1.service/deep/below", "runner" },
        { "/ci.slice", "ci" },
        { "/ci.slice/a.service", "ci" },
        { "/ci.slice/runner.1.service", "runner" },          /* a unit before a slice */
        { "/ci.slice/docker-0123abcd.scope", "containers" }, /* a container before a slice */
        { "/user.slice/user-1000.slice/user@1000.service/app.slice/runner.1.service", "host" }, /* delegated names */
        { "/system.slice/other.service/ci.slice", "host" },
        { "system.slice/runner.1.service", "host" }, /* no path */
};

START_TEST(best_match_is_the_base) {
        add_all(true);
        ck_assert_str_eq(layers(actor(bases[_i].cgroup, 0, NULL, 0)), bases[_i].expected);
        ck_assert(policy_set_matches_units(&set));
}
END_TEST

START_TEST(host_without_a_document_is_a_base_that_is_off) {
        PolicyActor a = actor("/system.slice/ssh.service", 0, NULL, 0);
        PolicyLayer l[POLICY_LAYERS_MAX];

        add_all(false);
        ck_assert_uint_eq(policy_set_layers(&set, &grants, &a, l), 1);
        ck_assert(l[0].kind == LAYER_BASE && l[0].mode == MODE_OFF && l[0].document == policy_set_host(&set));
        ck_assert_str_eq(layers(actor("/ci.slice/a.service", 0, NULL, 0)), "ci");
        set_modes.all = MODE_SETTING_ENFORCE; /* there is nothing to enforce */
        ck_assert_int_eq(policy_set_mode_of(&set, policy_set_host(&set)), MODE_OFF);
}
END_TEST

START_TEST(host_alone_distinguishes_nobody) {
        add("host", "{\"rules\":[]}");
        ck_assert(!policy_set_matches_units(&set) && !policy_set_matches_jobs(&set));
        ck_assert_str_eq(layers(actor("/system.slice/runner.1.service", 7, release, 2)), "host");
}
END_TEST

/* ------------------------------------------------------------------ jobs */

START_TEST(job_adds_one_restriction) {
        const char *runner = "/system.slice/runner.1.service";

        add_all(true);
        ck_assert(policy_set_matches_jobs(&set));
        ck_assert_str_eq(layers(actor(runner, 7, widgets, 1)), "runner acme");
        ck_assert_str_eq(layers(actor(runner, 7, release, 2)),
                         "runner release"); /* more labels; the other is ignored */
        ck_assert_str_eq(layers(actor(runner, 7, other, 1)), "runner");
        ck_assert_str_eq(layers(actor(runner, 7, NULL, 0)), "runner");
        ck_assert_str_eq(layers(actor("/system.slice/ssh.service", 7, widgets, 1)), "host acme");
        ck_assert_str_eq(layers(actor(runner, 0, widgets, 1)), "runner"); /* labels without a job */
}
END_TEST

START_TEST(job_is_restricted_where_the_host_is_left_alone) {
        PolicyActor a = actor("/system.slice/ssh.service", 7, widgets, 1);
        PolicyLayer l[POLICY_LAYERS_MAX];

        add_all(false);
        ck_assert_uint_eq(policy_set_layers(&set, &grants, &a, l), 2);
        ck_assert_int_eq(l[0].mode, MODE_OFF);
        ck_assert(l[1].kind == LAYER_RESTRICT && l[1].mode == MODE_ENFORCE);
}
END_TEST

START_TEST(job_documents_match_no_unit) {
        add("host", NULL);
        add("acme", "{\"match\":{\"jobs\":[{\"repository\":\"acme/*\"}]},\"rules\":[]}");
        ck_assert(!policy_set_matches_units(&set));
        ck_assert(policy_set_matches_jobs(&set));
        ck_assert_str_eq(layers(actor("/system.slice/acme.service", 0, NULL, 0)), "host");
        ck_assert_str_eq(layers(actor("/system.slice/acme.service", 1, widgets, 1)), "host acme");
}
END_TEST

START_TEST(order_of_documents_decides_between_equals) {
        add("host", NULL);
        add("a", "{\"match\":{\"units\":[\"runner.*\"]},\"rules\":[]}");
        add("b", "{\"match\":{\"units\":[\"runner.*\"]},\"rules\":[]}");
        add("c", "{\"match\":{\"jobs\":[{\"job\":\"x\"}]},\"rules\":[]}");
        add("d", "{\"match\":{\"jobs\":[{\"job\":\"x\"}]},\"rules\":[]}");
        const char *const labels[] = { "job=x" };
        ck_assert_str_eq(layers(actor("/system.slice/runner.service", 1, labels, 1)), "a c");
}
END_TEST

/* ------------------------------------------------------------------ grants */

START_TEST(grants_of_a_job_are_one_layer_and_the_last) {
        const char *runner = "/system.slice/runner.1.service";

        add_all(true);
        for (int i = 0; i < 3; i++) {
                const char *const hosts[] = { "a.example", "b.example", "192.0.2.7" };
                ck_assert_int_eq(grant_table_add(&grants, 7, hosts[i], 100 + (uint64_t) i), 0);
                ck_assert_str_eq(layers(actor(runner, 7, widgets, 1)), "runner acme +");
        }
        ck_assert_str_eq(layers(actor(runner, 7, other, 1)), "runner +");
        ck_assert_str_eq(layers(actor(runner, 8, widgets, 1)), "runner acme"); /* another job */
        ck_assert_str_eq(layers(actor(runner, 0, NULL, 0)), "runner");
        ck_assert_uint_eq(grant_table_expire(&grants, 101), 7);
        ck_assert_str_eq(layers(actor(runner, 7, widgets, 1)), "runner acme +"); /* one is left */
        ck_assert_uint_eq(grant_table_expire(&grants, 102), 7);
        ck_assert_str_eq(layers(actor(runner, 7, widgets, 1)), "runner acme");
}
END_TEST

START_TEST(grant_adds_nothing_where_nothing_judges) {
        const char *ssh = "/system.slice/ssh.service";

        add_all(false);
        ck_assert_int_eq(grant_table_add(&grants, 7, "a.example", 100), 0);
        ck_assert_str_eq(layers(actor(ssh, 7, NULL, 0)), "host");
        ck_assert_str_eq(layers(actor(ssh, 7, widgets, 1)), "host acme +");
        ck_assert_str_eq(layers(actor("/ci.slice/a.service", 7, NULL, 0)), "ci +");
}
END_TEST

/* ------------------------------------------------------------------ modes */

static const struct {
        ModeSetting override;
        Mode configured, plain, audit, grant, effective;
} modes[] = {
        { MODE_SETTING_CONFIGURED, MODE_ENFORCE, MODE_ENFORCE, MODE_AUDIT, MODE_ENFORCE, MODE_AUDIT },
        { MODE_SETTING_CONFIGURED, MODE_AUDIT, MODE_AUDIT, MODE_AUDIT, MODE_ENFORCE, MODE_AUDIT },
        { MODE_SETTING_CONFIGURED, MODE_OFF, MODE_OFF, MODE_AUDIT, MODE_ENFORCE, MODE_OFF },
        /* lifts what is only configured, not what documents say */
        { MODE_SETTING_ENFORCE, MODE_AUDIT, MODE_ENFORCE, MODE_AUDIT, MODE_ENFORCE, MODE_AUDIT },
        { MODE_SETTING_AUDIT, MODE_ENFORCE, MODE_AUDIT, MODE_AUDIT, MODE_ENFORCE, MODE_AUDIT },
        { MODE_SETTING_OFF, MODE_ENFORCE, MODE_OFF, MODE_OFF, MODE_OFF, MODE_OFF },
};

START_TEST(what_was_set_the_document_and_the_configuration) {
        add_all(true);
        set_modes.all = modes[_i].override;
        set.configured_mode = modes[_i].configured;
        ck_assert_int_eq(policy_set_mode_of(&set, policy_set_find(&set, "runner")), modes[_i].plain);
        ck_assert_int_eq(policy_set_mode_of(&set, policy_set_find(&set, "acme")), modes[_i].plain);
        ck_assert_int_eq(policy_set_mode_of(&set, policy_set_find(&set, "ci")), modes[_i].audit);
        ck_assert_int_eq(policy_set_mode_of(&set, policy_set_find(&set, "release")), modes[_i].audit);
        ck_assert_int_eq(policy_set_mode_of(&set, NULL), modes[_i].grant);
        ck_assert_int_eq(policy_set_effective_mode(&set), modes[_i].effective);
}
END_TEST

START_TEST(what_was_set_by_name_goes_before_the_document) {
        const Document *ci, *runner;

        add_all(true);
        ci = policy_set_find(&set, "ci"); /* in audit mode by its document */
        runner = policy_set_find(&set, "runner");
        ck_assert_int_eq(mode_table_set(&set_modes, "ci", MODE_SETTING_ENFORCE), 0);
        ck_assert_int_eq(policy_set_mode_of(&set, ci), MODE_ENFORCE);
        ck_assert_int_eq(policy_set_configured_mode_of(&set, ci), MODE_AUDIT);
        ck_assert_int_eq(policy_set_configured_mode(&set), MODE_AUDIT);
        ck_assert_int_eq(mode_table_set(&set_modes, "runner", MODE_SETTING_AUDIT), 0);
        ck_assert_int_eq(mode_table_set(&set_modes, NULL, MODE_SETTING_ENFORCE), 0);
        ck_assert_int_eq(policy_set_mode_of(&set, ci), MODE_ENFORCE);
        ck_assert_int_eq(policy_set_mode_of(&set, runner), MODE_AUDIT);
        ck_assert_int_eq(mode_table_set(&set_modes, "runner", MODE_SETTING_CONFIGURED), 0);
        ck_assert_int_eq(policy_set_mode_of(&set, runner), MODE_ENFORCE);
        ck_assert_int_eq(mode_table_set(&set_modes, NULL, MODE_SETTING_OFF), 0);
        ck_assert_int_eq(mode_table_set(&set_modes, "ci", MODE_SETTING_ENFORCE), 0);
        ck_assert_int_eq(policy_set_mode_of(&set, ci), MODE_OFF); /* everything is */
        mode_table_done(&set_modes);
        ck_assert_int_eq(policy_set_mode_of(&set, ci), MODE_AUDIT);
}
END_TEST

START_TEST(mode_moves_nobody) {
        PolicyActor a = actor("/system.slice/runner.1.service", 7, widgets, 1);

        add_all(true);
        ck_assert_int_eq(grant_table_add(&grants, 7, "a.example", 100), 0);
        for (ModeSetting m = MODE_SETTING_ENFORCE; m <= MODE_SETTING_CONFIGURED; m++) {
                set_modes.all = m;
                ck_assert_str_eq(layers(a), "runner acme +");
        }
}
END_TEST

START_TEST(host_that_is_left_alone_weakens_nothing) {
        add("host", NULL);
        ck_assert_int_eq(policy_set_effective_mode(&set), MODE_ENFORCE); /* no document judges */
        add("a", "{\"match\":{\"units\":[\"a.service\"]},\"rules\":[]}");
        ck_assert_int_eq(policy_set_effective_mode(&set), MODE_ENFORCE);
}
END_TEST

/* ------------------------------------------------------------------ properties */

START_TEST(properties_follow_the_kind) {
        LayerProperties host, unit, job, grant;

        add_all(true);
        policy_set_properties(&set, policy_set_host(&set), &host);
        policy_set_properties(&set, policy_set_find(&set, "ci"), &unit);
        policy_set_properties(&set, policy_set_find(&set, "release"), &job);
        policy_set_properties(&set, NULL, &grant);
        ck_assert(host.kind == LAYER_BASE && host.inbound && host.system);
        ck_assert(unit.kind == LAYER_BASE && !unit.inbound && !unit.system && unit.mode == MODE_AUDIT);
        ck_assert(job.kind == LAYER_RESTRICT && job.inbound && !job.system && job.mode == MODE_AUDIT);
        ck_assert(grant.kind == LAYER_GRANT && !grant.inbound && !grant.system);
        policy_set_properties(&set, policy_set_find(&set, "runner"), &unit);
        ck_assert(unit.inbound && unit.mode == MODE_ENFORCE);
}
END_TEST

START_TEST(documents_are_found) {
        add_all(true);
        const Document *ci = policy_set_find(&set, "ci");
        Document changed = *ci;

        ck_assert_ptr_eq(policy_set_find(&set, "host"), policy_set_host(&set));
        ck_assert_ptr_null(policy_set_find(&set, "c"));
        ck_assert(policy_set_contains(&set, ci));
        changed.digest[8]++;
        ck_assert(!policy_set_contains(&set, &changed));
        changed = *ci;
        changed.name = (char *) "elsewhere";
        ck_assert(!policy_set_contains(&set, &changed));
        ck_assert_uint_eq(policy_set_n_rules(&set), 0);
        add("one", "{\"match\":{\"units\":[\"one.service\"]},\"rules\":[{\"type\":\"hostname\",\"value\":\"a.example\","
                   "\"action\":\"allow\"}]}");
        ck_assert_uint_eq(policy_set_n_rules(&set), 1);
}
END_TEST

/* As many as there can be: the last one still decides. */
START_TEST(bound) {
        char name[32], text[128];

        add("host", NULL);
        for (unsigned i = 1; i < POLICY_DOCUMENTS_MAX; i++) {
                (void) snprintf(name, sizeof(name), "d%u", i);
                (void) snprintf(text, sizeof(text), "{\"match\":{\"units\":[\"u%u.service\"]},\"rules\":[]}", i);
                add(name, text);
        }
        ck_assert_uint_eq(set.documents.n, POLICY_DOCUMENTS_MAX);
        (void) snprintf(text, sizeof(text), "/system.slice/u%u.service", (unsigned) POLICY_DOCUMENTS_MAX - 1);
        ck_assert_str_eq(layers(actor(text, 0, NULL, 0)), name);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("policy-set");
        TCase *t = tcase_create("policy-set");

        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_loop_test(t, best_match_is_the_base, 0, ELEMENTSOF(bases));
        tcase_add_test(t, host_without_a_document_is_a_base_that_is_off);
        tcase_add_test(t, host_alone_distinguishes_nobody);
        tcase_add_test(t, job_adds_one_restriction);
        tcase_add_test(t, job_is_restricted_where_the_host_is_left_alone);
        tcase_add_test(t, job_documents_match_no_unit);
        tcase_add_test(t, order_of_documents_decides_between_equals);
        tcase_add_test(t, grants_of_a_job_are_one_layer_and_the_last);
        tcase_add_test(t, grant_adds_nothing_where_nothing_judges);
        tcase_add_loop_test(t, what_was_set_the_document_and_the_configuration, 0, ELEMENTSOF(modes));
        tcase_add_test(t, what_was_set_by_name_goes_before_the_document);
        tcase_add_test(t, mode_moves_nobody);
        tcase_add_test(t, host_that_is_left_alone_weakens_nothing);
        tcase_add_test(t, properties_follow_the_kind);
        tcase_add_test(t, documents_are_found);
        tcase_add_test(t, bound);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
