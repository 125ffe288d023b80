/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* Shared by the kernel side and user space: map keys and values, and the records of the ring buffer. Types have a
 * fixed width, padding is explicit and always zero, sizes are asserted. Addresses are 16 bytes in network byte
 * order, IPv4 as IPv4-mapped IPv6. Ports are in host byte order unless the name ends in _be. Times are nanoseconds
 * of CLOCK_MONOTONIC, which every supported kernel can read cheaply; user space keeps leases in CLOCK_BOOTTIME,
 * which also counts suspended time. */

#include <linux/types.h>

#define CW_API_VERSION 2 /* 1: a record had a 64-bit scope in the place of chain and actor */

enum cw_action {
        CW_DENY = 0,
        CW_ALLOW = 1,
};

enum cw_mode {
        CW_ENFORCE = 0,
        CW_AUDIT = 1, /* same verdict, but a deny passes and is reported as would-deny */
        CW_OFF = 2,   /* nothing is judged, captured or reported */
};

/* The reason for a verdict. In words: reason_to_string() in policy/verdict.h. */
enum cw_reason {
        CW_REASON_RULE = 0,       /* a rule of the policy; its index is in the rule field */
        CW_REASON_DEFAULT = 1,    /* no rule matched: default action */
        CW_REASON_LOCAL = 2,      /* loopback or an address of this host */
        CW_REASON_BASELINE = 3,   /* neighbour discovery and other traffic an IP stack needs */
        CW_REASON_DNS = 4,        /* port 53 traffic that bypasses the proxy */
        CW_REASON_PROTOCOL = 5,   /* neither TCP, UDP nor ICMP, or a value that cannot be read: not supported */
        CW_REASON_RAW_SOCKET = 6, /* creation of a raw socket */
        CW_REASON_MALFORMED = 7,  /* unreadable header */
        CW_REASON_FLOW = 8,       /* part of a flow that was allowed at its start */
        CW_REASON_FAULT = 9,      /* state of the firewall is missing: fail closed */
        CW_REASON_INBOUND = 10,   /* reply to a peer that opened the connection */
        CW_REASON_SOURCE_ROUTE = 11, /* option that sends packets by way of other hosts */
        CW_REASON_SOURCE = 12,    /* packet from an address that is not of this host */
        CW_REASON_FAMILY = 13,    /* creation of a socket of a family without hooks */
        CW_REASON_DEVICE = 14,    /* connection of this machine with itself that could leave by a device */
        CW_REASON_FILTERED = 15,  /* a query that something else dropped on its way to the proxy */
        _CW_REASON_MAX,
};

#define CW_NO_RULE 0xffffffffU
#define CW_COMM_MAX 16
#define CW_PORT_RULES_MAX 64 /* port rules that apply to one address or prefix */

struct cw_addr {
        __u8 b[16];
};

/* One entry of an effective port list; the first match decides. protocol 0 matches all supported protocols. */
struct cw_port_rule {
        __u32 rule; /* index into the policy's rules */
        __u16 low;
        __u16 high; /* inclusive */
        __u8 protocol;
        __u8 action;
        __u8 pad[6];
};

/* A port list: its range in the port_rules array. */
struct cw_port_list {
        __u32 first;
        __u16 count;
        __u8 allows; /* 1: at least one entry allows something */
        __u8 pad;
};

/* hosts: live leases, /32 and /128 rules */
struct cw_host_key {
        __u32 policy_id;
        struct cw_addr addr;
};

struct cw_host_value {
        struct cw_port_list ports;
        __u64 expires_ns; /* 0: never */
};

/* prefixes: longest-prefix-match trie. prefix_length counts the bits after itself: 64 + the length of the address
 * part. */
struct cw_prefix_key {
        __u32 prefix_length;
        __u32 policy_id;
        __u32 family; /* 4 or 6: ::/0 does not cover IPv4 */
        struct cw_addr addr;
};

/* layers: one policy each, by index. A single 64-bit store of the value swaps the policy atomically. The low bits of
 * a policy id are the index of its layer, so that a record or a flow identifies both. */
