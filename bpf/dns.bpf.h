/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Redirects port 53 traffic to the proxy at the socket: no NAT, no conntrack, no change of resolv.conf. The client
 * still sees the resolver that it addressed. */

#include <linux/in.h>
#include <linux/in6.h>

#include "listener.bpf.h"
#include "packet.bpf.h"
#include "record.bpf.h"
#include "target.bpf.h"

/* The proxy is on the loopback of one network namespace. In others 127.0.0.1 is not ours. */
static __always_inline bool in_proxy_netns(struct bpf_sock_addr *ctx) {
        return bpf_get_netns_cookie(ctx) == (proxy_netns_cookie ? proxy_netns_cookie : bpf_get_netns_cookie(NULL));
}

static __always_inline bool is_proxy(const struct cw_addr *a, __u16 port) {
        if (addr_is_v4(a))
                return proxy_port4 && port == proxy_port4 && addr_v4(a) == proxy_addr4;
        return proxy_port6 && port == proxy_port6 && addr_is_loopback(a);
}

/* The index of the device that the socket is bound to, 0: none. */
static __always_inline __u32 device_of(struct bpf_sock_addr *ctx) {
        struct bpf_sock *sk = ctx->sk;

        return sk ? sk->bound_dev_if : 0;
}

/* The socket sends by a device, by which nothing reaches the proxy. */
static __always_inline bool leaves_by_device(struct bpf_sock_addr *ctx) {
        struct bpf_sock *sk = ctx->sk;

        if (!sk)
                return false;
        if (sk->bound_dev_if)
                return sk->bound_dev_if != LOOPBACK_IFINDEX;
        struct cw_dns_socket *s = bpf_sk_storage_get(&dns_sockets, sk, NULL, 0);
        return s && s->by_device;
}

/* A resolver chooses the device of the link whose server it asks. Its queries come to the proxy nevertheless, which asks
 * this server, on this link if the address is link-local: they must be judged, and what they find must be known. For
 * IP_UNICAST_IF see option.bpf.h. */
static __noinline bool leave_device(struct bpf_sock_addr *ctx) {
        __u32 none = 0;

        return bpf_setsockopt(ctx, SOL_SOCKET, SO_BINDTODEVICE, &none, sizeof(none)) == 0;
}

static __always_inline bool can_leave_device(struct bpf_sock_addr *ctx, __u64 subject, const struct cw_addr *dst) {
        if (!(subject & SUBJECT_FORWARDER) || !in_proxy_netns(ctx))
                return false;
        return addr_is_v4(dst) ? proxy_port4 != 0 : proxy_port6 != 0;
}

/* The index of the interface in the destination (sin6_scope_id) is not known here. Of a socket that is not connected,
 * the kernel has chosen the device by it before the hook, and the loopback is not reached by that. */
static __always_inline bool leaves_by_zone(const struct cw_addr *dst, __u8 hook) {
        return hook == CW_HOOK_SENDMSG && addr_is_link_local(dst);
}

/* subject: as returned by subject_of_task(). false: there is no memory for it. */
static __always_inline bool remember_redirect(struct bpf_sock_addr *ctx, __u64 subject, const struct cw_addr *server,
                                              __u32 zone) {
        struct cw_dns_socket *s = bpf_sk_storage_get(&dns_sockets, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);

        if (!s)
                return false;
        process_fill(&s->client.process);
        s->client.chain = subject_chain(subject);
        s->client.actor = subject_actor(subject);
        s->client.flags = subject & SUBJECT_FORWARDER ? CW_SUBJECT_FORWARDER : 0;
        s->client.server = *server;
        s->client.server_port = bpf_ntohs(ctx->user_port);
        s->client.zone = zone;
        s->client.generation = generation_now();
        s->own = 0;
        target_leave(ctx);
        return true;
}

