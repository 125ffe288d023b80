/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns-stub.h"

#include <assert.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>

#include "basic/clock.h"
#include "basic/fair-share.h"
#include "basic/macro.h"
#include "net/dns-stream.h"

#define UDP_BATCH 32       /* datagrams per wakeup */
#define LOSS_BATCHES 8     /* full batches between two looks at what the kernel dropped */
#define UDP_REPLY_MAX 1232 /* EDNS clients rarely accept more (DNS flag day 2020); longer replies are not batched */
#define REPLIES_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10)
#define REPLIES_TURNS_MAX UDP_BATCH
#define ACCEPT_BATCH 16    /* connections per wakeup */
#define UDP_BUFFER (1 << 20) /* bytes as the kernel counts them: a burst of more than a thousand queries */

/* An accept() that fails for lack of descriptors leaves the socket readable: limit the wakeups instead of spinning. */
#define ACCEPT_INTERVAL_USEC (100 * USEC_PER_MSEC)
#define ACCEPT_BURST 64

typedef union SockAddr {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
} SockAddr;

typedef struct Listener {
        DnsStub *stub;       /* borrowed */
        sd_event_source *io; /* owns the fd */
        int fd;              /* borrowed from io */
        uint16_t port;
        unsigned n_full_batches;
        uint32_t n_lost; /* by the kernel's count; UDP only */
        LIST_ENTRY(Listener) listeners;
} Listener;

typedef LIST_HEAD(ClientList, DnsClient) ClientList;

typedef struct Connection {
        FairItem place; /* first, so that a FairItem can be cast to its Connection */
        DnsStub *stub; /* borrowed */
        DnsStream *stream;
        SockAddr peer;
        uint16_t port; /* of the listener */
        ClientList clients; /* in flight */
        LIST_ENTRY(Connection) connections;
} Connection;

struct DnsClient {
        DnsStub *stub;          /* borrowed */
        Listener *listener;     /* borrowed; UDP only */
        Connection *connection; /* borrowed; TCP only, NULL once the connection is gone */
        SockAddr peer;
        uint16_t port;          /* of our socket */
        uint64_t batch;
        LIST_ENTRY(DnsClient) clients; /* member of stub->clients, connection->clients or stub->unused */
};

/* Replies are sent together, since one system call is cheaper than many: when a batch of queries has been handled, and
 * those that waited for a resolver when no other event is pending. */
typedef struct UdpReplies {
        sd_event_source *later;
        unsigned n_turns;         /* of the event loop, since the first of these replies */
        const Listener *listener; /* borrowed; of these replies */
        size_t n;
        struct mmsghdr messages[UDP_BATCH];
        struct iovec parts[UDP_BATCH];
        SockAddr peers[UDP_BATCH];
        uint8_t data[UDP_BATCH][UDP_REPLY_MAX];
} UdpReplies;

typedef struct UdpBatch {
        struct mmsghdr messages[UDP_BATCH];
        struct iovec parts[UDP_BATCH];
        SockAddr peers[UDP_BATCH];
        uint8_t data[UDP_BATCH][DNS_STUB_UDP_SIZE_MAX];
        UdpReplies replies;
} UdpBatch;

struct DnsStub {
        sd_event *event;
        dns_stub_query_fn fn;
        dns_stub_group_fn group_fn; /* may be NULL, as the next */
        dns_stub_crowded_fn crowded_fn;
        void *userdata;
        LIST_HEAD(, Listener) listeners;
        LIST_HEAD(, Connection) connections;
        ClientList clients; /* in flight over UDP, or over TCP with the connection closed */
        ClientList unused;
        FairShare places; /* of connections */
        size_t n_clients;
        UdpBatch *batch; /* allocated with the first UDP socket */
        DnsStubStats stats;
        uint64_t n_batches;
        bool in_callback, in_batch;
};

DEFINE_CLEANUP_FUNC(DnsStub *, dns_stub_free)

int dns_stub_new(sd_event *event, dns_stub_query_fn fn, void *userdata, DnsStub **ret) {
        assert(event);
        assert(fn);
        assert(ret);

        DnsStub *s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;

        s->event = sd_event_ref(event);
        s->fn = fn;
        s->userdata = userdata;
        s->places.max = DNS_STUB_CLIENTS_TCP_MAX;
        *ret = s;
        return 0;
}

