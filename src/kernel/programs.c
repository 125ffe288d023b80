/* SPDX-License-Identifier: Apache-2.0 */

#include "kernel/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "basic/macro.h"
#include "cargowall.skel.h"
#include "kernel/helper-probe.h"

/* Bit i of a mask of hooks stands for entry i. */
static const struct {
        const char *name;
        const char *program;
} hooks[] = {
        { "connect4", "cw_connect4" },         { "connect6", "cw_connect6" },
        { "sendmsg4", "cw_sendmsg4" },         { "sendmsg6", "cw_sendmsg6" },
        { "recvmsg4", "cw_recvmsg4" },         { "recvmsg6", "cw_recvmsg6" },
        { "getpeername4", "cw_getpeername4" }, { "getpeername6", "cw_getpeername6" },
        { "sock_create", "cw_sock_create" },   { "sock_release", "cw_sock_release" },
        { "egress", "cw_egress" },             { "ingress", "cw_ingress" },
};

/* The verifier needs about as long for these two as for all the others. */
#define PACKET_HOOKS (1U << 10 | 1U << 11)
#define ALL_HOOKS ((1U << ELEMENTSOF(hooks)) - 1)

/* What is going on, apart from any policy: worth keeping when a new process takes over. */
static const char *const kept_maps[] = {
        "flows", "dns_redirects", "dns_clients", "makers", "reported", "accepted", "datagram_peers",
        "kept_flows", "ring", "counters",
};

struct Programs {
        struct cargowall_bpf *bpf;       /* the maps; its programs are not loaded */
        int programs[ELEMENTSOF(hooks)]; /* -EBADF: left out */
        int links[ELEMENTSOF(hooks)]; /* -EBADF: not attached */
        uint32_t new_links;           /* bits: made by us, and not kept by anybody yet */
        uint32_t new_maps;            /* bits of kept_maps, likewise */
        uint32_t optional;
        bool inherited;
        programs_inherit_fn inherit;
        void *inherit_userdata;
};

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* asm-generic/socket.h, Linux 5.14 */
#endif

/* libbpf's own words would mix with the command's; what a user can act on is said by ret_what. */
static int print_nothing(_unused_ enum libbpf_print_level level, _unused_ const char *format, _unused_ va_list args) {
        return 0;
}

/* 0 before 5.14: the programs then take the initial namespace for ours. Where that is wrong nothing reaches the proxy,
 * and the engine's self-test says so. */
static uint64_t own_netns_cookie(void) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        uint64_t cookie = 0;
        socklen_t size = sizeof(cookie);

        if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) < 0)
                return 0;
        return cookie;
}

static void set_pid_namespace(struct cargowall_bpf *b) {
        struct stat st;

        if (stat("/proc/self/ns/pid", &st) < 0 || !helper_has_ns_pid())
                return;
        b->rodata->has_ns_pid = true;
        b->rodata->pid_ns_device = (uint64_t) major(st.st_dev) << 20 | minor(st.st_dev); /* MKDEV(), linux/kdev_t.h */
        b->rodata->pid_ns_inode = st.st_ino;
}

static void set_constants(struct cargowall_bpf *b, const ProgramsOptions *o) {
        int n_cpus = libbpf_num_possible_cpus();

        b->rodata->has_coarse_clock = helper_has_coarse_clock();
        b->rodata->has_comm = helper_has_comm();
        set_pid_namespace(b);
        b->rodata->many_scopes = o->many_scopes;
        b->rodata->root_cgroup = o->root_cgroup;
        b->rodata->network_uid = o->network_uid;
        memcpy((void *) &b->rodata->proxy_addr4, o->proxy_addr4.b + 12, sizeof(b->rodata->proxy_addr4));
        b->rodata->proxy_port4 = o->proxy_port4;
        b->rodata->proxy_port6 = o->proxy_port6;
        b->rodata->proxy_netns_cookie = own_netns_cookie();
        b->rodata->ring_wake_bytes = o->ring_bytes / 4;
        b->rodata->ring_wake_span = (uint32_t) (MAX(n_cpus, 1) + 1) * sizeof(struct cw_record);
}

