/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns-stream.h"

#include <assert.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#include "basic/macro.h"

#define QUERIES_PER_WAKEUP 32 /* per wakeup, so that one client with a full buffer does not block the loop */

struct DnsStream {
        sd_event_source *io; /* owns the fd */
        sd_event_source *idle;
        sd_event_source *defer; /* continues with buffered queries, and closes after a failed reply */
        int fd;                 /* borrowed from io */
        uint64_t idle_usec;
        unsigned pipeline_max;
        dns_stream_query_fn query;
        dns_stream_closed_fn closed;
        void *userdata;
        DnsFrameReader in;
        uint8_t *out; /* unsent bytes, NULL if none */
        size_t out_size;
        unsigned n_in_flight;
        uint32_t events;
        bool eof;    /* the client sends nothing more, but may still read */
        bool failed; /* no more reading or writing */
        bool more;   /* the buffer may hold complete queries */
        bool processing;
};

DEFINE_CLEANUP_FUNC(DnsStream *, dns_stream_free)

DnsStream *dns_stream_free(DnsStream *s) {
        if (!s)
                return NULL;

        assert(!s->processing);
        sd_event_source_disable_unref(s->io);
        sd_event_source_disable_unref(s->idle);
        sd_event_source_disable_unref(s->defer);
        dns_frame_reader_done(&s->in);
        free(s->out);
        free(s);
        return NULL;
}

static void stream_fail(DnsStream *s) {
        s->failed = true;
        free(s->out);
        s->out = NULL;
        s->out_size = 0;
}

static void stream_update(DnsStream *s) {
        uint32_t events = 0;

        if (!s->failed && !s->eof && s->n_in_flight < s->pipeline_max && !s->more)
                events |= EPOLLIN;
        if (s->out)
                events |= EPOLLOUT;
        if (events == s->events)
                return;

        s->events = events;
        if (sd_event_source_set_io_events(s->io, events) < 0)
                stream_fail(s);
}

static void stream_process(DnsStream *s) {
        unsigned left = QUERIES_PER_WAKEUP;

        s->processing = true;
        while (!s->failed && s->n_in_flight < s->pipeline_max && left > 0) {
                const uint8_t *data;
                size_t size;
                int r = dns_frame_reader_next(&s->in, &data, &size);
                if (r < 0)
                        stream_fail(s);
                if (r <= 0)
                        break;

                left--;
                s->n_in_flight++;
                if (sd_event_source_set_time_relative(s->idle, s->idle_usec) < 0)
                        stream_fail(s);
                s->query(s, data, size, s->userdata);
        }
        s->processing = false;
        s->more = left == 0 || s->n_in_flight >= s->pipeline_max;
}

/* The last step of each handler: the stream may have been freed afterwards. */
static void stream_settle(DnsStream *s) {
        bool drained = s->eof && !s->more && s->n_in_flight == 0 && !s->out;

        if (!s->failed && !drained)
                stream_update(s);
        if (!s->failed && !drained && s->more && s->n_in_flight < s->pipeline_max &&
            sd_event_source_set_enabled(s->defer, SD_EVENT_ONESHOT) < 0)
                stream_fail(s);
        if (s->failed || drained)
                s->closed(s, s->userdata);
}

static void stream_receive(DnsStream *s) {
        uint8_t *data;
        size_t size;

        if (dns_frame_reader_reserve(&s->in, &data, &size) < 0) {
                stream_fail(s);
                return;
        }

        ssize_t n = recv(s->fd, data, size, MSG_DONTWAIT);
        if (n > 0)
                dns_frame_reader_commit(&s->in, (size_t) n);
        else if (n == 0)
                s->eof = true;
        else if (errno != EAGAIN && errno != EINTR)
                stream_fail(s);
}

static void stream_flush(DnsStream *s) {
        ssize_t n = send(s->fd, s->out, s->out_size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) {
                if (errno != EAGAIN && errno != EINTR)
                        stream_fail(s);
                return;
        }

        s->out_size -= (size_t) n;
        memmove(s->out, s->out + n, s->out_size);
        if (s->out_size == 0) {
                free(s->out);
                s->out = NULL;
        }
}

static int stream_on_io(sd_event_source *source _unused_, int fd _unused_, uint32_t revents, void *userdata) {
        DnsStream *s = userdata;

        if ((revents & (EPOLLERR | EPOLLHUP)) && !(revents & EPOLLIN))
                stream_fail(s);
        if ((revents & EPOLLOUT) && s->out)
                stream_flush(s);
        if ((revents & EPOLLIN) && !s->failed && !s->eof) {
                stream_receive(s);
                stream_process(s);
        }
        stream_settle(s);
        return 0;
}

