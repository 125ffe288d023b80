/* SPDX-License-Identifier: Apache-2.0 */

/* Policies in the kernel's maps, with the maps' contents and the packet program as witnesses, by
 * bpf_prog_test_run_opts(): no packet leaves. Exit status 77 without the right to load. */

#include "kernel/policy-maps.h"

#include <bpf/bpf.h>
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <time.h>

#define MAX_PREFIXES 16
#define MAX_EXACT 8
#define MAX_PORT_RULES 64

typedef struct Fixture {
        Programs *programs;
        PolicyMaps *maps;
        PolicySlot *slot; /* of scope 0 */
} Fixture;

static int fixture_load(Fixture *f, uint32_t times) {
        ProgramsOptions o = {
                .max_prefixes = MAX_PREFIXES * times, .max_hosts = MAX_EXACT * times,
                .max_port_rules = MAX_PORT_RULES * times, .max_flows = 64, .ring_bytes = 1 << 16,
        };
        const char *what = "";
        int r = programs_load(&o, &f->programs, &what);

        if (r < 0) {
                (void) fprintf(stderr, "%s\n", what);
                return r;
        }
        r = policy_maps_new(f->programs, &f->maps);
        return r < 0 ? r : policy_slot_new(f->maps, 0, &f->slot);
}

static void fixture_init(Fixture *f) {
        *f = (Fixture) {};
        ck_assert_int_eq(fixture_load(f, 1), 0);
}

static void fixture_done(Fixture *f) {
        policy_slot_free(f->slot);
        policy_maps_free(f->maps);
        programs_free(f->programs);
}

/* n allowed prefixes of that length, each with a port of its own from first_port on: 198.51.100.0, .1, … or 198.51.0.0,
 * 198.51.1.0, … */
static Policy *policy_of(unsigned n, unsigned length, unsigned first_port, Action default_action) {
        PolicySource source = { .default_action = default_action };
        const char *why = "";
        Policy *p = NULL;

        for (unsigned i = 0; i < n; i++) {
                const PortRange port = {
                        .low = (uint16_t) (first_port + i), .high = (uint16_t) (first_port + i),
                };
                char text[32];

                (void) snprintf(text, sizeof(text), "198.51.%u.%u/%u", length == 32 ? 100 : i, length == 32 ? i : 0,
                                length);
                ck_assert_int_ge(rule_list_add(&source.rules, RULE_CIDR, text, ACTION_ALLOW, TIER_USER, &port,
                                               first_port ? 1 : 0, false, &why), 0);
        }
        ck_assert_int_eq(policy_new(&source, &p), 0);
        return p;
}

static void collect_all(const Fixture *f) {
        for (int i = 0; policy_maps_collect(f->maps, SIZE_MAX); i++)
                ck_assert_int_lt(i, 1000);
}

static int stage(PolicySlot *s, Policy *p) {
        int r = policy_slot_stage(s, p, NULL, 0);

        policy_free(p);
        return r;
}

static void set(PolicySlot *s, Policy *p) {
        ck_assert_int_eq(stage(s, p), 0);
        policy_slot_commit(s, LAYER_BASE, MODE_ENFORCE, 0);
}

/* Entries of the map by policy id; 0: all. */
static unsigned count_hosts(const Fixture *f, uint32_t policy_id) {
        int fd = programs_map_fd(f->programs, "hosts");
        struct cw_host_key key, next;
        unsigned n = 0;

        for (bool more = bpf_map_get_next_key(fd, NULL, &next) == 0; more;
             more = bpf_map_get_next_key(fd, &key, &next) == 0) {
                key = next;
                n += policy_id == 0 || key.policy_id == policy_id;
        }
        return n;
}

