/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Cleanup attributes, ownership transfer and small compile-time helpers. */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_ __attribute__((unused))

#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* TAKE_PTR(p): evaluates to p and sets it to NULL, to hand over ownership. */
#define TAKE_PTR(p)                         \
        ({                                  \
                __typeof__(p) *_pp = &(p);  \
                __typeof__(p) _p = *_pp;    \
                *_pp = NULL;                \
                _p;                         \
        })

#define TAKE_FD(fd)                 \
        ({                          \
                int *_pfd = &(fd);  \
                int _fd = *_pfd;    \
                *_pfd = -EBADF;     \
                _fd;                \
        })

/* Defines func##p(type *) for _cleanup_: calls func(*p) if *p is set. */
#define DEFINE_CLEANUP_FUNC(type, func)                       \
        static inline _unused_ void func##p(type *p) {        \
                if (*p)                                       \
                        func(*p);                             \
        }

static inline void freep(void *p) {
        free(*(void **) p);
}

static inline void closep(int *fd) {
        if (*fd >= 0)
                (void) close(*fd);
}

#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)

#define NSEC_PER_SEC 1000000000ULL
#define NSEC_PER_MSEC 1000000ULL
#define USEC_PER_SEC 1000000ULL
#define USEC_PER_MSEC 1000ULL
