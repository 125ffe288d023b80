/* SPDX-License-Identifier: Apache-2.0 */
#include "run/stdio-relay.h"

#include <assert.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "basic/clock.h"
#include "run/inherited.h"

#define N_STREAMS 3
#define BUFFER_BYTES 16384

/* One direction. The descriptors are shared with other processes, so they are not set to O_NONBLOCK. */
typedef struct Flow {
        size_t start, end;
        bool ended; /* no more data from its source */
        bool passed; /* and its target has seen the end */
        uint8_t buffer[BUFFER_BYTES];
} Flow;

typedef struct Connection {
        ino_t inode;
        int outer;           /* borrowed: the connection */
        int inner, child_fd; /* the pair: ours, COMMAND's */
        sd_event_source *outer_source, *inner_source;
        Flow in, out;        /* towards COMMAND, from COMMAND */
} Connection;

struct StdioRelay {
        Connection *streams[N_STREAMS]; /* of the descriptor; the same connection may be there several times */
        Connection connections[N_STREAMS];
        size_t n_connections;
};

static Connection *connection_find(StdioRelay *r, ino_t inode) {
        for (size_t i = 0; i < r->n_connections; i++)
                if (r->connections[i].inode == inode)
                        return &r->connections[i];
        return NULL;
}

static int connection_add(StdioRelay *r, int fd) {
        Connection *c;
        struct stat st;
        int pair[2];

        if (fstat(fd, &st) < 0)
                return -errno;
        c = connection_find(r, st.st_ino);
        if (!c) {
                if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                        return -errno;
                c = &r->connections[r->n_connections++];
                *c = (Connection) { .inode = st.st_ino, .outer = fd, .inner = pair[0],
                                    .child_fd = pair[1] };
        }
        r->streams[fd] = c;
        return 0;
}

int stdio_relay_new(const int *keep, size_t n_keep, StdioRelay **ret) {
        _cleanup_(stdio_relay_freep) StdioRelay *relay = NULL;

        assert(ret);

        for (int fd = 0; fd < N_STREAMS; fd++) {
                int r;

                if (!inherited_is_connection(fd) || inherited_is_kept(keep, n_keep, fd))
                        continue;
                if (!relay)
                        relay = calloc(1, sizeof(*relay));
                if (!relay)
                        return -ENOMEM;
                r = connection_add(relay, fd);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(relay);
        return 0;
}

int stdio_relay_apply(const StdioRelay *r) {
        for (int fd = 0; r && fd < N_STREAMS; fd++)
                if (r->streams[fd] && dup2(r->streams[fd]->child_fd, fd) < 0)
                        return -errno;
        return 0;
}

/* ------------------------------------------------------------------ one direction */

static void flow_receive(Flow *f, int from) {
        ssize_t n;

        if (f->ended || f->end > 0)
                return;
        n = recv(from, f->buffer, sizeof(f->buffer), MSG_DONTWAIT);
        if (n > 0)
                f->end = (size_t) n;
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
                f->ended = true;
}

static void flow_send(Flow *f, int to) {
        ssize_t n;

        if (f->start < f->end) {
                n = send(to, f->buffer + f->start, f->end - f->start, MSG_DONTWAIT | MSG_NOSIGNAL);
                if (n > 0)
                        f->start += (size_t) n;
                else if (n < 0 && errno != EAGAIN && errno != EINTR) {
                        f->ended = true; /* nobody reads any more */
                        f->start = f->end;
                }
        }
        if (f->start == f->end)
                f->start = f->end = 0;
}

static size_t flow_waiting(const Flow *f) {
        return f->end - f->start;
}

/* Returns true if it made progress. */
static bool flow_pump(Flow *f, int from, int to) {
        const size_t before = flow_waiting(f);

        flow_receive(f, from);
        const size_t received = flow_waiting(f);
        flow_send(f, to);
        return received != before || flow_waiting(f) != received;
}

/* ------------------------------------------------------------------ both */

static int source_update(sd_event_source *source, const Flow *from, const Flow *to) {
        const uint32_t events = (!from->ended && flow_waiting(from) == 0 ? EPOLLIN : 0) |
                                (flow_waiting(to) > 0 ? EPOLLOUT : 0);
        int r;

        if (events == 0) /* epoll(7) would still report EPOLLHUP, without end */
                return sd_event_source_set_enabled(source, SD_EVENT_OFF);
        r = sd_event_source_set_io_events(source, events);
        return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ON);
}