#define CW_LAYERS_MAX 256
#define CW_LAYER_HOST 0 /* the base layer of every cgroup without another base */
#define CW_LAYER_SELF 255 /* the service itself: reaches nothing except through the sockets that it registers */
#define CW_LAYER_UNASSIGNED 254 /* of flows requested by a task whose cgroup had no entry yet */
#define CW_POLICY_UNASSIGNED (CW_LAYERS_MAX | CW_LAYER_UNASSIGNED)
#define CW_POLICY_LAYER(policy_id) ((policy_id) & (CW_LAYERS_MAX - 1))
#define CW_RULES_MAX 0xffffffU /* per policy: a verdict packed into one number has no space for more */

enum cw_layer_flags {
        CW_LAYER_INBOUND = 2, /* replies to connections and datagrams from outside pass */
        CW_LAYER_SYSTEM = 4,  /* what a machine requires on a network passes: DHCP, replies by the kernel itself */
};

/* What a layer may do in a chain. Layers are in this order. */
enum cw_layer_kind {
        CW_LAYER_BASE = 0,     /* the policy that decides */
        CW_LAYER_RESTRICT = 1, /* can only restrict: what it denies is denied */
        CW_LAYER_GRANT = 2,    /* what its rules allow lifts a denial by default action, never one by rule */
};

struct cw_layer {
        __u32 policy_id; /* 0: no policy, nothing passes */
        __u8 mode;
        __u8 default_action;
        __u8 flags;
        __u8 kind; /* enum cw_layer_kind */
};

/* The layers that judge a socket, in one number: byte 0 is the index of the base, the others are the indices of the
 * layers after it, 0 for none (the host's layer is only ever a base). */
#define CW_CHAIN_MAX 4
#define CW_CHAIN(base, a, b, c) ((__u32) (base) | (__u32) (a) << 8 | (__u32) (b) << 16 | (__u32) (c) << 24)
#define CW_CHAIN_LAYER(chain, i) ((chain) >> 8 * (i) & 0xff)
#define CW_CHAIN_UNASSIGNED 0xffffffffU

/* Followed users: wherever their processes run, other policies than the host's do not apply, and this chain stands in the place of
 * the host's layer: by (real) user id. */
#define CW_FOLLOWED_USERS_MAX 1024
struct cw_followed_user {
        __u32 chain;
};

/* The chain of a cgroup with the host's layer replaced by those of the chain of a followed user. If there are more layers than
 * fit, nothing is known to allow it. */
static inline __attribute__((always_inline)) __u32 cw_chain_followed(__u32 chain, __u32 followed) {
        __u32 n = followed >> 24 ? 4 : followed >> 16 ? 3 : followed >> 8 ? 2 : 1;
        __u64 joined = followed | (__u64) (chain >> 8) << 8 * n;

        return joined >> 32 ? CW_CHAIN_UNASSIGNED : (__u32) joined;
}

enum cw_subject_flags {
        CW_SUBJECT_SLICE = 1,     /* only a container of other cgroups: those below without an entry are unassigned */
        CW_SUBJECT_FORWARDER = 2, /* resolves for others: its queries are captured in every mode of its layers */
        CW_SUBJECT_NETWORK = 4,   /* configures the network: its DHCP clients may renew a lease with any server */
        CW_SUBJECT_CONTAINER = 8, /* has users of its own, so that those of the machine are not followed there */
};

/* subjects: by cgroup id. The nearest cgroup above a socket that has an entry decides. */
struct cw_subject {
        __u32 chain; /* CW_CHAIN() */
        __u32 actor; /* the actor, a number assigned by user space, below CW_ACTOR_MAX; 0: unknown */
        __u32 flags; /* enum cw_subject_flags */
        __u32 pad;
};
#define CW_ACTOR_MAX (1U << 29)

/* subject_cache: the result of the walk, by cgroup id. An entry may become that of another cgroup while it is read, so
 * it proves itself. */
struct cw_subject_cache {
        __u64 subject; /* chain, actor and flags in one number, see chain.bpf.h */
        __u64 proof;   /* subject ^ generation of subjects ^ cgroup id; invalid if it differs */
};

/* Facts about the acting process, recorded in the hook. */
struct cw_process {
        __u64 cgroup_id;
        __u32 pid; /* thread group id: the pid of user space */
        __u32 tid;
        __u32 uid;
        __u32 gid;
        char comm[CW_COMM_MAX]; /* of the thread; always terminated. Empty if the loader may not read it
                                 * (CAP_PERFMON) */
};