static unsigned count_prefixes(const Fixture *f, uint32_t policy_id) {
        int fd = programs_map_fd(f->programs, "prefixes");
        struct cw_prefix_key key, next;
        unsigned n = 0;

        for (bool more = bpf_map_get_next_key(fd, NULL, &next) == 0; more;
             more = bpf_map_get_next_key(fd, &key, &next) == 0) {
                key = next;
                n += policy_id == 0 || key.policy_id == policy_id;
        }
        return n;
}

static struct cw_layer scope_of(const Fixture *f, uint32_t index) {
        struct cw_layer scope;

        ck_assert_int_eq(bpf_map_lookup_elem(programs_map_fd(f->programs, "layers"), &index, &scope), 0);
        return scope;
}

/* May a SYN go to the last byte of 198.51.100.0/24, at the port? */
static bool passes(const Fixture *f, uint8_t last, uint16_t port) {
        uint8_t packet[14 + 20 + 20] = { [12] = 0x08, [14] = 0x45, [17] = 40, [22] = 64, [23] = 6 };
        LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = packet, .data_size_in = sizeof(packet), .repeat = 1);
        static uint16_t src_port; /* another flow each time */

        memcpy(packet + 26, "\xc0\x00\x02\x01\xc6\x33\x64", 7);
        packet[33] = last;
        src_port++;
        packet[34] = (uint8_t) (src_port >> 8);
        packet[35] = (uint8_t) src_port;
        packet[36] = (uint8_t) (port >> 8);
        packet[37] = (uint8_t) port;
        packet[46] = 5 << 4;
        packet[47] = 0x02;
        ck_assert_int_eq(bpf_prog_test_run_opts(programs_program_fd(f->programs, "cw_egress"), &o), 0);
        return o.retval == 1;
}

/* ------------------------------------------------------------------ a change that fails */

static const struct {
        const char *what;
        unsigned n, length, first_port;
} too_much[] = {
        { "prefixes", MAX_PREFIXES + 1, 24, 0 },
        { "hosts", MAX_EXACT + 1, 32, 0 },
        { "port rules", MAX_PREFIXES, 24, 1 }, /* what is left of them is taken first, below */
};

START_TEST(failure_leaves_the_old_policy) {
        Fixture f;

        fixture_init(&f);
        set(f.slot, policy_of(2, 32, 80, ACTION_DENY));
        struct cw_layer before = scope_of(&f, 0);
        uint32_t id = policy_slot_policy_id(f.slot);
        PolicySlot *filler = NULL;
        ck_assert_int_eq(policy_slot_new(f.maps, 7, &filler), 0);
        if (strcmp(too_much[_i].what, "port rules") == 0)
                for (unsigned i = 0; i < 3; i++)
                        set(filler, policy_of(MAX_PREFIXES / 2 - 1, 24, 1000 + 100 * i, ACTION_DENY));

        for (int i = 0; i < 3; i++) {
                ck_assert_int_eq(stage(f.slot, policy_of(MAX_PREFIXES + MAX_PORT_RULES, 24, 1, ACTION_DENY)), -ENOSPC);
                ck_assert_int_eq(stage(f.slot, policy_of(too_much[_i].n, too_much[_i].length, too_much[_i].first_port,
                                                         ACTION_ALLOW)), -ENOSPC);
                struct cw_layer after = scope_of(&f, 0);
                ck_assert_mem_eq(&after, &before, sizeof(before));
                ck_assert_uint_eq(policy_slot_policy_id(f.slot), id);
                ck_assert(passes(&f, 0, 80) && passes(&f, 1, 81) && !passes(&f, 1, 80) && !passes(&f, 2, 82));
        }
        collect_all(&f);
        ck_assert_uint_eq(count_hosts(&f, 0), 2);
        ck_assert_uint_eq(count_hosts(&f, id), 2);
        ck_assert_uint_eq(count_prefixes(&f, id), 2);
        ck_assert(passes(&f, 0, 80) && passes(&f, 1, 81) && !passes(&f, 1, 80));
        policy_slot_close(filler);
        policy_slot_free(filler);
        collect_all(&f);
        ck_assert_uint_eq(count_prefixes(&f, 0), 2);
        fixture_done(&f);
}
END_TEST

