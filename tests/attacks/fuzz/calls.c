/* SPDX-License-Identifier: Apache-2.0 */
#include "calls.h"
#include "entry32.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>

#define CALM (MSG_DONTWAIT | MSG_NOSIGNAL)

/* ------------------------------------------------------------------ results, slots */

/* Counts the call, and prints it in a replay. Keeps errno. */
__attribute__((format(printf, 3, 4))) static long done(Job *j, long result, const char *format, ...) {
        int error = errno;
        va_list arguments;

        atomic_fetch_add_explicit(&j->shared->n_calls, 1, memory_order_relaxed);
        if (result >= 0)
                atomic_fetch_add_explicit(&j->shared->n_succeeded, 1, memory_order_relaxed);
        if (j->verbose) {
                char text[400];

                va_start(arguments, format);
                vsnprintf(text, sizeof(text), format, arguments);
                va_end(arguments);
                fprintf(stderr, "  %u:%u %s = %s\n", j->where.sequence, j->where.call, text,
                        result >= 0 ? "ok" : strerrorname_np(error));
        }
        errno = error;
        return result;
}

static void slot_put(Job *j, Rng *r, int fd, const Target *target) {
        unsigned i = below(r, SLOTS);

        if (fd < 0)
                return;
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        if (j->slots[i].fd >= 0)
                close(j->slots[i].fd);
        j->slots[i] = (Slot){.fd = fd};
        if (target)
                j->slots[i].target = *target;
        j->last = i;
}

/* Usually the last one. */
static Slot *slot_pick(Job *j, Rng *r) {
        bool last = chance(r, 60);
        unsigned i = below(r, SLOTS);

        if (!last)
                for (unsigned n = 0; n < SLOTS; n++, i = (i + 1) % SLOTS)
                        if (j->slots[i].fd >= 0)
                                return &j->slots[i];
        return &j->slots[j->last];
}

static int socket_number(int fd, int name) {
        int n = 0;

        return getsockopt(fd, SOL_SOCKET, name, &n, &(socklen_t){sizeof(n)}) < 0 ? -1 : n;
}

static int family_of(const Slot *s) {
        int family = socket_number(s->fd, SO_DOMAIN);

        return family < 0 ? AF_INET : family;
}

/* ------------------------------------------------------------------ making and naming sockets */

/* By the entry for 32-bit programs. */
static bool by_compat(Job *j, Rng *r) {
        bool wanted = chance(r, 4);

        return wanted && j->has_compat;
}

static void call_socket(Job *j, Rng *r) {
        static const int types[] = {SOCK_STREAM, SOCK_STREAM, SOCK_DGRAM,    SOCK_DGRAM,
                                    SOCK_DGRAM,  SOCK_RAW,    SOCK_SEQPACKET};
        static const int protocols[] = {
                IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6, 136, 132, 33, 262, 256, 115, 50, 47, 4, 41,
                255,         2,           103};
        bool common = chance(r, 88);
        int family = common ? chance(r, 50) ? AF_INET : AF_INET6 : (int) below(r, 48);
        int type = common ? types[below(r, 5)] : chance(r, 70) ? PICK(r, types) : (int) below(r, 12);
        int protocol = chance(r, common ? 80 : 40) ? 0 : chance(r, 70) ? PICK(r, protocols) : (int) below(r, 256);
        long fd;

        if (common && chance(r, 4)) { /* MPTCP */
                type = SOCK_STREAM;
                protocol = 262;
        } else if (common && chance(r, 3)) { /* ping */
                type = SOCK_DGRAM;
                protocol = family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
        }
        if (by_compat(j, r))
                fd = call32(SOCKET32, family, type | SOCK_CLOEXEC, protocol, 0, 0);
        else if (!common && chance(r, 10))
                fd = syscall(SYS_socket | 0x40000000, family, type | SOCK_CLOEXEC, protocol); /* x32 */
        else
                fd = syscall(SYS_socket, (uint64_t) family | (chance(r, 2) ? 1ULL << 40 : 0), type | SOCK_CLOEXEC,
                             protocol);
        done(j, fd, "socket(%d, %d, %d)", family, type, protocol);
        if (fd >= 0 && family < FAMILIES && !j->inside)
                j->shared->families[family]++;
        slot_put(j, r, (int) fd, NULL);
}

