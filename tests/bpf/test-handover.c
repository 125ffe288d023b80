/* SPDX-License-Identifier: Apache-2.0 */

/* How programs are handed on, lost and attached again, and with which rights: attached programs, real cgroups, real
 * sockets. Exit status 77 without the rights to make them. */

#include "scope-lab.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "kernel/denial-counts.h"

/* ------------------------------------------------------------------ inheritance */

static uint32_t object_id(int fd, uint32_t *ret_program) {
        union {
                struct bpf_map_info map;
                struct bpf_link_info link;
        } info = {};
        uint32_t size = ret_program ? sizeof(info.link) : sizeof(info.map);

        ck_assert_int_eq(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
        if (!ret_program)
                return info.map.id;
        *ret_program = info.link.prog_id;
        return info.link.id;
}

/* What a predecessor hands on, and what came of it. */
typedef struct Store {
        struct {
                char name[64];
                int fd; /* borrowed */
                bool is_new;
        } items[64];
        size_t n;
        const char *without; /* is left out when asked for */
} Store;

static int store_put(const char *name, int fd, bool is_new, void *userdata) {
        Store *s = userdata;

        ck_assert_uint_lt(s->n, ELEMENTSOF(s->items));
        ck_assert_int_ge(fd, 0);
        (void) snprintf(s->items[s->n].name, sizeof(s->items[0].name), "%s", name);
        s->items[s->n].fd = fd;
        s->items[s->n++].is_new = is_new;
        return 0;
}

static int store_get(const char *name, void *userdata) {
        const Store *s = userdata;

        for (size_t i = 0; i < s->n; i++)
                if (strcmp(s->items[i].name, name) == 0 && !(s->without && strcmp(name, s->without) == 0))
                        return s->items[i].fd;
        return -ENOENT;
}

/* Stores everything new but the third. */
typedef struct Refusing {
        Store stored;
        size_t n_new;
        bool stops;
} Refusing;

static int store_two(const char *name, int fd, bool is_new, void *userdata) {
        Refusing *r = userdata;

        if (!is_new)
                return 0;
        if (++r->n_new == 3)
                return r->stops ? -ENOSPC : 0;
        (void) store_put(name, fd, is_new, &r->stored);
        return 1;
}

static bool is_link(const char *name) {
        return strncmp(name, "link-", 5) == 0;
}

/* The programs of *l are handed over to new ones, which are attached in their place. */
static void lab_succeed(Lab *l, Store *store, ProgramsOptions *o, Store *ret_after) {
        Programs *old = l->programs;
        uint32_t policy_ids[LAB_SCOPES];

        ck_assert_int_eq(programs_for_each_fd(old, store_put, store), 0);
        ck_assert_uint_gt(store->n, programs_n_hooks());
        o->inherit = store_get;
        o->inherit_userdata = store;
        for (size_t i = 0; i < LAB_SCOPES; i++) {
                policy_ids[i] = policy_slot_policy_id(l->slots[i]);
                l->slots[i] = policy_slot_free(l->slots[i]);
        }
        l->maps = policy_maps_free(l->maps);
        ck_assert_int_eq(lab_load(l, o, &l->programs), 0);
        ck_assert_int_eq(policy_maps_new(l->programs, &l->maps), 0);
        for (uint32_t i = 0; i < LAB_SCOPES; i++) {
                ck_assert_int_eq(policy_slot_new(l->maps, i, &l->slots[i]), 0);
                policy_maps_skip_ids(l->maps, policy_ids[i]);
        }
        lab_set_scopes(l);
        lab_attach(l);
        ck_assert_int_eq(programs_for_each_fd(l->programs, store_put, ret_after), 0);
        ck_assert_uint_eq(ret_after->n, store->n);
        for (size_t i = 0; i < store->n; i++) {
                uint32_t program[2], *p = is_link(store->items[i].name) ? program : NULL;
                bool same = object_id(store->items[i].fd, p) == object_id(ret_after->items[i].fd, p ? p + 1 : NULL);

                ck_assert_str_eq(store->items[i].name, ret_after->items[i].name);
                ck_assert_msg(same == !ret_after->items[i].is_new, "%s", store->items[i].name);
        }
        programs_free(old);
}

/* A TCP connection from "job" to outside, in a scope that allows it. */
static void make_connection(Lab *l, int *ret_client, int *ret_server) {
        int listener = lab_listen_outside(l, 0);

        ck_assert_int_eq(subjects_set(l->programs, lab_cgroup(l, "job"), LAB_ALLOWS, 1, 0), 0);
        lab_enter(l, "job");
        *ret_client = lab_socket(l, false, AF_INET, SOCK_STREAM);
        ck_assert_int_eq(lab_connect(*ret_client, lab_outside[0], LAB_PORT), -EINPROGRESS);
        *ret_server = lab_accept(listener);
        ck_assert(lab_wait(*ret_client, POLLOUT));
        (void) close(listener);
}

/* The kernel cannot put another program into this link: a successor makes its own. */
static bool is_exchanged(const char *name) {
        return strcmp(name, "link-socket_create") == 0 || strcmp(name, "link-unix_stream_connect") == 0;
}

/* _i: 1 with few rights */
START_TEST(successor_takes_over) {
        Lab l = { .few_rights = _i };
        Store before = {}, after = {};
        ProgramsOptions o;
        int client, server;

        lab_init(&l);
        lab_load_all(&l);
        lab_set_scopes(&l);
        lab_attach(&l);
        ck_assert_int_eq(programs_for_each_fd(l.programs, store_put, &before), 0);
        for (size_t i = 0; i < before.n; i++)
                ck_assert_msg(before.items[i].is_new, "%s", before.items[i].name);
        ck_assert(!programs_inherited(l.programs));
        before.n = 0;
        make_connection(&l, &client, &server);
        ck_assert_int_eq(lab_send(client, "one", NULL, 0), 0);
        lab_expect(server, "one");
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_ALLOWED), 1);

        lab_load_options(&o);
        lab_succeed(&l, &before, &o, &after);
        ck_assert(programs_inherited(l.programs));
        for (size_t i = 0; i < after.n; i++)
                ck_assert_msg(after.items[i].is_new == is_exchanged(after.items[i].name), "%s", after.items[i].name);
        ck_assert_uint_eq(programs_check(l.programs, l.top_id), 0);

        /* The counters are the predecessor's, the flow is known: it is no new one. The subjects are set again. */
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_ALLOWED), 1);
        ck_assert_int_eq(subjects_set(l.programs, lab_cgroup(&l, "job"), LAB_ALLOWS, 1, 0), 0);
        ck_assert_int_eq(lab_send(client, "two", NULL, 0), 0);
        lab_expect(server, "two");
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_ALLOWED), 1);

        /* And they judge. */
        ck_assert_int_eq(subjects_set(l.programs, lab_cgroup(&l, "job"), LAB_DENIES, 1, 0), 0);
        ck_assert_int_eq(lab_connect_from(&l, "job", 0), -EPERM);
        (void) close(client);
        (void) close(server);
        lab_done(&l);
}
END_TEST

