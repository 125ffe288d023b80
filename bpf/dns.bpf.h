/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Redirects port 53 traffic to the proxy at the socket: no NAT, no conntrack, no change of resolv.conf. The client
 * still sees the resolver that it addressed. */

#include "record.bpf.h"

/* The proxy is on the loopback of one network namespace. In others 127.0.0.1 is not ours. */
static __always_inline bool in_proxy_netns(struct bpf_sock_addr *ctx) {
        return bpf_get_netns_cookie(ctx) == (proxy_netns_cookie ? proxy_netns_cookie : bpf_get_netns_cookie(NULL));
}

static __always_inline bool is_proxy(const struct cw_addr *a, __u16 port) {
        if (addr_is_v4(a))
                return proxy_port4 && port == proxy_port4 && addr_v4(a) == proxy_addr4;
        return proxy_port6 && port == proxy_port6 && addr_is_loopback(a);
}

/* subject: as returned by subject_of_task(). */
static __always_inline void remember_redirect(__u64 cookie, __u64 subject, const struct cw_addr *server, __u16 port) {
        struct cw_dns_client c = {
                .chain = subject_chain(subject),
                .actor = subject_actor(subject),
                .flags = subject & SUBJECT_FORWARDER ? CW_SUBJECT_FORWARDER : 0,
                .server = *server,
                .server_port = port,
                .generation = generation_now(),
        };

        process_fill(&c.process);
        bpf_map_update_elem(&dns_redirects, &cookie, &c, BPF_ANY);
}

/* Rewrites the destination to the proxy. Returns 1; 0 if there is no proxy for this family or namespace, so that the
 * traffic is judged. */
static __always_inline int redirect4(struct bpf_sock_addr *ctx, __u64 subject, const struct cw_addr *dst) {
        if (!proxy_port4 || !in_proxy_netns(ctx))
                return 0;
        remember_redirect(bpf_get_socket_cookie(ctx), subject, dst, 53);
        ctx->user_ip4 = proxy_addr4;
        ctx->user_port = bpf_htons(proxy_port4);
        count(CW_COUNT_DNS_CAPTURED);
        return 1;
}

static __always_inline int redirect6(struct bpf_sock_addr *ctx, __u64 subject, const struct cw_addr *dst) {
        bool mapped = addr_is_v4(dst);
        __u16 port = mapped ? proxy_port4 : proxy_port6;

        if (!port || !in_proxy_netns(ctx))
                return 0;
        remember_redirect(bpf_get_socket_cookie(ctx), subject, dst, 53);
        ctx->user_ip6[0] = 0;
        ctx->user_ip6[1] = 0;
        ctx->user_ip6[2] = mapped ? bpf_htonl(0xffff) : 0;
        ctx->user_ip6[3] = mapped ? proxy_addr4 : bpf_htonl(1);
        ctx->user_port = bpf_htons(port);
        count(CW_COUNT_DNS_CAPTURED);
        return 1;
}

/* recvmsg, getpeername: the reverse. */
static __always_inline void restore4(struct bpf_sock_addr *ctx) {
        if (!proxy_port4 || ctx->user_port != bpf_htons(proxy_port4) || ctx->user_ip4 != proxy_addr4)
                return;
        __u64 cookie = bpf_get_socket_cookie(ctx);
        struct cw_dns_client *c = bpf_map_lookup_elem(&dns_redirects, &cookie);
        if (!c || !addr_is_v4(&c->server))
                return;
        ctx->user_ip4 = addr_v4(&c->server);
        ctx->user_port = bpf_htons(c->server_port);
}

static __always_inline void restore6(struct bpf_sock_addr *ctx) {
        __u32 w[4] = { ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3] };
        struct cw_addr from;

        __builtin_memcpy(from.b, w, 16);
        if (!is_proxy(&from, bpf_ntohs(ctx->user_port)))
                return;

        __u64 cookie = bpf_get_socket_cookie(ctx);
        struct cw_dns_client *c = bpf_map_lookup_elem(&dns_redirects, &cookie);
        if (!c)
                return;
        __builtin_memcpy(w, c->server.b, 16);
        ctx->user_ip6[0] = w[0];
        ctx->user_ip6[1] = w[1];
        ctx->user_ip6[2] = w[2];
        ctx->user_ip6[3] = w[3];
        ctx->user_port = bpf_htons(c->server_port);
}

/* It was sent to the proxy's port directly, or redirected long ago: only the cgroup in which its socket was created
 * is known. An entry left by a previous owner of the port does not apply. A stack frame of its own: all frames of a
 * call chain share 512 bytes. */
static __noinline int register_direct(struct __sk_buff *skb, __u64 subject, const struct cw_dns_client_key *key) {
        struct cw_dns_client c = {
                .process.cgroup_id = bpf_skb_cgroup_id(skb),
                .chain = subject_chain(subject),
                .actor = subject_actor(subject),
                .flags = subject & SUBJECT_FORWARDER ? CW_SUBJECT_FORWARDER : 0,
                .generation = generation_now(),
        };

        if (bpf_map_update_elem(&dns_clients, key, &c, BPF_ANY) < 0)
                bpf_map_delete_elem(&dns_clients, key);
        return 0;
}

/* A packet on its way to the proxy has the source port by which the proxy identifies its client. subject: the
 * socket's current one; it may have been connected long ago. */
static __always_inline void register_client(struct __sk_buff *skb, __u64 cookie, __u64 subject,
                                            const struct cw_addr *src, __u16 src_port, __u8 protocol) {
        struct cw_dns_client_key key = { .src = *src, .src_port = src_port, .protocol = protocol };
        struct cw_dns_client *c = bpf_map_lookup_elem(&dns_redirects, &cookie);
        if (!c) {
                register_direct(skb, subject, &key);
                return;
        }
        if (subject != UNASSIGNED && c->process.cgroup_id == bpf_skb_cgroup_id(skb)) {
                c->chain = subject_chain(subject);
                c->actor = subject_actor(subject);
                c->flags = subject & SUBJECT_FORWARDER ? CW_SUBJECT_FORWARDER : 0;
        } else if (c->generation != generation_now()) { /* user space looks it up */
                c->chain = CW_CHAIN_UNASSIGNED;
                c->actor = 0;
                c->flags = 0;
        }
        bpf_map_update_elem(&dns_clients, &key, c, BPF_ANY);
}
