/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the benchmark programs share: a clock, arguments, lines of commands on stdin. Not part of the product. */

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "basic/in-addr.h"
#include "basic/macro.h"

static inline _unused_ _Noreturn _printf_(1, 2) void bench_die(const char *format, ...) {
        va_list args;

        va_start(args, format);
        (void) fprintf(stderr, "%s: ", program_invocation_short_name);
        (void) vfprintf(stderr, format, args);
        (void) fputc('\n', stderr);
        va_end(args);
        exit(EXIT_FAILURE);
}

static inline _unused_ uint64_t bench_clock(clockid_t clock) {
        struct timespec t;

        if (clock_gettime(clock, &t) < 0)
                bench_die("no clock: %m");
        return (uint64_t) t.tv_sec * NSEC_PER_SEC + (uint64_t) t.tv_nsec;
}

static inline _unused_ uint64_t bench_now(void) {
        return bench_clock(CLOCK_MONOTONIC);
}

static inline _unused_ unsigned bench_number(const char *s, unsigned max) {
        char *end;

        if (!s)
                bench_die("a number is missing");
        errno = 0;
        unsigned long n = strtoul(s, &end, 10);
        if (errno || end == s || *end || n > max)
                bench_die("%s: not a number up to %u", s, max);
        return (unsigned) n;
}

static inline _unused_ socklen_t bench_address(const char *text, unsigned port, struct sockaddr_storage *ret) {
        InAddr a;

        if (!text || in_addr_parse(text, &a) < 0)
                bench_die("%s: not an address", text ?: "nothing");
        return in_addr_to_sockaddr(&a, (uint16_t) port, ret);
}

#define BENCH_WORDS_MAX 8

/* One line of stdin in words; unused words are NULL. False at the end of the input. */
static inline _unused_ bool bench_read_command(char line[static 512], char *words[static BENCH_WORDS_MAX]) {
        char *rest;

        if (!fgets(line, 512, stdin))
                return false;
        for (size_t i = 0; i < BENCH_WORDS_MAX; i++)
                words[i] = strtok_r(i == 0 ? line : NULL, " \n", &rest);
        return words[0] != NULL;
}