static int set_sizes(struct cargowall_bpf *b, const ProgramsOptions *o) {
        const struct {
                struct bpf_map *map;
                uint32_t n;
        } sizes[] = {
                { b->maps.exact, o->max_exact },           { b->maps.prefixes, o->max_prefixes },
                { b->maps.port_rules, o->max_port_rules }, { b->maps.flows, o->max_flows },
                { b->maps.ring, o->ring_bytes },
        };

        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                int r = bpf_map__set_max_entries(sizes[i].map, MAX(sizes[i].n, 1U));
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ------------------------------------------------------------------ inheritance */

static int inherited_fd(const ProgramsOptions *o, const char *kind, const char *name) {
        char text[64];

        if (!o->inherit)
                return -ENOENT;
        (void) snprintf(text, sizeof(text), "%s-%s", kind, name);
        return o->inherit(text, o->inherit_userdata);
}

static bool has_same_layout(const struct bpf_map *map, int fd) {
        struct bpf_map_info info = {};
        uint32_t size = sizeof(info);

        return bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && info.type == bpf_map__type(map) &&
               info.key_size == bpf_map__key_size(map) && info.value_size == bpf_map__value_size(map) &&
               info.map_flags == bpf_map__map_flags(map) && info.max_entries == bpf_map__max_entries(map);
}

/* One that has another layout is begun anew: flows are judged again at their next packet. */
static int inherit_maps(struct cargowall_bpf *b, const ProgramsOptions *o, uint32_t *ret_new) {
        *ret_new = 0;
        for (size_t i = 0; i < ELEMENTSOF(kept_maps); i++) {
                struct bpf_map *map = bpf_object__find_map_by_name(b->obj, kept_maps[i]);
                int fd = inherited_fd(o, "map", kept_maps[i]);

                if (!map || fd < 0 || !has_same_layout(map, fd)) {
                        *ret_new |= 1U << i;
                        continue;
                }
                int r = bpf_map__reuse_fd(map, fd); /* duplicates it */
                if (r < 0)
                        return r;
        }
        return 0;
}

static bool is_our_link(int fd, uint64_t cgroup_id, uint32_t attach_type) {
        struct bpf_link_info info = {};
        uint32_t size = sizeof(info);

        return bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && info.type == BPF_LINK_TYPE_CGROUP &&
               info.cgroup.cgroup_id == cgroup_id && info.cgroup.attach_type == attach_type;
}

/* ------------------------------------------------------------------ load */

static const char *load_advice(int r) {
        switch (-r) {
        case EPERM:
                return "loading BPF programs is not permitted: it takes root, or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON (and "
                       "before Linux 5.11 enough of RLIMIT_MEMLOCK)";
        case ENOSYS:
                return "this kernel has no BPF (CONFIG_BPF_SYSCALL)";
        case ENOMEM:
                return "not enough memory, or RLIMIT_MEMLOCK too low, for the BPF maps";
        default: /* EACCES and EFAULT too: the verifier's */
                return "this kernel refused the BPF programs; 5.10 with cgroup BPF is the oldest that works, and without "
                       "CAP_PERFMON only the newest take them";
        }
}

static struct bpf_program *hook_program(const Programs *p, size_t hook) {
        return bpf_object__find_program_by_name(p->bpf->obj, hooks[hook].program);
}

static int set_programs(const struct cargowall_bpf *b, uint32_t mask) {
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(hooks) && r >= 0; i++)
                r = bpf_program__set_autoload(bpf_object__find_program_by_name(b->obj, hooks[i].program),
                                              mask & (1U << i));
        return r;
}

/* A predecessor began with an earlier time, and cannot have counted as fast as the clock. */
static uint64_t first_generation(void) {
        struct timespec t = {};

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * NSEC_PER_SEC + (uint64_t) t.tv_nsec;
}

static int load_maps(Programs *p, const ProgramsOptions *o) {
        int r;

        p->bpf = cargowall_bpf__open();
        if (!p->bpf)
                return -errno;
        set_constants(p->bpf, o);
        p->bpf->bss->subjects_generation = first_generation();
        r = set_sizes(p->bpf, o);
        if (r >= 0)
                r = inherit_maps(p->bpf, o, &p->new_maps);
        if (r >= 0)
                r = set_programs(p->bpf, 0);
        return r < 0 ? r : cargowall_bpf__load(p->bpf);
}

/* Of the same file, so that both have the same maps in the same order. */
static int share_maps(const struct cargowall_bpf *from, const struct cargowall_bpf *to) {
        struct bpf_map *a = NULL, *b = NULL;
        int r = 0;

        while (r >= 0 && (a = bpf_object__next_map(from->obj, a)) && (b = bpf_object__next_map(to->obj, b)))
                r = bpf_map__reuse_fd(b, bpf_map__fd(a));
        return r;
}