void dns_stub_set_groups(DnsStub *s, dns_stub_group_fn fn, dns_stub_crowded_fn crowded, size_t kept) {
        assert(s);
        assert(kept <= DNS_STUB_CLIENTS_TCP_MAX);

        s->group_fn = fn;
        s->crowded_fn = crowded;
        s->places.kept = kept;
}

static socklen_t sockaddr_length(const SockAddr *address) {
        return address->sa.sa_family == AF_INET ? sizeof(address->in) : sizeof(address->in6);
}

static void replies_send(DnsStub *s) {
        UdpReplies *replies = &s->batch->replies;
        size_t i = 0;

        if (replies->n > 1) { /* sendmsg() is cheaper for a single reply */
                int n = sendmmsg(replies->listener->fd, replies->messages, (unsigned) replies->n,
                                 MSG_DONTWAIT | MSG_NOSIGNAL);
                i = n > 0 ? (size_t) n : 0;
        }

        /* sendmmsg() stops at the first failure, which must not affect the other replies. */
        for (; i < replies->n; i++)
                if (sendmsg(replies->listener->fd, &replies->messages[i].msg_hdr, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
                        s->stats.dropped++;
        replies->n = 0;
        replies->n_turns = 0;
}

static void clients_free(ClientList *list) {
        DnsClient *c;

        while ((c = LIST_FIRST(list))) {
                LIST_REMOVE(c, clients);
                free(c);
        }
}

static void connection_free(Connection *c) {
        DnsClient *client;

        while ((client = LIST_FIRST(&c->clients))) {
                client->connection = NULL;
                LIST_REMOVE(client, clients);
                LIST_INSERT_HEAD(&c->stub->clients, client, clients);
        }

        LIST_REMOVE(c, connections);
        fair_share_put(&c->stub->places, &c->place);
        dns_stream_free(c->stream);
        free(c);
}

static void listener_free(Listener *l) {
        LIST_REMOVE(l, listeners);
        sd_event_source_disable_unref(l->io);
        free(l);
}

DnsStub *dns_stub_free(DnsStub *s) {
        if (!s)
                return NULL;

        assert(!s->in_callback);
        if (s->batch)
                replies_send(s);
        while (!LIST_EMPTY(&s->connections))
                connection_free(LIST_FIRST(&s->connections));
        while (!LIST_EMPTY(&s->listeners))
                listener_free(LIST_FIRST(&s->listeners));
        clients_free(&s->clients);
        clients_free(&s->unused);
        if (s->batch)
                sd_event_source_disable_unref(s->batch->replies.later);
        free(s->batch);
        sd_event_unref(s->event);
        free(s);
        return NULL;
}

const DnsStubStats *dns_stub_stats(const DnsStub *s) {
        assert(s);

        return &s->stats;
}

/* NULL: over the limit or out of memory; counted. */
static DnsClient *client_new(DnsStub *s, Listener *listener, Connection *connection, const SockAddr *peer) {
        DnsClient *c = NULL;

        if (s->n_clients < DNS_STUB_CLIENTS_MAX) {
                c = LIST_FIRST(&s->unused);
                if (c)
                        LIST_REMOVE(c, clients);
                else
                        c = malloc(sizeof(*c));
        }
        if (!c) {
                s->stats.overload++;
                return NULL;
        }

        c->stub = s;
        c->listener = listener;
        c->connection = connection;
        c->peer = *peer;
        c->port = listener ? listener->port : connection->port;
        c->batch = listener ? s->n_batches : 0;
        LIST_INSERT_HEAD(connection ? &connection->clients : &s->clients, c, clients);
        s->n_clients++;
        return c;
}

static void client_end(DnsClient *c) {
        LIST_REMOVE(c, clients);
        LIST_INSERT_HEAD(&c->stub->unused, c, clients);
        c->stub->n_clients--;
}

static void client_call(DnsClient *c, const uint8_t *data, size_t size) {
        DnsStub *s = c->stub;

        s->in_callback = true;
        s->fn(s, c, data, size, s->userdata);
        s->in_callback = false;
}

bool dns_client_is_tcp(const DnsClient *c) {
        assert(c);

        return !c->listener;
}

void dns_client_peer(const DnsClient *c, InAddr *ret_addr, uint16_t *ret_port) {
        assert(c);
        assert(ret_addr);
        assert(ret_port);

        /* Other families cannot occur: the sockets are our own or were checked when added. */
        if (in_addr_from_sockaddr(&c->peer.sa, ret_addr, ret_port) < 0) {
                *ret_addr = (InAddr) {};
                *ret_port = 0;
        }
}

uint16_t dns_client_server_port(const DnsClient *c) {
        assert(c);

        return c->port;
}

uint64_t dns_client_batch(const DnsClient *c) {
        assert(c);

        return c->batch;
}

static void replies_add(DnsStub *s, const Listener *l, const SockAddr *peer, const uint8_t *data, size_t size) {
        UdpReplies *replies = &s->batch->replies;

        if (replies->n == UDP_BATCH || replies->listener != l)
                replies_send(s);

        size_t i = replies->n++;
        replies->listener = l;
        replies->peers[i] = *peer;
        replies->messages[i].msg_hdr.msg_namelen = sockaddr_length(peer);
        replies->parts[i].iov_len = size;
        memcpy(replies->data[i], data, size);
}

static int client_send_udp(const DnsClient *c, const uint8_t *data, size_t size) {
        UdpReplies *replies = &c->stub->batch->replies;

        if (size <= UDP_REPLY_MAX &&
            (c->stub->in_batch || sd_event_source_set_enabled(replies->later, SD_EVENT_ONESHOT) >= 0)) {
                replies_add(c->stub, c->listener, &c->peer, data, size);
                return 0;
        }

        if (sendto(c->listener->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL, &c->peer.sa,
                   sockaddr_length(&c->peer)) < 0)
                return -errno;
        return 0;
}

/* Events of others must not hold replies back: there may always be one. */
static int stub_on_turn(sd_event_source *source _unused_, void *userdata) {
        DnsStub *s = userdata;

        if (++s->batch->replies.n_turns > REPLIES_TURNS_MAX)
                replies_send(s);
        return 0;
}

static int stub_on_later(sd_event_source *source _unused_, void *userdata) {
        replies_send(userdata);
        return 0;
}

void dns_client_reply(DnsClient *c, const uint8_t *data, size_t size) {
        assert(c);
        assert(data);
        assert(size > 0);

        int r;

        if (c->listener)
                r = client_send_udp(c, data, size);
        else
                r = c->connection ? dns_stream_reply(c->connection->stream, data, size) : -EPIPE;
        if (r < 0)
                c->stub->stats.dropped++;

        client_end(c);
}

void dns_client_drop(DnsClient *c) {
        assert(c);

        if (c->connection)
                (void) dns_stream_reply(c->connection->stream, NULL, 0);
        client_end(c);
}

static void udp_take(Listener *l, size_t i) {
        DnsStub *s = l->stub;
        const struct mmsghdr *message = &s->batch->messages[i];

        s->stats.udp_queries++;
        if (message->msg_hdr.msg_flags & MSG_TRUNC) {
                s->stats.oversize++;
                return;
        }

        DnsClient *c = client_new(s, l, NULL, &s->batch->peers[i]);
        if (c)
                client_call(c, s->batch->data[i], message->msg_len);
}

/* Only if there is always more to read: the look costs a system call. */
static void look_for_losses(Listener *l, bool batch_is_full) {
        uint32_t info[SK_MEMINFO_VARS] = {};

        if (!batch_is_full || ++l->n_full_batches % LOSS_BATCHES != 0)
                return;
        if (getsockopt(l->fd, SOL_SOCKET, SO_MEMINFO, info, &(socklen_t) { sizeof(info) }) < 0)
                return;
        l->stub->stats.lost += info[SK_MEMINFO_DROPS] - l->n_lost; /* may wrap */
        l->n_lost = info[SK_MEMINFO_DROPS];
}

static int stub_on_udp(sd_event_source *source _unused_, int fd, uint32_t revents _unused_, void *userdata) {
        Listener *l = userdata;
        UdpBatch *b = l->stub->batch;

        l->stub->in_batch = true;
        l->stub->n_batches++;
        int n = recvmmsg(fd, b->messages, UDP_BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++) {
                udp_take(l, (size_t) i);
                b->messages[i].msg_hdr.msg_namelen = sizeof(SockAddr);
        }
        replies_send(l->stub);
        l->stub->in_batch = false;
        look_for_losses(l, n == UDP_BATCH);
        return 0; /* the error of one datagram or client does not affect the stub */
}

static void stub_on_stream_query(DnsStream *stream, const uint8_t *data, size_t size, void *userdata) {
        Connection *connection = userdata;
        DnsStub *s = connection->stub;

        s->stats.tcp_queries++;
        DnsClient *c = client_new(s, NULL, connection, &connection->peer);
        if (c)
                client_call(c, data, size);
        else
                (void) dns_stream_reply(stream, NULL, 0);
}

static void stub_on_stream_closed(DnsStream *stream _unused_, void *userdata) {
        connection_free(userdata);
}

/* The oldest idle connection, of the group if only_group. */
static Connection *find_idle(const DnsStub *s, int64_t group, bool only_group) {
        Connection *c, *found = NULL;

        LIST_FOREACH(c, &s->connections, connections)
                if (LIST_EMPTY(&c->clients) && (!only_group || fair_share_group(&c->place) == group))
                        found = c; /* the list is ordered, newest first */
        return found;
}

/* Idle connections never keep other clients out, and neither does a group that holds more than the client's own. One
 * with a quarter of all gets no other's place. */
static Connection *find_displaced(const DnsStub *s, int64_t group) {
        Connection *c = find_idle(s, group, fair_share_is_used_up(&s->places, group));

        return c ?: (Connection *) fair_share_displaced(&s->places, group, clock_nsec(CLOCK_MONOTONIC));
}

static void report_crowded(DnsStub *s, int64_t group) {
        if (s->crowded_fn)
                s->crowded_fn(group, fair_share_n(&s->places, group), s->userdata);
}

static bool take_place(DnsStub *s, int64_t group, FairItem *place) {
        uint64_t now = clock_nsec(CLOCK_MONOTONIC);
        Connection *displaced;

        if (fair_share_take(&s->places, group, now, place))
                return true;
        displaced = find_displaced(s, group);
        if (!displaced) {
                report_crowded(s, group);
                return false;
        }
        s->stats.tcp_displaced++;
        if (!LIST_EMPTY(&displaced->clients))
                report_crowded(s, fair_share_group(&displaced->place));
        if (fair_share_group(&displaced->place) == group)
                fair_share_pass(&displaced->place, now, place);
        connection_free(displaced);
        return place->group || fair_share_take(&s->places, group, now, place);
}

/* Takes ownership of fd. */
static int connection_new(DnsStub *s, int fd, const SockAddr *peer, uint16_t port, int64_t group) {
        _cleanup_free_ Connection *c = calloc(1, sizeof(*c));
        if (!c) {
                (void) close(fd);
                return -ENOMEM;
        }

        c->stub = s;
        c->peer = *peer;
        c->port = port;

        /* Otherwise a second reply would wait for the acknowledgement of the first. */
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int) { 1 }, sizeof(int));

        if (!take_place(s, group, &c->place)) {
                (void) close(fd);
                return -EBUSY;
        }
        int r = dns_stream_new(s->event, fd, DNS_STUB_IDLE_USEC, DNS_STUB_PIPELINE_MAX, stub_on_stream_query,
                               stub_on_stream_closed, c, &c->stream);
        if (r < 0) {
                fair_share_put(&s->places, &c->place);
                return r;
        }

        LIST_INSERT_HEAD(&s->connections, c, connections);
        TAKE_PTR(c);
        return 0;
}

