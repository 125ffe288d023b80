/* SPDX-License-Identifier: Apache-2.0 */

/* The packet program of the kernel against the tables of tests/conformance/cases.json and against the pure verdict, by
 * bpf_prog_test_run_opts(): real programs, real maps, no packet leaves. Exit status 77 without the right to load. */

#include <bpf/bpf.h>
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "basic/macro.h"
#include "conformance.h"
#include "kernel/policy-maps.h"
#include "kernel/subjects.h"
#include "packet-builder.h"
#include "policy/explain.h"

typedef struct Fixture {
        Programs *programs;
        PolicyMaps *maps;
        PolicySlot *slot;
        Policy *policy;
        LeaseTable *leases;
        int egress_fd;
} Fixture;

static void fixture_done(Fixture *f) {
        policy_slot_free(f->slot);
        policy_maps_free(f->maps);
        programs_free(f->programs);
        lease_table_free(f->leases);
        policy_free(f->policy);
}

static uint64_t now_nsec(void) {
        struct timespec t;

        clock_gettime(CLOCK_BOOTTIME, &t);
        return (uint64_t) t.tv_sec * NSEC_PER_SEC + (uint64_t) t.tv_nsec;
}

static int fixture_load(Fixture *f, bool many_layers) {
        static const LeaseTimes times = { NSEC_PER_SEC, NSEC_PER_SEC, 3600 * NSEC_PER_SEC };
        static const uint8_t key[16] = "0123456789abcde";
        ProgramsOptions o = {
                .many_layers = many_layers,
                .optional_hooks = CW_HOOKS_OPTIONAL,
                .max_prefixes = 4096, .max_hosts = 4096, .max_port_rules = 65536, .max_flows = 4096,
                .ring_bytes = 1 << 16, .proxy_addr4 = { .b = { [10] = 0xff, 0xff, 127, 0, 0, 1 } }, .proxy_port4 = 5300, .proxy_port6 = 5301,
        };
        const char *what = "";
        int r = programs_load(&o, &f->programs, &what);

        if (r < 0) {
                fprintf(stderr, "%s\n", what);
                return r;
        }
        f->egress_fd = programs_program_fd(f->programs, "cw_egress");
        r = policy_maps_new(f->programs, &f->maps);
        if (r >= 0)
                r = policy_slot_new(f->maps, CW_LAYER_HOST, &f->slot);
        return r < 0 ? r : lease_table_new(1024, &times, key, &f->leases);
}

static void fixture_set(Fixture *f, PolicySource *source, Mode mode) {
        Policy *policy = NULL;

        ck_assert_int_ge(policy_new(source, &policy), 0);
        ck_assert_int_ge(policy_slot_stage(f->slot, policy, f->leases, 0), 0);
        policy_slot_commit(f->slot, LAYER_BASE, mode, 0);
        while (policy_maps_collect(f->maps, SIZE_MAX))
                ;
        policy_free(f->policy);
        f->policy = policy;
}

static int run_packet(const Fixture *f, const PacketSpec *spec) {
        uint8_t data[PACKET_MAX];
        size_t n = packet_build(spec, data);
        LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = data, .data_size_in = n, .repeat = 1);

        ck_assert_uint_gt(n, 0);
        int r = bpf_prog_test_run_opts(f->egress_fd, &o);
        if (r == -EINVAL && n < 14 + 20)
                return -1; /* newer kernels do not make an skb of less than an IP header */
        ck_assert_int_eq(r, 0);
        return o.retval;
}

/* ------------------------------------------------------------------ tables */

static void add_rule(PolicySource *source, const char *value, Action action, const char *const *ports, size_t n) {
        PortRange ranges[RULE_PORTS_MAX];
        const char *why = "";

        for (size_t i = 0; i < n; i++)
                ck_assert_int_ge(port_range_parse(ports[i], &ranges[i]), 0);
        ck_assert_msg(rule_list_add(&source->rules, RULE_CIDR, value, action, TIER_USER, ranges, n, false, &why) >= 0,
                      "%s: %s", value, why);
}

static void add_suite_rules(PolicySource *source, json_object *rules) {
        for (size_t i = 0; rules && i < json_object_array_length(rules); i++) {
                json_object *rule = json_object_array_get_idx(rules, i), *ports;
                const char *texts[RULE_PORTS_MAX];

                ports = json_object_object_get(rule, "ports");
                for (size_t k = 0; k < json_object_array_length(ports); k++)
                        texts[k] = json_object_get_string(json_object_array_get_idx(ports, k));
                bool allow = strcmp(json_object_get_string(json_object_object_get(rule, "action")), "allow") == 0;
                add_rule(source, json_object_get_string(json_object_object_get(rule, "value")), allow, texts,
                         json_object_array_length(ports));
        }
}

