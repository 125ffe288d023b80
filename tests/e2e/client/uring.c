/* SPDX-License-Identifier: Apache-2.0 */
/* uring ADDRESS PORT: connects a TCP socket and sends a datagram, both through io_uring and with no library (io_uring(7)).
 * Prints the results: 0 or more, or a negative errno. */
#include <arpa/inet.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct Ring {
        int fd;
        struct io_uring_params params;
        char *submissions, *completions;
        struct io_uring_sqe *entries;
} Ring;

static void *map(const Ring *r, size_t size, off_t offset) {
        void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd, offset);

        if (p == MAP_FAILED) {
                perror("mmap");
                exit(1);
        }
        return p;
}

static void ring_open(Ring *r) {
        memset(&r->params, 0, sizeof(r->params));
        r->fd = (int) syscall(SYS_io_uring_setup, 4, &r->params);
        if (r->fd < 0) {
                puts("unavailable");
                exit(0);
        }
        r->submissions = map(r, r->params.sq_off.array + r->params.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
        r->completions = map(r, r->params.cq_off.cqes + r->params.cq_entries * sizeof(struct io_uring_cqe),
                             IORING_OFF_CQ_RING);
        r->entries = map(r, r->params.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
}

/* Submits one entry and waits for its completion. */
static int ring_run(Ring *r, const struct io_uring_sqe *entry) {
        unsigned *tail = (unsigned *) (void *) (r->submissions + r->params.sq_off.tail);
        unsigned *mask = (unsigned *) (void *) (r->submissions + r->params.sq_off.ring_mask);
        unsigned *array = (unsigned *) (void *) (r->submissions + r->params.sq_off.array);
        unsigned *head = (unsigned *) (void *) (r->completions + r->params.cq_off.head);
        unsigned *cq_mask = (unsigned *) (void *) (r->completions + r->params.cq_off.ring_mask);
        struct io_uring_cqe *results = (struct io_uring_cqe *) (void *) (r->completions + r->params.cq_off.cqes);
        unsigned slot = *tail & *mask;
        int result;

        r->entries[slot] = *entry;
        array[slot] = slot;
        atomic_store_explicit((_Atomic unsigned *) tail, *tail + 1, memory_order_release);
        if (syscall(SYS_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0) {
                perror("io_uring_enter");
                exit(1);
        }
        result = results[*head & *cq_mask].res;
        atomic_store_explicit((_Atomic unsigned *) head, *head + 1, memory_order_release);
        return result;
}

static socklen_t parse_address(const char *addr, const char *port, struct sockaddr_storage *ret) {
        struct sockaddr_in *v4 = (struct sockaddr_in *) ret;
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *) ret;

        memset(ret, 0, sizeof(*ret));
        if (inet_pton(AF_INET, addr, &v4->sin_addr) == 1) {
                v4->sin_family = AF_INET;
                v4->sin_port = htons((uint16_t) atoi(port));
                return sizeof(*v4);
        }
        if (inet_pton(AF_INET6, addr, &v6->sin6_addr) == 1) {
                v6->sin6_family = AF_INET6;
                v6->sin6_port = htons((uint16_t) atoi(port));
                return sizeof(*v6);
        }
        exit(2);
}

int main(int argc, char *argv[]) {
        struct sockaddr_storage addr;
        Ring ring;

        if (argc != 3)
                return 2;
        socklen_t size = parse_address(argv[1], argv[2], &addr);
        ring_open(&ring);

        struct io_uring_sqe connecting = {
                .opcode = IORING_OP_CONNECT,
                .fd = socket(addr.ss_family, SOCK_STREAM, 0),
                .addr = (uint64_t) (uintptr_t) &addr,
                .off = size,
        };
        printf("connect=%d\n", ring_run(&ring, &connecting));

        struct iovec data = { .iov_base = (char[]) { "out" }, .iov_len = 3 };
        struct msghdr message = { .msg_name = &addr, .msg_namelen = size, .msg_iov = &data, .msg_iovlen = 1 };
        struct io_uring_sqe sending = {
                .opcode = IORING_OP_SENDMSG,
                .fd = socket(addr.ss_family, SOCK_DGRAM, 0),
                .addr = (uint64_t) (uintptr_t) &message,
                .len = 1,
        };
        printf("sendmsg=%d\n", ring_run(&ring, &sending));
        return 0;
}