static void count_repeats(const struct cw_repeat *repeat, void *userdata) {
        *(uint64_t *) userdata += repeat->count;
}

static void count_over(_unused_ uint32_t actor, _unused_ const uint64_t n[static CW_OVER_MAX], _unused_ void *userdata) {
}

/* Denials that were only counted are reported by the successor if the predecessor was killed, and by one of them alone. */
START_TEST(successor_reports_counts) {
        uint64_t n = 0;
        const DenialCountsReader reader = { .repeats = count_repeats, .over = count_over, .userdata = &n };
        Store before = {}, after = {};
        ProgramsOptions o;
        Lab l = {};

        lab_init(&l);
        lab_load_all(&l);
        lab_set_scopes(&l);
        lab_attach(&l);
        ck_assert_int_eq(subjects_set(l.programs, lab_cgroup(&l, "job"), LAB_DENIES, 1, 0), 0);
        for (int i = 0; i < 20; i++)
                ck_assert_int_eq(lab_connect_from(&l, "job", 0), -EPERM);
        lab_load_options(&o);
        lab_succeed(&l, &before, &o, &after);
        (void) denial_counts_read(l.programs, true, &reader);
        ck_assert_uint_ge(n, 10); /* of 20: a slow machine records one in each second */
        ck_assert_uint_lt(n, 20);
        uint64_t n_first = n;
        (void) denial_counts_read(l.programs, true, &reader);
        ck_assert_uint_eq(n, n_first);
        lab_done(&l);
}
END_TEST

