/* SPDX-License-Identifier: Apache-2.0 */
#include "net/upstream-sockets.h"

#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "basic/clock.h"
#include "basic/macro.h"

#define LOOPBACK_IFINDEX 1 /* in every network namespace */

int upstream_socket_refuse_loopback(int fd, int program_fd) {
        struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t) (SKF_AD_OFF + SKF_AD_IFINDEX)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, LOOPBACK_IFINDEX, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, 0),
                BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        };
        const struct sock_fprog program = { .len = ELEMENTSOF(code), .filter = code };

        assert(fd >= 0);

        if (program_fd > 0 && setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &program_fd, sizeof(program_fd)) >= 0)
                return 0;
        return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno : 0;
}

void upstream_guesses_add(UpstreamGuesses *g, uint64_t now_usec) {
        assert(g);

        if (now_usec - g->since_usec > UPSTREAM_GUESSES_USEC) {
                g->since_usec = now_usec;
                g->n_now = 0;
        }
        g->n++;
        g->n_now++;
        g->excess = g->excess || g->n_now >= UPSTREAM_GUESSES_MAX;
}

bool upstream_guesses_exceeded(UpstreamGuesses *g, uint64_t now_usec) {
        assert(g);

        if (!g->excess)
                return false;
        g->excess = false;
        g->n_now = 0;
        g->until_usec = now_usec + UPSTREAM_DISTRUST_USEC;
        return true;
}

bool upstream_guesses_distrust(const UpstreamGuesses *g, uint64_t now_usec) {
        assert(g);

        return now_usec < g->until_usec;
}

static bool id_is_recent(const UpstreamSockets *s, uint16_t id) {
        for (unsigned i = 0; i < MIN(s->n_ids, UPSTREAM_RECENT_IDS); i++)
                if (s->ids[i] == id)
                        return true;
        return false;
}

static uint16_t read_id(const uint8_t *message) {
        return (uint16_t) (message[0] << 8 | message[1]);
}

/* c-ares leaves all options to us, and 1.18 has no defaults for the functions that are not set. */
static ares_socket_t on_open(int family, int type, int protocol, void *userdata _unused_) {
        int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

        if (fd >= 0 && type == SOCK_STREAM) /* otherwise a second query waits for the acknowledgement of the first */
                (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int) { 1 }, sizeof(int));
        return fd;
}

static int on_close(ares_socket_t fd, void *userdata) {
        const UpstreamSockets *s = userdata;

        if (!s->tcp)
                upstream_batch_forget(s->batch, fd);
        return close(fd);
}

/* A cargowall around this one redirected the connection to its proxy. From a loopback address no other machine can be
 * reached. */
static bool was_redirected(int fd) {
        struct sockaddr_storage sa = {};
        InAddr own;
        uint16_t port;

        if (getsockname(fd, (struct sockaddr *) &sa, &(socklen_t) { sizeof(sa) }) < 0 ||
            in_addr_from_sockaddr((const struct sockaddr *) &sa, &own, &port) < 0)
                return false;
        return in_addr_is_loopback(&own);
}

/* c-ares 1.18 knows no zones. Servers that differ in nothing else take turns. */
static bool set_zone(UpstreamSockets *s, const struct sockaddr *sa, ares_socklen_t size, struct sockaddr_in6 *ret) {
        uint32_t zones[DNS_SERVERS_MAX];
        DnsServer to = {};
        size_t n = 0;

        if (sa->sa_family != AF_INET6 || size < sizeof(*ret) || in_addr_from_sockaddr(sa, &to.addr, &to.port) < 0)
                return false;
        for (size_t i = 0; i < s->n_servers && n < ELEMENTSOF(zones); i++)
                if (s->servers[i].zone != 0 && dns_server_is_asked(&s->servers[i], &to))
                        zones[n++] = s->servers[i].zone;
        if (n == 0)
                return false;
        memcpy(ret, sa, sizeof(*ret));
        ret->sin6_scope_id = zones[s->n_zoned++ % n];
        return true;
}

/* The filter comes before the connection, so that nothing was received without it. Which server is local is decided
 * here, since addresses come and go: a new socket decides again. */
static int on_connect(ares_socket_t fd, const struct sockaddr *sa, ares_socklen_t size, void *userdata) {
        UpstreamSockets *s = userdata;
        struct sockaddr_in6 zoned;
        bool elsewhere = false;
        uint16_t port;
        InAddr addr;
        int r;

        if (!s->tcp && s->is_local && in_addr_from_sockaddr(sa, &addr, &port) >= 0)
                elsewhere = !s->is_local(&addr);
        if (elsewhere) {
                r = upstream_socket_refuse_loopback(fd, s->loopback_filter);
                if (r < 0) {
                        errno = -r;
                        return -1;
                }
        }
        r = set_zone(s, sa, size, &zoned) ? connect(fd, (struct sockaddr *) &zoned, sizeof(zoned)) : connect(fd, sa, size);
        if (r >= 0 && elsewhere && was_redirected(fd))
                (void) setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &(int) { 0 }, sizeof(int));
        return r;
}