/* This suite is given as map contents in its source: here as the rules that say the same. */
static void add_port_rules(PolicySource *source) {
        static const char *const hosts[] = { "10.0.0.1/32", "2001:db8:1::1/128" };
        static const char *const all[] = { "0.0.0.0/0", "::/0" };

        for (size_t i = 0; i < 2; i++) {
                add_rule(source, hosts[i], ACTION_ALLOW, (const char *const[]) { "443" }, 1);
                add_rule(source, hosts[i], ACTION_DENY, (const char *const[]) { "22" }, 1);
                add_rule(source, all[i], ACTION_ALLOW, (const char *const[]) { "8080" }, 1);
                add_rule(source, all[i], ACTION_DENY, (const char *const[]) { "9090" }, 1);
        }
}

static uint8_t protocol_number(const char *name) {
        static const struct {
                const char *name;
                uint8_t number;
        } names[] = { { "tcp", 6 }, { "udp", 17 }, { "icmp", 1 }, { "icmp6", 58 }, { "gre(47)", 47 } };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (name && strcmp(name, names[i].name) == 0)
                        return names[i].number;
        return PROTOCOL_TCP;
}

/* A column without a value: an address that the suites' rules allow, so that only the point of the row decides. */
static PacketSpec row_to_spec(json_object *row) {
        const char *dst = json_object_get_string(json_object_array_get_idx(row, 1));
        const char *l4 = json_object_get_string(json_object_array_get_idx(row, 2));
        json_object *port = json_object_array_get_idx(row, 3);
        PacketSpec spec = {
                .family = json_object_get_int(json_object_array_get_idx(row, 0)),
                .protocol = protocol_number(l4),
                .dst_port = port ? json_object_get_int(port) : 443,
                .variant = l4 && strcmp(l4, "arp") == 0 ? "arp" :
                                                          json_object_get_string(json_object_array_get_idx(row, 4)),
        };

        if (spec.protocol == PROTOCOL_ICMP6)
                spec.icmp_type = strcmp(spec.variant, "NDP") == 0 ? 135 : 128;
        if (!dst)
                dst = spec.family == 6 ? "2606:4700::1" : "140.82.114.3";
        ck_assert_int_ge(in_addr_parse(dst, &spec.dst), 0);
        return spec;
}

/* Where we differ on purpose: port 53 goes through the proxy or nowhere (A1), and ICMP is judged like all else. */
static int wanted(const PacketSpec *spec, json_object *row) {
        if (spec->dst_port == 53 && spec->protocol == PROTOCOL_UDP)
                return 0;
        if (spec->protocol == PROTOCOL_ICMP && spec->dst.b[12] == 93)
                return 0;
        return json_object_get_boolean(json_object_array_get_idx(row, 5));
}

static void run_suite(const char *id) {
        Fixture f = {};
        json_object *cases = conformance_load(), *suite = conformance_suite(cases, id), *setup, *rows, *rules;
        PolicySource source = {};
        size_t n_run = 0;

        setup = json_object_object_get(suite, "setup");
        rows = json_object_object_get(suite, "rows");
        rules = json_object_object_get(setup, "rules");
        bool allow = strcmp(json_object_get_string(json_object_object_get(setup, "default")), "allow") == 0;
        source.default_action = allow ? ACTION_ALLOW : ACTION_DENY;
        if (rules)
                add_suite_rules(&source, rules);
        else
                add_port_rules(&source);
        ck_assert_int_ge(fixture_load(&f, false), 0);
        fixture_set(&f, &source, MODE_ENFORCE);

        for (size_t i = 0; i < json_object_array_length(rows); i++) {
                json_object *row = json_object_array_get_idx(rows, i);
                PacketSpec spec = row_to_spec(row);
                uint8_t data[PACKET_MAX];

                if (packet_build(&spec, data) == 0)
                        continue; /* a VLAN tag or ARP never reaches a cgroup hook */
                int verdict = run_packet(&f, &spec);
                if (verdict < 0)
                        continue;
                n_run++;
                ck_assert_msg(verdict == wanted(&spec, row), "%s row %zu: %s", id, i + 1,
                              json_object_to_json_string(row));
        }
        ck_assert_uint_gt(n_run, 0);
        json_object_put(cases);
        fixture_done(&f);
}