/* COMMAND has closed its end, or ended, as opposed to shutdown(2). */
static bool hung_up(int inner) {
        struct pollfd p = { .fd = inner };

        return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}

/* Passes on each end after the last byte. The connection itself is the caller's, who may use it after COMMAND: it is not
 * shut down because COMMAND has ended, and then not read either. */
static void connection_pass_ends(Connection *c) {
        if (c->out.ended && flow_waiting(&c->out) == 0 && !c->out.passed) {
                c->out.passed = true;
                if (hung_up(c->inner))
                        c->in.ended = true;
                else
                        (void) shutdown(c->outer, SHUT_WR);
                (void) shutdown(c->inner, SHUT_RD); /* its writes fail from now on */
        }
        if (c->in.ended && flow_waiting(&c->in) == 0 && !c->in.passed) {
                c->in.passed = true;
                (void) shutdown(c->inner, SHUT_WR);
        }
}

static void connection_pump(Connection *c) {
        (void) flow_pump(&c->out, c->inner, c->outer);
        connection_pass_ends(c);
        (void) flow_pump(&c->in, c->outer, c->inner);
        connection_pass_ends(c);
}

static int connection_update(Connection *c) {
        int r = source_update(c->outer_source, &c->in, &c->out);

        return r < 0 ? r : source_update(c->inner_source, &c->out, &c->in);
}

static int connection_on_io(_unused_ sd_event_source *source, _unused_ int fd, _unused_ uint32_t events,
                            void *userdata) {
        Connection *c = userdata;

        connection_pump(c);
        return connection_update(c);
}

static int connection_start(Connection *c, sd_event *event) {
        int r;

        closep(&c->child_fd);
        c->child_fd = -EBADF;
        r = sd_event_add_io(event, &c->outer_source, c->outer, EPOLLIN, connection_on_io, c);
        if (r >= 0)
                r = sd_event_add_io(event, &c->inner_source, c->inner, EPOLLIN, connection_on_io, c);
        return r;
}

int stdio_relay_start(StdioRelay *r, sd_event *event) {
        int k = 0;

        if (!r)
                return 0;
        assert(event);

        for (size_t i = 0; i < r->n_connections && k >= 0; i++)
                k = connection_start(&r->connections[i], event);
        return k < 0 ? k : 0;
}

/* Returns the number of bytes that the connection did not accept: from the buffer, and from the pair. */
static size_t connection_drain(Connection *c, uint64_t deadline_usec) {
        int unread = 0;

        for (;;) {
                struct pollfd p = { .fd = c->outer, .events = POLLOUT };
                uint64_t now;

                while (flow_pump(&c->out, c->inner, c->outer))
                        ;
                now = clock_usec(CLOCK_MONOTONIC);
                if (flow_waiting(&c->out) == 0)
                        return 0;
                if (now >= deadline_usec)
                        break;
                (void) poll(&p, 1, (int) ((deadline_usec - now) / USEC_PER_MSEC) + 1);
        }
        (void) ioctl(c->inner, FIONREAD, &unread);
        return flow_waiting(&c->out) + (size_t) unread;
}

size_t stdio_relay_drain(StdioRelay *r, uint64_t timeout_usec) {
        const uint64_t deadline = clock_usec(CLOCK_MONOTONIC) + timeout_usec;
        size_t n_lost = 0;

        for (size_t i = 0; r && i < r->n_connections; i++)
                n_lost += connection_drain(&r->connections[i], deadline);
        return n_lost;
}

void stdio_relay_free(StdioRelay *r) {
        if (!r)
                return;
        for (size_t i = 0; i < r->n_connections; i++) {
                Connection *c = &r->connections[i];

                sd_event_source_disable_unref(c->outer_source);
                sd_event_source_disable_unref(c->inner_source);
                closep(&c->inner);
                closep(&c->child_fd);
        }
        free(r);
}