/* Whom the peer of this socket pretends to be. */
static void note_server(UpstreamSockets *s, int fd) {
        struct sockaddr_storage sa = {};

        if (getpeername(fd, (struct sockaddr *) &sa, &(socklen_t) { sizeof(sa) }) >= 0)
                (void) in_addr_from_sockaddr((const struct sockaddr *) &sa, &s->guesses->server.addr,
                                             &s->guesses->server.port);
}

static void count_guess(UpstreamSockets *s, int fd) {
        upstream_guesses_add(s->guesses, clock_usec(CLOCK_MONOTONIC));
        note_server(s, fd);
}

/* Dropped by the filter above, or for want of space. */
static bool has_dropped(int fd) {
        uint32_t info[SK_MEMINFO_VARS] = {};

        return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &(socklen_t) { sizeof(info) }) >= 0 &&
               info[SK_MEMINFO_DROPS] > 0;
}

#define HEADER_SIZE 12
#define RCODE_FORMERR 1U
#define RCODE_NOTIMP 4U
#define RCODE_HIDDEN 15U /* not assigned */

/* A datagram with the id of a query. */
static void examine_answer(UpstreamSockets *s, uint8_t *message, size_t size) {
        uint8_t rcode = message[3] & 0xf;

        if (!(message[2] & 0x80))
                return;
        if (size == HEADER_SIZE && (rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP))
                s->edns_refused = true;
        else if (rcode == RCODE_FORMERR)
                message[3] |= RCODE_HIDDEN;
}

void upstream_restore_rcode(uint8_t *message) {
        assert(message);

        if ((message[3] & 0xf) == RCODE_HIDDEN)
                message[3] = (message[3] & 0xf0) | RCODE_FORMERR;
}

static ares_ssize_t on_receive(ares_socket_t fd, void *buf, size_t size, int flags, struct sockaddr *from,
                               ares_socklen_t *from_size, void *userdata) {
        UpstreamSockets *s = userdata;

        if (!s->tcp && s->guesses->excess) { /* not one more */
                errno = EAGAIN;
                return -1;
        }
        ssize_t n = s->tcp ? recvfrom(fd, buf, size, flags, from, from_size) :
                             upstream_batch_receive(s->batch, fd, buf, size, from, from_size);
        if (!s->tcp && n >= 0 && (n < (ssize_t) sizeof(uint16_t) || !id_is_recent(s, read_id(buf))))
                count_guess(s, fd);
        else if (!s->tcp && n >= HEADER_SIZE)
                examine_answer(s, buf, (size_t) n);
        return n;
}

static ares_ssize_t on_send(ares_socket_t fd, const struct iovec *parts, int n_parts, void *userdata) {
        const struct msghdr message = { .msg_iov = (struct iovec *) parts, .msg_iovlen = (size_t) n_parts };
        UpstreamSockets *s = userdata;

        if (!s->tcp && n_parts > 0 && parts[0].iov_len >= sizeof(uint16_t)) {
                uint16_t id = read_id(parts[0].iov_base);

                if (!id_is_recent(s, id))
                        s->ids[s->n_ids++ % UPSTREAM_RECENT_IDS] = id;
                else if (has_dropped(fd)) { /* sent again: perhaps a NAT rule leads to a resolver on this machine */
                        s->guesses->excess = true;
                        note_server(s, fd);
                }
        }
        return s->tcp ? sendmsg(fd, &message, MSG_NOSIGNAL) :
                        upstream_batch_send(s->batch, fd, parts, (size_t) n_parts, s->owner);
}

int upstream_set_servers(ares_channel channel, const DnsServer *servers, size_t n, size_t first) {
        char csv[1024], text[ENDPOINT_TEXT_MAX];
        size_t size = 0;

        for (size_t i = 0; i < n; i++) {
                const DnsServer *s = &servers[(first + i) % n];
                const Endpoint endpoint = { .addr = s->addr, .port = s->port };

                size += (size_t) snprintf(csv + size, sizeof(csv) - size, "%s%s", i > 0 ? "," : "",
                                          endpoint_format(&endpoint, text));
                if (size >= sizeof(csv))
                        return -EINVAL;
        }
        switch (ares_set_servers_ports_csv(channel, csv)) {
        case ARES_SUCCESS:
                return 0;
        case ARES_ENOMEM:
                return -ENOMEM;
        default:
                return -EINVAL;
        }
}

void upstream_sockets_set(UpstreamSockets *s, ares_channel channel) {
        static const struct ares_socket_functions functions = {
                .asocket = on_open, .aclose = on_close, .aconnect = on_connect, .arecvfrom = on_receive,
                .asendv = on_send,
        };

        assert(s);
        assert(s->guesses);

        ares_set_socket_functions(channel, &functions, s);
}

int upstream_status_to_errno(int status) {
        switch (status) {
        case ARES_ETIMEOUT:
                return -ETIMEDOUT;
        case ARES_ECONNREFUSED:
                return -ECONNREFUSED;
        case ARES_EBADRESP:
                return -EBADMSG;
        case ARES_ENOMEM:
                return -ENOMEM;
        case ARES_ECANCELLED:
        case ARES_EDESTRUCTION:
                return -ECANCELED;
        default:
                return -EIO;
        }
}