static void call_bind(Job *j, Rng *r) {
        Slot *s = slot_pick(j, r);
        socklen_t n;
        Target t;

        target_pick_local(r, &j->where, &t);
        n = target_sockaddr(r, &t, family_of(s), &j->low->addr);
        if (by_compat(j, r))
                done(j, call32(BIND32, s->fd, low(&j->low->addr), n, 0, 0), "bind32(%d, %s)", s->fd, target_text(&t));
        else
                done(j, bind(s->fd, (struct sockaddr *) &j->low->addr, n), "bind(%d, %s)", s->fd, target_text(&t));
}

static void call_connect(Job *j, Rng *r) {
        Slot *s = slot_pick(j, r);
        int family = family_of(s);
        socklen_t n;
        Target t;
        long result;

        target_pick(r, &j->where, family, &t);
        n = target_sockaddr(r, &t, family, &j->low->addr);
        if (chance(r, 8)) {
                j->low->addr.ss_family = AF_UNSPEC;
                n = chance(r, 50) ? 16 : n;
        }
        if (by_compat(j, r))
                result = call32(CONNECT32, s->fd, low(&j->low->addr), n, 0, 0);
        else
                result = connect(s->fd, (struct sockaddr *) &j->low->addr, n);
        if (result >= 0 || errno == EINPROGRESS)
                s->target = t;
        done(j, result, "connect(%d, %s family %d)", s->fd, target_text(&t), j->low->addr.ss_family);
}

static void call_listen(Job *j, Rng *r) {
        Slot *s = slot_pick(j, r);

        done(j, listen(s->fd, (int) below(r, 3)), "listen(%d)", s->fd);
}

