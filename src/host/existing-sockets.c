/* SPDX-License-Identifier: Apache-2.0 */
#include "host/existing-sockets.h"

#include <assert.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <string.h>

#include "basic/macro.h"
#include "host/netlink.h"

#define ALIGN4(n) (((n) + 3U) & ~3U) /* of netlink messages and attributes alike */
#define RECV_MAX (64U * 1024)        /* the kernel sends at most 32 KiB at a time */
#define STATE(s) (1U << (s))
#define STATES_LISTENING STATE(TCP_LISTEN)
#define STATES_CONNECTED                                                                                      \
        (STATE(TCP_ESTABLISHED) | STATE(TCP_SYN_SENT) | STATE(TCP_SYN_RECV) | STATE(TCP_FIN_WAIT1) |          \
         STATE(TCP_FIN_WAIT2) | STATE(TCP_CLOSE_WAIT) | STATE(TCP_LAST_ACK) | STATE(TCP_CLOSING))
#define STATES_SENDING (STATES_CONNECTED & ~STATE(TCP_FIN_WAIT2))
#define STATE_BOUND_INACTIVE 13 /* bound, but neither listening nor connected; listed by kernel 6.8 and newer */
#define STATE_NEW_SYN_RECV 12 /* kernel-internal state of a half-open connection; shown as TCP_SYN_RECV */

/* --- the messages --- */

static void attrs_parse(const uint8_t *p, size_t size, ExistingSocket *s) {
        struct nlattr a;
        unsigned type;

        while (size >= sizeof(a)) {
                memcpy(&a, p, sizeof(a));
                type = a.nla_type & NLA_TYPE_MASK;
                if (a.nla_len < sizeof(a) || a.nla_len > size)
                        return; /* invalid sizes end the list: attributes are optional */
                if (type == INET_DIAG_CGROUP_ID && a.nla_len >= sizeof(a) + sizeof(s->cgroup_id))
                        memcpy(&s->cgroup_id, p + sizeof(a), sizeof(s->cgroup_id));
                else if (type == INET_DIAG_SKV6ONLY && a.nla_len > sizeof(a))
                        s->v6_only = p[sizeof(a)] != 0;
                if (ALIGN4(a.nla_len) >= size)
                        return;
                p += ALIGN4(a.nla_len);
                size -= ALIGN4(a.nla_len);
        }
}

static int addr_read(uint8_t family, const uint32_t words[static 4], InAddr *ret) {
        uint8_t bytes[16];

        memcpy(bytes, words, sizeof(bytes)); /* network byte order */
        if (family == AF_INET)
                in_addr_from_v4(bytes, ret);
        else if (family == AF_INET6)
                in_addr_from_v6(bytes, ret);
        else
                return -EBADMSG;
        return 0;
}

static int socket_parse(const uint8_t *data, size_t size, ExistingSocket *ret) {
        struct inet_diag_msg m;
        ExistingSocket s;

        if (size < sizeof(m))
                return -EBADMSG;
        memcpy(&m, data, sizeof(m));
        s = (ExistingSocket) {
                .cookie = (uint64_t) m.id.idiag_cookie[1] << 32 | m.id.idiag_cookie[0],
                .local_port = ntohs(m.id.idiag_sport),
                .remote_port = ntohs(m.id.idiag_dport),
                .uid = m.idiag_uid,
                .inode = m.idiag_inode,
                .device = m.id.idiag_if,
                .n_queued = m.idiag_wqueue,
                .state = m.idiag_state == STATE_NEW_SYN_RECV ? TCP_SYN_RECV : m.idiag_state,
                .is_v6_socket = m.idiag_family == AF_INET6,
        };
        if (addr_read(m.idiag_family, m.id.idiag_src, &s.local) < 0 ||
            addr_read(m.idiag_family, m.id.idiag_dst, &s.remote) < 0)
                return -EBADMSG;
        attrs_parse(data + sizeof(m), size - sizeof(m), &s);
        *ret = s;
        return 0;
}

/* NLMSG_ERROR carries a negative errno, and so does NLMSG_DONE; 0 in the latter is success. */
static int status_parse(const uint8_t *data, size_t size) {
        int32_t error;

        if (size < sizeof(error))
                return -EBADMSG;
        memcpy(&error, data, sizeof(error));
        return error > 0 || error < -4095 ? -EBADMSG : error;
}

