/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The only place that reads clocks. Pure folders take the time as an argument: tests/check-includes.py forbids this
 * header there. */

#include <stdint.h>
#include <time.h>

#include "basic/macro.h"

/* Nanoseconds of CLOCK_MONOTONIC, CLOCK_BOOTTIME or CLOCK_REALTIME; reading these cannot fail. */
static inline uint64_t clock_nsec(clockid_t id) {
        struct timespec t = {};

        (void) clock_gettime(id, &t);
        return (uint64_t) t.tv_sec * NSEC_PER_SEC + (uint64_t) t.tv_nsec;
}

static inline uint64_t clock_usec(clockid_t id) {
        return clock_nsec(id) / 1000;
}
