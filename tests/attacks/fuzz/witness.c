/* SPDX-License-Identifier: Apache-2.0 */
/* witness DEVICE CLIENT-LINK-LOCAL ROUTER-LINK-LOCAL: judges each frame that arrives at DEVICE from the client, and
 * serves what is allowed. Strangers connect to the job from denied hosts. Prints "ready", one line of JSON for each
 * violation (of each kind only some), and for each line on stdin the counts since the last one, once the mark that it
 * names has arrived. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "frame.h"
#include "token.h"
#include "values.h"

#define BATCH 32
#define FRAME_MAX (1 << 17)
#define HEX_MAX 200
#define SHOWN_MAX 40 /* of one kind */
#define CONNECTIONS_MAX 1000
#define STRANGERS 32

static _Noreturn void fail(const char *what) {
        perror(what);
        exit(1);
}

static double now(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

/* ------------------------------------------------------------------ servers */

static int listen_at(uint16_t port, int type) {
        int fd = socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){0}, sizeof(int));
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &(int){1}, sizeof(int));
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
        if (fd < 0 || bind(fd, (struct sockaddr *) &any, sizeof(any)) < 0)
                fail("bind");
        if (type == SOCK_STREAM) {
                setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &(int){64}, sizeof(int));
                if (listen(fd, 512) < 0)
                        fail("listen");
        }
        return fd;
}

/* Answers from the address that was asked. */
static void echo_datagrams(int fd) {
        char data[65536], control[256];
        struct sockaddr_in6 peer;
        struct iovec iov = {.iov_base = data};

        for (int i = 0; i < 64; i++) {
                struct msghdr m = {.msg_name = &peer,
                                   .msg_namelen = sizeof(peer),
                                   .msg_iov = &iov,
                                   .msg_iovlen = 1,
                                   .msg_control = control,
                                   .msg_controllen = sizeof(control)};
                ssize_t n;

                iov.iov_len = sizeof(data);
                n = recvmsg(fd, &m, MSG_DONTWAIT);
                if (n < 0)
                        return;
                iov.iov_len = (size_t) n < 600 ? (size_t) n : 600;
                for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
                        if (c->cmsg_type == IPV6_PKTINFO)
                                ((struct in6_pktinfo *) (void *) CMSG_DATA(c))->ipi6_ifindex = 0;
                (void) sendmsg(fd, &m, MSG_DONTWAIT);
        }
}

/* Of half of the connections what they sent comes back; those that are open longest end. */
static void serve_connection(int epoll, int listener, int *connections, unsigned *n) {
        int fd;

        while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                unsigned i = (*n)++ % CONNECTIONS_MAX;

                if (connections[i] > 0)
                        close(connections[i]);
                connections[i] = fd;
                if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.fd = fd}) < 0)
                        fail("epoll");
        }
}

static void echo_stream(int epoll, int fd) {
        char data[65536];
        ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT);

        if (n > 0) {
                if (data[n - 1] & 1)
                        (void) send(fd, data, (size_t) n < 600 ? (size_t) n : 600, MSG_DONTWAIT | MSG_NOSIGNAL);
        } else if (n == 0 || errno != EAGAIN) { /* closed when its place is needed: the number may be in use again */
                epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
                shutdown(fd, SHUT_RDWR);
        }
}