/* Failures cost nothing that lasts: neither entries nor runs of port rules. Each time other ports, so that a run that
 * was not given back cannot be shared. */
START_TEST(failures_leave_nothing_behind) {
        Fixture f;

        fixture_init(&f);
        set(f.slot, policy_of(2, 32, 1, ACTION_DENY));
        for (unsigned i = 0; i < 50; i++) {
                ck_assert_int_eq(stage(f.slot, policy_of(MAX_EXACT, 32, 1000 + 20 * i, ACTION_DENY)), -ENOSPC);
                collect_all(&f);
        }
        ck_assert_uint_eq(count_hosts(&f, 0), 2);
        ck_assert_uint_eq(count_prefixes(&f, 0), 2);
        set(f.slot, policy_of(MAX_PREFIXES - 2, 24, 100, ACTION_DENY)); /* more runs than the failures needed */
        collect_all(&f);
        ck_assert(!passes(&f, 0, 1));
        ck_assert_uint_eq(count_prefixes(&f, 0), MAX_PREFIXES - 2);
        fixture_done(&f);
}
END_TEST

START_TEST(unstaged_policy_goes) {
        Fixture f;

        fixture_init(&f);
        policy_slot_unstage(f.slot); /* nothing is staged: nothing happens */
        set(f.slot, policy_of(1, 32, 80, ACTION_DENY));
        uint32_t id = policy_slot_policy_id(f.slot);
        ck_assert_int_eq(stage(f.slot, policy_of(3, 32, 90, ACTION_ALLOW)), 0);
        ck_assert_uint_eq(count_hosts(&f, 0), 4);
        ck_assert_uint_eq(policy_slot_policy_id(f.slot), id); /* unseen until it is committed */
        ck_assert(passes(&f, 0, 80) && !passes(&f, 0, 90));
        policy_slot_unstage(f.slot);
        collect_all(&f);
        ck_assert_uint_eq(count_hosts(&f, 0), 1);
        ck_assert_uint_eq(count_prefixes(&f, 0), 1);

        /* What is staged again replaces what was staged before. */
        ck_assert_int_eq(stage(f.slot, policy_of(2, 32, 90, ACTION_DENY)), 0);
        set(f.slot, policy_of(1, 32, 91, ACTION_DENY));
        collect_all(&f);
        ck_assert_uint_eq(count_hosts(&f, 0), 1);
        ck_assert(passes(&f, 0, 91) && !passes(&f, 0, 90) && !passes(&f, 0, 80));
        fixture_done(&f);
}
END_TEST

/* ------------------------------------------------------------------ a change that succeeds */

START_TEST(commit_flips_and_the_rest_is_collected) {
        Fixture f;

        fixture_init(&f);
        ck_assert(!passes(&f, 0, 80));
        ck_assert_uint_eq(policy_slot_policy_id(f.slot), 0);
        set(f.slot, policy_of(3, 32, 80, ACTION_DENY));
        uint32_t first = policy_slot_policy_id(f.slot);
        set(f.slot, policy_of(2, 32, 90, ACTION_DENY));
        uint32_t second = policy_slot_policy_id(f.slot);

        ck_assert_uint_ne(first, second);
        ck_assert_uint_eq(scope_of(&f, 0).policy_id, second);
        ck_assert(passes(&f, 0, 90) && !passes(&f, 0, 80));
        ck_assert_uint_eq(count_hosts(&f, first), 3);
        unsigned n_calls = 1;
        while (policy_maps_collect(f.maps, 1)) { /* in the smallest shares */
                ck_assert_uint_lt(n_calls++, 100000);
                usleep(100); /* programs may still run */
                ck_assert(passes(&f, 0, 90));
        }
        ck_assert_uint_gt(n_calls, 3);
        ck_assert_uint_eq(count_hosts(&f, first) + count_prefixes(&f, first), 0);
        ck_assert_uint_eq(count_hosts(&f, second), 2);
        ck_assert_uint_eq(count_prefixes(&f, second), 2);
        ck_assert(!policy_maps_collect(f.maps, SIZE_MAX));

        policy_slot_close(f.slot);
        ck_assert_uint_eq(scope_of(&f, 0).policy_id, 0);
        ck_assert_uint_eq(policy_slot_policy_id(f.slot), 0);
        ck_assert(!passes(&f, 0, 90));
        collect_all(&f);
        ck_assert_uint_eq(count_hosts(&f, 0) + count_prefixes(&f, 0), 0);
        fixture_done(&f);
}
END_TEST