static void call_accept(Job *j, Rng *r) {
        Slot *s = slot_pick(j, r);
        int from = s->fd, fd = accept4(from, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        done(j, fd, "accept(%d)", from);
        slot_put(j, r, fd, NULL);
}

static void call_shutdown(Job *j, Rng *r) {
        Slot *s = slot_pick(j, r);

        done(j, shutdown(s->fd, (int) below(r, 3)), "shutdown(%d)", s->fd);
}

static void call_close(Job *j, Rng *r) {
        Slot *s = slot_pick(j, r);

        done(j, close(s->fd), "close(%d)", s->fd);
        s->fd = -1;
}

/* ------------------------------------------------------------------ sending */

static int flags_pick(Rng *r) {
        static const int flags[] = {
                MSG_MORE,  MSG_MORE,     MSG_MORE,     MSG_DONTROUTE, MSG_CONFIRM,          MSG_OOB, MSG_EOR,
                MSG_PROXY, MSG_ZEROCOPY, MSG_FASTOPEN, MSG_FASTOPEN,  0x4000000 | MSG_MORE, 0x20000};

        return CALM | (chance(r, 55) ? 0 : PICK(r, flags)) | (chance(r, 3) ? MSG_MORE : 0);
}

static void sent(Job *j, long result, const Target *t) {
        if (result > 0 && t->allowed)
                atomic_fetch_add_explicit(&j->shared->n_sent, 1, memory_order_relaxed);
}

static void call_send(Job *j, Rng *r) {
        Slot *s = slot_pick(j, r);
        size_t n = payload_make(r, &j->where, &s->target, j->low->payload);
        int flags = flags_pick(r);
        long result = chance(r, 20) ? write(s->fd, j->low->payload, n) : send(s->fd, j->low->payload, n, flags);

        sent(j, done(j, result, "send(%d, %zu, %x)", s->fd, n, flags), &s->target);
}

static void call_sendto(Job *j, Rng *r) {
        Slot *s = slot_pick(j, r);
        int family = family_of(s), flags = flags_pick(r);
        size_t n;
        socklen_t length;
        Target t;
        long result;

        target_pick(r, &j->where, family, &t);
        length = target_sockaddr(r, &t, family, &j->low->addr);
        n = payload_make(r, &j->where, &t, j->low->payload);
        result = sendto(s->fd, j->low->payload, n, flags, (struct sockaddr *) &j->low->addr, length);
        if (result >= 0 && flags & MSG_FASTOPEN)
                s->target = t;
        sent(j, done(j, result, "sendto(%d, %zu, %x, %s)", s->fd, n, flags, target_text(&t)), &t);
}

/* Ancillary data; compat: as 32-bit programs give it. Returns its length. */
static size_t control_make(Job *j, Rng *r, int family, bool compat, char *text, size_t size) {
        size_t at = 0, head = compat ? 12 : sizeof(struct cmsghdr), align = compat ? 4 : sizeof(size_t);

        text[0] = 0;
        for (uint32_t n = below(r, 3); n; n--) {
                Option o;
                size_t length = ancillary_pick(r, &j->where, family, &o, j->low->value);
                int words[2] = {o.level, o.name};
                uint64_t whole = head + length;

                if (at + whole + align > sizeof(j->low->control))
                        break;
                memset(j->low->control + at, 0, head);
                memcpy(j->low->control + at, &whole, compat ? 4 : 8); /* little endian, or native width */
                memcpy(j->low->control + at + head - 8, words, sizeof(words));
                memcpy(j->low->control + at + head, j->low->value, length);
                snprintf(text + strlen(text), size - strlen(text), " %d:%d(%zu)", o.level, o.name, length);
                at += (whole + align - 1) / align * align;
        }
        return at;
}

static long send_message(Job *j, bool compat, int fd, socklen_t length, size_t n, size_t n_control, int flags) {
        struct iovec iov = {.iov_base = j->low->payload, .iov_len = n};
        struct msghdr m = {
                .msg_name = length ? &j->low->addr : NULL,
                .msg_namelen = length,
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = n_control ? j->low->control : NULL,
                .msg_controllen = n_control,
        };

        if (!compat)
                return sendmsg(fd, &m, flags);
        j->low->iov[0] = (uint32_t) low(j->low->payload);
        j->low->iov[1] = (uint32_t) n;
        j->low->message[0] = length ? (uint32_t) low(&j->low->addr) : 0;
        j->low->message[1] = length;
        j->low->message[2] = (uint32_t) low(j->low->iov);
        j->low->message[3] = 1;
        j->low->message[4] = n_control ? (uint32_t) low(j->low->control) : 0;
        j->low->message[5] = (uint32_t) n_control;
        j->low->message[6] = 0;
        return call32(SENDMSG32, fd, low(j->low->message), flags, 0, 0);
}

static void call_sendmsg(Job *j, Rng *r) {
        Slot *s = slot_pick(j, r);
        int family = family_of(s), flags = flags_pick(r);
        bool compat = by_compat(j, r), to_peer = chance(r, 25);
        char text[100];
        Target t = s->target;
        socklen_t length = 0;
        size_t n_control, n;
        long result;

        if (!to_peer) {
                target_pick(r, &j->where, family, &t);
                length = target_sockaddr(r, &t, family, &j->low->addr);
        }
        n = payload_make(r, &j->where, &t, j->low->payload);
        n_control = control_make(j, r, family, compat, text, sizeof(text));
        result = send_message(j, compat, s->fd, length, n, n_control, flags);
        sent(j,
             done(j, result, "sendmsg%s(%d, %zu, %x, %s)%s", compat ? "32" : "", s->fd, n, flags, target_text(&t),
                  text),
             &t);
}

static void call_sendmmsg(Job *j, Rng *r) {
        Slot *s = slot_pick(j, r);
        struct mmsghdr messages[4] = {};
        struct sockaddr_storage addrs[4];
        struct iovec iov[4];
        int family = family_of(s), n = (int) (2 + below(r, 3)), flags = flags_pick(r);
        Target t;

        for (int i = 0; i < n; i++) {
                uint8_t *at = j->low->payload + (size_t) i * 4096;

                target_pick(r, &j->where, family, &t);
                iov[i] = (struct iovec){at, payload_make(r, &j->where, &t, j->low->payload) % 4000};
                memmove(at, j->low->payload, iov[i].iov_len);
                messages[i].msg_hdr = (struct msghdr){
                        .msg_name = &addrs[i],
                        .msg_namelen = target_sockaddr(r, &t, family, &addrs[i]),
                        .msg_iov = &iov[i],
                        .msg_iovlen = 1,
                };
        }
        done(j, sendmmsg(s->fd, messages, (unsigned) n, flags), "sendmmsg(%d, %d, %x, last %s)", s->fd, n, flags,
             target_text(&t));
}

/* As the kernel's own task does it. */
static void call_ring(Job *j, Rng *r) {
        static const uint8_t codes[] = {IORING_OP_CONNECT, IORING_OP_SENDMSG, IORING_OP_SENDMSG, IORING_OP_SEND};
        Slot *s = slot_pick(j, r);
        int family = family_of(s);
        struct io_uring_sqe e = {.opcode = PICK(r, codes), .fd = s->fd};
        struct iovec iov = {.iov_base = j->low->payload};
        struct msghdr m = {.msg_name = &j->low->addr, .msg_iov = &iov, .msg_iovlen = 1};
        Target t = s->target;

        if (e.opcode != IORING_OP_SEND) {
                target_pick(r, &j->where, family, &t);
                m.msg_namelen = target_sockaddr(r, &t, family, &j->low->addr);
        }
        iov.iov_len = payload_make(r, &j->where, &t, j->low->payload);
        e.addr = (uintptr_t) (e.opcode == IORING_OP_CONNECT   ? (void *) &j->low->addr
                              : e.opcode == IORING_OP_SENDMSG ? (void *) &m
                                                              : j->low->payload);
        e.len = e.opcode == IORING_OP_SEND ? (uint32_t) iov.iov_len : e.opcode == IORING_OP_SENDMSG;
        e.off = e.opcode == IORING_OP_CONNECT ? m.msg_namelen : 0;
        e.msg_flags = e.opcode == IORING_OP_CONNECT ? 0 : CALM;
        e.flags = chance(r, 30) ? IOSQE_ASYNC : 0;
        if (j->ring.fd >= 0)
                sent(j, done(j, ring_call(&j->ring, &e), "ring(%u, %d, %s)", e.opcode, s->fd, target_text(&t)), &t);
}

/* From a file or a pipe. */
static void call_splice(Job *j, Rng *r) {
        Slot *s = slot_pick(j, r);
        size_t n = payload_make(r, &j->where, &s->target, j->low->payload);
        uint32_t how = below(r, 3);
        long result;

        if (n > 32768)
                n = 32768;
        if (how == 0) {
                off_t start = 0;

                (void) !pwrite(j->file, j->low->payload, n, 0);
                result = sendfile(s->fd, j->file, &start, n);
        } else {
                struct iovec iov = {j->low->payload, n};

                if ((how == 1 ? write(j->pipe[1], j->low->payload, n)
                              : vmsplice(j->pipe[1], &iov, 1, SPLICE_F_NONBLOCK)) < 0)
                        return;
                result = splice(j->pipe[0], NULL, s->fd, NULL, n,
                                SPLICE_F_NONBLOCK | (chance(r, 30) ? SPLICE_F_MORE : 0));
                while (read(j->pipe[0], j->low->payload, sizeof(j->low->payload)) > 0) {
                }
        }
        sent(j, done(j, result, "splice%u(%d, %zu)", how, s->fd, n), &s->target);
}

/* Receives, and answers whoever sent it. */
static void call_reply(Job *j, Rng *r) {
        Slot *s = slot_pick(j, r);
        socklen_t length = sizeof(j->low->addr);
        long n = recvfrom(s->fd, j->low->payload, 4000, CALM | (chance(r, 20) ? MSG_ERRQUEUE : 0),
                          (struct sockaddr *) &j->low->addr, &length);

        done(j, n, "recvfrom(%d)", s->fd);
        if (n < 0 || chance(r, 40))
                return;
        n = (long) payload_make(r, &j->where, &s->target, j->low->payload);
        done(j, sendto(s->fd, j->low->payload, (size_t) n, CALM, (struct sockaddr *) &j->low->addr, length),
             "reply(%d)", s->fd);
}

/* ------------------------------------------------------------------ options and other calls */

static void call_setsockopt(Job *j, Rng *r) {
        Slot *s = slot_pick(j, r);
        bool known = chance(r, 85);
        Option o;
        size_t n = known ? option_pick(r, &j->where, family_of(s), &o, j->low->value)
                         : option_pick_random(r, &o, j->low->value);
        bool compat = by_compat(j, r);

        if (chance(r, 3))
                n = below(r, VALUE_MAX);
        /* No hook sees options that 32-bit programs set: documented for groups. */
        if (compat && !o.group)
                done(j, call32(SETSOCKOPT32, s->fd, o.level, o.name, low(j->low->value), (long) n),
                     "setsockopt32(%d, %d, %d, %zu)", s->fd, o.level, o.name, n);
        else
                done(j, setsockopt(s->fd, o.level, o.name, j->low->value, (socklen_t) n), "setsockopt(%d, %d, %d, %zu)",
                     s->fd, o.level, o.name, n);
}

static void call_getsockopt(Job *j, Rng *r) {
        Slot *s = slot_pick(j, r);
        socklen_t n = (socklen_t) below(r, VALUE_MAX);
        Option o;

        (void) option_pick(r, &j->where, family_of(s), &o, j->low->value);
        done(j, getsockopt(s->fd, o.level, o.name, j->low->value, &n), "getsockopt(%d, %d, %d)", s->fd, o.level,
             o.name);
}

static void call_ioctl(Job *j, Rng *r) {
        static const unsigned requests[] = {0x8901, 0x8902, 0x8905, 0x8906, 0x8907, 0x890b, 0x890c,
                                            0x8914, 0x8916, 0x891a, 0x8924, 0x8927, 0x8953, 0x8955,
                                            0x89e0, 0x89e2, 0x89f0, 0x5411, 0x541b, 0x894c};
        Slot *s = slot_pick(j, r);
        unsigned request = PICK(r, requests);
        Target t;

        memset(j->low->value, 0, VALUE_MAX);
        memcpy(j->low->value, "eth0", 5);
        target_pick(r, &j->where, AF_INET, &t);
        memcpy(j->low->value + 20, &t.addr.s6_addr32[3], 4);
        j->low->value[16] = AF_INET;
        done(j, ioctl(s->fd, request, j->low->value), "ioctl(%d, %x)", s->fd, request);
}

/* Lets connections be established, and answers arrive. */
static void call_wait(Job *j, Rng *r) {
        Slot *s = slot_pick(j, r);
        struct pollfd p = {.fd = s->fd, .events = chance(r, 70) ? POLLOUT : POLLIN};

        done(j, poll(&p, 1, (int) below(r, 4)), "poll(%d)", s->fd);
}

static void call_dup(Job *j, Rng *r) {
        Slot *s = slot_pick(j, r);
        Target t = s->target;
        int fd = chance(r, 50) ? dup(s->fd) : fcntl(s->fd, F_DUPFD_CLOEXEC, 100);

        done(j, fd, "dup(%d)", s->fd);
        slot_put(j, r, fd, &t);
}

/* Over a unix socket and back. */
static void call_pass(Job *j, Rng *r) {
        Slot *s = slot_pick(j, r);
        union {
                struct cmsghdr head;
                char data[CMSG_SPACE(sizeof(int))];
        } control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
        struct iovec iov = {.iov_base = (char[1]){0}, .iov_len = 1};
        struct msghdr m = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
        Target t = s->target;
        int fd = -1;

        memcpy(CMSG_DATA(&control.head), &s->fd, sizeof(int));
        if (sendmsg(j->pair[0], &m, CALM) > 0 && recvmsg(j->pair[1], &m, CALM | MSG_CMSG_CLOEXEC) > 0)
                memcpy(&fd, CMSG_DATA(&control.head), sizeof(int));
        done(j, fd, "pass(%d)", s->fd);
        slot_put(j, r, fd, &t);
}

static void call_look_up(Job *j, Rng *r) {
        if (chance(r, 30))
                job_look_up(j);
}

/* ------------------------------------------------------------------ threads */

typedef struct Race {
        int fd;
        atomic_bool over;
        struct sockaddr_storage *shared, addrs[3]; /* AF_UNSPEC, and two destinations */
        socklen_t lengths[3];
        bool connects;
} Race;

static void *race_other(void *data) {
        Race *race = data;

        for (int i = 0; !atomic_load(&race->over); i = (i + 1) % 3)
                if (race->connects)
                        (void) connect(race->fd, (struct sockaddr *) &race->addrs[i], race->lengths[i]);
                else
                        memcpy(race->shared, &race->addrs[1 + i % 2], sizeof(race->addrs[0]));
        return NULL;
}

/* Another thread connects the socket elsewhere, or changes the address that a call reads, while this one sends. */
static void call_race(Job *j, Rng *r) {
        Slot *s = slot_pick(j, r);
        Race race = {.fd = s->fd, .connects = chance(r, 60), .shared = &j->low->addr};
        int family = family_of(s), rounds = (int) (20 + below(r, 60));
        pthread_t other;
        Target t;
        size_t n;

        for (int i = 0; i < 3; i++) {
                target_pick(r, &j->where, family, &t);
                race.lengths[i] = target_sockaddr(r, &t, family, &race.addrs[i]);
        }
        if (race.connects)
                race.addrs[0].ss_family = AF_UNSPEC;
        n = payload_make(r, &j->where, &t, j->low->payload) % 3000;
        j->low->addr = race.addrs[2];
        if (pthread_create(&other, NULL, race_other, &race) != 0)
                return;
        for (int i = 0; i < rounds; i++)
                if (race.connects)
                        (void) send(s->fd, j->low->payload, n, CALM);
                else if (i % 4 == 3)
                        (void) connect(s->fd, (struct sockaddr *) race.shared, race.lengths[2]);
                else
                        (void) sendto(s->fd, j->low->payload, n, CALM, (struct sockaddr *) race.shared,
                                      race.lengths[2]);
        atomic_store(&race.over, true);
        pthread_join(other, NULL);
        done(j, 0, "race(%d, %s, last %s)", s->fd, race.connects ? "connect" : "address", target_text(&t));
}

/* ------------------------------------------------------------------ processes */

static void interrupt(int number) {
        (void) number;
}

void job_never_block(void) {
        const struct sigaction action = {.sa_handler = interrupt};
        const struct itimerval timer = {.it_interval = {.tv_usec = 20000}, .it_value = {.tv_usec = 20000}};

        sigaction(SIGALRM, &action, NULL);
        setitimer(ITIMER_REAL, &timer, NULL);
        signal(SIGPIPE, SIG_IGN);
        signal(SIGIO, SIG_IGN);
        signal(SIGURG, SIG_IGN);
}

static void run_calls(Job *j, Rng *r, uint32_t n);

/* Ends it after a moment at the latest. */
static void wait_for(pid_t child) {
        for (int i = 0; i < 6; i++) /* the timer interrupts */
                if (waitpid(child, NULL, 0) >= 0 || errno != EINTR)
                        return;
        kill(child, SIGKILL);
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
        }
}