static const char *const packet_suites[] = {
        "packet_verdict_basic",         "packet_verdict_default_allow", "packet_verdict_explicit_deny",
        "packet_verdict_default_allow_deny", "packet_verdict_ports",    "packet_verdict_protocol",
        "packet_verdict_cgroup_hook",
};

START_TEST(test_conformance) {
        run_suite(packet_suites[_i]);
}
END_TEST

/* ------------------------------------------------------------------ random rules and packets: kernel == pure */

typedef struct Random {
        uint64_t state;
} Random;

static uint32_t random_below(Random *r, uint32_t n) {
        r->state ^= r->state << 13; /* xorshift64: Marsaglia 2003 */
        r->state ^= r->state >> 7;
        r->state ^= r->state << 17;
        return (uint32_t) (r->state >> 32) % n;
}

/* Few distinct bytes, so that prefixes nest and addresses meet them. */
static void random_addr(Random *r, InAddr *ret) {
        if (random_below(r, 2)) {
                uint8_t v4[4] = { 11, random_below(r, 2), random_below(r, 3), random_below(r, 4) };
                in_addr_from_v4(v4, ret);
        } else {
                uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, random_below(r, 2) };
                v6[15] = random_below(r, 4);
                in_addr_from_v6(v6, ret);
        }
}

static void random_port(Random *r, bool v4, char buf[static 32]) {
        static const char *const protocols[] = { "/tcp", "/udp", "", "/icmp" };
        uint32_t low = 1 + random_below(r, 6), p = random_below(r, v4 ? 4 : 3);

        if (p == 3)
                snprintf(buf, 32, "0/icmp");
        else if (random_below(r, 3) == 0)
                snprintf(buf, 32, "%u-%u%s", low, low + random_below(r, 4), protocols[p]);
        else
                snprintf(buf, 32, "%u%s", low, protocols[p]);
}

static void random_rules(Random *r, PolicySource *source) {
        uint32_t n = 1 + random_below(r, 12);

        source->default_action = random_below(r, 4) == 0;
        for (uint32_t i = 0; i < n; i++) {
                char value[IN_PREFIX_TEXT_MAX], texts[4][32];
                const char *ports[4];
                InPrefix prefix;
                uint32_t n_ports = random_below(r, 4);

                random_addr(r, &prefix.addr);
                bool v4 = in_addr_is_v4(&prefix.addr);
                static const uint8_t lengths4[] = { 0, 8, 16, 24, 31, 32 }, lengths6[] = { 0, 16, 32, 40, 64, 128 };
                snprintf(value, sizeof(value), "%s/%u", in_addr_format(&prefix.addr, (char[IN_ADDR_TEXT_MAX]) {}),
                         v4 ? lengths4[random_below(r, 6)] : lengths6[random_below(r, 6)]);
                for (uint32_t k = 0; k < n_ports; k++) {
                        random_port(r, v4, texts[k]);
                        ports[k] = texts[k];
                }
                add_rule(source, value, random_below(r, 2), ports, n_ports);
        }
        const char *why;
        for (uint32_t i = 0; i < 4; i++) {
                char text[64];
                snprintf(text, sizeof(text), "h%u.example:%u;%u/udp", random_below(r, 3), 1 + random_below(r, 6),
                         1 + random_below(r, 6));
                ck_assert_int_ge(
                        rule_list_add_text(&source->rules, RULE_HOSTNAME, text, random_below(r, 3) > 0, TIER_USER, &why),
                        0);
        }
}