static int64_t group_of(const DnsStub *s, const SockAddr *peer, uint16_t server_port) {
        uint16_t port;
        InAddr addr;

        if (!s->group_fn)
                return 0;
        if (in_addr_from_sockaddr(&peer->sa, &addr, &port) < 0)
                return -EAFNOSUPPORT;
        return s->group_fn(&addr, port, server_port, s->userdata);
}

static int stub_on_accept(sd_event_source *source _unused_, int fd, uint32_t revents _unused_, void *userdata) {
        Listener *l = userdata;
        DnsStub *s = l->stub;

        for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
                SockAddr peer = {};
                socklen_t length = sizeof(peer);
                int client = accept4(fd, &peer.sa, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (client < 0)
                        break; /* none is pending, or descriptors are short: retry at the next wakeup */

                /* The listener has it cleared. Set here, connections that outlive us do not keep the socket unit from
                 * binding the address again. */
                (void) setsockopt(client, SOL_SOCKET, SO_REUSEADDR, &(int) { 1 }, sizeof(int));
                s->stats.tcp_connections++;
                int64_t group = group_of(s, &peer, l->port);
                if (group < 0) {
                        s->stats.tcp_refused++;
                        (void) close(client);
                } else if (connection_new(s, client, &peer, l->port, group) < 0)
                        s->stats.tcp_refused++;
        }
        return 0;
}