/* A resolver was asked for by a task of one cgroup over a socket of another: whose query it is was true before the handover,
 * and a successor that has counted as far must not believe it. */
START_TEST(successor_finds_clients_again) {
        Lab l = {};
        Store before = {}, after = {};
        ProgramsOptions o;

        lab_init(&l);
        lab_load_all(&l);
        lab_set_scopes(&l);
        lab_attach(&l);
        uint64_t unit = lab_cgroup(&l, "unit"), job = lab_cgroup(&l, "job");
        int proxy = lab_socket(&l, false, AF_INET, SOCK_DGRAM);
        lab_bind(proxy, "127.0.0.1", LAB_PROXY_PORT4);
        ck_assert_int_eq(subjects_set(l.programs, unit, LAB_ALLOWS, 1, 0), 0);
        ck_assert_int_eq(subjects_set(l.programs, job, LAB_DENIES, 2, 0), 0);
        lab_enter(&l, "unit");
        int fd = lab_socket(&l, false, AF_INET, SOCK_DGRAM);
        lab_enter(&l, "job");
        ck_assert_int_eq(lab_connect(fd, lab_outside[0], 53), 0);
        ck_assert_int_eq(lab_send(fd, "one", NULL, 0), 0);
        lab_expect(proxy, "one");
        ck_assert_uint_eq(lab_client(&l, fd, 0).chain, LAB_DENIES);
        ck_assert_uint_eq(lab_client(&l, fd, 0).actor, 2);

        lab_enter(&l, NULL);
        lab_load_options(&o);
        lab_succeed(&l, &before, &o, &after);
        ck_assert_int_eq(subjects_set(l.programs, unit, LAB_ALLOWS, 3, 0), 0);
        ck_assert_int_eq(subjects_set(l.programs, job, LAB_ALLOWS, 4, 0), 0);
        ck_assert_int_eq(lab_send(fd, "two", NULL, 0), 0);
        lab_expect(proxy, "two");
        ck_assert_uint_eq(lab_client(&l, fd, 0).chain, CW_CHAIN_UNASSIGNED);
        ck_assert_uint_eq(lab_client(&l, fd, 0).actor, 0);
        (void) close(fd);
        (void) close(proxy);
        lab_done(&l);
}
END_TEST

/* Who requested what over a passed socket is true for the successor as well, also without the flow. */
START_TEST(successor_knows_requesters) {
        Lab l = {};
        Store before = {}, after = {};
        ProgramsOptions o;

        lab_init(&l);
        lab_load_all(&l);
        lab_set_scopes(&l);
        lab_attach(&l);
        uint64_t unit = lab_cgroup(&l, "unit"), slice = lab_cgroup(&l, "slice");
        (void) lab_cgroup(&l, "slice/task");
        ck_assert_int_eq(subjects_set(l.programs, unit, LAB_ALLOWS, 1, 0), 0);
        ck_assert_int_eq(subjects_set(l.programs, slice, LAB_DENIES, 2, CW_SUBJECT_SLICE), 0);
        int server = lab_socket(&l, true, AF_INET, SOCK_DGRAM);
        lab_bind(server, lab_outside[0], LAB_PORT);
        lab_enter(&l, "unit");
        int fd = lab_socket(&l, false, AF_INET, SOCK_DGRAM);
        lab_enter(&l, "slice/task");
        ck_assert_int_eq(lab_connect(fd, lab_outside[0], LAB_PORT), 0); /* waits: it is unassigned */

        lab_enter(&l, NULL);
        lab_load_options(&o);
        o.max_flows *= 2; /* starts without flows */
        lab_succeed(&l, &before, &o, &after);
        ck_assert_int_eq(subjects_set(l.programs, unit, LAB_ALLOWS, 1, 0), 0);
        ck_assert_int_eq(lab_send(fd, "unassigned", NULL, 0), -EPERM);
        lab_expect_nothing(server);
        (void) close(fd);
        (void) close(server);
        lab_done(&l);
}
END_TEST

