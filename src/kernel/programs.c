/* SPDX-License-Identifier: Apache-2.0 */

#include "kernel/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "basic/clock.h"
#include "basic/macro.h"
#include "cargowall.skel.h"
#include "kernel/attach.h"
#include "kernel/helper-probe.h"
#include "kernel/netns-cookie.h"
#include "kernel/struct-offsets.h"

static const struct {
        const char *name;
        const char *program;
        uint32_t type; /* enum bpf_attach_type */
} hooks[] = {
#define HOOK(hook, function, attach_type, required) [CW_HOOK_BIT_##hook] = { #hook, #function, attach_type },
        CW_HOOKS(HOOK)
#undef HOOK
};

#define SOCKET_FILTER "cw_proxy_client" /* of the proxy's sockets, not of a hook */
/* Of network devices, and what it calls: the program in the map of this name, which holds it. */
#define DEVICE_FILTER "cw_device_filter"
#define BACKSTOP "cw_backstop"
#define BACKSTOP_MAP PROGRAMS_BACKSTOP
#define BACKSTOP_LINK "link-" PROGRAMS_BACKSTOP

_Static_assert(sizeof(((struct cargowall_bpf *) NULL)->progs) ==
                       sizeof(struct bpf_program *) * (ELEMENTSOF(hooks) + 3),
               "each program but SOCKET_FILTER, DEVICE_FILTER and BACKSTOP has its line in CW_HOOKS");

/* The verifier needs about as long for these two as for all others. */
#define FILTER_SHARE (1U << CW_HOOK_BIT_connect4) /* with which SOCKET_FILTER is loaded */
#define PACKET_HOOKS (1U << CW_HOOK_BIT_egress | 1U << CW_HOOK_BIT_ingress)
/* Of CW_HOOKS_OPTIONAL, which are loaded separately: many kernels refuse such programs. */
#define FAMILY_HOOK (1U << CW_HOOK_BIT_socket_create)
#define STREAM_HOOK (1U << CW_HOOK_BIT_unix_stream_connect)
#define UNIX_HOOK (1U << CW_HOOK_BIT_connect_unix)

/* State that does not depend on a policy and is worth keeping when a new process takes over. */
static const char *const kept_maps[] = {
        "flows",       "socket_flows", "released_flows", "flow_shares",    "dns_sockets",       "dns_clients",
        "sk_creators", "seen_pids",    "inbound_conns",  "datagram_peers", "preexisting_flows", "asked_sockets",
        "ring",        "counters",       "budgets",        "over_reported",  "repeats",           "throttled",
        "listeners",   "steering_actors", "datagram_targets", "followed_users",
};

/* Former names of maps, used by versions that may still be replaced. */
static const struct {
        const char *name, *old;
} renamed_maps[] = {
        { "map-sk_creators", "map-makers" },
        { "map-seen_pids", "map-reported" },
        { "map-inbound_conns", "map-accepted" },
        { "map-preexisting_flows", "map-kept_flows" },
};

static AttachKind hook_kind(size_t hook) {
        return CW_HOOKS_MACHINE & (1U << hook) ? ATTACH_MACHINE : ATTACH_CGROUP;
}

struct Programs {
        struct cargowall_bpf *bpf; /* the maps; its programs are not loaded */
        Attachment hooks[ELEMENTSOF(hooks)];
        int socket_filter;     /* -EBADF: not loaded */
        int device_filter;     /* likewise, or why it cannot be */
        bool backstop_is_new;  /* its map was created here, and is not stored elsewhere yet */
        uint32_t new_maps; /* bits of kept_maps: created here, and not stored elsewhere yet */
        uint32_t optional;
        uint32_t unused;   /* hooks that are not asked for */
        bool inherited;
        object_inherit_fn inherit;
        void *inherit_userdata;
};

/* libbpf's messages would mix with those of the command; what the user can act on is in ret_what. */
static int print_nothing(_unused_ enum libbpf_print_level level, _unused_ const char *format, _unused_ va_list args) {
        return 0;
}

static void set_pid_namespace(struct cargowall_bpf *b) {
        struct stat st;

        if (stat("/proc/self/ns/pid", &st) < 0 || !helper_has_ns_pid(HELPER_SOCKET_HOOKS))
                return;
        b->rodata->has_ns_pid = true;
        b->rodata->option_has_ns_pid = helper_has_ns_pid(HELPER_OPTION_HOOK);
        b->rodata->pid_ns_device = (uint64_t) major(st.st_dev) << 20 | minor(st.st_dev); /* MKDEV(), linux/kdev_t.h */
        b->rodata->pid_ns_inode = st.st_ino;
}