/* A query to a name server of the sender's own: it is not redirected. Not of MPTCP, whose packets are of other sockets. */
static __noinline int leave_to_own(struct bpf_sock_addr *ctx, __u64 subject, const struct cw_addr *dst) {
        struct local_query q = { .dst = *dst, .protocol = ctx->protocol };
        __u16 port = bpf_ntohs(ctx->user_port);

        if (addr_is_unspecified(&q.dst)) { /* means this host */
                q.dst.b[15] = 1;
                if (addr_is_v4(&q.dst))
                        q.dst.b[12] = 127;
        }
        if (!is_dns(ctx->protocol, port) || subject & SUBJECT_FORWARDER || !addr_is_loopback(&q.dst) || is_proxy(&q.dst, port))
                return 0;
        if (!in_proxy_netns(ctx) || !query_is_own(ctx, &q, subject_actor(subject)))
                return 0;
        if (q.protocol == IP_UDP) {
                target_leave(ctx);
                return 1;
        }
        struct cw_dns_socket *s = bpf_sk_storage_get(&dns_sockets, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
        if (s)
                s->own = 1;
        return s != NULL;
}

/* The same for a packet to port 53 of the loopback. Of a connection, the first one decides. */
static __noinline int query_stays(struct __sk_buff *skb, __u64 subject, const struct packet *p) {
        struct local_query q = { .src = p->src, .dst = p->dst, .src_port = p->src_port, .protocol = p->protocol };
        struct bpf_sock *sk = skb->sk;

        if (subject & SUBJECT_FORWARDER)
                return 0;
        if (p->protocol == IP_UDP || !p->continues)
                return query_is_own(skb, &q, subject_actor(subject));
        sk = sk ? bpf_sk_fullsock(sk) : NULL;
        struct cw_dns_socket *s = sk ? bpf_sk_storage_get(&dns_sockets, sk, NULL, 0) : NULL;
        return s && s->own;
}

/* IPv4 and IPv6, kept by user space: the source that the kernel chooses for what leaves the machine by its default route.
 * Unspecified: none. */
struct cw_addr own_sources[2];

/* Programs connect() a datagram socket to learn their own address, or connect it elsewhere afterwards. On the way to the
 * proxy, the kernel would choose its loopback address permanently, so the socket is bound first. That fails, and changes
 * nothing, if the socket has a port already. */
static __noinline int choose_source4(struct bpf_sock_addr *ctx, const struct cw_addr *dst) {
        struct sockaddr_in a = { .sin_family = AF_INET };
        struct bpf_sock *sk = ctx->sk;

        a.sin_addr.s_addr = addr_v4(&own_sources[0]);
        if (ctx->type == SOCK_DGRAM && a.sin_addr.s_addr && !addr_is_loopback(dst) && sk && !sk->src_ip4)
                bpf_bind(ctx, (struct sockaddr *) &a, sizeof(a));
        return 0;
}

static __noinline int choose_source6(struct bpf_sock_addr *ctx, const struct cw_addr *dst) {
        const struct cw_addr *own = &own_sources[addr_is_v4(dst) ? 0 : 1];
        struct sockaddr_in6 a = { .sin6_family = AF_INET6 };
        struct bpf_sock *sk = ctx->sk;

        __builtin_memcpy(&a.sin6_addr, own->b, sizeof(own->b));
        if (ctx->type == SOCK_DGRAM && !addr_is_unspecified(own) && !addr_is_loopback(dst) && sk && !sk->src_ip6[0] &&
            !sk->src_ip6[2] && !sk->src_ip6[3])
                bpf_bind(ctx, (struct sockaddr *) &a, sizeof(a));
        return 0;
}

/* Rewrites the destination to the proxy. Returns 1; 0 if there is no proxy for this family or namespace, so that the
 * traffic is judged. */
static __always_inline int redirect4(struct bpf_sock_addr *ctx, __u64 subject, const struct cw_addr *dst, __u8 hook) {
        if (!proxy_port4 || !in_proxy_netns(ctx) || !remember_redirect(ctx, subject, dst, 0))
                return 0;
        if (hook == CW_HOOK_CONNECT)
                choose_source4(ctx, dst);
        ctx->user_ip4 = proxy_addr4;
        ctx->user_port = bpf_htons(proxy_port4);
        count(CW_COUNT_DNS_CAPTURED);
        return 1;
}

static __always_inline int redirect6(struct bpf_sock_addr *ctx, __u64 subject, const struct cw_addr *dst, __u8 hook,
                                     __u32 zone) {
        bool mapped = addr_is_v4(dst);
        __u16 port = mapped ? proxy_port4 : proxy_port6;

        if (!port || !in_proxy_netns(ctx) || !remember_redirect(ctx, subject, dst, zone))
                return 0;
        if (hook == CW_HOOK_CONNECT)
                choose_source6(ctx, dst);
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
        struct cw_dns_socket *s = bpf_sk_storage_get(&dns_sockets, ctx->sk, NULL, 0);
        if (!s || !addr_is_v4(&s->client.server))
                return;
        ctx->user_ip4 = addr_v4(&s->client.server);
        ctx->user_port = bpf_htons(s->client.server_port);
}

static __always_inline void restore6(struct bpf_sock_addr *ctx) {
        __u32 w[4] = { ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3] };
        struct cw_addr from;

        __builtin_memcpy(from.b, w, 16);
        if (!is_proxy(&from, bpf_ntohs(ctx->user_port)))
                return;

        struct cw_dns_socket *s = bpf_sk_storage_get(&dns_sockets, ctx->sk, NULL, 0);
        if (!s || !s->client.server_port)
                return;
        __builtin_memcpy(w, s->client.server.b, 16);
        ctx->user_ip6[0] = w[0];
        ctx->user_ip6[1] = w[1];
        ctx->user_ip6[2] = w[2];
        ctx->user_ip6[3] = w[3];
        ctx->user_port = bpf_htons(s->client.server_port);
}

