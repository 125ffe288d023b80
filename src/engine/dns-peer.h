/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/dns-proxy.h"

/* The cgroup in which the socket was created that sent a query, by the kernel's list of sockets: for one that the programs
 * did not see sent. -ENOENT. */
int dns_peer_find(const DnsProxy *proxy, const DnsPeer *peer, uint64_t *ret_cgroup_id);
