/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Users that are followed: what a user of a unit has others start (the user's service manager, at, cron) runs in cgroups of theirs,
 * which no document is for. There, the chain of the user is in the place of the host's layer. Socket hooks ask for the user of the
 * task, packet hooks for the owner of the socket, as they do for cgroups. The real user of a task: a program with the bit for
 * another effective one was still started by the user. Root is never followed. */

#include "home.bpf.h"

/* Kept by user space, so that nothing is looked up without need. */
__u32 n_followed_users;

#define OVERFLOW_UID 65534 /* stands for users that are not known */

/* Bits of a subject, beside its chain: chain.bpf.h. */
#define SUBJECT_FORWARDER (1ULL << 63)
#define SUBJECT_NETWORK (1ULL << 62)
#define SUBJECT_CONTAINER (1ULL << 61)
#define UNASSIGNED ((__u64) CW_CHAIN_UNASSIGNED)

static __always_inline bool follows_users(void) {
        return *(volatile __u32 *) &n_followed_users;
}

/* The subject of a user's process or socket that is in a cgroup of this subject. */
__noinline __u64 subject_of_followed(__u64 subject, __u32 uid) {
        if (CW_CHAIN_LAYER((__u32) subject, 0) != CW_LAYER_HOST || subject & SUBJECT_CONTAINER || !uid)
                return subject;
        struct cw_followed_user *f = bpf_map_lookup_elem(&followed_users, &uid);
        if (!f)
                return subject;
        __u32 chain = cw_chain_followed((__u32) subject, *(volatile __u32 *) &f->chain);
        return chain == CW_CHAIN_UNASSIGNED ? UNASSIGNED : (subject & ~0xffffffffULL) | chain;
}

static __always_inline __u64 subject_of_user(__u64 subject, __u32 uid) {
        return follows_users() ? subject_of_followed(subject, uid) : subject;
}

static __always_inline __u64 subject_of_current(__u64 subject) {
        return follows_users() ? subject_of_followed(subject, (__u32) bpf_get_current_uid_gid()) : subject;
}

/* The kernel says who owns a socket in the terms of the user namespace that its network namespace belongs to: known in the one
 * of the proxy alone. In others, the socket hooks have asked for the task. */
__noinline __u64 subject_of_owner(struct __sk_buff *skb, __u64 subject) {
        __u32 uid = bpf_get_socket_uid(skb);

        if (uid == OVERFLOW_UID)
                return subject;
        __u64 followed = subject_of_followed(subject, uid);
        return followed == subject || in_home_netns(skb) ? followed : subject;
}