static void compare_packets(const Fixture *f, Random *r, const InAddr *leased, size_t n_leased,
                            const NameVerdict *const *names) {
        static const uint8_t protocols[] = { 6, 17, 1, 58, 47 };

        for (int i = 0; i < 60; i++) {
                PacketSpec spec = { .protocol = protocols[random_below(r, 5)], .dst_port = 1 + random_below(r, 9),
                                    .icmp_type = 8 };
                PortSet set = {};
                const NameVerdict *n = NULL;

                if (i % 3 == 0 && n_leased > 0) {
                        uint32_t k = random_below(r, n_leased);
                        spec.dst = leased[k];
                        n = names[k];
                } else
                        random_addr(r, &spec.dst);
                for (size_t k = 0; k < n_leased; k++)
                        if (in_addr_equal(&leased[k], &spec.dst))
                                n = names[k];
                spec.family = in_addr_is_v4(&spec.dst) ? 4 : 6;
                if (spec.protocol == PROTOCOL_ICMP6)
                        spec.icmp_type = 128;

                ck_assert_int_ge(policy_compile_address(f->policy, &spec.dst, &n, n ? 1 : 0, &set), 0);
                bool icmp = spec.protocol == PROTOCOL_ICMP || spec.protocol == PROTOCOL_ICMP6;
                PortVerdict v = port_set_judge(&set, policy_default_action(f->policy), spec.protocol,
                                               icmp ? 0 : spec.dst_port);
                ck_assert_msg(run_packet(f, &spec) == (int) v.action, "%s protocol %u port %u: pure says %s",
                              in_addr_format(&spec.dst, (char[IN_ADDR_TEXT_MAX]) {}), spec.protocol, spec.dst_port,
                              action_to_string(v.action));
        }
}

START_TEST(test_random) {
        Fixture f = {};
        Random r = { .state = 0x9e3779b97f4a7c15 + (uint64_t) _i };

        ck_assert_int_ge(fixture_load(&f, false), 0);
        for (int round = 0; round < 40; round++) {
                PolicySource source = {};
                InAddr leased[3];
                NameVerdict verdicts[3];
                const NameVerdict *names[3];

                random_rules(&r, &source);
                fixture_set(&f, &source, MODE_ENFORCE);
                for (uint32_t i = 0; i < 3; i++) {
                        char name[32];
                        const Lease *lease;

                        snprintf(name, sizeof(name), "h%u.example", i);
                        uint8_t v4[4] = { 11, 9, round, i };
                        in_addr_from_v4(v4, &leased[i]);
                        policy_match_name(f.policy, name, &verdicts[i]);
                        names[i] = &verdicts[i];
                        ck_assert_int_ge(lease_table_bind(f.leases, &leased[i], name, NULL, &verdicts[i], 600,
                                                          now_nsec(), &lease), 0);
                        ck_assert_int_ge(policy_slot_set_lease(f.slot, f.policy, lease), 0);
                }
                compare_packets(&f, &r, leased, 3, names);
        }
        fixture_done(&f);
}
END_TEST

/* ------------------------------------------------------------------ random chains: kernel == pure */

#define ROOT_CGROUP 1 /* where the sockets of test runs are */

typedef struct ChainFixture {
        Fixture all;
        PolicySlot *slots[CW_CHAIN_MAX];
        Policy *policies[CW_CHAIN_MAX];
        LayerVerdict layers[CW_CHAIN_MAX];
        size_t n;
} ChainFixture;

static void chain_done(ChainFixture *f) {
        for (size_t i = 0; i < CW_CHAIN_MAX; i++) {
                policy_slot_free(f->slots[i]);
                policy_free(f->policies[i]);
        }
        fixture_done(&f->all);
}

/* A base, then restrictions, then grants, each of another policy and mode. */
static void chain_fill(ChainFixture *f, Random *r) {
        static const uint8_t flags = 0;
        uint32_t chain = 0, n_restrictions = random_below(r, 3);

        f->n = 1 + random_below(r, CW_CHAIN_MAX);
        for (size_t i = 0; i < f->n; i++) {
                LayerKind kind = i == 0 ? LAYER_BASE : i <= n_restrictions ? LAYER_RESTRICT : LAYER_GRANT;
                PolicySource source = {};

                f->layers[i] = (LayerVerdict) { .kind = kind, .mode = (Mode) random_below(r, 3) };
                random_rules(r, &source);
                f->policies[i] = policy_free(f->policies[i]);
                ck_assert_int_ge(policy_new(&source, &f->policies[i]), 0);
                ck_assert_int_ge(policy_slot_stage(f->slots[i], f->policies[i], NULL, 0), 0);
                policy_slot_commit(f->slots[i], kind, f->layers[i].mode, flags);
                chain |= (uint32_t) (i + 1) << 8 * i;
        }
        while (policy_maps_collect(f->all.maps, SIZE_MAX))
                ;
        ck_assert_int_eq(subjects_set(f->all.programs, ROOT_CGROUP, chain, 1, 0), 0);
}

