/* SPDX-License-Identifier: Apache-2.0 */

#include "kernel/helper-probe.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "basic/macro.h"

static bool loads(enum bpf_prog_type type, enum bpf_attach_type attach, const struct bpf_insn *insns, size_t n) {
        LIBBPF_OPTS(bpf_prog_load_opts, o, .expected_attach_type = attach);
        int fd = bpf_prog_load(type, "cw_probe", "Dual BSD/GPL", insns, n, &o);

        if (fd < 0)
                return false;
        (void) close(fd);
        return true;
}

#define CALL(helper) { .code = BPF_JMP | BPF_CALL, .imm = (helper) }
#define RETURN_1 { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1 }, { .code = BPF_JMP | BPF_EXIT }

bool helper_has_coarse_clock(void) {
        static const struct bpf_insn insns[] = { CALL(BPF_FUNC_ktime_get_coarse_ns), RETURN_1 };

        return loads(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT, insns, ELEMENTSOF(insns)) &&
               loads(BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, insns, ELEMENTSOF(insns));
}

/* Hooks that record facts about a process. */
static bool loads_in(HelperHooks hooks, const struct bpf_insn *insns, size_t n) {
        if (hooks == HELPER_OPTION_HOOK)
                return loads(BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_CGROUP_SETSOCKOPT, insns, n);
        return loads(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT, insns, n) &&
               loads(BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE, insns, n);
}

bool helper_has_comm(HelperHooks hooks) {
        static const struct bpf_insn insns[] = {
                { .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_10 },
                { .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_1, .imm = -16 },
                { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 16 },
                CALL(BPF_FUNC_get_current_comm),
                RETURN_1,
        };

        return loads_in(hooks, insns, ELEMENTSOF(insns));
}

bool helper_has_ns_pid(HelperHooks hooks) {
        static const struct bpf_insn insns[] = {
                { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1, .imm = 0 },
                { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 0 },
                { .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_3, .src_reg = BPF_REG_10 },
                { .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_3, .imm = -8 },
                { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_4, .imm = 8 },
                CALL(BPF_FUNC_get_ns_current_pid_tgid),
                RETURN_1,
        };

        return loads_in(hooks, insns, ELEMENTSOF(insns));
}

bool helper_has_task(HelperHooks hooks) {
        static const struct bpf_insn insns[] = {
                { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1, .imm = 0 },
                CALL(BPF_FUNC_get_current_ancestor_cgroup_id),
                CALL(BPF_FUNC_get_current_pid_tgid),
                RETURN_1,
        };

        return loads_in(hooks, insns, ELEMENTSOF(insns));
}

bool helper_has_netns(HelperHooks hooks) {
        static const struct bpf_insn insns[] = {
                { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1, .imm = 0 },
                CALL(BPF_FUNC_get_netns_cookie),
                RETURN_1,
        };

        return loads_in(hooks, insns, ELEMENTSOF(insns));
}

bool helper_has_security_hooks(void) {
        _cleanup_close_ int fd = open("/sys/kernel/security/lsm", O_RDONLY | O_CLOEXEC);
        char text[1024];
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

        if (n < 0) /* not mounted: find out by trying */
                return true;
        text[n] = '\0';
        for (const char *p = text; *p; p += strcspn(p, ",\n"), p += *p != '\0')
                if (strcspn(p, ",\n") == 3 && strncmp(p, "bpf", 3) == 0)
                        return true;
        return false;
}