/* Of the addresses of AF_UNIX sockets. Where they are not known they remain 0. */
static void set_offsets(struct cargowall_bpf *b) {
        static const StructMember members[] = {
                { "unix_sock", "addr" },
                { "unix_address", "name" },
                { "sockaddr_un", "sun_path" },
                { "bpf_sock_addr_kern", "uaddr" },
        };
        uint32_t at[ELEMENTSOF(members)];

        if (struct_offsets_find(members, ELEMENTSOF(members), at) < 0)
                return;
        b->rodata->unix_addr_offset = at[0];
        b->rodata->unix_path_offset = at[1] + at[2];
        b->rodata->sun_path_offset = at[2];
        b->rodata->sock_addr_offset = at[3];
}

static void set_constants(struct cargowall_bpf *b, const ProgramsOptions *o) {
        b->rodata->has_coarse_clock = helper_has_coarse_clock();
        b->rodata->has_comm = helper_has_comm(HELPER_SOCKET_HOOKS);
        b->rodata->option_has_comm = helper_has_comm(HELPER_OPTION_HOOK);
        b->rodata->option_has_task = helper_has_task(HELPER_OPTION_HOOK);
        b->rodata->option_has_netns = helper_has_netns(HELPER_OPTION_HOOK);
        set_pid_namespace(b);
        b->rodata->many_layers = o->many_layers;
        if (o->many_layers && !(o->unused_hooks & CW_HOOKS_NAME_SERVICE))
                set_offsets(b);
        b->rodata->root_cgroup = o->root_cgroup;
        b->rodata->network_uid = o->network_uid;
        memcpy((void *) &b->rodata->proxy_addr4, o->proxy_addr4.b + 12, sizeof(b->rodata->proxy_addr4));
        b->rodata->proxy_port4 = o->proxy_port4;
        b->rodata->proxy_port6 = o->proxy_port6;
        /* 0: the programs assume the initial namespace. If that is wrong nothing reaches the proxy, and the engine's self-test
         * reports it. */
        b->rodata->proxy_netns_cookie = netns_cookie_own(o->own_cgroup_fd);
        b->rodata->ring_bytes = o->ring_bytes;
        b->rodata->flow_share_max = (int32_t) MAX(o->max_flows / CW_FLOW_SHARE_PART, 1U);
}

