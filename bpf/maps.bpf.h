/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* All maps. Sizes of 1 are set by user space before load, from the policy. */

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#include "api.h"

/* Set before load. Every process below the attached cgroup belongs to this scope: its cgroup id, its place in scopes. */
const volatile __u64 scope_id = 0;
const volatile __u32 scope_index = 0;
/* The proxy's ports on 127.0.0.1 and ::1, in the network namespace with this cookie. Port 0: no proxy for the family.
 * Cookie 0: the kernel cannot tell user space its cookie (before 5.14), it is the initial namespace's. */
const volatile __u16 proxy_port4 = 0;
const volatile __u16 proxy_port6 = 0;
const volatile __u64 proxy_netns_cookie = 0;
/* A reader is woken when the ring's backlog crosses this many bytes. */
const volatile __u32 ring_wake_bytes = 1 << 16;

struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(map_flags, BPF_F_MMAPABLE);
        __uint(max_entries, CW_SCOPES_MAX);
        __type(key, __u32);
        __type(value, __u64); /* struct cw_scope, read and written whole */
} scopes SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __uint(max_entries, 1);
        __type(key, struct cw_exact_key);
        __type(value, struct cw_exact_value);
} exact SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_LPM_TRIE);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __uint(max_entries, 1);
        __type(key, struct cw_prefix_key);
        __type(value, struct cw_port_slice);
} prefixes SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(map_flags, BPF_F_MMAPABLE);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, struct cw_port_rule);
} port_rules SEC(".maps");

/* Addresses of the network namespace the proxy is in. */
struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __uint(max_entries, 1024);
        __type(key, struct cw_addr);
        __type(value, __u8);
} local_addrs SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, 1);
        __type(key, struct cw_flow_key);
        __type(value, struct cw_flow);
} flows SEC(".maps");

/* By socket cookie: the resolver a socket asked for before it was sent to the proxy. */
struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, 4096);
        __type(key, __u64);
        __type(value, struct cw_dns_client);
} dns_redirects SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, 8192);
        __type(key, struct cw_dns_client_key);
        __type(value, struct cw_dns_client);
} dns_clients SEC(".maps");

/* By socket cookie: who made a socket that has no connect or sendmsg hook (ICMP, raw, SCTP …). */
struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, 2048);
        __type(key, __u64);
        __type(value, struct cw_process);
} makers SEC(".maps");

/* Processes already reported: the first record of a process wakes the reader, so that it finds the process alive. */
struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, 4096);
        __type(key, __u32);
        __type(value, __u8);
} reported SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_RINGBUF);
        __uint(max_entries, 4096);
} ring SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, _CW_COUNTER_MAX);
        __type(key, __u32);
        __type(value, __u64);
} counters SEC(".maps");

static __always_inline void count(__u32 which) {
        __u64 *n = bpf_map_lookup_elem(&counters, &which);
        if (n)
                (*n)++; /* per CPU, and cgroup programs do not nest on one CPU */
}

/* A copy, so that a swap in the middle of a program is seen whole or not at all. false: no policy, closed. */
static __always_inline bool scope_find(struct cw_scope *scope) {
        __u32 index = scope_index;
        volatile __u64 *value = bpf_map_lookup_elem(&scopes, &index);
        __u64 copy = value ? *value : 0;

        __builtin_memcpy(scope, &copy, sizeof(*scope));
        if (scope->policy_id)
                return true;
        count(CW_COUNT_FAULT);
        return false;
}

/* Good to a tick, a tenth of the price. */
static __always_inline __u64 now_coarse(void) {
        if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_ktime_get_coarse_ns))
                return bpf_ktime_get_coarse_ns();
        return bpf_ktime_get_ns();
}