/* In units of 2^20 ns, about a millisecond. It starts again at 0 every 52 days; differences stay right. */
static __always_inline __u32 sending_clock(void) {
        return now_coarse() >> 20;
}

/* A packet on its way to the proxy has the source port by which the proxy identifies its client. What no socket hook
 * redirected is not registered: it was sent to the proxy's port in a way that another cargowall does not take for a
 * query, by a job that the other one judges, or from another network namespace. subject: the socket's current one; it
 * may have been connected long ago. */
static __always_inline void register_client(struct __sk_buff *skb, __u64 subject, const struct cw_addr *src,
                                            __u16 src_port, __u8 protocol) {
        struct cw_dns_client_key key = { .src = *src, .src_port = src_port, .protocol = protocol };
        struct bpf_sock *sk = skb->sk;

        sk = sk ? bpf_sk_fullsock(sk) : NULL;
        struct cw_dns_socket *s = sk ? bpf_sk_storage_get(&dns_sockets, sk, NULL, 0) : NULL;
        if (!s || !s->client.server_port)
                return;
        struct cw_dns_client *c = &s->client;
        if (subject != UNASSIGNED && c->process.cgroup_id == bpf_skb_cgroup_id(skb)) {
                subject = subject_of_user(subject, c->process.uid); /* who may not be the socket's owner */
                c->chain = subject_chain(subject);
                c->actor = subject_actor(subject);
                c->flags = subject & SUBJECT_FORWARDER ? CW_SUBJECT_FORWARDER : 0;
        } else if (c->generation != generation_now()) { /* user space looks it up */
                c->chain = CW_CHAIN_UNASSIGNED;
                c->actor = 0;
                c->flags = 0;
        }
        s->src = *src;
        s->src_port = src_port;
        s->sent = many_layers && protocol == IP_UDP ? sending_clock() | 1 : 0;
        if (bpf_map_update_elem(&dns_clients, &key, c, BPF_ANY) < 0)
                bpf_map_delete_elem(&dns_clients, &key); /* of a previous owner of the port */
}

/* A filter of the sender's own cgroup (systemd's IPAddressDeny=, RestrictNetworkInterfaces=) has no effect on whether the
 * packet hook is called, but on what becomes of the packet. Over the loopback, what passes arrives before the call that
 * sent it ends, or, where the kernel is busy, soon after. Only a sender that waited for the answer has lost something. */
#define LOST_AFTER 256 /* sending_clock() */