/* Nobody is without enforcement in between: the old programs' process may end first. */
START_TEST(links_hold_until_they_are_taken) {
        Lab l = {};
        Store before = {}, after = {};
        ProgramsOptions o;
        uint32_t old_program, new_program;

        lab_init(&l);
        lab_load_all(&l);
        lab_set_scopes(&l);
        lab_attach(&l);
        (void) lab_cgroup(&l, "job");
        ck_assert_int_eq(programs_for_each_fd(l.programs, store_put, &before), 0);
        for (size_t i = 0; i < before.n; i++) { /* the fd store */
                before.items[i].fd = dup(before.items[i].fd);
                ck_assert_int_ge(before.items[i].fd, 0);
        }
        for (size_t i = 0; i < LAB_SCOPES; i++)
                l.slots[i] = policy_slot_free(l.slots[i]);
        l.maps = policy_maps_free(l.maps);
        l.programs = programs_free(l.programs);
        ck_assert_int_eq(lab_connect_from(&l, "job", 0), -EPERM);
        lab_enter(&l, NULL);

        lab_load_options(&o);
        o.inherit = store_get;
        o.inherit_userdata = &before;
        size_t link = 0;
        while (strcmp(before.items[link].name, "link-connect4") != 0)
                link++;
        uint32_t id = object_id(before.items[link].fd, &old_program);
        ck_assert_int_eq(lab_load(&l, &o, &l.programs), 0);
        ck_assert_int_eq(policy_maps_new(l.programs, &l.maps), 0);
        for (uint32_t i = 0; i < LAB_SCOPES; i++)
                ck_assert_int_eq(policy_slot_new(l.maps, i, &l.slots[i]), 0);
        lab_set_policy(&l, LAB_HOST, ACTION_ALLOW, NULL, MODE_ENFORCE, 0);
        ck_assert_int_eq(lab_connect_from(&l, "job", 0), -EPERM);
        lab_enter(&l, NULL);
        lab_attach(&l);
        ck_assert_int_eq(lab_connect_from(&l, "job", 0), 0);
        ck_assert_int_eq(programs_for_each_fd(l.programs, store_put, &after), 0);
        ck_assert_uint_eq(object_id(after.items[link].fd, &new_program), id);
        ck_assert_uint_ne(new_program, old_program);
        for (size_t i = 0; i < before.n; i++)
                (void) close(before.items[i].fd);
        lab_done(&l);
}
END_TEST

START_TEST(map_of_another_size_is_not_taken) {
        Lab l = {};
        Store before = {}, after = {};
        ProgramsOptions o;
        size_t n_new = 0;
        int client, server;

        lab_init(&l);
        lab_load_all(&l);
        lab_set_scopes(&l);
        lab_attach(&l);
        make_connection(&l, &client, &server);
        int datagrams = lab_socket(&l, false, AF_INET, SOCK_DGRAM);
        ck_assert_int_eq(lab_send(datagrams, "one", lab_outside[0], LAB_PORT), 0);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_ALLOWED), 2);
        before.without = "link-egress";
        lab_load_options(&o);
        o.max_flows *= 2;
        lab_succeed(&l, &before, &o, &after);
        for (size_t i = 0; i < after.n; i++) {
                if (!after.items[i].is_new || is_exchanged(after.items[i].name))
                        continue;
                n_new++;
                ck_assert(strcmp(after.items[i].name, "map-flows") == 0 ||
                          strcmp(after.items[i].name, "link-egress") == 0);
        }
        ck_assert_uint_eq(n_new, 2);

        /* The flow of datagrams is forgotten, so its next packet is judged; that of TCP is kept by its socket. */
        ck_assert_int_eq(subjects_set(l.programs, lab_cgroup(&l, "job"), LAB_ALLOWS, 1, 0), 0);
        ck_assert_int_eq(lab_send(client, "more", NULL, 0), 0);
        lab_expect(server, "more");
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_ALLOWED), 2);
        ck_assert_int_eq(lab_send(datagrams, "two", lab_outside[0], LAB_PORT), 0);
        ck_assert_uint_eq(lab_count(&l, CW_COUNT_ALLOWED), 3);
        (void) close(datagrams);
        (void) close(client);
        (void) close(server);
        lab_done(&l);
}
END_TEST