/* fork(), with a timer for the child too. */
static pid_t fork_child(void) {
        pid_t child = fork();

        if (child == 0)
                job_never_block();
        return child;
}

static void call_fork(Job *j, Rng *r) {
        uint32_t n = 1 + below(r, 8);
        bool together = chance(r, 50);
        Rng theirs = {.state = rng_next(r)};
        pid_t child = fork_child();

        if (child == 0) {
                run_calls(j, &theirs, n);
                _exit(0);
        }
        done(j, child, "fork");
        if (child < 0)
                return;
        if (together)
                run_calls(j, r, 3);
        wait_for(child);
}

static void call_exec(Job *j, Rng *r) {
        Slot *s = slot_pick(j, r);
        char fd[12], seed[12], sequence[12];
        pid_t child;

        snprintf(fd, sizeof(fd), "%d", s->fd);
        snprintf(seed, sizeof(seed), "%u", j->where.seed);
        snprintf(sequence, sizeof(sequence), "%u", j->where.sequence);
        child = fork_child();
        if (child == 0) {
                fcntl(s->fd, F_SETFD, 0);
                execl(j->program, j->program, "--inherited", fd, seed, sequence, (char *) NULL);
                _exit(1);
        }
        done(j, child, "exec(%d)", s->fd);
        if (child > 0)
                wait_for(child);
}

