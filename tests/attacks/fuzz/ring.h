/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* io_uring(7) without a library: one call at a time, as the kernel's own task does it. */

#include <linux/io_uring.h>
#include <stdbool.h>

typedef struct Ring {
        int fd; /* -1: the kernel has none for this process */
        struct io_uring_params params;
        char *submissions, *completions;
        struct io_uring_sqe *entries;
} Ring;

void ring_open(Ring *r);

/* The result of the call, or -1 with errno; the call may still be under way when it is interrupted. */
long ring_call(Ring *r, const struct io_uring_sqe *entry);