/* What the packet program has to return. */
static int chain_expected(ChainFixture *f, const PacketSpec *spec, uint16_t port) {
        for (size_t i = 0; i < f->n; i++) {
                PortSet set = {};

                ck_assert_int_ge(policy_compile_address(f->policies[i], &spec->dst, NULL, 0, &set), 0);
                PortVerdict v = port_set_judge(&set, policy_default_action(f->policies[i]), spec->protocol, port);
                f->layers[i].action = v.action;
                f->layers[i].reason = v.reason;
        }
        int deciding = chain_fold(f->layers, f->n);
        return deciding < 0 || f->layers[deciding].action == ACTION_ALLOW || f->layers[deciding].mode == MODE_AUDIT;
}

START_TEST(test_random_chains) {
        static const uint8_t protocols[] = { 6, 17, 1, 58, 47 };
        ChainFixture f = {};
        Random r = { .state = 0x2545f4914f6cdd1d + (uint64_t) _i };
        unsigned n_results[2] = {};

        ck_assert_int_ge(fixture_load(&f.all, true), 0);
        for (uint32_t i = 0; i < CW_CHAIN_MAX; i++)
                ck_assert_int_eq(policy_slot_new(f.all.maps, i + 1, &f.slots[i]), 0);
        for (int round = 0; round < 60; round++) {
                chain_fill(&f, &r);
                for (int i = 0; i < 40; i++) {
                        PacketSpec spec = { .protocol = protocols[random_below(&r, 5)],
                                            .dst_port = 1 + random_below(&r, 9), .icmp_type = 8 };

                        random_addr(&r, &spec.dst);
                        spec.family = in_addr_is_v4(&spec.dst) ? 4 : 6;
                        if (spec.protocol == PROTOCOL_ICMP6)
                                spec.icmp_type = 128;
                        bool icmp = spec.protocol == PROTOCOL_ICMP || spec.protocol == PROTOCOL_ICMP6;
                        int expected = chain_expected(&f, &spec, icmp ? 0 : spec.dst_port);
                        ck_assert_msg(run_packet(&f.all, &spec) == expected,
                                      "round %d: %s protocol %u port %u: pure says %d", round,
                                      in_addr_format(&spec.dst, (char[IN_ADDR_TEXT_MAX]) {}), spec.protocol,
                                      spec.dst_port, expected);
                        n_results[expected]++;
                }
        }
        ck_assert_uint_gt(n_results[0], 100);
        ck_assert_uint_gt(n_results[1], 100);
        chain_done(&f);
}
END_TEST

/* ------------------------------------------------------------------ single points */

static PacketSpec tcp_to(const char *dst, uint16_t port) {
        PacketSpec s = { .protocol = PROTOCOL_TCP, .dst_port = port };

        ck_assert_int_ge(in_addr_parse(dst, &s.dst), 0);
        s.family = in_addr_is_v4(&s.dst) ? 4 : 6;
        return s;
}

static void fixture_simple(Fixture *f, const char *cidr, Mode mode) {
        PolicySource source = {};

        if (cidr)
                add_rule(&source, cidr, ACTION_ALLOW, NULL, 0);
        fixture_set(f, &source, mode);
}

START_TEST(test_no_scope_is_closed) {
        Fixture f = {};
        PacketSpec s = tcp_to("127.0.0.1", 80);

        ck_assert_int_ge(fixture_load(&f, false), 0);
        ck_assert_int_eq(run_packet(&f, &s), 0); /* not even loopback before there is a policy */
        ck_assert_uint_eq(programs_counter(f.programs, CW_COUNT_FAULT), 1);
        fixture_done(&f);
}
END_TEST

START_TEST(test_audit_differs_only_in_the_drop) {
        Fixture f = {};
        PacketSpec s = tcp_to("198.51.100.1", 443);

        ck_assert_int_ge(fixture_load(&f, false), 0);
        fixture_simple(&f, NULL, MODE_ENFORCE);
        ck_assert_int_eq(run_packet(&f, &s), 0);
        fixture_simple(&f, NULL, MODE_AUDIT);
        ck_assert_int_eq(run_packet(&f, &s), 1);
        ck_assert_uint_eq(programs_counter(f.programs, CW_COUNT_DENIED), 2);
        fixture_done(&f);
}
END_TEST

START_TEST(test_swap_forgets_the_old_policy) {
        Fixture f = {};
        PacketSpec s = tcp_to("198.51.100.1", 443);

        ck_assert_int_ge(fixture_load(&f, false), 0);
        for (int i = 0; i < 5; i++) {
                fixture_simple(&f, "198.51.100.0/24", MODE_ENFORCE);
                ck_assert_int_eq(run_packet(&f, &s), 1);
                fixture_simple(&f, "203.0.113.0/24", MODE_ENFORCE);
                ck_assert_int_eq(run_packet(&f, &s), 0);
        }
        fixture_done(&f);
}
END_TEST