/* Takes ownership of fd, even on failure. */
static int stub_listen(DnsStub *s, int fd, const char *description, sd_event_io_handler_t handler, Listener **ret) {
        DnsEndpoint endpoint;
        int domain;
        socklen_t length = sizeof(domain);
        int r;

        Listener *l = calloc(1, sizeof(*l));
        if (!l) {
                (void) close(fd);
                return -ENOMEM;
        }
        l->stub = s;
        l->fd = fd;
        LIST_INSERT_HEAD(&s->listeners, l, listeners);

        r = dns_endpoint_claim(fd);
        if (r >= 0 && getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0)
                r = -errno;
        if (r >= 0 && domain != AF_INET && domain != AF_INET6)
                r = -EAFNOSUPPORT;
        if (r >= 0)
                r = dns_endpoint_of_socket(fd, &endpoint);
        if (r >= 0) {
                l->port = endpoint.port;
                r = sd_event_add_io(s->event, &l->io, fd, EPOLLIN, handler, l);
        }
        if (r >= 0)
                r = sd_event_source_set_io_fd_own(l->io, true);
        if (r < 0) {
                listener_free(l);
                (void) close(fd);
                return r;
        }

        (void) sd_event_source_set_description(l->io, description);
        *ret = l;
        return 0;
}

