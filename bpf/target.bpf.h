/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where the datagrams of a socket may go by what its hooks know. The administrator's NAT moves packets before the packet hook
 * sees them, and what the program chose has been judged. The socket alone does not prove what that was: a datagram that it
 * holds back (UDP_CORK, MSG_MORE) keeps its destination while connect() sets another, and neither disconnecting nor sending
 * over a connected socket calls a hook. So a packet counts as moved only if all hooks of the socket, since it was created,
 * were about one destination. */

#include "packet.bpf.h"

enum datagram_target_state {
        TARGET_NONE = 0,
        TARGET_ONE = 1,
        TARGET_OTHER = 2, /* several; a resolver; or one in another network namespace than the proxy's, where a job
                           * may have NAT */
};

struct datagram_target {
        struct bpf_spin_lock lock;
        __u16 port;
        __u8 state;
        __u8 pad;
        struct cw_addr dst;
};

/* Sockets that are older than the hooks have none, and get none. */
struct {
        __uint(type, BPF_MAP_TYPE_SK_STORAGE);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __type(key, int);
        __type(value, struct datagram_target);
} datagram_targets SEC(".maps");

/* A datagram socket was created. Without memory for it, it is not trusted. */
static __always_inline void target_begin(struct bpf_sock *ctx) {
        if (ctx->protocol == IP_UDP)
                bpf_sk_storage_get(&datagram_targets, ctx, NULL, BPF_SK_STORAGE_GET_F_CREATE);
}

/* A destination, whoever asks for it, and whatever the verdict is: connect() of a datagram socket is not refused. home: in the
 * proxy's network namespace. */
static __noinline int target_note(struct bpf_sock_addr *ctx, const struct cw_addr *dst, bool home) {
        __u16 port = bpf_ntohs(ctx->user_port);
        struct datagram_target *t = NULL;
        __u64 words[2], known[2];

        if (ctx->protocol == IP_UDP)
                t = bpf_sk_storage_get(&datagram_targets, ctx->sk, NULL, 0);
        if (!t)
                return 0;
        addr_split(dst, words);
        bpf_spin_lock(&t->lock);
        addr_split(&t->dst, known);
        bool same = t->port == port && known[0] == words[0] && known[1] == words[1];
        if (t->state == TARGET_NONE && home) {
                addr_join(&t->dst, words[0], words[1]);
                t->port = port;
                t->state = TARGET_ONE;
        } else if (t->state != TARGET_ONE || !same || !home)
                t->state = TARGET_OTHER;
        bpf_spin_unlock(&t->lock);
        return 0;
}

/* A query, which goes to the proxy or to a name server of the sender's own, and is judged there: not one destination. */
static __noinline int target_leave(struct bpf_sock_addr *ctx) {
        struct datagram_target *t = NULL;

        if (ctx->protocol == IP_UDP)
                t = bpf_sk_storage_get(&datagram_targets, ctx->sk, NULL, 0);
        if (!t)
                return 0;
        bpf_spin_lock(&t->lock);
        t->state = TARGET_OTHER; /* which nothing ends */
        bpf_spin_unlock(&t->lock);
        return 0;
}