/* However many policies were replaced, the map of hosts is walked once for all of them, a few entries at a time. */
START_TEST(hosts_are_walked_once) {
        enum { N_REPLACED = 20, N_HOSTS = 200, STEPS = 10 };
        PolicySlot *other;
        unsigned n_calls = 0;
        Fixture f = {};

        ck_assert_int_eq(fixture_load(&f, 50), 0);
        ck_assert_int_eq(policy_slot_new(f.maps, 1, &other), 0);
        set(other, policy_of(N_HOSTS, 32, 80, ACTION_DENY));
        for (unsigned i = 0; i <= N_REPLACED; i++)
                set(f.slot, policy_of(1, 32, 80, ACTION_DENY));
        ck_assert_uint_eq(count_hosts(&f, 0), N_HOSTS + N_REPLACED + 1);
        while (count_prefixes(&f, 0) == N_HOSTS + N_REPLACED + 1) /* programs may still run */
                ck_assert(policy_maps_collect(f.maps, 1));
        while (policy_maps_collect(f.maps, STEPS))
                n_calls++;
        ck_assert_uint_eq(count_hosts(&f, 0), N_HOSTS + 1);
        ck_assert_uint_eq(count_prefixes(&f, 0), N_HOSTS + 1);
        ck_assert_uint_ge(n_calls, N_HOSTS / STEPS);
        ck_assert_uint_le(n_calls, (N_HOSTS + 2 * N_REPLACED) / STEPS);
        policy_slot_free(other);
        fixture_done(&f);
}
END_TEST

/* Faster than anybody collects: room is made when it is needed. */
START_TEST(changes_in_quick_succession) {
        Fixture f;

        fixture_init(&f);
        for (unsigned i = 0; i < 100; i++) {
                set(f.slot, policy_of(MAX_EXACT / 2, 32, 1000 + 10 * i, ACTION_DENY));
                ck_assert(passes(&f, 0, (uint16_t) (1000 + 10 * i)));
                ck_assert(i == 0 || !passes(&f, 0, (uint16_t) (990 + 10 * i)));
        }
        collect_all(&f);
        ck_assert_uint_eq(count_hosts(&f, 0), MAX_EXACT / 2);
        ck_assert_uint_eq(count_prefixes(&f, 0), MAX_EXACT / 2);
        fixture_done(&f);
}
END_TEST