int existing_sockets_parse(const void *data, size_t size, existing_socket_fn fn, void *userdata) {
        const uint8_t *p = data;

        assert((data || size == 0) && fn);

        while (size > 0) {
                struct nlmsghdr h;
                const uint8_t *payload = p + sizeof(h);
                ExistingSocket s;
                int r;

                if (size < sizeof(h))
                        return -EBADMSG;
                memcpy(&h, p, sizeof(h));
                if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > size)
                        return -EBADMSG;
                switch (h.nlmsg_type) {
                case NLMSG_DONE:
                case NLMSG_ERROR:
                        r = status_parse(payload, h.nlmsg_len - sizeof(h));
                        /* No acknowledgement was requested, and it must not be taken for the end of the list. */
                        return r == 0 && h.nlmsg_type == NLMSG_ERROR ? -EBADMSG : r;
                case NLMSG_NOOP:
                        break;
                case SOCK_DIAG_BY_FAMILY:
                        r = socket_parse(payload, h.nlmsg_len - sizeof(h), &s);
                        if (r < 0)
                                return r;
                        fn(&s, userdata);
                        break;
                default:
                        return -EBADMSG;
                }
                if (ALIGN4(h.nlmsg_len) >= size)
                        break;
                p += ALIGN4(h.nlmsg_len);
                size -= ALIGN4(h.nlmsg_len);
        }
        return 1;
}

/* --- listeners --- */

typedef struct Listener {
        InAddr addr;
        uint16_t port;
        bool any_v4, any_v6; /* all addresses of the family */
} Listener;

typedef struct Listeners {
        Listener *list; /* sorted by port once complete */
        size_t n, room;
        int error;
} Listeners;

static void listeners_done(Listeners *l) {
        free(l->list);
        *l = (Listeners) {};
}

static int listener_compare(const void *a, const void *b) {
        const Listener *x = a, *y = b;

        return x->port < y->port ? -1 : x->port > y->port;
}

static void list_on_listener(const ExistingSocket *s, void *userdata) {
        static const InAddr any_v4 = { .b = { [10] = 0xff, [11] = 0xff } }, any_v6 = {};
        Listeners *l = userdata;
        Listener *bigger;

        if (s->state != TCP_LISTEN || l->error < 0)
                return;
        if (l->n == l->room) {
                l->room = MAX(2 * l->room, 64U);
                bigger = reallocarray(l->list, l->room, sizeof(*bigger));
                if (!bigger) {
                        l->error = -ENOMEM;
                        return;
                }
                l->list = bigger;
        }
        l->list[l->n++] = (Listener) {
                .addr = s->local,
                .port = s->local_port,
                .any_v4 = in_addr_equal(&s->local, &any_v4) || (in_addr_equal(&s->local, &any_v6) && !s->v6_only),
                .any_v6 = in_addr_equal(&s->local, &any_v6),
        };
}

static bool listeners_have(const Listeners *l, const InAddr *addr, uint16_t port) {
        bool v4 = in_addr_is_v4(addr);
        size_t low = 0, high = l->n;

        while (low < high) { /* the first entry for this port */
                size_t middle = low + (high - low) / 2;

                if (l->list[middle].port < port)
                        low = middle + 1;
                else
                        high = middle;
        }
        for (; low < l->n && l->list[low].port == port; low++)
                if ((v4 ? l->list[low].any_v4 : l->list[low].any_v6) || in_addr_equal(&l->list[low].addr, addr))
                        return true;
        return false;
}

/* --- asking --- */

static int request_send(int fd, uint16_t type, uint16_t flags, const struct inet_diag_req_v2 *request) {
        const struct {
                struct nlmsghdr header;
                struct inet_diag_req_v2 request;
        } message = {
                .header = {
                        .nlmsg_len = sizeof(message),
                        .nlmsg_type = type,
                        .nlmsg_flags = NLM_F_REQUEST | flags,
                },
                .request = *request,
        };
        const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        ssize_t n;

        n = sendto(fd, &message, sizeof(message), 0, (const struct sockaddr *) &kernel, sizeof(kernel));
        if (n < 0)
                return -errno;
        return (size_t) n == sizeof(message) ? 0 : -EIO;
}

typedef struct Dump {
        existing_socket_fn fn;
        void *userdata;
        size_t n, max;
} Dump;

static void find_on_socket(const ExistingSocket *s, void *userdata) {
        Dump *d = userdata;

        if (d->n++ < d->max)
                d->fn(s, d->userdata);
}