static int set_sizes(struct cargowall_bpf *b, const ProgramsOptions *o) {
        const struct {
                struct bpf_map *map;
                uint32_t n;
        } sizes[] = {
                { b->maps.hosts, o->max_hosts },           { b->maps.prefixes, o->max_prefixes },
                { b->maps.port_rules, o->max_port_rules }, { b->maps.flows, o->max_flows },
                { b->maps.ring, o->ring_bytes },
        };

        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                int r = object_set_max_entries(sizes[i].map, sizes[i].n);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ------------------------------------------------------------------ load */

static const char no_lsm[] = "the required hook socket_create needs Linux 5.15 or later with BTF, and \"bpf\" in the "
                             "list of its security modules (kernel command line: lsm=)";

static const char no_stream_hook[] = "the required hook unix_stream_connect needs Linux 5.15 or later (arm64: 6.4) with BTF and function "
                                     "tracing";
static const char no_unix_hook[] = "the required hook connect_unix needs Linux 6.7 or later with BTF, and is not used where "
                                   "unix_stream_connect is";

static const char *optional_advice(uint32_t missing) {
        return missing & FAMILY_HOOK ? no_lsm : missing & STREAM_HOOK ? no_stream_hook : no_unix_hook;
}

static const char *load_advice(int r) {
        switch (-r) {
        case EPERM:
                return "loading BPF programs is not permitted: use root, or CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON (and "
                       "before Linux 5.11 a sufficient RLIMIT_MEMLOCK)";
        case ENOSYS:
                return "this kernel has no BPF (CONFIG_BPF_SYSCALL)";
        case ENOMEM:
                return "not enough memory, or RLIMIT_MEMLOCK too low, for the BPF maps";
        default: /* includes EACCES and EFAULT of the verifier */
                return "this kernel refused the BPF programs; 5.10 with cgroup BPF is the minimum, and without "
                       "CAP_PERFMON only the newest accept them";
        }
}

typedef struct MapSource {
        const ProgramsOptions *options;
        uint32_t renamed; /* bits of kept_maps: found under an old name */
} MapSource;

static int find_map(const char *name, void *userdata) {
        MapSource *m = userdata;
        const ProgramsOptions *o = m->options;
        int fd = o->inherit ? o->inherit(name, o->inherit_userdata) : -ENOENT;

        for (size_t i = 0; i < ELEMENTSOF(renamed_maps) && fd < 0 && o->inherit; i++) {
                if (strcmp(renamed_maps[i].name, name) != 0)
                        continue;
                fd = o->inherit(renamed_maps[i].old, o->inherit_userdata);
                for (size_t k = 0; k < ELEMENTSOF(kept_maps) && fd >= 0; k++)
                        if (strcmp(name + strlen("map-"), kept_maps[k]) == 0)
                                m->renamed |= 1U << k;
        }
        return fd;
}

static int find_backstop(_unused_ const char *name, void *userdata) {
        const ProgramsOptions *o = userdata;

        return o->inherit ? o->inherit(BACKSTOP_LINK, o->inherit_userdata) : -ENOENT;
}

static int load_maps(Programs *p, const ProgramsOptions *o) {
        static const char *const backstop_map[] = { BACKSTOP_MAP };
        MapSource source = { .options = o };
        uint32_t new_backstop = 1;
        int r;

        p->bpf = cargowall_bpf__open();
        if (!p->bpf)
                return -errno;
        set_constants(p->bpf, o);
        /* A predecessor started from an earlier time, and cannot have counted faster than the clock. */
        p->bpf->bss->subjects_generation = clock_nsec(CLOCK_MONOTONIC);
        r = set_sizes(p->bpf, o);
        if (r >= 0)
                r = object_inherit_maps(p->bpf->obj, kept_maps, ELEMENTSOF(kept_maps), find_map, &source,
                                        &p->new_maps);
        p->new_maps |= source.renamed;
        if (r >= 0)
                r = object_inherit_maps(p->bpf->obj, backstop_map, 1, find_backstop, (void *) o, &new_backstop);
        p->backstop_is_new = new_backstop;
        if (r >= 0)
                r = object_select_programs(p->bpf->obj, NULL, 0);
        return r < 0 ? r : cargowall_bpf__load(p->bpf);
}

static int load_programs(Programs *p, uint32_t mask) {
        const char *names[ELEMENTSOF(hooks) + 1];
        uint32_t types[ELEMENTSOF(hooks) + 1] = {};
        int fds[ELEMENTSOF(hooks) + 1];
        size_t bits[ELEMENTSOF(hooks)], n = 0;
        bool filter = mask & FILTER_SHARE && !p->bpf->rodata->many_layers;
        ObjectFile file;

        for (size_t i = 0; i < ELEMENTSOF(hooks); i++)
                if (mask & (1U << i)) {
                        names[n] = hooks[i].program;
                        types[n] = hooks[i].type;
                        bits[n++] = i;
                }
        if (filter)
                names[n] = SOCKET_FILTER;
        file.bytes = cargowall_bpf__elf_bytes(&file.size);
        int r = object_load_programs(&file, p->bpf->obj, names, types, n + filter, fds);
        if (filter && r >= 0)
                p->socket_filter = fds[n];
        for (size_t i = 0; i < n && r >= 0; i++)
                p->hooks[bits[i]] = attachment_init(hook_kind(bits[i]), hooks[bits[i]].type, fds[i]);
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

/* Half of the start-up time is the verifier's, so the programs are loaded on two processors if available. The second
 * thread has its own object, shares only descriptors, and has ended when this returns. */
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
        for (size_t i = 0; i < ELEMENTSOF(p->hooks); i++)
                attachment_done(&p->hooks[i]);
        if (p->socket_filter >= 0)
                (void) close(p->socket_filter);
        p->socket_filter = -EBADF;
        if (p->device_filter >= 0)
                (void) close(p->device_filter);
        p->device_filter = -EBADF;
        cargowall_bpf__destroy(p->bpf);
        p->bpf = NULL;
}

static int load_without(Programs *p, const ProgramsOptions *o, uint32_t left_out) {
        int r;

        unload(p);
        r = load_maps(p, o);
        return r < 0 ? r : load_all(p, CW_HOOKS_ALL & ~CW_HOOKS_OPTIONAL & ~left_out);
}

/* Returns the bits of required hooks that the kernel does not have. */
static uint32_t load_optional_hooks(Programs *p) {
        static const uint32_t optional[] = { FAMILY_HOOK, STREAM_HOOK, UNIX_HOOK };
        bool has_offsets = p->bpf->rodata->unix_addr_offset != 0;
        uint32_t missing = 0;

        for (size_t i = 0; i < ELEMENTSOF(optional); i++) {
                uint32_t hook = optional[i];
                bool possible = hook == FAMILY_HOOK ? helper_has_security_hooks() : has_offsets;

                if (!(hook & p->unused) && (!possible || load_programs(p, hook) < 0))
                        missing |= hook;
        }
        return missing & ~p->optional;
}

int programs_load(const ProgramsOptions *o, Programs **ret, const char **ret_what) {
        _cleanup_(programs_freep) Programs *p = NULL;
        int r;

        libbpf_set_print(print_nothing);
        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(p->hooks); i++)
                p->hooks[i] = attachment_init(hook_kind(i), hooks[i].type, -EBADF);
        p->unused = o->many_layers ? o->unused_hooks & CW_HOOKS_OPTIONAL : CW_HOOKS_OPTIONAL;
        p->socket_filter = p->device_filter = -EBADF;
        p->optional = o->optional_hooks & CW_HOOKS_ALL;
        p->inherit = o->inherit;
        p->inherit_userdata = o->inherit_userdata;

        r = load_without(p, o, 0);
        if (r < 0 && (p->optional & ~CW_HOOKS_OPTIONAL) && r != -EPERM && r != -ENOMEM)
                r = load_without(p, o, p->optional);
        uint32_t missing = r < 0 ? 0 : load_optional_hooks(p);
        if (missing) {
                *ret_what = optional_advice(missing);
                return -EOPNOTSUPP;
        }
        if (r < 0) {
                *ret_what = load_advice(r);
                return r;
        }
        *ret = TAKE_PTR(p);
        return 0;
}