/* Leases are written under the new id before the flip, and those of the old one go. */
START_TEST(leases_follow_the_policy) {
        static const LeaseTimes times = { NSEC_PER_SEC, NSEC_PER_SEC, 3600 * NSEC_PER_SEC };
        static const uint8_t key[16] = "0123456789abcde";
        _cleanup_(lease_table_freep) LeaseTable *leases = NULL;
        PolicySource sources[2] = {};
        Policy *policies[2] = {};
        const Lease *lease;
        struct timespec now;
        NameVerdict v;
        const char *why;
        InAddr addr;
        Fixture f;

        fixture_init(&f);
        ck_assert_int_eq(lease_table_new(8, &times, key, &leases), 0);
        ck_assert_int_eq(in_addr_parse("198.51.100.9", &addr), 0);
        for (int i = 0; i < 2; i++) {
                const char *text = i ? "a.example:81" : "a.example:80";
                ck_assert_int_ge(rule_list_add_text(&sources[i].rules, RULE_HOSTNAME, text, ACTION_ALLOW, TIER_USER,
                                                    &why), 0);
                ck_assert_int_eq(policy_new(&sources[i], &policies[i]), 0);
        }
        ck_assert_int_eq(policy_slot_stage(f.slot, policies[0], leases, 0), 0);
        policy_slot_commit(f.slot, LAYER_BASE, MODE_ENFORCE, 0);
        uint32_t first = policy_slot_policy_id(f.slot);
        policy_match_name(policies[0], "a.example", &v);
        (void) clock_gettime(CLOCK_BOOTTIME, &now);
        ck_assert_int_eq(lease_table_bind(leases, &addr, "a.example", NULL, &v, 600,
                                          (uint64_t) now.tv_sec * NSEC_PER_SEC, &lease), 1);
        ck_assert_int_eq(policy_slot_set_lease(f.slot, policies[0], lease), 0);
        ck_assert(passes(&f, 9, 80));

        ck_assert_int_eq(policy_slot_stage(f.slot, policies[1], leases, 0), 0);
        ck_assert(passes(&f, 9, 80) && !passes(&f, 9, 81));
        policy_slot_commit(f.slot, LAYER_BASE, MODE_ENFORCE, 0);
        ck_assert(passes(&f, 9, 81) && !passes(&f, 9, 80));
        collect_all(&f);
        ck_assert_uint_eq(count_hosts(&f, first), 0);
        ck_assert_uint_eq(count_hosts(&f, 0), 1);
        policy_slot_remove_lease(f.slot, &addr);
        policy_slot_remove_lease(f.slot, &addr);
        ck_assert_uint_eq(count_hosts(&f, 0), 0);
        ck_assert(!passes(&f, 9, 81));
        policy_free(policies[0]);
        policy_free(policies[1]);
        fixture_done(&f);
}
END_TEST

static const struct {
        const char *addr;
        const char *cidr;   /* allowed; NULL: none */
        bool allow_private; /* of the rule for the name */
        bool default_allow, denies; /* the rule denies */
        unsigned entries;
        bool allows;        /* something, there */
} bound[] = {
        { "198.51.100.9", NULL, false, false, false, 1, true },
        { "10.0.0.1", NULL, false, false, false, 0, false },
        { "10.0.0.1", NULL, true, false, false, 1, true },
        { "10.0.0.1", "10.0.0.0/8", false, false, false, 1, true },
        { "169.254.169.254", NULL, true, false, false, 0, false }, /* never by name */
        { "169.254.169.254", "169.254.169.254/32", false, false, false, 1, true },
        { "fd00::1", NULL, false, false, false, 0, false },
        { "fd00::1", NULL, true, false, false, 1, true },
        { "10.0.0.1", NULL, false, true, true, 1, false }, /* denied by name, where all else is allowed */
};

