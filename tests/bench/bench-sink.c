/* SPDX-License-Identifier: Apache-2.0 */

/* The other side of bench-client: TCP port 8001 accepts and closes, UDP port 8002 discards, TCP port 8003 reads a
 * stream to its end. Says "ready", ends with its stdin. What comes in is taken in batches, so that no client pays for
 * waking this process. */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>

#include "bench.h"

#define PORT_ACCEPT 8001
#define PORT_DISCARD 8002
#define PORT_STREAM 8003
#define BATCH_NSEC NSEC_PER_MSEC
#define BUFFER_BYTES (16 << 20)
#define DATAGRAMS 64

static int bind_port(int type, uint16_t port) {
        const struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
        int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0), bytes = BUFFER_BYTES;

        if (fd < 0 || bind(fd, (const struct sockaddr *) &any, sizeof(any)) < 0)
                bench_die("port %u: %m", port);
        if ((type & SOCK_DGRAM) && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
                bench_die("SO_RCVBUFFORCE: %m");
        if ((type & SOCK_STREAM) && listen(fd, 4096) < 0)
                bench_die("listen: %m");
        return fd;
}

_Noreturn static void read_streams(int listener) {
        static char buffer[1U << 20];

        for (;;) {
                _cleanup_close_ int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

                if (fd < 0)
                        bench_die("accept: %m");
                while (recv(fd, buffer, sizeof(buffer), 0) > 0)
                        ;
        }
}

static void accept_all(int listener) {
        int fd;

        while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
                (void) close(fd);
}

static void discard_all(int fd) {
        char byte;

        /* The rest of each datagram is cut off. */
        while (recv(fd, &byte, 1, MSG_DONTWAIT) >= 0)
                ;
}

int main(void) {
        const struct timespec pause = { .tv_nsec = BATCH_NSEC };
        struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
        int accepting = bind_port(SOCK_STREAM | SOCK_NONBLOCK, PORT_ACCEPT);
        int discarding = bind_port(SOCK_DGRAM, PORT_DISCARD);
        int streams = bind_port(SOCK_STREAM, PORT_STREAM);

        pid_t pid = fork();
        if (pid < 0)
                bench_die("fork: %m");
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                read_streams(streams);
        }
        (void) puts("ready");
        (void) fflush(stdout);
        while (poll(&input, 1, 0) == 0) {
                accept_all(accepting);
                discard_all(discarding);
                (void) nanosleep(&pause, NULL);
        }
        return EXIT_SUCCESS;
}
