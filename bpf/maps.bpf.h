/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* All maps. User space sets sizes of 1 before load, to match the policy. */

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#include "api.h"

/* Set before load: helpers that the kernel, or the loader's capabilities, may not permit. */
const volatile bool has_coarse_clock = false;
const volatile bool has_comm = false;
const volatile bool has_ns_pid = false;
/* The same of the hook for socket options, which has fewer helpers before Linux 6.1. */
const volatile bool option_has_task = false; /* ancestors of its cgroup, pid */
const volatile bool option_has_comm = false;
const volatile bool option_has_ns_pid = false;
const volatile bool option_has_netns = false; /* Linux 5.14 */
/* The reader's pid namespace, by device (in the kernel's encoding) and inode. */
const volatile __u64 pid_ns_device = 0;
const volatile __u64 pid_ns_inode = 0;
/* false: the host's layer judges every process below the attached cgroup. */
const volatile bool many_layers = false;
/* The cgroup of the host's own sockets, those created by the kernel for itself. 0: unknown. */
const volatile __u64 root_cgroup = 0;
/* The user that runs a DHCP client besides root. 0: none. */
const volatile __u32 network_uid = 0;
/* The proxy's address and ports, on a loopback IPv4 address (network byte order) and on ::1, in the network
 * namespace with this cookie. Port 0: no proxy for this family. Cookie 0: the kernel cannot report the cookie to
 * user space (before 5.14); then it is the initial namespace. */
const volatile __u32 proxy_addr4 = 0;
const volatile __u16 proxy_port4 = 0;
const volatile __u16 proxy_port6 = 0;
const volatile __u64 proxy_netns_cookie = 0;
const volatile __u64 ring_bytes = 1 << 18;
/* Entries of flows for each share. */
const volatile __s32 flow_share_max = 1;

struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(map_flags, BPF_F_MMAPABLE);
        __uint(max_entries, CW_LAYERS_MAX);
        __type(key, __u32);
        __type(value, __u64); /* struct cw_layer, read and written whole */
} layers SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __uint(max_entries, 65536);
        __type(key, __u64);
        __type(value, struct cw_subject);
} subjects SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, 4096);
        __type(key, __u64);
        __type(value, struct cw_subject_cache);
} subject_cache SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __uint(max_entries, CW_FOLLOWED_USERS_MAX);
        __type(key, __u32); /* user id in the initial user namespace */
        __type(value, struct cw_followed_user);
} followed_users SEC(".maps");

/* Sockets of the service itself, by cookie, for its queries to upstream resolvers. Many more than it ever has. */
struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, 4096);
        __type(key, __u64);
        __type(value, __u8);
} self_sockets SEC(".maps");

/* The proxy's sockets, marked by user space. */
struct {
        __uint(type, BPF_MAP_TYPE_SK_STORAGE);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __type(key, int);
        __type(value, __u8);
} proxy_sockets SEC(".maps");

/* Connections from outside, since the end of their handshake. */
struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, 8192);
        __type(key, struct cw_inbound_key);
        __type(value, __u8);
} inbound_conns SEC(".maps");

/* The senders of datagrams to a socket, before it sent any back. Separate from the flows, so that outsiders cannot
 * evict those. */
struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, 8192);
        __type(key, struct cw_flow_key);
        __type(value, __u8);
} datagram_peers SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __uint(max_entries, 1);
        __type(key, struct cw_host_key);
        __type(value, struct cw_host_value);
} hosts SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_LPM_TRIE);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __uint(max_entries, 1);
        __type(key, struct cw_prefix_key);
        __type(value, struct cw_port_list);
} prefixes SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(map_flags, BPF_F_MMAPABLE);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, struct cw_port_rule);
} port_rules SEC(".maps");

/* Addresses of the proxy's network namespace: thousands where a load balancer has one for each service. */
struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __uint(max_entries, 16384);
        __type(key, struct cw_addr);
        __type(value, __u8);
} local_addrs SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, 1);
        __type(key, struct cw_flow_key);
        __type(value, struct cw_flow);
} flows SEC(".maps");