/* However a name came to an address that it may not have, it opens nothing there. */
START_TEST(names_do_not_open_what_is_not_theirs) {
        static const LeaseTimes times = { NSEC_PER_SEC, NSEC_PER_SEC, 3600 * NSEC_PER_SEC };
        static const uint8_t key[16] = "0123456789abcde";
        PolicySource source = { .default_action = bound[_i].default_allow ? ACTION_ALLOW : ACTION_DENY };
        _cleanup_(lease_table_freep) LeaseTable *leases = NULL;
        struct cw_host_value value;
        Policy *policy = NULL;
        const Lease *lease;
        struct timespec now;
        NameVerdict v;
        const char *why;
        Fixture f;

        fixture_init(&f);
        struct cw_host_key entry = {};
        InAddr addr;
        ck_assert_int_eq(in_addr_parse(bound[_i].addr, &addr), 0);
        ck_assert_int_eq(lease_table_new(8, &times, key, &leases), 0);
        ck_assert_int_ge(rule_list_add(&source.rules, RULE_HOSTNAME, "a.example",
                                       bound[_i].denies ? ACTION_DENY : ACTION_ALLOW, TIER_USER, NULL, 0,
                                       bound[_i].allow_private, &why), 0);
        if (bound[_i].cidr)
                ck_assert_int_ge(rule_list_add(&source.rules, RULE_CIDR, bound[_i].cidr, ACTION_ALLOW, TIER_USER, NULL, 0,
                                               false, &why), 0);
        ck_assert_int_eq(policy_new(&source, &policy), 0);
        ck_assert_int_eq(policy_slot_stage(f.slot, policy, leases, 0), 0);
        policy_slot_commit(f.slot, LAYER_BASE, MODE_ENFORCE, 0);
        policy_match_name(policy, "a.example", &v);
        (void) clock_gettime(CLOCK_BOOTTIME, &now);
        ck_assert_int_eq(lease_table_bind(leases, &addr, "a.example", NULL, &v, 600,
                                          (uint64_t) now.tv_sec * NSEC_PER_SEC, &lease), 1);
        policy_slot_remove_lease(f.slot, &addr); /* of a rule for the address alone */
        ck_assert_int_eq(policy_slot_set_lease(f.slot, policy, lease), 0);
        ck_assert_uint_eq(count_hosts(&f, 0), bound[_i].entries);
        entry.policy_id = policy_slot_policy_id(f.slot);
        memcpy(entry.addr.b, addr.b, sizeof(addr.b));
        int r = bpf_map_lookup_elem(programs_map_fd(f.programs, "hosts"), &entry, &value);
        ck_assert_int_eq(r, bound[_i].entries ? 0 : -ENOENT);
        if (r == 0)
                ck_assert_int_eq(value.ports.allows, bound[_i].allows);
        policy_free(policy);
        fixture_done(&f);
}
END_TEST

/* ------------------------------------------------------------------ ids */

START_TEST(ids_are_not_used_again) {
        uint32_t last = 0;
        Fixture f;

        fixture_init(&f);
        for (int i = 0; i < 4; i++) {
                PolicySlot *s = NULL;

                ck_assert_int_eq(policy_slot_new(f.maps, 5, &s), 0);
                for (int k = 0; k < 3; k++) {
                        set(s, policy_of(1, 32, 80, ACTION_DENY));
                        ck_assert_uint_gt(policy_slot_policy_id(s), last);
                        last = policy_slot_policy_id(s);
                        ck_assert_uint_eq(CW_POLICY_LAYER(last), 5);
                        ck_assert_int_eq(stage(s, policy_of(1, 32, 80, ACTION_DENY)), 0); /* seen by nobody, used up */
                        policy_slot_unstage(s);
                }
                policy_slot_close(s);
                policy_slot_free(s);
                collect_all(&f);
        }
        fixture_done(&f);
}
END_TEST

START_TEST(ids_continue_after_a_predecessor) {
        const uint32_t last = 1000 * CW_LAYERS_MAX + 5;
        Fixture f;

        fixture_init(&f);
        policy_maps_skip_ids(f.maps, last);
        policy_maps_skip_ids(f.maps, 3 * CW_LAYERS_MAX); /* a lower one changes nothing */
        for (uint32_t i = 0; i < CW_LAYERS_MAX; i++) {
                PolicySlot *s = NULL;

                ck_assert_int_eq(policy_slot_new(f.maps, i, &s), 0);
                ck_assert_int_eq(policy_slot_stage(s, NULL, NULL, 0), 0);
                policy_slot_commit(s, LAYER_BASE, MODE_OFF, 0);
                ck_assert_uint_gt(policy_slot_policy_id(s) / CW_LAYERS_MAX, last / CW_LAYERS_MAX);
                ck_assert_uint_eq(CW_POLICY_LAYER(policy_slot_policy_id(s)), i);
                ck_assert_uint_eq(scope_of(&f, i).policy_id, policy_slot_policy_id(s));
                policy_slot_free(s);
        }
        PolicySlot *none = NULL;
        ck_assert_int_eq(policy_slot_new(f.maps, CW_LAYERS_MAX, &none), -ENOSPC);
        fixture_done(&f);
}
END_TEST

