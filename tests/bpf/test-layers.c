/* SPDX-License-Identifier: Apache-2.0 */

/* Layers and their places in real maps. Exit status 77 without the right to load. */

#include "engine/layer-table.h"
#include "kernel/subjects.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct Fixture {
        Programs *programs;
        PolicyMaps *maps;
        LayerTable table;
} Fixture;

static int fixture_load(Fixture *f) {
        const ProgramsOptions o = {
                .many_layers = true, .max_prefixes = 256, .max_hosts = 65536, .max_port_rules = 4096, .max_flows = 64,
                .ring_bytes = 1 << 16, .optional_hooks = CW_HOOKS_OPTIONAL,
        };
        const char *what = "";
        int r = programs_load(&o, &f->programs, &what);

        if (r >= 0)
                r = policy_maps_new(f->programs, &f->maps);
        f->table.programs = f->programs;
        f->table.maps = f->maps;
        return r;
}

static void fixture_done(Fixture *f) {
        layer_table_done(&f->table);
        policy_maps_free(f->maps);
        programs_free(f->programs);
}

static uint64_t now_nsec(void) {
        struct timespec t = {};

        (void) clock_gettime(CLOCK_BOOTTIME, &t);
        return (uint64_t) t.tv_sec * NSEC_PER_SEC + (uint64_t) t.tv_nsec;
}

static Policy *policy_for(const char *host) {
        PolicySource source = { .default_action = ACTION_DENY };
        const char *why = "";
        Policy *p = NULL;

        ck_assert_int_ge(rule_list_add_text(&source.rules, RULE_HOSTNAME, host, ACTION_ALLOW, TIER_USER, &why), 0);
        ck_assert_int_eq(policy_new(&source, &p), 0);
        return p;
}

static LayerSpec spec_of(const char *name, LayerKind kind) {
        return (LayerSpec) { .name = name, .kind = kind, .mode = MODE_ENFORCE, .policy = policy_for("a.example") };
}

/* How many addresses it takes. */
static size_t fill(Layer *l) {
        NameVerdict v;
        const Lease *lease;

        policy_match_name(l->policy, "a.example", &v);
        for (size_t n = 0; n < 65536; n++) {
                const uint8_t v4[4] = { 198, 18, (uint8_t) (n >> 8), (uint8_t) n };
                InAddr addr;

                in_addr_from_v4(v4, &addr);
                if (layer_bind(l, &addr, "a.example", NULL, &v, 600, now_nsec(), &lease) < 0)
                        return n;
        }
        return 65536;
}

/* Each kind has its own bound: what one job resolves costs no more than a job's share. */
START_TEST(leases_are_bounded_by_kind) {
        LayerSpec specs[] = {
                spec_of("host", LAYER_BASE), spec_of("unit", LAYER_BASE), spec_of("jobs", LAYER_RESTRICT),
        };
        LayerSpec grant = spec_of("job:1", LAYER_GRANT);
        Fixture f = {};
        Layer **left, *added;
        size_t n_left, bad;

        ck_assert_int_eq(fixture_load(&f), 0);
        ck_assert_int_eq(layer_table_set(&f.table, specs, 3, now_nsec(), &left, &n_left, &bad), 0);
        layers_close(left, n_left);
        ck_assert_int_eq(layer_table_add(&f.table, &grant, now_nsec(), &added), 0);
        ck_assert_uint_eq(fill(f.table.layers[0]), 16384);
        ck_assert_uint_eq(fill(f.table.layers[1]), 4096);
        ck_assert_uint_eq(fill(f.table.layers[2]), 4096);
        ck_assert_uint_eq(fill(added), 1024);
        fixture_done(&f);
}
END_TEST

START_TEST(chains_name_layers) {
        LayerSpec specs[] = { spec_of("host", LAYER_BASE), spec_of("unit", LAYER_BASE), spec_of("jobs", LAYER_RESTRICT) };
        Layer *layers[CW_CHAIN_MAX], **left;
        size_t n_left, bad;
        Fixture f = {};
        uint32_t chain;

        ck_assert_int_eq(fixture_load(&f), 0);
        ck_assert_int_eq(layer_table_set(&f.table, specs, 3, now_nsec(), &left, &n_left, &bad), 0);
        layers_close(left, n_left);
        ck_assert_int_eq(layer_chain(&f.table.layers[1], 2, &chain), 0);
        ck_assert_uint_eq(layer_table_chain(&f.table, chain, layers), 2);
        ck_assert_str_eq(layers[0]->name, "unit");
        ck_assert_str_eq(layers[1]->name, "jobs");
        ck_assert_uint_eq(layer_table_chain(&f.table, CW_CHAIN_UNASSIGNED, layers), 0);
        layer_table_remove(&f.table, f.table.layers[2]);
        ck_assert_uint_eq(layer_table_chain(&f.table, chain, layers), 0); /* none is left out */
        fixture_done(&f);
}
END_TEST