/* Loads these programs, and keeps nothing of libbpf's but them. */
static int load_programs(Programs *p, uint32_t mask) {
        struct cargowall_bpf *b = cargowall_bpf__open();
        int r;

        if (!b)
                return -errno;
        r = share_maps(p->bpf, b);
        if (r >= 0)
                r = set_programs(b, mask);
        if (r >= 0)
                r = bpf_object__load(b->obj);
        for (size_t i = 0; i < ELEMENTSOF(hooks) && r >= 0; i++)
                if (mask & (1U << i)) {
                        const struct bpf_program *program = bpf_object__find_program_by_name(b->obj, hooks[i].program);
                        p->programs[i] = fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 3);
                        r = p->programs[i] < 0 ? -errno : 0;
                }
        cargowall_bpf__destroy(b);
        return r;
}

typedef struct Share {
        Programs *programs;
        uint32_t mask;
        int r;
} Share;

static void *load_share(void *userdata) {
        Share *s = userdata;

        s->r = load_programs(s->programs, s->mask);
        return NULL;
}

/* Half of a start is the verifier's work, so it is done on two processors where there are two. The other thread has an
 * object of its own, shares nothing but descriptors, and is gone when this returns. */
static int load_all(Programs *p, uint32_t mask) {
        Share packets = { .programs = p, .mask = mask & PACKET_HOOKS };
        pthread_t thread;
        int r, k;

        k = pthread_create(&thread, NULL, load_share, &packets);
        r = load_programs(p, mask & ~PACKET_HOOKS);
        if (k == 0)
                (void) pthread_join(thread, NULL);
        else
                (void) load_share(&packets);
        return r < 0 ? r : packets.r;
}

static void unload(Programs *p) {
        for (size_t i = 0; i < ELEMENTSOF(p->programs); i++) {
                closep(&p->programs[i]);
                p->programs[i] = -EBADF;
        }
        cargowall_bpf__destroy(p->bpf);
        p->bpf = NULL;
}

static int load_without(Programs *p, const ProgramsOptions *o, uint32_t left_out) {
        int r;

        unload(p);
        r = load_maps(p, o);
        return r < 0 ? r : load_all(p, ALL_HOOKS & ~left_out);
}

int programs_load(const ProgramsOptions *o, Programs **ret, const char **ret_what) {
        _cleanup_(programs_freep) Programs *p = NULL;
        int r;

        libbpf_set_print(print_nothing);
        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(p->links); i++) {
                p->programs[i] = -EBADF;
                p->links[i] = -EBADF;
        }
        p->optional = o->optional_hooks;
        p->inherit = o->inherit;
        p->inherit_userdata = o->inherit_userdata;

        r = load_without(p, o, 0);
        if (r < 0 && o->optional_hooks != 0 && r != -EPERM && r != -ENOMEM)
                r = load_without(p, o, o->optional_hooks);
        if (r < 0) {
                *ret_what = load_advice(r);
                return r;
        }
        *ret = TAKE_PTR(p);
        return 0;
}

/* ------------------------------------------------------------------ attach */

static uint64_t cgroup_id_of(int cgroup_fd) {
        struct stat st;

        return fstat(cgroup_fd, &st) < 0 ? 0 : st.st_ino;
}

/* The old program judges until the exchange, the new one after it. */
static int take_over_link(Programs *p, size_t hook, int program_fd, int fd) {
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3), r;

        if (copy < 0)
                return -errno;
        r = bpf_link_update(copy, program_fd, NULL);
        if (r < 0) {
                (void) close(copy);
                return r;
        }
        p->links[hook] = copy;
        p->inherited = true;
        return 0;
}

static int make_link(Programs *p, size_t hook, int cgroup_fd) {
        uint32_t type = bpf_program__expected_attach_type(hook_program(p, hook));
        int fd = bpf_link_create(p->programs[hook], cgroup_fd, type, NULL);

        if (fd < 0)
                return fd;
        if (p->links[hook] >= 0)
                (void) close(p->links[hook]);
        p->links[hook] = fd;
        p->new_links |= 1U << hook;
        return 0;
}

static int attach_hook(Programs *p, size_t hook, int cgroup_fd) {
        uint32_t type = bpf_program__expected_attach_type(hook_program(p, hook));
        int fd, program_fd = p->programs[hook];
        char name[64];

        if (program_fd < 0)
                return -EOPNOTSUPP; /* left out when it was loaded */
        (void) snprintf(name, sizeof(name), "link-%s", hooks[hook].name);
        fd = p->inherit ? p->inherit(name, p->inherit_userdata) : -ENOENT;
        if (fd >= 0 && is_our_link(fd, cgroup_id_of(cgroup_fd), type) && take_over_link(p, hook, program_fd, fd) >= 0)
                return 0;
        return make_link(p, hook, cgroup_fd);
}