/* ------------------------------------------------------------------ attach */

/* Kernels without "bpf" among their security modules attach the program and never call it. */
static bool family_hook_is_called(const Programs *p) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        return fd >= 0 && __atomic_load_n(&p->bpf->bss->family_hook_called, __ATOMIC_ACQUIRE) != 0;
}

static int attach_hook(Programs *p, size_t hook, const AttachTarget *target) {
        char name[64];

        if (1U << hook & UNIX_HOOK && p->hooks[CW_HOOK_BIT_unix_stream_connect].link >= 0)
                return -EOPNOTSUPP; /* the other one sees more */
        (void) snprintf(name, sizeof(name), "link-%s", hooks[hook].name);
        int fd = p->inherit ? p->inherit(name, p->inherit_userdata) : -ENOENT;
        if (fd >= 0 && attachment_inherit(&p->hooks[hook], target, fd) >= 0) {
                p->inherited = true;
                return 0;
        }
        int r = attachment_make(&p->hooks[hook], target);
        if (r >= 0 && hook == CW_HOOK_BIT_socket_create && !family_hook_is_called(p)) {
                closep(&p->hooks[hook].link);
                r = -EOPNOTSUPP;
        }
        return r;
}

/* The map holds the program from here on. Filters of a predecessor call it at once. */
static int load_backstop(const Programs *p) {
        const char *const names[] = { DEVICE_FILTER, BACKSTOP };
        int fds[ELEMENTSOF(names)];
        const uint32_t slot = 0;
        ObjectFile file;

        file.bytes = cargowall_bpf__elf_bytes(&file.size);
        int r = object_load_programs(&file, p->bpf->obj, names, NULL, ELEMENTSOF(names), fds);
        if (r < 0)
                return r;
        r = bpf_map_update_elem(bpf_map__fd(p->bpf->maps.backstop), &slot, &fds[1], BPF_ANY);
        (void) close(fds[1]);
        if (r >= 0)
                return fds[0];
        (void) close(fds[0]);
        return r;
}

/* Where socket_create refuses other families, no device is touched: a filter costs each packet 0.1 to 0.3 microseconds,
 * and its discipline could collide with one of the administrator's. */
static void start_backstop(Programs *p) {
        const uint32_t slot = 0;

        if (p->unused & FAMILY_HOOK)
                return;
        if (p->hooks[CW_HOOK_BIT_socket_create].link < 0)
                p->device_filter = load_backstop(p);
        else
                (void) bpf_map_delete_elem(bpf_map__fd(p->bpf->maps.backstop), &slot);
}

int programs_attach(Programs *p, int cgroup_fd, const char **ret_what) {
        AttachTarget target;
        int r = attach_target_cgroup(cgroup_fd, &target);

        if (r < 0) {
                *ret_what = "cannot examine the cgroup to attach to";
                return r;
        }
        for (size_t i = 0; i < ELEMENTSOF(hooks); i++) {
                r = p->unused & (1U << i) ? 0 : attach_hook(p, i, &target);
                if (r < 0 && !(p->optional & (1U << i))) {
                        *ret_what = CW_HOOKS_OPTIONAL & (1U << i) ? optional_advice(1U << i) :
                                    r == -EPERM ? "attaching to the cgroup is not permitted: run as root, with "
                                                  "CAP_BPF and CAP_NET_ADMIN" :
                                                  "this kernel cannot attach a required program to a cgroup";
                        return r;
                }
        }
        start_backstop(p);
        return 0;
}