/* flows: one socket and one destination. Destination and protocol are part of the key because an unconnected UDP
 * socket may have many. A TCP connection is in the storage of its socket instead (socket_flows), where nothing else can
 * take its place; released_flows has a copy while a closed socket still has to send its FIN. */
struct cw_flow_key {
        __u64 cookie;
        struct cw_addr dst;
        __u16 port;
        __u8 protocol;
        __u8 pad[5];
};

/* inbound_conns: a connection from outside, before its first reply. Another network namespace may have the same
 * addresses, but not in the same cgroup for somebody else: the socket has that of the listener. */
struct cw_inbound_key {
        __u64 cgroup_id; /* of the listener */
        struct cw_addr peer;
        __u16 peer_port;
        __u16 port; /* our own */
        __u32 pad;
};

enum cw_flow_mark {
        CW_FLOW_RELEASED = 1, /* TCP: the socket was closed, its FIN is still to come */
        CW_FLOW_STRAY = 2,    /* TCP without a socket of its own: from a listener, or a raw socket */
        CW_FLOW_HOME = 4,     /* requested in the proxy's network namespace */
};

/* A verdict and the epoch it is valid for, in one number that is loaded and stored whole: another processor may
 * judge the same flow at the same time, and no order of two stores could prevent it from seeing the new epoch with
 * the old action. The epoch is mixed with the key of the flow: the kernel may give an entry to another flow while it is
 * read. From the lowest bit: action 1, mode 2, reason 4, asked 1, epoch 56. */
#define CW_VERDICT_ALLOW 1ULL
#define CW_VERDICT_MODE_SHIFT 1
#define CW_VERDICT_REASON_SHIFT 3
#define CW_VERDICT_ASKED 0x80ULL /* judged for the requesting task, not yet for the socket */
#define CW_FLOW_EPOCH_SHIFT 8
#define CW_VERDICT_ACTION(v) ((__u8) ((v) & CW_VERDICT_ALLOW))
#define CW_VERDICT_MODE(v) ((__u8) ((v) >> CW_VERDICT_MODE_SHIFT & 3))
#define CW_VERDICT_REASON(v) ((__u8) ((v) >> CW_VERDICT_REASON_SHIFT & 15))

enum cw_flow_state {
        CW_FLOW_JUDGED = 0, /* judged by the socket hook; no packet yet */
        CW_FLOW_SEEN = 1,   /* first packet seen and reported */
        CW_FLOW_ENDED = 2,  /* end reported; the last packets of TCP may still follow */
};

struct cw_flow {
        struct cw_process process;
        struct cw_addr src;
        __u64 start_ns;
        __u64 last_ns;   /* time of the last packet; TCP: of the end */
        __u64 bytes_out; /* TCP: payload, counted once; others: IP packets */
        __u64 bytes_in;  /* likewise; TCP: bytes we acknowledged */
        __u64 verdict;   /* CW_VERDICT_… and the epoch of the chain that gave it */
        __u32 policy_id; /* of the deciding layer */
        __u32 rule;
        __u32 chain;
        __u32 actor;
        __u32 sequence;       /* TCP: next sequence number to be sent, as far as seen */
        __u32 acknowledgment; /* TCP: last acknowledgment sent */
        __u16 src_port;
        __u8 state;
        __u8 marks;    /* enum cw_flow_mark */
        __u8 fin_sent; /* TCP */
        __u8 pad[3];
};

/* socket_flows: the flow of one connected TCP socket. */
struct cw_socket_flow {
        struct cw_flow_key key; /* of the last connection; port 0: none yet */
        struct cw_flow flow;
};

/* flow_shares: how many entries of flows belong to the actors with this number modulo CW_FLOW_SHARES. Beyond its share
 * an actor replaces its own newest flows, so that it evicts nobody else's. */
#define CW_FLOW_SHARES 1024
#define CW_FLOW_SHARE_RECENT 4
#define CW_FLOW_SHARE_PART 16 /* a share is this part of the table */
struct cw_flow_share {
        __s32 n;       /* changed atomically by the kernel and by user space */
        __u32 n_begun; /* flows stored so far, modulo 2^32 */
        struct cw_flow_key recent[CW_FLOW_SHARE_RECENT]; /* stored while the share was used up */
};

