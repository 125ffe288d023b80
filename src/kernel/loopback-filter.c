/* SPDX-License-Identifier: Apache-2.0 */

#include "kernel/loopback-filter.h"

#include <bpf/bpf.h>
#include <stddef.h>

#include "basic/macro.h"

#define LOOPBACK_IFINDEX 1 /* in every network namespace */

int loopback_filter_load(void) {
        static const struct bpf_insn insns[] = {
                { .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_1,
                  .off = offsetof(struct __sk_buff, ifindex) },
                { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
                { .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = BPF_REG_1, .imm = LOOPBACK_IFINDEX, .off = 1 },
                { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = -1 }, /* the whole packet */
                { .code = BPF_JMP | BPF_EXIT },
        };

        return bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "cw_no_loopback", "Dual BSD/GPL", insns, ELEMENTSOF(insns), NULL);
}