static void stranger(int *fd, unsigned n) {
        static const char *const from[] = {STRANGER4, STRANGER6, ADDR4, ADDR6}, *const to[] = {CLIENT4, CLIENT6};
        int six = (int) (n & 1), type = n & 4 ? SOCK_STREAM : SOCK_DGRAM;
        struct sockaddr_in6 a6 = {.sin6_family = AF_INET6}, b6 = a6;
        struct sockaddr_in a4 = {.sin_family = AF_INET}, b4 = a4;

        if (*fd > 0)
                close(*fd);
        *fd = socket(six ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        inet_pton(AF_INET, from[n & 2], &a4.sin_addr);
        inet_pton(AF_INET, to[0], &b4.sin_addr);
        inet_pton(AF_INET6, from[(n & 2) + 1], &a6.sin6_addr);
        inet_pton(AF_INET6, to[1], &b6.sin6_addr);
        b4.sin_port = b6.sin6_port = htons((uint16_t) (PORT_INSIDE + n / 8 % PORTS_INSIDE));
        if (bind(*fd, six ? (void *) &a6 : (void *) &a4, six ? sizeof(a6) : sizeof(a4)) < 0)
                fail("bind of a stranger");
        (void) !connect(*fd, six ? (void *) &b6 : (void *) &b4, six ? sizeof(b6) : sizeof(b4));
        (void) !send(*fd, "hello", 5, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static _Noreturn void serve(void) {
        int connections[CONNECTIONS_MAX] = {}, strangers[STRANGERS] = {}, epoll = epoll_create1(EPOLL_CLOEXEC);
        const int listeners[] = {listen_at(PORT_CIDR, SOCK_STREAM), listen_at(PORT_NAME, SOCK_STREAM),
                                 listen_at(PORT_CIDR, SOCK_DGRAM), listen_at(PORT_NAME, SOCK_DGRAM)};
        unsigned n_connections = 0, n_strangers = 0;

        for (int i = 0; i < 4; i++)
                epoll_ctl(epoll, EPOLL_CTL_ADD, listeners[i],
                          &(struct epoll_event){.events = EPOLLIN, .data.fd = listeners[i]});
        for (double next = now();;) {
                struct epoll_event events[64];
                int n = epoll_wait(epoll, events, 64, 5);

                for (int i = 0; i < n; i++) {
                        int fd = events[i].data.fd;

                        if (fd == listeners[0] || fd == listeners[1])
                                serve_connection(epoll, fd, connections, &n_connections);
                        else if (fd == listeners[2] || fd == listeners[3])
                                echo_datagrams(fd);
                        else
                                echo_stream(epoll, fd);
                }
                if (now() >= next) {
                        stranger(&strangers[n_strangers % STRANGERS], n_strangers);
                        n_strangers++;
                        next = now() + 0.005;
                }
        }
}

/* ------------------------------------------------------------------ witness */

typedef struct Witness {
        Plan plan;
        int fd;
        unsigned long long counts[FRAME_CLASSES], arrived[2]; /* arrived: frames with a token over UDP, TCP */
        unsigned shown[64];
        const char *kinds[64];
        char mark[64];
} Witness;

static void addr_parse(const char *text, uint8_t ret[16]) {
        memset(ret, 0, 10);
        memset(ret + 10, 0xff, 2);
        if (inet_pton(AF_INET6, text, ret) != 1 && inet_pton(AF_INET, text, ret + 12) != 1) {
                fprintf(stderr, "%s: not an address\n", text);
                exit(1);
        }
}

/* inet_pton(AF_INET6) may have written part of a result. */
static void plan_addr(const char *text, uint8_t ret[16]) {
        uint8_t addr[16];

        if (strchr(text, ':') && inet_pton(AF_INET6, text, addr) == 1)
                memcpy(ret, addr, sizeof(addr));
        else
                addr_parse(text, ret);
}

static void plan_make(Plan *p, char *argv[]) {
        plan_addr(CLIENT4, p->client4);
        plan_addr(CLIENT6, p->client6);
        plan_addr(argv[2], p->link_local);
        plan_addr(argv[3], p->router_link_local);
        plan_addr(GATEWAY4, p->router4);
        plan_addr(GATEWAY6, p->router6);
        plan_addr(ADDR4, p->allowed[0]);
        plan_addr(ADDR6, p->allowed[1]);
        plan_addr(NAME4, p->named[0]);
        plan_addr(NAME6, p->named[1]);
        plan_addr(RESOLVER4, p->resolvers[0]);
        plan_addr(RESOLVER6, p->resolvers[1]);
        plan_addr(MARK4, p->mark);
        plan_addr(STRANGER4, p->strangers[0]);
        plan_addr(STRANGER6, p->strangers[1]);
}

/* Whether this one is to be shown: the kinds are constants. */
static bool is_shown(Witness *w, const char *why) {
        unsigned i = 0;

        while (w->kinds[i] && w->kinds[i] != why)
                i++;
        w->kinds[i] = why;
        return w->shown[i]++ < SHOWN_MAX;
}

static void print_violation(Witness *w, const char *why, const uint8_t *frame, size_t size) {
        Token token = {};
        const void *found = frame_token(frame, size);
        char intended[INET6_ADDRSTRLEN] = "";

        if (!is_shown(w, why))
                return;
        if (found) {
                memcpy(&token, found, sizeof(token));
                inet_ntop(AF_INET6, token.addr, intended, sizeof(intended));
        }
        printf("{\"why\": \"%s\", \"at\": %.3f, \"token\": %s, \"seed\": %u, \"sequence\": %u, \"call\": %u, "
               "\"intended\": "
               "\"[%s]:%u\", \"size\": %zu, \"frame\": \"",
               why, now(), found ? "true" : "false", token.seed, token.sequence, token.call, intended,
               ntohs(token.port_be), size);
        for (size_t i = 0; i < size && i < HEX_MAX; i++)
                printf("%02x", frame[i]);
        puts("\"}");
        fflush(stdout);
}

static void see(Witness *w, const uint8_t *frame, size_t size) {
        const char *why;
        enum frame_class class = frame_judge(&w->plan, frame, size, &why);

        w->counts[class]++;
        if (class == FRAME_ALLOWED && frame_token(frame, size))
                w->arrived[(frame[12] == 8 ? frame[23] : frame[20]) == 6]++;
        if (class == FRAME_MARK && size > 42)
                snprintf(w->mark, sizeof(w->mark), "%.*s", (int) (size - 42), frame + 42);
        if (class == FRAME_VIOLATION)
                print_violation(w, why, frame, size);
}

static void receive(Witness *w) {
        static uint8_t frames[BATCH][FRAME_MAX];
        struct mmsghdr messages[BATCH] = {};
        struct sockaddr_ll from[BATCH];
        struct iovec iov[BATCH];
        int n;

        for (int i = 0; i < BATCH; i++) {
                iov[i] = (struct iovec){frames[i], FRAME_MAX};
                messages[i].msg_hdr = (struct msghdr){
                        .msg_iov = &iov[i], .msg_iovlen = 1, .msg_name = &from[i], .msg_namelen = sizeof(from[i])};
        }
        n = recvmmsg(w->fd, messages, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++)
                if (from[i].sll_pkttype != PACKET_OUTGOING)
                        see(w, frames[i], messages[i].msg_len);
}

static void report(Witness *w) {
        struct tpacket_stats statistics = {};

        getsockopt(w->fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &(socklen_t){sizeof(statistics)});
        printf("{\"counts\": {\"allowed\": %llu, \"queries\": %llu, \"neighbors\": %llu, \"refusals\": %llu, "
               "\"violations\": %llu, "
               "\"arrived_udp\": %llu, \"arrived_tcp\": %llu, \"lost\": %u}}\n",
               w->counts[FRAME_ALLOWED], w->counts[FRAME_QUERY], w->counts[FRAME_NEIGHBOR], w->counts[FRAME_REFUSAL],
               w->counts[FRAME_VIOLATION], w->arrived[0], w->arrived[1], statistics.tp_drops);
        fflush(stdout);
        memset(w->counts, 0, sizeof(w->counts));
        memset(w->arrived, 0, sizeof(w->arrived));
        memset(w->shown, 0, sizeof(w->shown));
}

static void watch(Witness *w) {
        struct pollfd fds[2] = {{.fd = w->fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
        char order[64] = "";

        for (;;) {
                if (poll(fds, 2, -1) < 0)
                        fail("poll");
                if (fds[0].revents)
                        receive(w);
                if (order[0] && strcmp(order, w->mark) == 0) {
                        order[0] = 0;
                        report(w);
                }
                if (!fds[1].revents)
                        continue;
                ssize_t n = read(0, order, sizeof(order) - 1);
                if (n <= 0)
                        return;
                order[n - 1] = 0; /* without its newline */
        }
}

int main(int argc, char *argv[]) {
        static Witness w;
        struct sockaddr_ll link = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
        const struct rlimit files = {65536, 65536};

        if (argc != 4)
                return 2;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) setrlimit(RLIMIT_NOFILE, &files);
        plan_make(&w.plan, argv);
        link.sll_ifindex = (int) if_nametoindex(argv[1]);
        w.fd = socket(AF_PACKET, SOCK_RAW, 0);
        setsockopt(w.fd, SOL_SOCKET, SO_RCVBUFFORCE, &(int){256 << 20}, sizeof(int));
        if (w.fd < 0 || bind(w.fd, (struct sockaddr *) &link, sizeof(link)) < 0)
                fail("packet socket");
        if (fork() == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                serve();
        }
        puts("ready");
        fflush(stdout);
        watch(&w);
        return 0;
}