enum cw_record_type {
        CW_RECORD_OPEN = 1,      /* first packet of a flow that passes */
        CW_RECORD_DENY = 2,      /* a denial, or in audit mode a would-be denial */
        CW_RECORD_CLOSE = 3,     /* end of a flow; the byte counts are final */
        CW_RECORD_RAW_SOCKET = 4, /* creation of a raw socket was denied */
        CW_RECORD_OPTION = 5,     /* a socket option was denied */
        CW_RECORD_FAMILY = 6,     /* creation of a socket of a family without hooks was denied */
};

/* All hooks: public name, program, enum bpf_attach_type, and whether the service requires it by default. The order
 * is that of the bits in a mask of hooks. The kernel may not have the last three. Two of these are not of a cgroup: they are asked
 * about the whole machine. */
#define CW_CGROUP_UNIX_CONNECT 49 /* BPF_CGROUP_UNIX_CONNECT, Linux 6.7 */

#define CW_HOOKS(X)                                                            \
        X(connect4, cw_connect4, BPF_CGROUP_INET4_CONNECT, 1)                  \
        X(connect6, cw_connect6, BPF_CGROUP_INET6_CONNECT, 1)                  \
        X(sendmsg4, cw_sendmsg4, BPF_CGROUP_UDP4_SENDMSG, 1)                   \
        X(sendmsg6, cw_sendmsg6, BPF_CGROUP_UDP6_SENDMSG, 1)                   \
        X(recvmsg4, cw_recvmsg4, BPF_CGROUP_UDP4_RECVMSG, 1)                   \
        X(recvmsg6, cw_recvmsg6, BPF_CGROUP_UDP6_RECVMSG, 1)                   \
        X(getpeername4, cw_getpeername4, BPF_CGROUP_INET4_GETPEERNAME, 1)      \
        X(getpeername6, cw_getpeername6, BPF_CGROUP_INET6_GETPEERNAME, 1)      \
        X(sock_create, cw_sock_create, BPF_CGROUP_INET_SOCK_CREATE, 1)         \
        X(sock_release, cw_sock_release, BPF_CGROUP_INET_SOCK_RELEASE, 1)      \
        X(post_bind4, cw_post_bind4, BPF_CGROUP_INET4_POST_BIND, 1)            \
        X(post_bind6, cw_post_bind6, BPF_CGROUP_INET6_POST_BIND, 1)            \
        X(setsockopt, cw_setsockopt, BPF_CGROUP_SETSOCKOPT, 1)                 \
        X(egress, cw_egress, BPF_CGROUP_INET_EGRESS, 1)                        \
        X(ingress, cw_ingress, BPF_CGROUP_INET_INGRESS, 1)                     \
        X(socket_create, cw_socket_create, BPF_LSM_MAC, 0)                     \
        X(unix_stream_connect, cw_unix_stream_connect, BPF_MODIFY_RETURN, 0)   \
        X(connect_unix, cw_connect_unix, CW_CGROUP_UNIX_CONNECT, 0)

enum cw_hook_bit {
#define CW_HOOK_BIT(hook, function, attach_type, required) CW_HOOK_BIT_##hook,
        CW_HOOKS(CW_HOOK_BIT)
#undef CW_HOOK_BIT
        _CW_HOOK_BIT_MAX,
};

#define CW_HOOK_REQUIRED(hook, function, attach_type, required) | (__u32) (required) << CW_HOOK_BIT_##hook
#define CW_HOOKS_REQUIRED (0U CW_HOOKS(CW_HOOK_REQUIRED)) /* masks */
#define CW_HOOKS_ALL ((1U << _CW_HOOK_BIT_MAX) - 1)
#define CW_HOOKS_NAME_SERVICE (1U << CW_HOOK_BIT_unix_stream_connect | 1U << CW_HOOK_BIT_connect_unix) /* one is enough */
#define CW_HOOKS_MACHINE (1U << CW_HOOK_BIT_socket_create | 1U << CW_HOOK_BIT_unix_stream_connect)
#define CW_HOOKS_OPTIONAL (CW_HOOKS_MACHINE | CW_HOOKS_NAME_SERVICE) /* with many layers only */

