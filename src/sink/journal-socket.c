/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/journal-socket.h"

#include <assert.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "basic/macro.h"

#define SEND_BUFFER (1 << 20) /* how much the journal may lag behind, within the length of its queue */
#define END_STEP_MSEC 5
#define END_STEPS 20

struct JournalSocket {
        int fd;
        struct sockaddr_un address;
        socklen_t address_length;
        size_t n_queued;
        uint64_t n_refused; /* of those that were queued */
        size_t begin, end; /* bytes in the queue: each record preceded by its size */
        char queue[JOURNAL_QUEUE_MAX];
};

int journal_socket_new(const char *path, JournalSocket **ret) {
        assert(ret);

        if (!path)
                path = JOURNAL_SOCKET_PATH;
        size_t n = strlen(path);
        if (n >= sizeof((struct sockaddr_un) {}.sun_path))
                return -ENAMETOOLONG;

        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        const int size = SEND_BUFFER; /* exceeds net.core.wmem_max only with CAP_NET_ADMIN; the default also works */
        if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
                (void) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));

        JournalSocket *s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->fd = TAKE_FD(fd);
        s->address = (struct sockaddr_un) { .sun_family = AF_UNIX };
        memcpy(s->address.sun_path, path, n + 1);
        s->address_length = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + n + 1);
        s->n_queued = s->begin = s->end = 0;

        *ret = s;
        return 0;
}

JournalSocket *journal_socket_free(JournalSocket *s) {
        if (!s)
                return NULL;

        for (int i = 0; !journal_socket_flush(s) && i < END_STEPS; i++)
                (void) poll(NULL, 0, END_STEP_MSEC);
        (void) close(s->fd);
        free(s);
        return NULL;
}

static int send_now(const JournalSocket *s, const char *record, size_t size) {
        ssize_t n;

        do /* unconnected: the path also finds a restarted journal */
                n = sendto(s->fd, record, size, MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *) &s->address,
                           s->address_length);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : 0;
}

/* The journal is busy or temporarily away, as opposed to a record that it will never accept. */
static bool is_passing(int r) {
        return r == -EAGAIN || r == -ENOBUFS || r == -ENOMEM || r == -ENOENT || r == -ECONNREFUSED;
}

static int enqueue(JournalSocket *s, const char *record, size_t size, size_t limit) {
        if (size > limit || s->end - s->begin + sizeof(size) > limit - size)
                return -ENOBUFS;

        if (sizeof(size) + size > sizeof(s->queue) - s->end) {
                memmove(s->queue, s->queue + s->begin, s->end - s->begin);
                s->end -= s->begin;
                s->begin = 0;
        }
        memcpy(s->queue + s->end, &size, sizeof(size));
        memcpy(s->queue + s->end + sizeof(size), record, size);
        s->end += sizeof(size) + size;
        s->n_queued++;
        return 0;
}

int journal_socket_send(JournalSocket *s, const char *record, size_t size, bool urgent) {
        assert(s);
        assert(record);

        if (journal_socket_flush(s)) {
                int r = send_now(s, record, size);
                if (!is_passing(r))
                        return r;
        }
        return enqueue(s, record, size, sizeof(s->queue) - (urgent ? 0 : JOURNAL_QUEUE_RESERVE));
}

bool journal_socket_flush(JournalSocket *s) {
        assert(s);

        while (s->n_queued > 0) {
                size_t size;

                memcpy(&size, s->queue + s->begin, sizeof(size));
                int r = send_now(s, s->queue + s->begin + sizeof(size), size);
                if (is_passing(r))
                        return false;
                s->n_refused += r < 0;
                s->begin += sizeof(size) + size;
                s->n_queued--;
        }
        s->begin = s->end = 0;
        return true;
}

size_t journal_socket_n_queued(const JournalSocket *s) {
        assert(s);

        return s->n_queued;
}

uint64_t journal_socket_n_refused(const JournalSocket *s) {
        assert(s);

        return s->n_refused;
}
