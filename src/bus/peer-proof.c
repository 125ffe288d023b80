/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/peer-proof.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "host/peer-process.h"

struct PeerProof {
        sd_event_source *io, *timer;
        int fd;    /* owned */
        int pidfd; /* owned */
        uint32_t pid;
        uint8_t question[1 + PEER_PROOF_NONCE];
        peer_proof_fn fn;
        void *userdata;
};

PeerProof *peer_proof_free(PeerProof *p) {
        if (!p)
                return NULL;
        sd_event_source_disable_unref(p->io);
        sd_event_source_disable_unref(p->timer);
        if (p->fd >= 0)
                (void) close(p->fd);
        if (p->pidfd >= 0)
                (void) close(p->pidfd);
        free(p);
        return NULL;
}

static bool is_unix_seqpacket(int fd) {
        int domain = -1, type = -1;
        socklen_t size = sizeof(int);

        return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX &&
               getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

/* The peer shares the file description of the socket, so its flags cannot be relied on: each call passes
 * MSG_DONTWAIT. -EAGAIN: nothing has arrived. */
static int read_answer(PeerProof *p) {
        uint8_t answer[sizeof(p->question) + 1];
        _Alignas(struct cmsghdr) char control[256];
        struct iovec iov = { .iov_base = answer, .iov_len = sizeof(answer) };
        struct msghdr mh = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control),
        };
        struct ucred ucred = {};

        ssize_t n = recvmsg(p->fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0)
                return errno == EINTR ? -EAGAIN : -errno;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&mh); c; c = CMSG_NXTHDR(&mh, c)) {
                if (c->cmsg_level != SOL_SOCKET)
                        continue;
                if (c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len == CMSG_LEN(sizeof(ucred)))
                        memcpy(&ucred, CMSG_DATA(c), sizeof(ucred));
                if (c->cmsg_type == SCM_RIGHTS)
                        for (size_t i = 0; CMSG_LEN((i + 1) * sizeof(int)) <= c->cmsg_len; i++) {
                                int fd;

                                memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
                                (void) close(fd);
                        }
        }
        if ((size_t) n != sizeof(p->question) || answer[0] != PEER_PROOF_ANSWER ||
            memcmp(answer + 1, p->question + 1, PEER_PROOF_NONCE) != 0 || ucred.pid <= 0 ||
            (uint32_t) ucred.pid != p->pid)
                return -EACCES;
        return peer_process_is_alive(p->pidfd) ? 0 : -ESRCH;
}

static int proof_on_answer(_unused_ sd_event_source *s, _unused_ int fd, _unused_ uint32_t revents, void *userdata) {
        PeerProof *p = userdata;
        int r = read_answer(p);

        if (r == -EAGAIN)
                return 0;
        p->fn(r < 0 ? r : TAKE_FD(p->pidfd), p->userdata);
        return 0;
}

static int proof_on_timer(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        PeerProof *p = userdata;

        p->fn(-ETIMEDOUT, p->userdata);
        return 0;
}

static int proof_challenge(PeerProof *p) {
        int one = 1;

        if (setsockopt(p->fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) < 0)
                return -errno;
        p->question[0] = PEER_PROOF_QUESTION;
        if (getrandom(p->question + 1, PEER_PROOF_NONCE, GRND_NONBLOCK) != PEER_PROOF_NONCE)
                return -EIO;
        if (send(p->fd, p->question, sizeof(p->question), MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof(p->question))
                return -EINVAL;
        return 0;
}

int peer_proof_new(sd_event *event, int fd, uint32_t pid, peer_proof_fn fn, void *userdata, PeerProof **ret) {
        _cleanup_(peer_proof_freep) PeerProof *p = NULL;
        int r;

        assert(event);
        assert(fn);
        assert(ret);

        if (!is_unix_seqpacket(fd))
                return -EINVAL;
        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        *p = (PeerProof) { .fd = -EBADF, .pidfd = -EBADF, .pid = pid, .fn = fn, .userdata = userdata };
        p->pidfd = peer_process_open(pid); /* before the challenge */
        if (p->pidfd < 0)
                return p->pidfd;
        p->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (p->fd < 0)
                return -errno;
        r = proof_challenge(p);
        if (r >= 0)
                r = sd_event_add_io(event, &p->io, p->fd, EPOLLIN, proof_on_answer, p);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &p->timer, CLOCK_MONOTONIC, PEER_PROOF_USEC, 0,
                                               proof_on_timer, p);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}
