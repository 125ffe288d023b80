/* SPDX-License-Identifier: Apache-2.0 */
#include "net/upstream-batch.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define RECEIVED_MAX 16U
#define RECEIVED_SIZE_MAX 4097U /* as much as c-ares reads */

/* A socket with a datagram that was not sent. */
typedef struct Failure {
        int fd;
        int error; /* errno */
        bool is_reported;
        void *owner;
} Failure;

/* Of one socket, oldest first. */
typedef struct Received {
        int fd; /* -1: none */
        unsigned n, next;
        bool more; /* perhaps: the last call has filled all places */
        struct mmsghdr messages[RECEIVED_MAX];
        struct iovec parts[RECEIVED_MAX];
        struct sockaddr_storage from[RECEIVED_MAX];
        uint8_t data[RECEIVED_MAX][RECEIVED_SIZE_MAX];
} Received;

struct UpstreamBatch {
        upstream_batch_failed_fn fn;
        void *userdata;
        sd_event_source *turn;
        unsigned n, n_failed;
        Failure failed[UPSTREAM_BATCH]; /* at most one of each socket */
        int fds[UPSTREAM_BATCH];        /* of the messages, as the owners */
        void *owners[UPSTREAM_BATCH];
        struct mmsghdr messages[UPSTREAM_BATCH];
        struct iovec parts[UPSTREAM_BATCH];
        uint8_t data[UPSTREAM_BATCH][UPSTREAM_BATCH_SIZE_MAX];
        Received received;
};

static Failure *find_failure(UpstreamBatch *b, int fd) {
        for (unsigned i = 0; i < b->n_failed; i++)
                if (b->failed[i].fd == fd)
                        return &b->failed[i];
        return NULL;
}

/* EAGAIN would be no failure for a reader. */
static void note_failure(UpstreamBatch *b, int fd, void *owner, int error) {
        if (!find_failure(b, fd) && b->n_failed < UPSTREAM_BATCH)
                b->failed[b->n_failed++] =
                        (Failure) { .fd = fd, .error = error == EAGAIN ? ENOBUFS : error, .owner = owner };
}

/* 0 if the socket has not failed. */
static int take_failure(UpstreamBatch *b, int fd) {
        Failure *f = find_failure(b, fd);

        if (!f)
                return 0;
        int error = f->error;
        *f = b->failed[--b->n_failed];
        return error;
}

/* If only some were sent, the kernel does not report why: perhaps the server's port is closed, which it reports only once.
 * So the socket has failed in each case, and the rest is not tried. */
