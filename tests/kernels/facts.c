/* SPDX-License-Identifier: Apache-2.0 */

/* Loads and attaches the BPF programs to an empty cgroup of its own, as the service does, and prints what this kernel has:
 * "fact NAME VALUE" for each. A hook or helper function is "yes" or "no". */

#include <bpf/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include "basic/macro.h"
#include "host/cgroup.h"
#include "kernel/helper-probe.h"
#include "kernel/netns-cookie.h"
#include "kernel/programs.h"
#include "run/domain.h"

static void print_has(const char *kind, const char *name, bool has) {
        (void) printf("fact %s%s %s\n", kind, name, has ? "yes" : "no");
}

/* The most instructions that the verifier looked at for one program; 0: not known to the kernel (before 5.16). */
static uint32_t most_instructions(const Programs *p) {
        static const char *const names[] = {
#define PROGRAM(hook, function, attach_type, required) #function,
                CW_HOOKS(PROGRAM)
#undef PROGRAM
        };
        uint32_t most = 0;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                struct bpf_prog_info info = {};
                uint32_t size = sizeof(info);
                int fd = programs_program_fd(p, names[i]);

                if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
                        continue;
                most = MAX(most, info.verified_insns);
        }
        return most;
}

static void print_facts(const Programs *p, int cgroup_fd) {
        struct utsname system;

        if (uname(&system) == 0)
                (void) printf("fact release %s\n", system.release);
        for (size_t i = 0; i < programs_n_hooks(); i++)
                print_has("hook:", programs_hook_name(i), programs_attached(p) & 1U << i);
        print_has("", "coarse-clock", helper_has_coarse_clock());
        print_has("", "comm", helper_has_comm(HELPER_SOCKET_HOOKS));
        print_has("", "ns-pid", helper_has_ns_pid(HELPER_SOCKET_HOOKS));
        print_has("", "option-task", helper_has_task(HELPER_OPTION_HOOK));
        print_has("", "option-netns", helper_has_netns(HELPER_OPTION_HOOK));
        print_has("", "netns-cookie", netns_cookie_own(cgroup_fd) != 0);
        (void) printf("fact landlock %d\n", domain_abi());
        (void) printf("fact device-filter %s\n", programs_device_filter(p) >= 0 ? "yes" : "no");
        (void) printf("fact instructions %u\n", most_instructions(p));
}

int main(void) {
        const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
        const ProgramsOptions options = {
                .many_layers = true,
                .optional_hooks = CW_HOOKS_OPTIONAL,
                .max_prefixes = 1024,
                .max_hosts = 1024,
                .max_port_rules = 1024,
                .max_flows = 1024,
                .ring_bytes = 1U << 20,
        };
        Cgroup cgroup = CGROUP_INIT;
        Programs *programs = NULL;
        const char *what = "";

        (void) setrlimit(RLIMIT_MEMLOCK, &unlimited); /* limits BPF maps before Linux 5.11 */
        int r = cgroup_create_below_own(&cgroup, &what);
        if (r >= 0)
                r = programs_load(&options, &programs, &what);
        if (r >= 0)
                r = programs_attach(programs, cgroup.fd, &what);
        if (r < 0)
                (void) fprintf(stderr, "%s: %s\n", what, strerror(-r));
        else
                print_facts(programs, cgroup.root_fd);
        programs_free(programs);
        if (cgroup.fd >= 0 && cgroup_remove(&cgroup) < 0)
                (void) fprintf(stderr, "%s is left behind\n", cgroup.path);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