static int dump(int fd, const struct inet_diag_req_v2 *request, size_t max, existing_socket_fn fn, void *userdata) {
        _cleanup_free_ uint8_t *buf = NULL;
        Dump d = { .fn = fn, .userdata = userdata, .max = max };
        int r;

        buf = malloc(RECV_MAX);
        if (!buf)
                return -ENOMEM;
        r = request_send(fd, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, request);
        if (r < 0)
                return r;
        for (;;) {
                /* The kernel produces the next part while this one is read: there is nothing to wait for. */
                ssize_t n = netlink_receive(fd, buf, RECV_MAX);
                if (n < 0)
                        return (int) n;
                r = existing_sockets_parse(buf, (size_t) n, find_on_socket, &d);
                if (r > 0 && d.n > max)
                        return -E2BIG;
                if (r <= 0)
                        return r;
        }
}

static int dump_tcp(int fd, uint8_t family, uint32_t states, size_t max, existing_socket_fn fn, void *userdata) {
        const struct inet_diag_req_v2 request = {
                .sdiag_family = family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = states,
        };

        return dump(fd, &request, max, fn, userdata);
}

typedef struct Listing {
        existing_socket_fn fn;
        void *userdata;
        const Listeners *listeners;
} Listing;

static void list_on_connection(const ExistingSocket *s, void *userdata) {
        const Listing *l = userdata;
        ExistingSocket copy = *s;

        if (s->state >= 32 || !(STATE(s->state) & STATES_CONNECTED) || in_addr_is_loopback(&s->remote))
                return;
        copy.accepted = listeners_have(l->listeners, &s->local, s->local_port);
        l->fn(&copy, l->userdata);
}

