/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The kernel's entry for 32-bit programs. Pointers must be below 4 GB. */

#include <stdbool.h>
#include <stdint.h>

/* arch/x86/entry/syscalls/syscall_32.tbl */
enum { SOCKET32 = 359, BIND32 = 361, CONNECT32 = 362, SETSOCKOPT32 = 366, SENDMSG32 = 370 };

/* As syscall(2). Only if it works: elsewhere it may end the process. */
long call32(long number, long a, long b, long c, long d, long e);

bool entry32_works(void);

static inline long low(const void *p) {
        return (long) (uintptr_t) p;
}
