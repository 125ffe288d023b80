/* SPDX-License-Identifier: Apache-2.0 */

#include "kernel/programs.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>
#include <sys/socket.h>

#include "basic/macro.h"
#include "cargowall.skel.h"

struct Programs {
        struct cargowall_bpf *bpf;
        struct bpf_link *links[16];
        size_t n_links;
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

static const char *load_advice(int r) {
        switch (-r) {
        case EPERM:
        case EACCES:
                return "loading BPF programs is not permitted: run it as root, with CAP_BPF and CAP_NET_ADMIN";
        case ENOSYS:
                return "this kernel has no BPF (CONFIG_BPF_SYSCALL)";
        case ESRCH:
        case ENOENT:
                return "this kernel has no BTF (/sys/kernel/btf/vmlinux, CONFIG_DEBUG_INFO_BTF)";
        case ENOMEM:
                return "not enough memory, or RLIMIT_MEMLOCK too low, for the BPF maps";
        default:
                return "this kernel refused the BPF programs; 5.10 with cgroup BPF is the oldest that works";
        }
}

int programs_load(const ProgramsOptions *o, Programs **ret, const char **ret_what) {
        _cleanup_(programs_freep) Programs *p = NULL;
        int r;

        libbpf_set_print(print_nothing);
        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;

        p->bpf = cargowall_bpf__open();
        if (!p->bpf) {
                *ret_what = load_advice(-errno);
                return -errno;
        }
        p->bpf->rodata->scope_id = o->scope;
        p->bpf->rodata->proxy_port4 = o->proxy_port4;
        p->bpf->rodata->proxy_port6 = o->proxy_port6;
        p->bpf->rodata->proxy_netns_cookie = own_netns_cookie();
        p->bpf->rodata->ring_wake_bytes = o->ring_bytes / 4;

        r = set_sizes(p->bpf, o);
        if (r >= 0)
                r = cargowall_bpf__load(p->bpf);
        if (r < 0) {
                *ret_what = load_advice(r);
                return r;
        }

        *ret = TAKE_PTR(p);
        return 0;
}

int programs_attach(Programs *p, int cgroup_fd, const char **ret_what) {
        struct bpf_program *program;

        bpf_object__for_each_program(program, p->bpf->obj) {
                assert(p->n_links < ELEMENTSOF(p->links));
                struct bpf_link *link = bpf_program__attach_cgroup(program, cgroup_fd);
                int r = libbpf_get_error(link);
                if (r < 0) {
                        *ret_what = r == -EPERM ? "attaching to the cgroup is not permitted: run it as root, with "
                                                  "CAP_BPF and CAP_NET_ADMIN" :
                                                  "this kernel cannot attach a required program to a cgroup";
                        return r;
                }
                p->links[p->n_links++] = link;
        }
        return 0;
}

Programs *programs_free(Programs *p) {
        if (!p)
                return NULL;
        for (size_t i = 0; i < p->n_links; i++)
                (void) bpf_link__destroy(p->links[i]);
        cargowall_bpf__destroy(p->bpf);
        free(p);
        return NULL;
}

int programs_map_fd(const Programs *p, const char *name) {
        int fd = bpf_object__find_map_fd_by_name(p->bpf->obj, name);

        return fd < 0 ? -ENOENT : fd;
}

int programs_program_fd(const Programs *p, const char *name) {
        const struct bpf_program *program = bpf_object__find_program_by_name(p->bpf->obj, name);

        return program ? bpf_program__fd(program) : -ENOENT;
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