/* A successor continues with the id that the flows carry; the next id differs. */
START_TEST(id_of_a_predecessor_is_taken_over) {
        const uint32_t id = 40 * CW_LAYERS_MAX;
        Policy *p = policy_of(1, 32, 80, ACTION_DENY);
        Fixture f;

        fixture_init(&f);
        policy_maps_skip_ids(f.maps, id);
        ck_assert_int_eq(policy_slot_stage(f.slot, p, NULL, id), 0);
        policy_slot_commit(f.slot, LAYER_BASE, MODE_ENFORCE, 0);
        ck_assert_uint_eq(policy_slot_policy_id(f.slot), id);
        ck_assert(passes(&f, 0, 80));
        set(f.slot, policy_of(1, 32, 81, ACTION_DENY));
        ck_assert_uint_gt(policy_slot_policy_id(f.slot), id);
        collect_all(&f);
        ck_assert_uint_eq(count_hosts(&f, id), 0);
        ck_assert(passes(&f, 0, 81));
        policy_free(p);
        fixture_done(&f);
}
END_TEST

/* The end of the numbers: two policies in a row never have the same one. */
START_TEST(ids_wrap) {
        Fixture f;

        fixture_init(&f);
        policy_maps_skip_ids(f.maps, UINT32_MAX - CW_LAYERS_MAX);
        uint32_t last = 0;
        for (int i = 0; i < 4; i++) {
                set(f.slot, policy_of(1, 32, 80 + (unsigned) i, ACTION_DENY));
                ck_assert_uint_ne(policy_slot_policy_id(f.slot), last);
                ck_assert_uint_ne(policy_slot_policy_id(f.slot), 0);
                ck_assert_uint_eq(CW_POLICY_LAYER(policy_slot_policy_id(f.slot)), 0);
                last = policy_slot_policy_id(f.slot);
                collect_all(&f);
                ck_assert(passes(&f, 0, (uint16_t) (80 + i)));
        }
        fixture_done(&f);
}
END_TEST

/* ------------------------------------------------------------------ modes */

START_TEST(mode_is_one_store) {
        Fixture f;

        fixture_init(&f);
        ck_assert_int_eq(stage(f.slot, policy_of(1, 32, 80, ACTION_DENY)), 0);
        policy_slot_commit(f.slot, LAYER_BASE, MODE_ENFORCE, CW_LAYER_INBOUND | CW_LAYER_SYSTEM);
        struct cw_layer before = scope_of(&f, 0), after;
        static const Mode modes[] = { MODE_AUDIT, MODE_OFF, MODE_ENFORCE };
        for (size_t i = 0; i < ELEMENTSOF(modes); i++) {
                policy_slot_set_mode(f.slot, modes[i]);
                after = scope_of(&f, 0);
                ck_assert_uint_eq(after.mode, modes[i]);
                after.mode = before.mode;
                ck_assert_mem_eq(&after, &before, sizeof(before)); /* nothing else */
                ck_assert(passes(&f, 9, 9) == (modes[i] != MODE_ENFORCE));
        }
        ck_assert(!policy_maps_collect(f.maps, SIZE_MAX)); /* and nothing is left behind */
        ck_assert_uint_eq(count_hosts(&f, 0), 1);
        fixture_done(&f);
}
END_TEST