/* A set of other layers leaves a grant as it is; what else it does not name is closed. */
START_TEST(grants_stay) {
        LayerSpec specs[] = { spec_of("host", LAYER_BASE), spec_of("unit", LAYER_BASE), spec_of("jobs", LAYER_RESTRICT) };
        LayerSpec grant = spec_of("job:1", LAYER_GRANT), next[] = { spec_of("host", LAYER_BASE), spec_of("b", LAYER_BASE) };
        Layer **left, *added;
        size_t n_left, bad;
        Fixture f = {};

        ck_assert_int_eq(fixture_load(&f), 0);
        ck_assert_int_eq(layer_table_set(&f.table, specs, 3, now_nsec(), &left, &n_left, &bad), 0);
        layers_close(left, n_left);
        ck_assert_int_eq(layer_table_add(&f.table, &grant, now_nsec(), &added), 0);
        uint32_t index = added->index, id = layer_policy_id(added);

        ck_assert_int_eq(layer_table_set(&f.table, next, 2, now_nsec(), &left, &n_left, &bad), 0);
        ck_assert_uint_eq(n_left, 2);
        layers_close(left, n_left);
        ck_assert_uint_eq(f.table.n, 3);
        ck_assert_ptr_eq(layer_table_find(&f.table, "job:1"), added);
        ck_assert_uint_eq(added->index, index);
        ck_assert_uint_eq(layer_policy_id(added), id); /* its verdicts stay valid */
        ck_assert_uint_ne(layer_table_find(&f.table, "b")->index, index);
        ck_assert_ptr_nonnull(added->policy);

        layer_table_remove(&f.table, added);
        ck_assert_uint_eq(f.table.n, 2);
        fixture_done(&f);
}
END_TEST

static void replace_layers(Fixture *f, const char *second, const char *third) {
        LayerSpec specs[] = {
                spec_of("host", LAYER_BASE), spec_of(second, LAYER_BASE), spec_of(third, LAYER_RESTRICT),
        };
        Layer **left;
        size_t n_left, bad;

        ck_assert_int_eq(layer_table_set(&f->table, specs, 3, now_nsec(), &left, &n_left, &bad), 0);
        layers_close(left, n_left);
}

/* A cgroup that could not be assigned again keeps the chain of layers that were removed: none takes their slots. */
START_TEST(assigned_slots_are_not_reused) {
        const uint64_t cgroups[2] = { 1ULL << 32, 2ULL << 32 };
        LayerSpec grant = spec_of("job:1", LAYER_GRANT);
        Fixture f = {};
        uint32_t chain, indices[2];
        Layer *added;

        ck_assert_int_eq(fixture_load(&f), 0);
        replace_layers(&f, "unit", "jobs");
        for (size_t i = 0; i < 2; i++)
                indices[i] = f.table.layers[i + 1]->index;
        ck_assert_int_eq(layer_chain(&f.table.layers[1], 2, &chain), 0);
        for (uint64_t id = 1; id <= 2000; id++) /* more than one batch */
                ck_assert_int_eq(subjects_set(f.programs, id << 40, CW_CHAIN(CW_LAYER_HOST, 0, 0, 0), 1, 0), 0);
        for (size_t i = 0; i < 2; i++)
                ck_assert_int_eq(subjects_set(f.programs, cgroups[i], chain, 1, 0), 0);

        replace_layers(&f, "other", "others");
        ck_assert_int_eq(layer_table_add(&f.table, &grant, now_nsec(), &added), 0);
        for (size_t i = 0; i < f.table.n; i++)
                for (size_t k = 0; k < 2; k++)
                        ck_assert_uint_ne(f.table.layers[i]->index, indices[k]);
        ck_assert_int_eq(subjects_set(f.programs, cgroups[0], CW_CHAIN(f.table.layers[1]->index, 0, 0, 0), 1, 0), 0);
        layer_table_remove(&f.table, added);
        replace_layers(&f, "other", "more");
        ck_assert_uint_gt(f.table.layers[2]->index, MAX(indices[0], indices[1])); /* one is left */
        ck_assert_int_eq(subjects_remove(f.programs, cgroups[1]), 0);
        replace_layers(&f, "last", "most");
        ck_assert_uint_eq(f.table.layers[1]->index, indices[0]);
        ck_assert_uint_eq(f.table.layers[2]->index, indices[1]);
        fixture_done(&f);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("layers");
        TCase *t = tcase_create("layers");

        tcase_set_timeout(t, 120);
        tcase_add_test(t, leases_are_bounded_by_kind);
        tcase_add_test(t, chains_name_layers);
        tcase_add_test(t, grants_stay);
        tcase_add_test(t, assigned_slots_are_not_reused);
        suite_add_tcase(s, t);
        return s;
}

static int try_to_load(void) {
        Fixture f = {};
        int r = fixture_load(&f);

        fixture_done(&f);
        return r;
}

#include "check-main-bpf.h"