/* What a version before called a map is taken over under its name now, and kept under that. */
START_TEST(map_is_found_by_its_old_name) {
        Lab l = {};
        Store before = {};
        ProgramsOptions o;
        Programs *next = NULL;
        Store after = {};

        lab_init(&l);
        lab_load_all(&l);
        ck_assert_int_eq(programs_for_each_fd(l.programs, store_put, &before), 0);
        LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);
        _cleanup_close_ int old = bpf_map_create(BPF_MAP_TYPE_HASH, "kept_flows", sizeof(struct cw_flow_key), 1, 65536,
                                                 &options);
        ck_assert_int_ge(old, 0);
        for (size_t i = 0; i < before.n; i++)
                if (strcmp(before.items[i].name, "map-preexisting_flows") == 0) {
                        (void) snprintf(before.items[i].name, sizeof(before.items[i].name), "map-kept_flows");
                        before.items[i].fd = old;
                }
        lab_load_options(&o);
        o.inherit = store_get;
        o.inherit_userdata = &before;
        ck_assert_int_eq(lab_load(&l, &o, &next), 0);
        ck_assert_int_eq(programs_for_each_fd(next, store_put, &after), 0);
        ck_assert_uint_eq(after.n, before.n);
        for (size_t i = 0; i < after.n; i++) {
                bool renamed = strcmp(after.items[i].name, "map-preexisting_flows") == 0;

                ck_assert_uint_eq(object_id(after.items[i].fd, NULL), object_id(before.items[i].fd, NULL));
                ck_assert_int_eq(after.items[i].is_new, renamed);
        }

        /* ... and so by who comes after that. */
        Programs *last = NULL;
        Store end = {};
        after.without = "link-egress";
        o.inherit_userdata = &after;
        ck_assert_int_eq(lab_load(&l, &o, &last), 0);
        ck_assert_int_eq(programs_for_each_fd(last, store_put, &end), 0);
        for (size_t i = 0; i < end.n; i++) {
                ck_assert_int_eq(end.items[i].is_new, false);
                ck_assert_uint_eq(object_id(end.items[i].fd, NULL), object_id(after.items[i].fd, NULL));
        }
        programs_free(last);
        programs_free(next);
        lab_done(&l);
}
END_TEST