static int stub_need_batch(DnsStub *s) {
        if (s->batch)
                return 0;

        _cleanup_free_ UdpBatch *b = calloc(1, sizeof(*b));
        if (!b)
                return -ENOMEM;

        int r = sd_event_add_defer(s->event, &b->replies.later, stub_on_later, s);
        if (r < 0)
                return r;
        (void) sd_event_source_set_enabled(b->replies.later, SD_EVENT_OFF);
        (void) sd_event_source_set_description(b->replies.later, "dns-stub-replies");
        (void) sd_event_source_set_priority(b->replies.later, REPLIES_PRIORITY);
        r = sd_event_source_set_prepare(b->replies.later, stub_on_turn);
        if (r < 0) {
                sd_event_source_disable_unref(b->replies.later);
                return r;
        }

        for (size_t i = 0; i < UDP_BATCH; i++) {
                b->parts[i] = (struct iovec) { .iov_base = b->data[i], .iov_len = DNS_STUB_UDP_SIZE_MAX };
                b->messages[i].msg_hdr = (struct msghdr) {
                        .msg_name = &b->peers[i],
                        .msg_namelen = sizeof(SockAddr),
                        .msg_iov = &b->parts[i],
                        .msg_iovlen = 1,
                };
                b->replies.parts[i].iov_base = b->replies.data[i];
                b->replies.messages[i].msg_hdr = (struct msghdr) {
                        .msg_name = &b->replies.peers[i],
                        .msg_iov = &b->replies.parts[i],
                        .msg_iovlen = 1,
                };
        }
        s->batch = TAKE_PTR(b);
        return 0;
}

int dns_stub_add_udp(DnsStub *s, int fd) {
        assert(s);
        assert(fd >= 0);

        Listener *l;
        int r = stub_need_batch(s), size = UDP_BUFFER;
        if (r < 0) {
                (void) close(fd);
                return r;
        }
        /* With CAP_NET_ADMIN whatever the system's limit, otherwise as far as it allows. */
        if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
                (void) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));

        return stub_listen(s, fd, "dns-stub-udp", stub_on_udp, &l);
}

int dns_stub_add_tcp(DnsStub *s, int fd) {
        assert(s);
        assert(fd >= 0);

        Listener *l;
        int r = stub_listen(s, fd, "dns-stub-tcp", stub_on_accept, &l);
        if (r < 0)
                return r;

        r = sd_event_source_set_ratelimit(l->io, ACCEPT_INTERVAL_USEC, ACCEPT_BURST);
        if (r < 0)
                listener_free(l);
        return r;
}

int dns_stub_for_each_socket(const DnsStub *s, dns_stub_socket_fn fn, void *userdata) {
        const Listener *l;
        int r = 0;

        assert(s);
        assert(fn);

        LIST_FOREACH(l, &s->listeners, listeners) {
                r = fn(l->fd, userdata);
                if (r < 0)
                        break;
        }
        return r;
}

size_t dns_stub_endpoints(const DnsStub *s, DnsEndpoint *ret, size_t max) {
        const Listener *l;
        size_t n = 0;

        assert(s);
        assert(ret || max == 0);

        LIST_FOREACH(l, &s->listeners, listeners)
                if (n < max && dns_endpoint_of_socket(l->fd, &ret[n]) >= 0)
                        n++;
        return n;
}