/* In the kernel's storage of a TCP socket: freed with it, and never evicted. */
struct {
        __uint(type, BPF_MAP_TYPE_SK_STORAGE);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __type(key, int);
        __type(value, struct cw_socket_flow);
} socket_flows SEC(".maps");

/* Whoever removes an entry reports the end of the flow. If it is full, the end is reported at once. */
struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(max_entries, 1024);
        __type(key, struct cw_flow_key);
        __type(value, struct cw_flow);
} released_flows SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(map_flags, BPF_F_MMAPABLE);
        __uint(max_entries, CW_FLOW_SHARES);
        __type(key, __u32);
        __type(value, struct cw_flow_share);
} flow_shares SEC(".maps");

/* Denied datagrams already reported: the epoch of the chain. Separate from the flows, so that denied senders cannot
 * evict flows. */
struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, 8192);
        __type(key, struct cw_flow_key);
        __type(value, __u64);
} denied_flows SEC(".maps");

/* TCP sockets, by cookie, of which a packet was refused. What it carried is still queued, and would be sent when nobody
 * refuses it any more. */
struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, 4096);
        __type(key, __u64);
        __type(value, __u8);
} refused_sockets SEC(".maps");

/* Connections opened before the service started, which may continue. */
struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __uint(max_entries, 65536);
        __type(key, struct cw_flow_key);
        __type(value, __u8);
} preexisting_flows SEC(".maps");

/* The sockets that were redirected to the proxy. Freed with the socket: others cannot evict it. */
struct {
        __uint(type, BPF_MAP_TYPE_SK_STORAGE);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __type(key, int);
        __type(value, struct cw_dns_socket);
} dns_sockets SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, 8192);
        __type(key, struct cw_dns_client_key);
        __type(value, struct cw_dns_client);
} dns_clients SEC(".maps");

/* By socket cookie: the creator of a socket that has no connect or sendmsg hook (ICMP, raw, SCTP …). */
struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, 2048);
        __type(key, __u64);
        __type(value, struct cw_process);
} sk_creators SEC(".maps");

/* Processes that already have a record. */
struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, 4096);
        __type(key, __u32);
        __type(value, __u8);
} seen_pids SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_RINGBUF);
        __uint(max_entries, 4096);
} ring SEC(".maps");

/* No LRU: an actor may not displace the state of another. */
struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __uint(max_entries, 65536);
        __type(key, __u32);
        __type(value, struct cw_budget);
} budgets SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __uint(max_entries, 4096);
        __type(key, __u32);
        __type(value, __u64);
} throttled SEC(".maps");

/* By actor: how many of n_over user space has reported. Never used by the programs. */
struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __uint(max_entries, 65536);
        __type(key, __u32);
        __type(value, __u64[CW_OVER_MAX]);
} over_reported SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __uint(max_entries, 16384);
        __type(key, struct cw_repeat_key);
        __type(value, struct cw_repeat);
} repeats SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, _CW_COUNTER_MAX);
        __type(key, __u32);
        __type(value, __u64);
} counters SEC(".maps");

/* Constant keys and values are kept off the stack: there the compiler lets them share a slot with a pointer, which
 * the verifier rejects for a loader without CAP_PERFMON. */
const __u32 counter_keys[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
_Static_assert(sizeof(counter_keys) / sizeof(counter_keys[0]) == _CW_COUNTER_MAX, "a key for each counter");
const __u8 present = 1;
const struct cw_budget unused_budget = {};
const struct cw_repeat no_repeats = {};

static __always_inline void count(enum cw_counter which) {
        __u64 *n = bpf_map_lookup_elem(&counters, &counter_keys[which]);
        if (n)
                (*n)++; /* per CPU, and cgroup programs do not nest on one CPU */
}

/* mode: of the layer that decided. */
static __always_inline void count_denial(__u8 mode) {
        count(CW_COUNT_DENIED);
        if (mode == CW_AUDIT)
                count(CW_COUNT_AUDITED);
}

/* Accurate to a tick, at a tenth of the cost. */
static __always_inline __u64 now_coarse(void) {
        return has_coarse_clock ? bpf_ktime_get_coarse_ns() : bpf_ktime_get_ns();
}