static int stream_on_idle(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        DnsStream *s = userdata;

        stream_fail(s);
        stream_settle(s);
        return 0;
}

static int stream_on_defer(sd_event_source *source _unused_, void *userdata) {
        DnsStream *s = userdata;

        stream_process(s);
        stream_settle(s);
        return 0;
}

static int stream_setup(DnsStream *s, sd_event *event, int fd) {
        int r = sd_event_add_io(event, &s->io, fd, EPOLLIN, stream_on_io, s);
        if (r < 0) {
                (void) close(fd);
                return r;
        }
        s->events = EPOLLIN;

        r = sd_event_source_set_io_fd_own(s->io, true);
        if (r < 0) {
                (void) close(fd);
                return r;
        }
        (void) sd_event_source_set_description(s->io, "dns-stream-io");

        r = sd_event_add_time_relative(event, &s->idle, CLOCK_MONOTONIC, s->idle_usec, 0, stream_on_idle, s);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(s->idle, "dns-stream-idle");

        r = sd_event_add_defer(event, &s->defer, stream_on_defer, s);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(s->defer, "dns-stream-defer");
        return sd_event_source_set_enabled(s->defer, SD_EVENT_OFF);
}

int dns_stream_new(sd_event *event, int fd, uint64_t idle_usec, unsigned pipeline_max, dns_stream_query_fn query,
                   dns_stream_closed_fn closed, void *userdata, DnsStream **ret) {
        assert(event);
        assert(fd >= 0);
        assert(pipeline_max > 0);
        assert(query);
        assert(closed);
        assert(ret);

        _cleanup_(dns_stream_freep) DnsStream *s = calloc(1, sizeof(*s));
        if (!s) {
                (void) close(fd);
                return -ENOMEM;
        }

        s->fd = fd;
        s->idle_usec = idle_usec;
        s->pipeline_max = pipeline_max;
        s->query = query;
        s->closed = closed;
        s->userdata = userdata;

        int r = stream_setup(s, event, fd);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(s);
        return 0;
}

/* Queues what the socket did not accept: the bytes of both parts from offset on. */
static int stream_keep(DnsStream *s, const struct iovec parts[static 2], size_t offset) {
        size_t total = parts[0].iov_len + parts[1].iov_len - offset;
        if (total > DNS_STREAM_OUT_MAX - s->out_size)
                return -ENOBUFS;

        uint8_t *out = realloc(s->out, s->out_size + total);
        if (!out)
                return -ENOMEM;
        s->out = out;

        for (size_t i = 0; i < 2; i++) {
                size_t skip = MIN(offset, parts[i].iov_len);
                memcpy(s->out + s->out_size, (const uint8_t *) parts[i].iov_base + skip, parts[i].iov_len - skip);
                s->out_size += parts[i].iov_len - skip;
                offset -= skip;
        }
        return 0;
}

static int stream_send(DnsStream *s, const uint8_t *data, size_t size) {
        uint8_t prefix[DNS_FRAME_PREFIX] = { (uint8_t) (size >> 8), (uint8_t) size };
        struct iovec parts[2] = {
                { .iov_base = prefix, .iov_len = sizeof(prefix) },
                { .iov_base = (void *) data, .iov_len = size },
        };
        struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
        size_t sent = 0;

        if (!s->out) {
                ssize_t n = sendmsg(s->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
                if (n < 0 && errno != EAGAIN && errno != EINTR)
                        return -errno;
                sent = n > 0 ? (size_t) n : 0;
        }

        return sent < sizeof(prefix) + size ? stream_keep(s, parts, sent) : 0;
}

int dns_stream_reply(DnsStream *s, const uint8_t *data, size_t size) {
        assert(s);
        assert(data || size == 0);
        assert(size <= DNS_FRAME_MAX - DNS_FRAME_PREFIX);
        assert(s->n_in_flight > 0);

        int r = 0;

        s->n_in_flight--;
        if (size > 0)
                r = s->failed ? -EPIPE : stream_send(s, data, size);
        if (r < 0)
                stream_fail(s);
        if (s->processing)
                return r;

        stream_update(s);
        if (s->failed || s->more || s->eof)
                (void) sd_event_source_set_enabled(s->defer, SD_EVENT_ONESHOT);
        return r;
}