int programs_attach(Programs *p, int cgroup_fd, const char **ret_what) {
        for (size_t i = 0; i < ELEMENTSOF(hooks); i++) {
                int r = attach_hook(p, i, cgroup_fd);

                if (r < 0 && !(p->optional & (1U << i))) {
                        *ret_what = r == -EPERM ? "attaching to the cgroup is not permitted: run it as root, with "
                                                  "CAP_BPF and CAP_NET_ADMIN" :
                                                  "this kernel cannot attach a required program to a cgroup";
                        return r;
                }
        }
        return 0;
}

Programs *programs_free(Programs *p) {
        if (!p)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(p->links); i++)
                if (p->links[i] >= 0)
                        (void) close(p->links[i]);
        unload(p);
        free(p);
        return NULL;
}

/* ------------------------------------------------------------------ state */

const char *programs_hook_name(size_t i) {
        return i < ELEMENTSOF(hooks) ? hooks[i].name : NULL;
}

size_t programs_n_hooks(void) {
        return ELEMENTSOF(hooks);
}

uint32_t programs_attached(const Programs *p) {
        uint32_t mask = 0;

        for (size_t i = 0; i < ELEMENTSOF(p->links); i++)
                if (p->links[i] >= 0)
                        mask |= 1U << i;
        return mask;
}

/* A link that was detached by force keeps its fd and loses its cgroup. */
uint32_t programs_check(const Programs *p, uint64_t cgroup_id) {
        uint32_t lost = 0;

        for (size_t i = 0; i < ELEMENTSOF(p->links); i++)
                if (p->links[i] >= 0 &&
                    !is_our_link(p->links[i], cgroup_id, bpf_program__expected_attach_type(hook_program(p, i))))
                        lost |= 1U << i;
        return lost;
}

uint32_t programs_reattach(Programs *p, uint32_t mask, int cgroup_fd) {
        uint32_t attached = 0;

        for (size_t i = 0; i < ELEMENTSOF(p->links); i++)
                if (mask & (1U << i) && make_link(p, i, cgroup_fd) >= 0)
                        attached |= 1U << i;
        return attached;
}

bool programs_inherited(const Programs *p) {
        return p->inherited;
}

int programs_for_each_fd(const Programs *p, programs_fd_fn fn, void *userdata) {
        char name[64];
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(p->links) && r >= 0; i++) {
                if (p->links[i] < 0)
                        continue;
                (void) snprintf(name, sizeof(name), "link-%s", hooks[i].name);
                r = fn(name, p->links[i], p->new_links & (1U << i), userdata);
        }
        for (size_t i = 0; i < ELEMENTSOF(kept_maps) && r >= 0; i++) {
                (void) snprintf(name, sizeof(name), "map-%s", kept_maps[i]);
                r = fn(name, programs_map_fd(p, kept_maps[i]), p->new_maps & (1U << i), userdata);
        }
        return r < 0 ? r : 0;
}

void programs_fds_are_kept(Programs *p) {
        p->new_links = 0;
        p->new_maps = 0;
}

void programs_subjects_changed(Programs *p) {
        __atomic_fetch_add(&p->bpf->bss->subjects_generation, 1, __ATOMIC_RELEASE);
}

int programs_map_fd(const Programs *p, const char *name) {
        int fd = bpf_object__find_map_fd_by_name(p->bpf->obj, name);

        return fd < 0 ? -ENOENT : fd;
}

int programs_program_fd(const Programs *p, const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(hooks); i++)
                if (strcmp(hooks[i].program, name) == 0)
                        return p->programs[i] < 0 ? -ENOENT : p->programs[i];
        return -ENOENT;
}

uint64_t programs_counter(const Programs *p, enum cw_counter c) {
        int n = libbpf_num_possible_cpus(), fd = bpf_map__fd(p->bpf->maps.counters);
        uint32_t key = c;
        uint64_t sum = 0;

        if (n <= 0)
                return 0;
        _cleanup_free_ uint64_t *values = calloc(n, sizeof(*values));
        if (!values || bpf_map_lookup_elem(fd, &key, values) < 0)
                return 0;
        for (int i = 0; i < n; i++)
                sum += values[i];
        return sum;
}

void programs_set_counter(const Programs *p, enum cw_counter c, uint64_t value) {
        int n = libbpf_num_possible_cpus();
        uint32_t key = c;

        if (n <= 0)
                return;
        _cleanup_free_ uint64_t *values = calloc(n, sizeof(*values));
        if (!values)
                return;
        values[0] = value;
        (void) bpf_map_update_elem(bpf_map__fd(p->bpf->maps.counters), &key, values, BPF_ANY);
}