int existing_sockets_list(size_t max, existing_socket_fn fn, void *userdata) {
        static const uint8_t families[] = { AF_INET, AF_INET6 };
        _cleanup_(listeners_done) Listeners listeners = {};
        const Listing listing = { .fn = fn, .userdata = userdata, .listeners = &listeners };
        _cleanup_close_ int fd = -EBADF;
        int r;

        assert(fn);

        fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
        if (fd < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(families); i++) {
                r = dump_tcp(fd, families[i], STATES_LISTENING, max, list_on_listener, &listeners);
                if (r >= 0)
                        r = listeners.error;
                if (r < 0)
                        return r;
        }
        if (listeners.n > 0)
                qsort(listeners.list, listeners.n, sizeof(*listeners.list), listener_compare);
        for (size_t i = 0; i < ELEMENTSOF(families); i++) {
                r = dump_tcp(fd, families[i], STATES_CONNECTED, max, list_on_connection, (void *) &listing);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void list_on_sending(const ExistingSocket *s, void *userdata) {
        const Listing *l = userdata;

        if (s->state < 32 && STATE(s->state) & STATES_SENDING)
                l->fn(s, l->userdata);
}

int existing_sockets_sending(size_t max, existing_socket_fn fn, void *userdata) {
        static const uint8_t families[] = { AF_INET, AF_INET6 };
        const Listing listing = { .fn = fn, .userdata = userdata };
        _cleanup_close_ int fd = -EBADF;

        assert(fn);

        fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
        if (fd < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(families); i++) {
                int r = dump_tcp(fd, families[i], STATES_SENDING, max, list_on_sending, (void *) &listing);

                if (r < 0)
                        return r;
        }
        return 0;
}

int existing_sockets_at_port(uint8_t protocol, uint16_t port, size_t max, existing_socket_fn fn, void *userdata) {
        static const uint8_t families[] = { AF_INET, AF_INET6 };
        _cleanup_close_ int fd = -EBADF;

        assert(protocol == IPPROTO_UDP || protocol == IPPROTO_TCP);
        assert(port > 0);
        assert(fn);

        fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
        if (fd < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(families); i++) {
                const struct inet_diag_req_v2 request = {
                        .sdiag_family = families[i],
                        .sdiag_protocol = protocol,
                        .idiag_states = protocol == IPPROTO_TCP ? STATES_LISTENING | STATE(STATE_BOUND_INACTIVE) : ~0U,
                        .id.idiag_sport = htons(port),
                };
                int r = dump(fd, &request, max, fn, userdata);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* --- one --- */

static void keep_first(const ExistingSocket *s, void *userdata) {
        ExistingSocket *ret = userdata;

        if (ret->cookie == 0)
                *ret = *s;
}

static void write_end(const InAddr *addr, uint8_t family, __be32 ret[static 4]) {
        if (family == AF_INET)
                memcpy(ret, addr->b + 12, 4);
        else
                memcpy(ret, addr->b, 16);
}

int existing_socket_find(uint8_t protocol, const InAddr *local, uint16_t local_port, const InAddr *remote,
                         uint16_t remote_port, ExistingSocket *ret) {
        struct inet_diag_req_v2 request = {
                .sdiag_family = in_addr_is_v4(local) ? AF_INET : AF_INET6,
                .sdiag_protocol = protocol,
                .idiag_states = ~0U,
                .id.idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE },
        };
        bool swapped = protocol == IPPROTO_UDP; /* "for historical reasons", net/ipv4/udp_diag.c */
        uint8_t buf[4096];
        ssize_t n;
        int r;

        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
        if (fd < 0)
                return -errno;
        write_end(swapped ? remote : local, request.sdiag_family, request.id.idiag_src);
        write_end(swapped ? local : remote, request.sdiag_family, request.id.idiag_dst);
        request.id.idiag_sport = htons(swapped ? remote_port : local_port);
        request.id.idiag_dport = htons(swapped ? local_port : remote_port);
        r = request_send(fd, SOCK_DIAG_BY_FAMILY, 0, &request);
        if (r < 0)
                return r;
        n = netlink_receive(fd, buf, sizeof(buf));
        if (n < 0)
                return (int) n;
        *ret = (ExistingSocket) {};
        r = existing_sockets_parse(buf, (size_t) n, keep_first, ret);
        if (r < 0)
                return r;
        return ret->cookie != 0 ? 0 : -ENOENT;
}

int existing_socket_destroy(const ExistingSocket *s) {
        struct inet_diag_req_v2 request = {
                .sdiag_protocol = IPPROTO_TCP,
                .idiag_states = ~0U,
        };
        uint8_t buf[4096];
        struct nlmsghdr h;
        ssize_t n;
        int r;

        assert(s);

        request.sdiag_family = in_addr_is_v4(&s->local) ? AF_INET : AF_INET6;
        request.id.idiag_sport = htons(s->local_port);
        request.id.idiag_dport = htons(s->remote_port);
        request.id.idiag_if = s->device; /* a socket that is bound to a device is only found by it */
        request.id.idiag_cookie[0] = (uint32_t) s->cookie;
        request.id.idiag_cookie[1] = (uint32_t) (s->cookie >> 32);
        write_end(&s->local, request.sdiag_family, request.id.idiag_src);
        write_end(&s->remote, request.sdiag_family, request.id.idiag_dst);

        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
        if (fd < 0)
                return -errno;
        r = request_send(fd, SOCK_DESTROY, NLM_F_ACK, &request);
        if (r < 0)
                return r;
        n = netlink_receive(fd, buf, sizeof(buf));
        if (n < 0)
                return (int) n;
        if ((size_t) n < sizeof(h))
                return -EBADMSG;
        memcpy(&h, buf, sizeof(h));
        if (h.nlmsg_type != NLMSG_ERROR || h.nlmsg_len > (size_t) n || h.nlmsg_len < sizeof(h))
                return -EBADMSG;
        r = status_parse(buf + sizeof(h), h.nlmsg_len - sizeof(h));
        return r == -ESTALE ? -ENOENT : r; /* the same ends, another cookie */
}

static void ignore_socket(const ExistingSocket *s _unused_, void *userdata _unused_) {
}

int existing_sockets_can_end(void) {
        const ExistingSocket none = { .local.b = { [10] = 0xff, [11] = 0xff, [12] = 127 } }; /* port 0: nobody's */
        int r = existing_sockets_at_port(IPPROTO_TCP, UINT16_MAX, EXISTING_SOCKETS_MAX, ignore_socket, NULL);

        if (r < 0)
                return r;
        r = existing_socket_destroy(&none);
        return r == -ENOENT ? 0 : r;
}

int existing_socket_abort(uint64_t cookie, const InAddr *local, uint16_t local_port, const InAddr *remote,
                          uint16_t remote_port) {
        ExistingSocket s;
        int r;

        assert(local && remote);

        /* Without a connection the kernel returns the listener; to act on that would let every refused client end
         * it. */
        r = existing_socket_find(IPPROTO_TCP, local, local_port, remote, remote_port, &s);
        if (r < 0)
                return r;
        if (s.cookie != cookie || s.state == TCP_LISTEN)
                return -ENOENT;
        return existing_socket_destroy(&s);
}