static void send_frames(Job *j, Rng *r) {
        int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
        struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_halen = 6};
        Target t = {};

        for (int i = 1; i < 4; i++) {
                to.sll_ifindex = i;
                (void) sendto(fd, j->low->payload, 14 + payload_make(r, &j->where, &t, j->low->payload + 14) % 1400,
                              CALM, (struct sockaddr *) &to, sizeof(to));
        }
        if (fd >= 0)
                close(fd);
}

/* As root of a user namespace, with a network of its own and the sockets of the outer one. */
static void call_namespace(Job *j, Rng *r) {
        uint32_t n = 2 + below(r, 10);
        bool network = chance(r, 80);
        Rng theirs = {.state = rng_next(r)};
        pid_t child = fork_child();

        if (child == 0) {
                struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
                int fd;

                if (unshare(CLONE_NEWUSER | (network ? CLONE_NEWNET : 0)) < 0)
                        _exit(1);
                fd = socket(AF_INET, SOCK_DGRAM, 0);
                (void) ioctl(fd, SIOCSIFFLAGS, &lo);
                close(fd);
                j->inside = network;
                send_frames(j, &theirs);
                run_calls(j, &theirs, n);
                _exit(0);
        }
        done(j, child, "namespace(%d)", network);
        if (child > 0)
                wait_for(child);
}