START_TEST(test_lease_ends) {
        Fixture f = {};
        PacketSpec s = tcp_to("198.51.100.1", 443);
        PolicySource source = {};
        const char *why;

        ck_assert_int_ge(fixture_load(&f, false), 0);
        ck_assert_int_ge(rule_list_add_text(&source.rules, RULE_HOSTNAME, "a.example:443", ACTION_ALLOW, TIER_USER, &why),
                         0);
        fixture_set(&f, &source, MODE_ENFORCE);
        ck_assert_int_eq(run_packet(&f, &s), 0);

        LeaseBinding binding = {};
        Lease lease = { .addr = s.dst, .expires_nsec = now_nsec() + 3600 * NSEC_PER_SEC, .n_bindings = 1,
                        .bindings = &binding };
        policy_match_name(f.policy, "a.example", &binding.verdict);
        ck_assert_int_ge(policy_slot_set_lease(f.slot, f.policy, &lease), 0);
        ck_assert_int_eq(run_packet(&f, &s), 1);
        s.dst_port = 444;
        ck_assert_int_eq(run_packet(&f, &s), 0);

        s.dst_port = 443;
        lease.expires_nsec = 1; /* long ago: the kernel must see it without our help */
        ck_assert_int_ge(policy_slot_set_lease(f.slot, f.policy, &lease), 0);
        ck_assert_int_eq(run_packet(&f, &s), 0);

        lease.n_bindings = 0;
        ck_assert_int_ge(policy_slot_set_lease(f.slot, f.policy, &lease), 0);
        ck_assert_int_eq(run_packet(&f, &s), 0);
        fixture_done(&f);
}
END_TEST

/* A lease for an address that has a deny rule of its own must not open it, neither while it lives nor when it ends. */
START_TEST(test_host_deny_outlives_lease) {
        Fixture f = {};
        PacketSpec s = tcp_to("198.51.100.1", 443);
        PolicySource source = {};
        const char *why;

        ck_assert_int_ge(fixture_load(&f, false), 0);
        add_rule(&source, "198.51.100.0/24", ACTION_ALLOW, NULL, 0);
        add_rule(&source, "198.51.100.1/32", ACTION_DENY, NULL, 0);
        ck_assert_int_ge(rule_list_add_text(&source.rules, RULE_HOSTNAME, "a.example", ACTION_ALLOW, TIER_USER, &why), 0);
        fixture_set(&f, &source, MODE_ENFORCE);
        ck_assert_int_eq(run_packet(&f, &s), 0);
        LeaseBinding binding = {};
        Lease lease = { .addr = s.dst, .n_bindings = 1, .bindings = &binding };
        policy_match_name(f.policy, "a.example", &binding.verdict);
        static const uint64_t expiries[] = { UINT64_MAX, 1 };
        for (size_t i = 0; i < 2; i++) {
                lease.expires_nsec = expiries[i];
                ck_assert_int_ge(policy_slot_set_lease(f.slot, f.policy, &lease), 0);
                ck_assert_int_eq(run_packet(&f, &s), 0);
        }
        lease.n_bindings = 0;
        ck_assert_int_ge(policy_slot_set_lease(f.slot, f.policy, &lease), 0);
        ck_assert_int_eq(run_packet(&f, &s), 0);
        fixture_done(&f);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("verdict");
        TCase *t = tcase_create("kernel");

        tcase_set_timeout(t, 120);
        tcase_add_loop_test(t, test_conformance, 0, ELEMENTSOF(packet_suites));
        tcase_add_loop_test(t, test_random, 0, 4);
        tcase_add_loop_test(t, test_random_chains, 0, 4);
        tcase_add_test(t, test_no_scope_is_closed);
        tcase_add_test(t, test_audit_differs_only_in_the_drop);
        tcase_add_test(t, test_swap_forgets_the_old_policy);
        tcase_add_test(t, test_lease_ends);
        tcase_add_test(t, test_host_deny_outlives_lease);
        suite_add_tcase(s, t);
        return s;
}

static int try_to_load(void) {
        Fixture f = {};
        int r = fixture_load(&f, false);

        fixture_done(&f);
        return r;
}

#include "check-main-bpf.h"