START_TEST(off_scope_counts_nothing) {
        Fixture f;

        fixture_init(&f);
        ck_assert_int_eq(policy_slot_stage(f.slot, NULL, NULL, 0), 0);
        policy_slot_commit(f.slot, LAYER_BASE, MODE_OFF, 0);
        ck_assert(passes(&f, 9, 9) && passes(&f, 9, 53));
        for (int c = 0; c < _CW_COUNTER_MAX; c++)
                ck_assert_uint_eq(programs_counter(f.programs, c), 0);
        ck_assert_uint_eq(count_hosts(&f, 0) + count_prefixes(&f, 0), 0);
        struct cw_flow_key key;
        ck_assert_int_lt(bpf_map_get_next_key(programs_map_fd(f.programs, "flows"), NULL, &key), 0);
        fixture_done(&f);
}
END_TEST

/* A load balancer has an address for each service. */
START_TEST(thousands_of_own_addresses) {
        InAddr addr = { .b = { [10] = 0xff, [11] = 0xff, [12] = 198, [13] = 18 } };
        Fixture f;

        fixture_init(&f);
        for (unsigned i = 0; i < 10000; i++) {
                addr.b[14] = (uint8_t) (i >> 8);
                addr.b[15] = (uint8_t) i;
                ck_assert_int_eq(policy_maps_set_local(f.maps, &addr, true), 0);
        }
        for (unsigned i = 0; i < 100000; i++) { /* at some point it is full, and says so */
                addr.b[13] = (uint8_t) (20 + (i >> 16));
                addr.b[14] = (uint8_t) (i >> 8);
                addr.b[15] = (uint8_t) i;
                if (policy_maps_set_local(f.maps, &addr, true) < 0)
                        break;
                ck_assert_uint_lt(i, 99999);
        }
        ck_assert_int_eq(policy_maps_set_local(f.maps, &addr, false), 0);
        fixture_done(&f);
}
END_TEST

START_TEST(counter_of_user_space) {
        Fixture f;

        fixture_init(&f);
        programs_set_counter(f.programs, CW_COUNT_RING_REPORTED, 7);
        programs_set_counter(f.programs, CW_COUNT_RING_REPORTED, 1ULL << 40);
        ck_assert_uint_eq(programs_counter(f.programs, CW_COUNT_RING_REPORTED), 1ULL << 40);
        ck_assert_uint_eq(programs_counter(f.programs, CW_COUNT_RING_FULL), 0);
        fixture_done(&f);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("policy-slots");
        TCase *t = tcase_create("policy-slots");

        tcase_set_timeout(t, 120);
        tcase_add_loop_test(t, failure_leaves_the_old_policy, 0, ELEMENTSOF(too_much));
        tcase_add_test(t, failures_leave_nothing_behind);
        tcase_add_test(t, unstaged_policy_goes);
        tcase_add_test(t, commit_flips_and_the_rest_is_collected);
        tcase_add_test(t, hosts_are_walked_once);
        tcase_add_test(t, changes_in_quick_succession);
        tcase_add_test(t, leases_follow_the_policy);
        tcase_add_loop_test(t, names_do_not_open_what_is_not_theirs, 0, ELEMENTSOF(bound));
        tcase_add_test(t, ids_are_not_used_again);
        tcase_add_test(t, ids_continue_after_a_predecessor);
        tcase_add_test(t, id_of_a_predecessor_is_taken_over);
        tcase_add_test(t, ids_wrap);
        tcase_add_test(t, mode_is_one_store);
        tcase_add_test(t, off_scope_counts_nothing);
        tcase_add_test(t, counter_of_user_space);
        tcase_add_test(t, thousands_of_own_addresses);
        suite_add_tcase(s, t);
        return s;
}

static int try_to_load(void) {
        Fixture f = {};
        int r = fixture_load(&f, 1);

        fixture_done(&f);
        return r;
}

#include "check-main-bpf.h"
