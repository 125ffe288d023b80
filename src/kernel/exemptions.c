/* SPDX-License-Identifier: Apache-2.0 */

#include "kernel/exemptions.h"

#include <bpf/bpf.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

int exemptions_set_own_socket(Programs *p, int socket_fd, bool own) {
        int map = programs_map_fd(p, "self_sockets");
        uint64_t cookie;
        socklen_t size = sizeof(cookie);
        uint8_t one = 1;

        if (getsockopt(socket_fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) < 0)
                return -errno;
        if (own)
                return bpf_map_update_elem(map, &cookie, &one, BPF_ANY);
        int r = bpf_map_delete_elem(map, &cookie);
        return r == -ENOENT ? 0 : r;
}

int exemptions_set_proxy_socket(Programs *p, int socket_fd) {
        uint8_t one = 1;

        return bpf_map_update_elem(programs_map_fd(p, "proxy_sockets"), &socket_fd, &one, BPF_ANY);
}

int exemptions_add_connection(Programs *p, uint64_t cookie, const InAddr *peer, uint16_t port) {
        struct cw_flow_key key = { .cookie = cookie, .port = port, .protocol = IPPROTO_TCP };
        uint8_t one = 1;

        memcpy(key.dst.b, peer->b, sizeof(key.dst.b));
        int r = bpf_map_update_elem(programs_map_fd(p, "preexisting_flows"), &key, &one, BPF_ANY);
        return r == -E2BIG ? -ENOSPC : r;
}
