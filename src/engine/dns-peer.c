/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/dns-peer.h"

#include <assert.h>
#include <errno.h>

#include "host/existing-sockets.h"

int dns_peer_find(const DnsProxy *proxy, const DnsPeer *peer, uint64_t *ret_cgroup_id) {
        uint16_t port4, port6;
        ExistingSocket s;
        InAddr own;

        assert(proxy);
        assert(peer);
        assert(ret_cgroup_id);

        bool v4 = in_addr_is_v4(&peer->addr);
        dns_proxy_address(proxy, &own, &port4, &port6);
        if (!v4)
                own = (InAddr) { .b = { [15] = 1 } };
        if (existing_socket_find(peer->is_tcp ? IPPROTO_TCP : IPPROTO_UDP, &peer->addr, peer->port, &own,
                                 v4 ? port4 : port6, &s) < 0)
                return -ENOENT;
        *ret_cgroup_id = s.cgroup_id;
        return 0;
}
