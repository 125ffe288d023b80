/* SPDX-License-Identifier: Apache-2.0 */

#include "kernel/netns-cookie.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <sys/socket.h>

#include "basic/macro.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* asm-generic/socket.h, Linux 5.14 */
#endif
#define DISCARD_PORT 9

static uint64_t cookie_option(int fd, int option) {
        uint64_t cookie = 0;
        socklen_t size = sizeof(cookie);

        return getsockopt(fd, SOL_SOCKET, option, &cookie, &size) < 0 ? 0 : cookie;
}

#define CALL(helper) { .code = BPF_JMP | BPF_CALL, .imm = (helper) }
#define MOVE(to, from) { .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (to), .src_reg = (from) }
#define SET(to, value) { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (to), .imm = (value) }
#define LOAD_64(to, kind, low, high) \
        { .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = (to), .src_reg = (kind), .imm = (int32_t) (low) }, { .imm = (int32_t) (high) }
#define UNLESS_EQUAL(a, b, skip) { .code = BPF_JMP | BPF_JNE | BPF_X, .dst_reg = (a), .src_reg = (b), .off = (skip) }
#define IF_ZERO(a, skip) { .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = (a), .off = (skip) }

/* Allows everything, and stores the namespace of the socket that has this cookie. Returns its descriptor. */
static int load_reporter(int map, uint64_t socket_cookie) {
        const struct bpf_insn insns[] = {
                MOVE(BPF_REG_6, BPF_REG_1),
                CALL(BPF_FUNC_get_socket_cookie),
                LOAD_64(BPF_REG_1, 0, socket_cookie, socket_cookie >> 32),
                UNLESS_EQUAL(BPF_REG_0, BPF_REG_1, 11), /* to the end */
                MOVE(BPF_REG_1, BPF_REG_6),
                CALL(BPF_FUNC_get_netns_cookie),
                MOVE(BPF_REG_6, BPF_REG_0),
                { .code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = BPF_REG_10, .off = -4 }, /* key 0 */
                MOVE(BPF_REG_2, BPF_REG_10),
                { .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_2, .imm = -4 },
                LOAD_64(BPF_REG_1, BPF_PSEUDO_MAP_FD, map, 0),
                CALL(BPF_FUNC_map_lookup_elem),
                IF_ZERO(BPF_REG_0, 1),
                { .code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_0, .src_reg = BPF_REG_6 },
                SET(BPF_REG_0, 1),
                { .code = BPF_JMP | BPF_EXIT },
        };
        LIBBPF_OPTS(bpf_prog_load_opts, o, .expected_attach_type = BPF_CGROUP_INET4_CONNECT);

        return bpf_prog_load(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "cw_netns", "Dual BSD/GPL", insns, ELEMENTSOF(insns), &o);
}

uint64_t netns_cookie_from_program(int cgroup_fd) {
        const struct sockaddr_in self = {
                .sin_family = AF_INET,
                .sin_port = htons(DISCARD_PORT),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        };
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        _cleanup_close_ int map = -EBADF, program = -EBADF, link = -EBADF;
        uint32_t key = 0;
        uint64_t cookie = 0;

        if (fd < 0)
                return 0;
        map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "cw_netns", sizeof(key), sizeof(cookie), 1, NULL);
        if (map < 0)
                return 0;
        program = load_reporter(map, cookie_option(fd, SO_COOKIE));
        if (program < 0)
                return 0;
        link = bpf_link_create(program, cgroup_fd, BPF_CGROUP_INET4_CONNECT, NULL);
        if (link < 0)
                return 0;
        (void) connect(fd, (const struct sockaddr *) &self, sizeof(self));
        return bpf_map_lookup_elem(map, &key, &cookie) < 0 ? 0 : cookie;
}

uint64_t netns_cookie_own(int cgroup_fd) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        uint64_t cookie = fd < 0 ? 0 : cookie_option(fd, SO_NETNS_COOKIE);

        return cookie ?: netns_cookie_from_program(cgroup_fd);
}