int programs_socket_filter(const Programs *p) {
        return p->socket_filter;
}

int programs_device_filter(const Programs *p) {
        return p->device_filter;
}

int programs_egress_link(const Programs *p) {
        return p->hooks[CW_HOOK_BIT_egress].link;
}

Programs *programs_free(Programs *p) {
        if (!p)
                return NULL;
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

        for (size_t i = 0; i < ELEMENTSOF(p->hooks); i++)
                if (p->hooks[i].link >= 0)
                        mask |= 1U << i;
        return mask;
}

uint32_t programs_check(const Programs *p, uint64_t cgroup_id) {
        const AttachTarget target = { .fd = -EBADF, .id = cgroup_id };
        uint32_t lost = 0;

        for (size_t i = 0; i < ELEMENTSOF(p->hooks); i++)
                if (p->hooks[i].link >= 0 && !attachment_in_place(&p->hooks[i], &target))
                        lost |= 1U << i;
        return lost;
}

uint32_t programs_reattach(Programs *p, uint32_t mask, int cgroup_fd) {
        uint32_t attached = 0;
        AttachTarget target;

        if (attach_target_cgroup(cgroup_fd, &target) < 0)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(p->hooks); i++)
                if (mask & (1U << i) && attachment_make(&p->hooks[i], &target) >= 0)
                        attached |= 1U << i;
        return attached;
}

bool programs_inherited(const Programs *p) {
        return p->inherited;
}

/* What is stored is noted at once: the service manager ignores an object that it already has, so storing it again
 * and removing the older entry would leave none. */
int programs_for_each_fd(Programs *p, programs_fd_fn fn, void *userdata) {
        char name[64];
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(p->hooks) && r >= 0; i++) {
                if (p->hooks[i].link < 0)
                        continue;
                (void) snprintf(name, sizeof(name), "link-%s", hooks[i].name);
                r = fn(name, p->hooks[i].link, p->hooks[i].is_new, userdata);
                if (r > 0)
                        p->hooks[i].is_new = false;
        }
        if (p->device_filter >= 0 && r >= 0) {
                r = fn(BACKSTOP_LINK, bpf_map__fd(p->bpf->maps.backstop), p->backstop_is_new, userdata);
                if (r > 0)
                        p->backstop_is_new = false;
        }
        for (size_t i = 0; i < ELEMENTSOF(kept_maps) && r >= 0; i++) {
                (void) snprintf(name, sizeof(name), "map-%s", kept_maps[i]);
                r = fn(name, programs_map_fd(p, kept_maps[i]), p->new_maps & (1U << i), userdata);
                if (r > 0)
                        p->new_maps &= ~(1U << i);
        }
        return r < 0 ? r : 0;
}

void programs_subjects_changed(Programs *p) {
        __atomic_fetch_add(&p->bpf->bss->subjects_generation, 1, __ATOMIC_RELEASE);
}

void programs_follow_users(Programs *p, uint32_t n) {
        __atomic_store_n(&p->bpf->bss->n_followed_users, n, __ATOMIC_RELEASE);
}

void programs_set_source(Programs *p, bool v6, const InAddr *addr) {
        static const InAddr none;

        memcpy((void *) &p->bpf->bss->own_sources[v6], addr ? addr->b : none.b, sizeof(none.b));
}

const uint64_t *programs_ring_woken(const Programs *p) {
        return (const uint64_t *) &p->bpf->bss->ring_woken_ns;
}

int programs_map_fd(const Programs *p, const char *name) {
        int fd = object_map_fd(p->bpf->obj, name);

        /* libbpf gives a map that it reuses the name that the kernel has for it: the old one. */
        for (size_t i = 0; i < ELEMENTSOF(renamed_maps) && fd < 0; i++)
                if (strcmp(renamed_maps[i].name + strlen("map-"), name) == 0)
                        fd = object_map_fd(p->bpf->obj, renamed_maps[i].old + strlen("map-"));
        return fd;
}

int programs_program_fd(const Programs *p, const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(hooks); i++)
                if (strcmp(hooks[i].program, name) == 0)
                        return p->hooks[i].program < 0 ? -ENOENT : p->hooks[i].program;
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
