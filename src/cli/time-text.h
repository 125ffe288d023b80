/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Parsing and formatting of times for people. Microseconds of CLOCK_REALTIME throughout; now is an argument. */

#include <stdbool.h>
#include <stdint.h>

#define TIME_TEXT_MAX 64

/* A point in time: "2026-11-22", "2026-11-22 03:10", "2026-11-22 03:10:05" (local time), RFC 3339 ("…T03:10:05Z",
 * with an offset, with a fraction), "now", "today", "yesterday", "@1795000000" (seconds), or a span before now:
 * "-1h 30min", "10min ago" (us, ms, s, min, h, d, w). -EINVAL. */
int time_parse(const char *text, uint64_t now, uint64_t *ret);
/* "90", "1.5s" is not taken; "2min 30s": microseconds, seconds where there is no unit. -EINVAL, -ERANGE. */
int span_parse(const char *text, uint64_t *ret);

/* "2026-11-22T02:10:05.123456Z" */
const char *time_format_rfc3339(uint64_t usec, char buf[static TIME_TEXT_MAX]);
/* "2026-11-22 03:10:05 CET" */
const char *time_format_local(uint64_t usec, char buf[static TIME_TEXT_MAX]);
/* "Nov 22 03:10:05", in local time */
const char *time_format_short(uint64_t usec, char buf[static TIME_TEXT_MAX]);
/* "2h 10min", "5s": the two largest units. */
const char *span_format(uint64_t usec, char buf[static TIME_TEXT_MAX]);