/* A link of another cgroup, or a thing that is no link, is nothing to take over. */
START_TEST(foreign_links_are_not_taken) {
        Lab l = {};
        Store before = {};
        ProgramsOptions o;
        const char *what;
        Programs *p = NULL;

        lab_init(&l);
        lab_load_all(&l);
        lab_set_scopes(&l);
        lab_attach(&l);
        (void) lab_cgroup(&l, "elsewhere");
        ck_assert_int_eq(programs_for_each_fd(l.programs, store_put, &before), 0);
        for (size_t i = 0; i < before.n; i++)
                if (strcmp(before.items[i].name, "link-connect4") == 0)
                        before.items[i].fd = programs_map_fd(l.programs, "flows");
        lab_load_options(&o);
        o.inherit = store_get;
        o.inherit_userdata = &before;
        ck_assert_int_eq(lab_load(&l, &o, &p), 0);
        _cleanup_close_ int elsewhere = openat(l.top_fd, "elsewhere", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        ck_assert_int_eq(programs_attach(p, elsewhere, &what), 0);
        ck_assert(!programs_inherited(p));
        ck_assert_uint_eq(programs_check(l.programs, l.top_id), 0); /* they are where they were */
        ck_assert_uint_eq(programs_check(p, l.top_id), programs_attached(p) & ~CW_HOOKS_MACHINE);
        programs_free(p);
        ck_assert_int_eq(lab_connect_from(&l, "elsewhere", 0), -EPERM);
        lab_done(&l);
}
END_TEST

/* _i: 1, the failure ends the round. Nothing is stored twice, and nothing is left out permanently. */
START_TEST(what_is_stored_is_not_new) {
        Refusing first = { .stops = _i }, second = { .n_new = 3 };
        Store all = {};
        Lab l = {};

        lab_init(&l);
        lab_load_all(&l);
        lab_set_scopes(&l);
        lab_attach(&l);
        ck_assert_int_eq(programs_for_each_fd(l.programs, store_two, &first), _i ? -ENOSPC : 0);
        ck_assert_int_eq(programs_for_each_fd(l.programs, store_two, &second), 0);
        ck_assert_int_eq(programs_for_each_fd(l.programs, store_put, &all), 0);
        ck_assert_uint_eq(first.stored.n, _i ? 2 : all.n - 1);
        ck_assert_uint_eq(first.stored.n + second.stored.n, all.n);
        for (size_t i = 0; i < all.n; i++) {
                ck_assert_msg(!all.items[i].is_new, "%s", all.items[i].name);
                bool in_first = store_get(all.items[i].name, &first.stored) >= 0;
                bool in_second = store_get(all.items[i].name, &second.stored) >= 0;
                ck_assert_msg(in_first != in_second, "%s", all.items[i].name);
        }
        lab_done(&l);
}
END_TEST

/* ------------------------------------------------------------------ taken away, attached again */

START_TEST(lost_link_is_seen_and_made_again) {
        Lab l = { .few_rights = _i };
        Store store = {};

        lab_init(&l);
        lab_load_all(&l);
        lab_set_scopes(&l);
        lab_attach(&l);
        (void) lab_cgroup(&l, "job");
        int udp = lab_socket(&l, true, AF_INET, SOCK_DGRAM);
        lab_bind(udp, lab_outside[0], LAB_PORT);
        ck_assert_uint_eq(programs_check(l.programs, l.top_id), 0);
        uint32_t attached = programs_attached(l.programs), of_cgroup = attached & ~CW_HOOKS_MACHINE;
        ck_assert_uint_eq(programs_check(l.programs, l.top_id + 1), of_cgroup);
        ck_assert_int_eq(programs_for_each_fd(l.programs, store_put, &store), 0);

        for (size_t hook = 0; hook < programs_n_hooks(); hook++) {
                char name[64];

                if (!(of_cgroup & 1U << hook)) /* the kernel has no way to take it away */
                        continue;
                (void) snprintf(name, sizeof(name), "link-%s", programs_hook_name(hook));
                store.n = 0;
                ck_assert_int_eq(programs_for_each_fd(l.programs, store_put, &store), 0);
                ck_assert_int_eq(bpf_link_detach(store_get(name, &store)), 0);
                ck_assert_uint_eq(programs_check(l.programs, l.top_id), 1U << hook);
                if (strcmp(name, "link-connect4") == 0) { /* the packet hook still stands */
                        ck_assert_int_eq(lab_connect_from(&l, "job", 0), 0);
                        ck_assert_uint_ge(lab_count(&l, CW_COUNT_DENIED), 1);
                        lab_enter(&l, NULL);
                }
                if (_i)
                        lab_rights_reduce();
                ck_assert_uint_eq(programs_reattach(l.programs, 1U << hook, l.top_fd), 1U << hook);
                if (_i)
                        lab_rights_restore();
                ck_assert_uint_eq(programs_check(l.programs, l.top_id), 0);
                ck_assert_uint_eq(programs_attached(l.programs), attached);
        }
        ck_assert_int_eq(lab_connect_from(&l, "job", 0), -EPERM);
        int fd = lab_socket(&l, false, AF_INET, SOCK_DGRAM);
        ck_assert_int_eq(lab_send(fd, "x", lab_outside[0], LAB_PORT), -EPERM);
        lab_expect_nothing(udp);
        (void) close(fd);
        (void) close(udp);
        lab_done(&l);
}
END_TEST

START_TEST(mask_of_nothing_attaches_nothing) {
        Lab l = {};

        lab_init(&l);
        lab_load_all(&l);
        ck_assert_uint_eq(programs_attached(l.programs), 0);
        ck_assert_uint_eq(programs_check(l.programs, l.top_id), 0);
        ck_assert_uint_eq(programs_reattach(l.programs, 0, l.top_fd), 0);
        ck_assert_uint_eq(programs_reattach(l.programs, 3, -EBADF), 0);
        ck_assert_uint_eq(programs_attached(l.programs), 0);
        lab_done(&l);
}
END_TEST

/* ------------------------------------------------------------------ as the service runs */

/* Everything that the service does with the programs, as a user with nothing but two capabilities. */
static void serve(Lab *l, uint64_t job) {
        lab_become_service();
        lab_load_all(l);
        lab_set_scopes(l);
        lab_attach(l);
        ck_assert_int_eq(lab_try_connect(l, 0), -EPERM);
        ck_assert_int_eq(subjects_set(l->programs, job, LAB_ALLOWS, 1, 0), 0);
        ck_assert_int_eq(lab_try_connect(l, 0), 0);
        ck_assert_int_eq(subjects_remove(l->programs, job), 0);
        ck_assert_int_eq(lab_try_connect(l, 0), -EPERM);

        int fd = lab_socket(l, false, AF_INET, SOCK_STREAM);
        ck_assert_int_eq(exemptions_set_own_socket(l->programs, fd, true), 0);
        ck_assert_int_eq(lab_connect(fd, lab_outside[0], LAB_PORT), -EINPROGRESS);
        (void) close(fd);
        ck_assert_uint_eq(programs_check(l->programs, l->top_id), 0);
        ck_assert_uint_eq(lab_count(l, CW_COUNT_DENIED), 2);

        Programs *next = NULL;
        Store store = {};
        ProgramsOptions o;
        const char *what = "";
        lab_load_options(&o);
        o.inherit = store_get;
        o.inherit_userdata = &store;
        ck_assert_int_eq(programs_for_each_fd(l->programs, store_put, &store), 0);
        ck_assert_msg(programs_load(&o, &next, &what) == 0, "%s", what);
        ck_assert_msg(programs_attach(next, l->top_fd, &what) == 0, "%s", what);
        ck_assert(programs_inherited(next));
        programs_free(next);
}

/* In a child, since there is no way back. */
START_TEST(service_needs_no_more_than_its_capabilities) {
        Lab l = {};
        int status;

        lab_init(&l);
        uint64_t job = lab_cgroup(&l, "job");
        int listener = lab_listen_outside(&l, 0);
        (void) fflush(stdout);
        pid_t pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                lab_enter(&l, "job");
                serve(&l, job);
                _exit(0);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFEXITED(status));
        ck_assert_int_eq(WEXITSTATUS(status), 0);
        (void) close(listener);
        lab_done(&l);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("handover");
        TCase *t = tcase_create("handover");

        tcase_set_timeout(t, 120);
        tcase_add_loop_test(t, successor_takes_over, 0, 2);
        tcase_add_loop_test(t, what_is_stored_is_not_new, 0, 2);
        tcase_add_test(t, successor_reports_counts);
        tcase_add_test(t, successor_finds_clients_again);
        tcase_add_test(t, successor_knows_requesters);
        tcase_add_test(t, links_hold_until_they_are_taken);
        tcase_add_test(t, map_of_another_size_is_not_taken);
        tcase_add_test(t, map_is_found_by_its_old_name);
        tcase_add_test(t, foreign_links_are_not_taken);
        tcase_add_loop_test(t, lost_link_is_seen_and_made_again, 0, 2);
        tcase_add_test(t, mask_of_nothing_attaches_nothing);
        tcase_add_test(t, service_needs_no_more_than_its_capabilities);
        suite_add_tcase(s, t);
        return s;
}

int main(void) {
        return lab_main(suite);
}