static __always_inline void report_lost_query(const struct cw_dns_client *c, const struct cw_dns_socket *s) {
        struct cw_layer layer = layer_unpack(c->chain == CW_CHAIN_UNASSIGNED ? 0 : deciding_layer(c->chain, 0));

        if (!layer.policy_id || layer.mode == CW_OFF)
                return;
        count(CW_COUNT_DENIED);
        if (!budget_take(c->actor, CW_OVER_ENFORCED, now_coarse()))
                return;
        struct cw_record *r = record_begin(CW_RECORD_DENY, layer.policy_id, CW_ENFORCE); /* audit mode would not help */
        if (!r)
                return;
        r->process = c->process;
        r->chain = c->chain;
        r->actor = c->actor;
        r->src = s->src;
        r->src_port = s->src_port;
        r->dst = c->server;
        r->dst_port = c->server_port;
        r->family = addr_is_v4(&c->server) ? 4 : 6;
        r->protocol = IP_UDP;
        r->action = CW_DENY;
        r->reason = CW_REASON_FILTERED;
        r->hook = CW_HOOK_PACKET;
        record_submit(r, true);
}

/* The socket is closed: whoever gets its port is not this client. */
static __always_inline void close_client(struct bpf_sock *ctx, __u8 protocol) {
        struct cw_dns_socket *s = bpf_sk_storage_get(&dns_sockets, ctx, NULL, 0);

        if (!s || !s->src_port)
                return;
        struct cw_dns_client_key key = { .src = s->src, .src_port = s->src_port, .protocol = protocol };
        struct cw_dns_client *c = bpf_map_lookup_elem(&dns_clients, &key);
        if (!c)
                return;
        if (s->sent && sending_clock() - s->sent >= LOST_AFTER && !(c->flags & CW_DNS_CLIENT_ARRIVED))
                report_lost_query(c, s);
        c->flags |= CW_DNS_CLIENT_CLOSED;
}

struct proxy_ports {
        __u16 src, dst;
};

/* The sender of a packet that arrives at the proxy, and where its ports are. Returns false if that cannot be read. */
static __always_inline bool read_sender(struct __sk_buff *skb, struct cw_dns_client_key *key, __u32 *offset) {
        struct proxy_ports ports;
        struct ipv4_header v4;
        struct ipv6_header v6;

        *offset = sizeof(v6);
        if (bpf_skb_load_bytes_relative(skb, 0, &v4, sizeof(v4), BPF_HDR_START_NET) < 0)
                return false;
        if (v4.version_ihl >> 4 == 4) {
                *offset = (v4.version_ihl & 0xf) * 4;
                key->protocol = v4.protocol;
                addr_from_v4(&key->src, v4.src);
        } else {
                if (bpf_skb_load_bytes_relative(skb, 0, &v6, sizeof(v6), BPF_HDR_START_NET) < 0)
                        return false;
                key->protocol = v6.next;
                __builtin_memcpy(key->src.b, v6.src, 16);
        }
        if (bpf_skb_load_bytes_relative(skb, *offset, &ports, sizeof(ports), BPF_HDR_START_NET) < 0)
                return false;
        key->src_port = bpf_ntohs(ports.src);
        return true;
}

/* A datagram is about to be given to a socket of the proxy. */
static __noinline int note_arrival(struct __sk_buff *skb) {
        struct cw_dns_client_key key = {};
        struct bpf_sock *sk = skb->sk;
        __u32 offset;

        sk = sk ? bpf_sk_fullsock(sk) : NULL;
        if (!sk || sk->protocol != IP_UDP || !sk->src_port ||
            (sk->src_port != proxy_port4 && sk->src_port != proxy_port6) || !read_sender(skb, &key, &offset))
                return 0;
        struct cw_dns_client *c = bpf_map_lookup_elem(&dns_clients, &key);
        if (c)
                c->flags |= CW_DNS_CLIENT_ARRIVED;
        return 0;
}

/* Attached to the sockets of a proxy for one job: what arrives from others is dropped before it takes a place in a
 * queue. Synchronous with the packet hook, which has registered the client. Of TCP, what opens a connection. */
static __always_inline int client_is_known(struct __sk_buff *skb) {
        struct cw_dns_client_key key = {};
        __u32 offset;
        __u8 flags = 0;

        if (!read_sender(skb, &key, &offset))
                return 0;
        if (key.protocol == IP_TCP &&
            bpf_skb_load_bytes_relative(skb, offset + 13, &flags, 1, BPF_HDR_START_NET) < 0)
                return 0;
        if (key.protocol == IP_TCP && (flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
                return 1;
        struct cw_dns_client *c = bpf_map_lookup_elem(&dns_clients, &key);
        return c && !(c->flags & CW_DNS_CLIENT_CLOSED);
}
