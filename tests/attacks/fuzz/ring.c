/* SPDX-License-Identifier: Apache-2.0 */
#include "ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *map(const Ring *r, size_t size, off_t offset) {
        void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd, offset);

        return p == MAP_FAILED ? NULL : p;
}

void ring_open(Ring *r) {
        memset(&r->params, 0, sizeof(r->params));
        r->fd = (int) syscall(SYS_io_uring_setup, 8, &r->params);
        if (r->fd < 0)
                return;
        r->submissions = map(r, r->params.sq_off.array + r->params.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
        r->completions =
                map(r, r->params.cq_off.cqes + r->params.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
        r->entries = map(r, r->params.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
        if (!r->submissions || !r->completions || !r->entries) {
                close(r->fd);
                r->fd = -1;
        }
}

static unsigned *at(char *ring, unsigned offset) {
        return (unsigned *) (void *) (ring + offset);
}

long ring_call(Ring *r, const struct io_uring_sqe *entry) {
        unsigned *tail = at(r->submissions, r->params.sq_off.tail), *head = at(r->completions, r->params.cq_off.head);
        unsigned slot = *tail & *at(r->submissions, r->params.sq_off.ring_mask), *end;
        long result = -ETIMEDOUT;

        r->entries[slot] = *entry;
        at(r->submissions, r->params.sq_off.array)[slot] = slot;
        atomic_store_explicit((_Atomic unsigned *) tail, *tail + 1, memory_order_release);
        if (syscall(SYS_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
                result = -errno;
        end = at(r->completions, r->params.cq_off.tail);
        while (*head != atomic_load_explicit((_Atomic unsigned *) end, memory_order_acquire)) {
                struct io_uring_cqe *results = (void *) (r->completions + r->params.cq_off.cqes);

                result = results[*head & *at(r->completions, r->params.cq_off.ring_mask)].res;
                atomic_store_explicit((_Atomic unsigned *) head, *head + 1, memory_order_release);
        }
        if (result < 0) {
                errno = (int) -result;
                return -1;
        }
        return result;
}