/* The kind of hook that made a record. */
enum cw_hook {
        CW_HOOK_CONNECT = 1,
        CW_HOOK_SENDMSG = 2,
        CW_HOOK_PACKET = 3,
        CW_HOOK_SOCKET = 4,
        CW_HOOK_OPTION = 5,
};

/* Minimum interval between wakeups of the ring's reader for denials; the reader looks again on its own after this
 * time. */
#define CW_RING_WAKE_NSEC (10ULL * 1000 * 1000)
/* ... and while the ring is more than half full. */
#define CW_RING_HURRY_NSEC (100ULL * 1000)
/* Minimum duration of a denied system call then, and while it is more than seven eighths full. */
#define CW_RING_HOLD_NSEC (10ULL * 1000)
#define CW_RING_HOLD_LONG_NSEC (500ULL * 1000)

/* One record of the ring. */
struct cw_record {
        __u16 version; /* CW_API_VERSION */
        __u16 type;
        __u32 rule;
        __u64 time_ns;
        __u64 start_ns; /* CLOSE: start of the flow */
        __u64 cookie;
        __u32 chain; /* by which it was judged */
        __u32 actor;
        __u64 bytes_out;
        __u64 bytes_in;
        struct cw_process process; /* pid 0: unknown in this hook */
        struct cw_addr src;        /* all zero: unknown */
        struct cw_addr dst;
        __u32 policy_id; /* of the deciding layer */
        __u16 src_port;
        __u16 dst_port; /* 0 if the protocol has none */
        __u8 protocol;  /* IANA number */
        __u8 family;    /* 4 or 6 */
        __u8 action;    /* the verdict, before the mode is applied */
        __u8 reason;
        __u8 mode;
        __u8 hook;
        __u8 mid_stream; /* DENY: a TCP packet that does not open a connection: of an older one, or a reply */
        __u8 socket_family; /* FAMILY: AF_…; otherwise 0 */
};

struct cw_repeat {
        struct cw_record record; /* as submitted; without cookie and source */
        __u64 count;             /* of repeats, without the recorded one */
        __u64 last_ns;
};

/* Denials are recorded at most at this rate, by actor; budgets counts those that are not. */
#define CW_DENIAL_NSEC (5ULL * 1000 * 1000)
#define CW_DENIAL_BURST 1000ULL
/* In the last eighth of the ring, an actor gets one record in this time. */
#define CW_DENIAL_PRESSED_NSEC (1000ULL * 1000 * 1000)

/* What is only counted. */
enum cw_over {
        CW_OVER_ENFORCED = 0, /* denials without a record */
        CW_OVER_AUDITED = 1,
        CW_OVER_QUERIES = 2,  /* queries that were dropped */
        CW_OVER_MAX,
};

/* While an actor is throttled, this many of its packets reach the proxy. throttled: by actor, until when; user space
 * throttles those that cause too many refusals, which would take the proxy's time from others. */
#define CW_QUERY_NSEC (200ULL * 1000)
#define CW_QUERY_BURST 100ULL

/* budgets: by actor. User space removes an entry that was not used for a while. */
struct cw_budget {
        __u64 due_ns;    /* when all tokens will be back */
        __u64 n_over[CW_OVER_MAX];
        __u64 query_due_ns; /* as due_ns, of queries while the actor is throttled */
        __u64 period;    /* of n_repeats */
        __u64 n_repeats; /* entries of repeats created in it */
};

/* repeats: denials that were recorded in a period. In the same period the same denial only increments the count of the
 * entry, which user space collects when the period has ended. An actor creates at most CW_REPEATS_MAX in one. */
#define CW_PERIOD(ns) ((ns) >> 30) /* about a second */
#define CW_PERIOD_END(period) (((period) + 1) << 30)
#define CW_REPEATS_MAX 64

struct cw_repeat_key {
        struct cw_addr dst;
        char comm[CW_COMM_MAX];
        __u64 period;
        __u64 cgroup_id;
        __u32 actor;
        __u32 pid;
        __u32 policy_id; /* of the deciding layer */
        __u32 rule;
        __u16 port;
        __u8 protocol;
        __u8 verdict; /* mode and reason, as in a flow */
        __u32 uid;
};

/* dns_clients: the sender of a query, by its address as seen by the proxy. */
struct cw_dns_client_key {
        struct cw_addr src;
        __u16 src_port;
        __u8 protocol;
        __u8 pad[5];
};

