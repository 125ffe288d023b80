/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/peer-answer.h"

#include <assert.h>
#include <pthread.h>
#include <sys/socket.h>

#include "basic/macro.h"
#include "host/peer-process.h"

/* A thread, because the main thread blocks in the call, and a child process would have a different pid. */
struct PeerAnswer {
        int theirs, ours;
        pthread_t thread;
        bool running;
};

static void *answer(void *userdata) {
        const PeerAnswer *a = userdata;
        char packet[1 + PEER_PROOF_NONCE];

        while (recv(a->ours, packet, sizeof(packet), 0) == sizeof(packet) && packet[0] == PEER_PROOF_QUESTION) {
                packet[0] = PEER_PROOF_ANSWER;
                if (send(a->ours, packet, sizeof(packet), MSG_NOSIGNAL) < 0)
                        break;
        }
        return NULL;
}

DEFINE_CLEANUP_FUNC(PeerAnswer *, peer_answer_free)

int peer_answer_new(PeerAnswer **ret) {
        _cleanup_(peer_answer_freep) PeerAnswer *a = calloc(1, sizeof(*a));
        int fds[2];

        assert(ret);

        if (!a)
                return -ENOMEM;
        a->theirs = a->ours = -EBADF;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
                return -errno;
        a->theirs = fds[0];
        a->ours = fds[1];
        int r = pthread_create(&a->thread, NULL, answer, a);
        if (r != 0)
                return -r;
        a->running = true;
        *ret = TAKE_PTR(a);
        return 0;
}

int peer_answer_append(const PeerAnswer *a, sd_bus_message *m) {
        assert(a);

        return sd_bus_message_append(m, "{sv}", "proof", "h", a->theirs);
}

PeerAnswer *peer_answer_free(PeerAnswer *a) {
        if (!a)
                return NULL;
        if (a->running) {
                (void) shutdown(a->ours, SHUT_RDWR);
                (void) pthread_join(a->thread, NULL);
        }
        if (a->theirs >= 0)
                (void) close(a->theirs);
        if (a->ours >= 0)
                (void) close(a->ours);
        free(a);
        return NULL;
}