static void keep_sending(Job *j, Rng *r, int seconds) {
        for (int i = 0; i < seconds * 20; i++) {
                run_calls(j, r, 5);
                usleep(50000);
        }
}

/* A process that is to survive the job: stopped, in a session of its own, or waiting for the job to end. */
static void call_leave(Job *j, Rng *r) {
        uint32_t how = below(r, 3);
        Rng theirs = {.state = rng_next(r)};

        if (j->where.sequence % 16 != 0 || atomic_fetch_add(&j->shared->n_left, 1) >= LEFT_MAX)
                return;
        pid_t child = fork_child();
        if (child == 0) {
                if (fork() != 0)
                        _exit(0);
                setsid();
                job_never_block();
                for (int i = 1; i < 32; i++)
                        if (i != SIGALRM)
                                signal(i, SIG_IGN);
                if (how == 0)
                        raise(SIGSTOP);
                else if (how == 1) /* until it is the child of another */
                        for (int i = 0; i < 4000 && kill(j->parent, 0) == 0; i++)
                                usleep(20000);
                keep_sending(j, &theirs, 60);
                _exit(0);
        }
        done(j, child, "leave(%u)", how);
        if (child > 0)
                wait_for(child);
}

/* ------------------------------------------------------------------ sequences */

typedef struct Call {
        void (*run)(Job *j, Rng *r);
        uint32_t weight;
} Call;

