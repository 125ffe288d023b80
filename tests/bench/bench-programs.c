/* SPDX-License-Identifier: Apache-2.0 */

/* Loads the BPF programs as the engine does, attaches nothing, and prints for each: name, instructions the verifier
 * looked at, bytes of machine code; then the time the load took in ns. */

#include <bpf/bpf.h>
#include <inttypes.h>

#include "bench.h"
#include "kernel/programs.h"

#define FDS_MAX 256

static void print_program(int fd) {
        struct bpf_prog_info info = {};
        uint32_t size = sizeof(info);

        /* The descriptors are ours, but only some are programs; the kernel distinguishes other kinds by their type. */
        if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
                bench_die("no information about a program: %m");
        (void) printf("%.*s %u %u\n", (int) sizeof(info.name), info.name, info.verified_insns, info.jited_prog_len);
}

static bool is_program(int fd) {
        static const char kind[] = "anon_inode:bpf-prog";
        char path[64], target[sizeof(kind)] = "";

        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        return readlink(path, target, sizeof(target) - 1) == (ssize_t) sizeof(kind) - 1 && strcmp(target, kind) == 0;
}

int main(void) {
        const ProgramsOptions options = {
                .many_layers = true, /* the longer programs */
                .optional_hooks = CW_HOOKS_OPTIONAL,
                .max_prefixes = 1024,
                .max_hosts = 1024,
                .max_port_rules = 1024,
                .max_flows = 1024,
                .ring_bytes = 1U << 20,
                .proxy_addr4 = { .b = { [10] = 0xff, 0xff, 127, 0, 0, 1 } },
                .proxy_port4 = 1053,
                .proxy_port6 = 1053,
        };
        _cleanup_(programs_freep) Programs *programs = NULL;
        const char *what = "the programs cannot be loaded";

        uint64_t begin = bench_now();
        int r = programs_load(&options, &programs, &what);
        if (r < 0)
                bench_die("%s: %s", what, strerror(-r));
        uint64_t end = bench_now();
        for (int fd = 0; fd < FDS_MAX; fd++)
                if (is_program(fd))
                        print_program(fd);
        (void) printf("load %" PRIu64 " 0\n", end - begin);
        return EXIT_SUCCESS;
}