struct cw_dns_client {
        struct cw_process process;
        __u32 chain; /* CW_CHAIN_UNASSIGNED: the cgroup has no entry yet */
        __u32 actor;
        struct cw_addr server; /* the resolver that the client addressed */
        __u16 server_port;
        __u16 flags;      /* CW_SUBJECT_FORWARDER, enum cw_dns_client_flags */
        __u32 zone;       /* of a link-local server: index of the device that the client chose for it; 0: unknown */
        __u64 generation; /* of subjects, when the chain was looked up */
};

enum cw_dns_client_flags {
        CW_DNS_CLIENT_CLOSED = 0x100, /* its socket was closed: the port may have another owner by now */
        CW_DNS_CLIENT_ARRIVED = 0x200, /* a socket of the proxy was given its last datagram */
};

/* dns_sockets, in the storage of a socket: what its queries are registered with, and the resolver that they were
 * addressed to before they were redirected to the proxy (port 0: none was). */
struct cw_dns_socket {
        struct cw_dns_client client;
        struct cw_addr src; /* of the last packet to the proxy: the key in dns_clients */
        __u16 src_port;     /* 0: there was none */
        __u8 by_device;     /* the program chose a device for its packets (IP_UNICAST_IF) */
        __u8 own;           /* TCP: connected to a name server of its own on the loopback */
        __u32 sent;         /* when the last datagram left for the proxy, in units of 2^20 ns; 0: none did */
};

/* counters: indices of the per-CPU array */
enum cw_counter {
        CW_COUNT_ALLOWED = 0,     /* flows allowed */
        CW_COUNT_DENIED = 1,      /* denials, including audit */
        CW_COUNT_DNS_CAPTURED = 2, /* sockets or datagrams redirected to the proxy */
        CW_COUNT_RING_FULL = 3,   /* records lost */
        CW_COUNT_FLOWS_FULL = 4,  /* flows that could not be stored; a TCP connection is then refused */
        CW_COUNT_FAULT = 5,       /* denied because state was missing */
        CW_COUNT_PACKETS = 6,     /* packets judged without a flow */
        CW_COUNT_UNASSIGNED = 7,  /* packets dropped because their cgroup has no entry yet; TCP retransmits them */
        CW_COUNT_RING_REPORTED = 8,   /* part of CW_COUNT_RING_FULL already reported; written by user space only */
        CW_COUNT_DNS_STRANGERS = 9,   /* packets to the proxy of one job from others, dropped */
        CW_COUNT_AUDITED = 10,    /* part of CW_COUNT_DENIED that audit mode let pass */
        _CW_COUNTER_MAX,
};

_Static_assert(_CW_HOOK_BIT_MAX < 32, "a bit for each hook");
_Static_assert(sizeof(struct cw_port_rule) == 16, "layout");
_Static_assert(sizeof(struct cw_host_key) == 20, "layout");
_Static_assert(sizeof(struct cw_host_value) == 16, "layout");
_Static_assert(sizeof(struct cw_prefix_key) == 28, "layout");
_Static_assert(sizeof(struct cw_layer) == 8, "layout");
_Static_assert(sizeof(struct cw_subject) == 16, "layout");
_Static_assert(sizeof(struct cw_subject_cache) == 16, "layout");
_Static_assert(sizeof(struct cw_process) == 40, "layout");
_Static_assert(sizeof(struct cw_flow_key) == 32, "layout");
_Static_assert(sizeof(struct cw_inbound_key) == 32, "layout");
_Static_assert(sizeof(struct cw_flow) == 128, "layout");
_Static_assert(sizeof(struct cw_socket_flow) == 160, "layout");
_Static_assert(sizeof(struct cw_flow_share) == 136, "layout");
_Static_assert(sizeof(struct cw_record) == 144, "layout");
_Static_assert(sizeof(struct cw_budget) == 56, "layout");
_Static_assert(sizeof(struct cw_repeat_key) == 72, "layout");
_Static_assert(sizeof(struct cw_repeat) == 160, "layout");
_Static_assert(sizeof(struct cw_dns_client_key) == 24, "layout");
_Static_assert(sizeof(struct cw_dns_client) == 80, "layout");
_Static_assert(sizeof(struct cw_dns_socket) == 104, "layout");
