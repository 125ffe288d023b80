/* SPDX-License-Identifier: Apache-2.0 */

/* A DNS server that answers any name at once: bench-upstream ADDRESS. The first label decides the address of the A
 * record: u<N> has one of its own (20.0.0.0 + N), s<N> shares one of 256 (20.64.0.0 + N % 256), v<N> is 20.127.0.1.
 * Other types have no record. Says "ready", ends with its stdin. */

#include <ctype.h>
#include <poll.h>
#include <sched.h>

#include "bench.h"

#define BATCH 32U
#define MESSAGE_MAX 512
#define TTL 300
#define OWN_FIRST 0x14000000U
#define SHARED_FIRST 0x14400000U
#define SHARED_COUNT 256U
#define FIXED 0x147f0001U

static uint32_t address_of(const uint8_t *label) {
        uint32_t n = 0;

        for (size_t i = 2; i <= label[0] && isdigit(label[i]); i++)
                n = (n * 10 + label[i] - '0') & 0x3fffff;
        switch (tolower(label[1])) {
        case 'u':
                return OWN_FIRST + n;
        case 's':
                return SHARED_FIRST + n % SHARED_COUNT;
        default:
                return FIXED;
        }
}

/* Length of the question section at p, 0 when it is cut short. */
static size_t question_length(const uint8_t *p, size_t size) {
        size_t n = 0;

        while (n < size && p[n] != 0)
                n += (size_t) p[n] + 1;
        return n + 5 <= size ? n + 5 : 0;
}

/* Turns the query into its answer in place; 0 when there is nothing to say. */
static size_t answer(uint8_t p[static MESSAGE_MAX], size_t size) {
        if (size < 12 || p[5] != 1)
                return 0;
        size_t q = question_length(p + 12, size - 12);
        if (q == 0 || 12 + q + 16 > MESSAGE_MAX)
                return 0;
        const uint8_t *type = p + 12 + q - 4;
        bool is_a = type[0] == 0 && type[1] == 1;

        p[2] = 0x81; /* an answer, recursion desired and */
        p[3] = 0x80; /* available */
        memset(p + 6, 0, 6);
        if (!is_a)
                return 12 + q;
        p[7] = 1;
        uint32_t addr = htonl(address_of(p + 12));
        uint8_t *r = p + 12 + q;
        const uint8_t head[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, TTL >> 8, TTL & 0xff, 0, 4 };
        memcpy(r, head, sizeof(head));
        memcpy(r + sizeof(head), &addr, 4);
        return 12 + q + sizeof(head) + 4;
}

static void serve_some(int fd) {
        uint8_t data[BATCH][MESSAGE_MAX];
        struct sockaddr_storage from[BATCH];
        struct mmsghdr messages[BATCH] = {};
        struct iovec parts[BATCH];

        for (unsigned i = 0; i < BATCH; i++) {
                parts[i] = (struct iovec) { .iov_base = data[i], .iov_len = MESSAGE_MAX };
                messages[i].msg_hdr = (struct msghdr) { .msg_iov = &parts[i], .msg_iovlen = 1, .msg_name = &from[i],
                                                        .msg_namelen = sizeof(from[i]) };
        }
        int n = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++) {
                size_t size = answer(data[i], messages[i].msg_len);
                if (size > 0)
                        (void) sendto(fd, data[i], size, 0, (struct sockaddr *) &from[i],
                                      messages[i].msg_hdr.msg_namelen);
        }
}

int main(int argc, char **argv) {
        struct sockaddr_storage own;
        socklen_t length = bench_address(argc == 2 ? argv[1] : NULL, 53, &own);
        int fd = socket(own.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), bytes = 4 << 20;
        cpu_set_t last;

        if (fd < 0 || bind(fd, (struct sockaddr *) &own, length) < 0)
                bench_die("%s: %m", argv[1]);
        (void) setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
        CPU_ZERO(&last);
        CPU_SET(sysconf(_SC_NPROCESSORS_ONLN) - 1, &last);
        (void) sched_setaffinity(0, sizeof(last), &last);

        (void) puts("ready");
        (void) fflush(stdout);
        for (;;) {
                struct pollfd polled[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = fd, .events = POLLIN } };

                if (poll(polled, ELEMENTSOF(polled), -1) < 0)
                        bench_die("poll: %m");
                if (polled[0].revents)
                        break;
                serve_some(fd);
        }
        (void) close(fd);
        return EXIT_SUCCESS;
}