static void send_some(UpstreamBatch *b, unsigned first, unsigned n) {
        int sent = sendmmsg(b->fds[first], b->messages + first, n, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (sent < 0 || (unsigned) sent < n)
                note_failure(b, b->fds[first], b->owners[first], sent < 0 ? errno : ECONNREFUSED);
}

static void send_all(UpstreamBatch *b) {
        for (unsigned i = 0, end; i < b->n; i = end) {
                for (end = i + 1; end < b->n && b->fds[end] == b->fds[i];)
                        end++;
                send_some(b, i, end - i);
        }
        b->n = 0;
}

/* Before the loop waits again. */
static int batch_on_turn(sd_event_source *source, void *userdata) {
        UpstreamBatch *b = userdata;

        send_all(b);
        return b->n_failed > 0 ? 0 : sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

static int batch_on_failed(sd_event_source *source _unused_, void *userdata) {
        UpstreamBatch *b = userdata;

        while (b->n_failed > 0) {
                Failure *f = &b->failed[0];
                int fd = f->fd;

                f->is_reported = true;
                b->fn(fd, f->owner, b->userdata);
                f = find_failure(b, fd);
                if (f && f->is_reported) /* it was not read; by now the descriptor may be another socket's */
                        (void) take_failure(b, fd);
        }
        return 0;
}

int upstream_batch_new(sd_event *event, upstream_batch_failed_fn fn, void *userdata, UpstreamBatch **ret) {
        assert(event);
        assert(fn);
        assert(ret);

        _cleanup_(upstream_batch_freep) UpstreamBatch *b = malloc(sizeof(*b)); /* most of it is not used for long */
        if (!b)
                return -ENOMEM;
        b->fn = fn;
        b->userdata = userdata;
        b->turn = NULL;
        b->n = b->n_failed = 0;
        b->received.fd = -1;
        int r = sd_event_add_defer(event, &b->turn, batch_on_failed, b);
        if (r >= 0)
                r = sd_event_source_set_enabled(b->turn, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_source_set_prepare(b->turn, batch_on_turn);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(b->turn, "upstream-batch");
        *ret = TAKE_PTR(b);
        return 0;
}

UpstreamBatch *upstream_batch_free(UpstreamBatch *b) {
        if (!b)
                return NULL;
        sd_event_source_disable_unref(b->turn);
        free(b);
        return NULL;
}

bool upstream_batch_is_empty(const UpstreamBatch *b) {
        assert(b);

        return b->n == 0;
}

/* The error may be that of an earlier datagram: it concerns all that are waited for at this socket. */
static ssize_t send_now(UpstreamBatch *b, int fd, const struct iovec *parts, size_t n_parts, void *owner) {
        const struct msghdr message = { .msg_iov = (struct iovec *) parts, .msg_iovlen = n_parts };
        ssize_t n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        int error = errno;

        if (n < 0) {
                note_failure(b, fd, owner, error);
                errno = error;
        }
        return n;
}

ssize_t upstream_batch_send(UpstreamBatch *b, int fd, const struct iovec *parts, size_t n_parts, void *owner) {
        bool later = sd_event_source_set_enabled(b->turn, SD_EVENT_ONESHOT) >= 0;
        size_t size = 0;

        assert(fd >= 0);
        assert(parts || n_parts == 0);

        for (size_t i = 0; i < n_parts; i++)
                size += parts[i].iov_len;
        if (b->n == UPSTREAM_BATCH)
                send_all(b);
        /* With failures that are not reported yet there may be no place for others. */
        if (!later || size > UPSTREAM_BATCH_SIZE_MAX || b->n_failed > 0)
                return send_now(b, fd, parts, n_parts, owner);

        unsigned k = b->n++;
        size = 0;
        for (size_t i = 0; i < n_parts; i++) {
                memcpy(b->data[k] + size, parts[i].iov_base, parts[i].iov_len);
                size += parts[i].iov_len;
        }
        b->fds[k] = fd;
        b->owners[k] = owner;
        b->parts[k] = (struct iovec) { .iov_base = b->data[k], .iov_len = size };
        b->messages[k] = (struct mmsghdr) { .msg_hdr = { .msg_iov = &b->parts[k], .msg_iovlen = 1 } };
        return (ssize_t) size;
}

/* Returns how many there are, or -1 with errno. */
static int receive_some(Received *in, int fd) {
        for (unsigned i = 0; i < RECEIVED_MAX; i++) {
                in->parts[i] = (struct iovec) { .iov_base = in->data[i], .iov_len = RECEIVED_SIZE_MAX };
                in->messages[i].msg_hdr = (struct msghdr) {
                        .msg_name = &in->from[i], .msg_namelen = sizeof(in->from[i]), .msg_iov = &in->parts[i],
                        .msg_iovlen = 1,
                };
        }
        in->fd = -1;
        int n = recvmmsg(fd, in->messages, RECEIVED_MAX, MSG_DONTWAIT, NULL);
        if (n <= 0)
                return -1;
        in->fd = fd;
        in->n = (unsigned) n;
        in->next = 0;
        in->more = in->n == RECEIVED_MAX;
        return n;
}

static ssize_t hand_out(Received *in, void *buf, size_t size, struct sockaddr *from, socklen_t *from_size) {
        const struct msghdr *header = &in->messages[in->next].msg_hdr;
        size_t n = MIN(size, (size_t) in->messages[in->next].msg_len);

        memcpy(buf, in->data[in->next], n);
        if (from && from_size) {
                memcpy(from, header->msg_name, MIN(*from_size, header->msg_namelen));
                *from_size = header->msg_namelen;
        }
        in->next++;
        return (ssize_t) n;
}

ssize_t upstream_batch_receive(UpstreamBatch *b, int fd, void *buf, size_t size, struct sockaddr *from,
                               socklen_t *from_size) {
        assert(b);
        assert(fd >= 0);
        assert(buf);

        Received *in = &b->received;
        int error = take_failure(b, fd);

        if (error == 0 && in->fd == fd && in->next == in->n && !in->more) {
                in->fd = -1;
                error = EAGAIN; /* all were read, without asking the kernel again */
        }
        if (error != 0) {
                errno = error;
                return -1;
        }
        if ((in->fd != fd || in->next == in->n) && receive_some(in, fd) < 0)
                return -1;
        return hand_out(in, buf, size, from, from_size);
}

void upstream_batch_forget(UpstreamBatch *b, int fd) {
        unsigned n = 0;

        assert(b);

        (void) take_failure(b, fd);
        if (b->received.fd == fd)
                b->received.fd = -1;
        for (unsigned i = 0; i < b->n; i++) {
                if (b->fds[i] == fd)
                        continue;
                if (n < i) {
                        b->fds[n] = b->fds[i];
                        b->owners[n] = b->owners[i];
                        memcpy(b->data[n], b->data[i], b->parts[i].iov_len);
                        b->parts[n].iov_len = b->parts[i].iov_len;
                }
                n++;
        }
        b->n = n;
}