static const Call calls[] = {
        {call_socket, 130},    {call_bind, 60},  {call_connect, 180}, {call_listen, 15},  {call_accept, 15},
        {call_shutdown, 12},   {call_close, 25}, {call_send, 110},    {call_sendto, 130}, {call_sendmsg, 110},
        {call_sendmmsg, 20},   {call_ring, 15},  {call_splice, 25},   {call_reply, 40},   {call_setsockopt, 190},
        {call_getsockopt, 12}, {call_ioctl, 10}, {call_wait, 30},     {call_dup, 10},     {call_pass, 8},
        {call_look_up, 1},     {call_race, 6},   {call_fork, 4},      {call_exec, 1},     {call_namespace, 1},
        {call_leave, 6},
};

static void run_call(Job *j, Rng *r) {
        uint32_t total = 0, n;

        for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
                total += calls[i].weight;
        n = below(r, total);
        for (size_t i = 0;; n -= calls[i++].weight)
                if (n < calls[i].weight) {
                        calls[i].run(j, r);
                        return;
                }
}

static void run_calls(Job *j, Rng *r, uint32_t n) {
        while (n--)
                run_call(j, r);
}

void job_run_sequence(Job *j, uint32_t sequence, uint64_t wanted) {
        uint32_t n;
        Rng r;

        j->where.sequence = sequence;
        j->where.call = 0;
        rng_init(&r, &j->where, 1);
        n = 3 + below(&r, CALLS_MAX - 3);
        for (uint16_t i = 0; i < n; i++) {
                j->where.call = i;
                rng_init(&r, &j->where, 0); /* so that a call is the same without those before it */
                if (!(wanted >> i & 1))
                        continue;
                if (i == 0)
                        call_socket(j, &r);
                else
                        run_call(j, &r);
        }
        job_close_slots(j);
}

void job_run_inherited(Job *j, int fd) {
        Rng r;

        j->where.call = CALLS_MAX;
        rng_init(&r, &j->where, 2);
        slot_put(j, &r, fd, NULL);
        run_calls(j, &r, 8);
}

void job_look_up(Job *j) {
        struct addrinfo *found = NULL;

        if (j->inside)
                return;
        if (getaddrinfo(NAME, NULL, NULL, &found) == 0)
                freeaddrinfo(found);
}

void job_close_slots(Job *j) {
        for (unsigned i = 0; i < SLOTS; i++) {
                if (j->slots[i].fd >= 0)
                        close(j->slots[i].fd);
                j->slots[i] = (Slot){.fd = -1};
        }
}

void job_open(Job *j) {
        j->low = mmap(NULL, sizeof(Low), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
        j->file = memfd_create("payload", MFD_CLOEXEC);
        if (j->low == MAP_FAILED || j->file < 0 || pipe2(j->pipe, O_CLOEXEC | O_NONBLOCK) < 0 ||
            socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, j->pair) < 0)
                abort();
        for (unsigned i = 0; i < SLOTS; i++)
                j->slots[i].fd = -1;
        j->has_compat = entry32_works();
        ring_open(&j->ring);
}
