/* SPDX-License-Identifier: Apache-2.0 */

#include "kernel/subjects.h"

#include <bpf/bpf.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

int subjects_set(Programs *p, uint64_t cgroup_id, uint32_t chain, uint32_t actor, uint32_t flags) {
        struct cw_subject s = { .chain = chain, .actor = actor, .flags = flags };
        int r = bpf_map_update_elem(programs_map_fd(p, "subjects"), &cgroup_id, &s, BPF_ANY);

        if (r >= 0)
                programs_subjects_changed(p);
        return r == -E2BIG ? -ENOSPC : r;
}

int subjects_remove(Programs *p, uint64_t cgroup_id) {
        int r = bpf_map_delete_elem(programs_map_fd(p, "subjects"), &cgroup_id);

        programs_subjects_changed(p);
        return r == -ENOENT ? 0 : r;
}

struct cw_subject subjects_get(const Programs *p, uint64_t cgroup_id) {
        struct cw_subject s;

        if (bpf_map_lookup_elem(programs_map_fd(p, "subjects"), &cgroup_id, &s) < 0)
                return (struct cw_subject) { .chain = CW_CHAIN_UNASSIGNED };
        return s;
}

int self_sockets_set(Programs *p, int socket_fd, bool own) {
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

int flows_keep(Programs *p, uint64_t cookie, const InAddr *peer, uint16_t port) {
        struct cw_flow_key key = { .cookie = cookie, .port = port, .protocol = IPPROTO_TCP };
        uint8_t one = 1;

        memcpy(key.dst.b, peer->b, sizeof(key.dst.b));
        return bpf_map_update_elem(programs_map_fd(p, "preexisting_flows"), &key, &one, BPF_ANY);
}
