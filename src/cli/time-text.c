/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/time-text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "basic/macro.h"

#define SECONDS_MAX 253402300799LL /* end of the year 9999 */

static const struct Unit {
        const char *name;
        uint64_t usec;
        bool shown; /* by span_format(), largest first */
} units[] = {
        { "w", 7 * 86400 * USEC_PER_SEC, true },
        { "d", 86400 * USEC_PER_SEC, true },
        { "h", 3600 * USEC_PER_SEC, true },
        { "min", 60 * USEC_PER_SEC, true },
        { "m", 60 * USEC_PER_SEC, false },
        { "s", USEC_PER_SEC, true },
        { "ms", USEC_PER_MSEC, true },
        { "us", 1, true },
};

/* Up to max_digits digits. NULL when there is none, or too many. */
static const char *parse_number(const char *s, unsigned max_digits, uint64_t *ret) {
        uint64_t value = 0;
        unsigned n = 0;

        for (; s[n] >= '0' && s[n] <= '9'; n++) {
                if (n == max_digits)
                        return NULL;
                value = value * 10 + (uint64_t) (s[n] - '0');
        }
        if (n == 0)
                return NULL;
        *ret = value;
        return s + n;
}

int span_parse(const char *text, uint64_t *ret) {
        uint64_t sum = 0;
        const char *s = text;

        assert(text && ret);

        for (s += strspn(s, " "); *s; s += strspn(s, " ")) {
                uint64_t value, unit = USEC_PER_SEC, part;

                s = parse_number(s, 18, &value);
                if (!s)
                        return -EINVAL;
                s += strspn(s, " ");

                size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz");
                bool known = n == 0;
                for (size_t i = 0; i < ELEMENTSOF(units) && !known; i++)
                        if (strlen(units[i].name) == n && strncmp(units[i].name, s, n) == 0) {
                                unit = units[i].usec;
                                known = true;
                        }
                if (!known)
                        return -EINVAL;
                s += n;
                if (__builtin_mul_overflow(value, unit, &part) || __builtin_add_overflow(sum, part, &sum))
                        return -ERANGE;
        }
        if (s == text || strspn(text, " ") == strlen(text))
                return -EINVAL;

        *ret = sum;
        return 0;
}

/* "-SPAN" and "SPAN ago". -ENOENT: neither. */
static int parse_relative(const char *text, uint64_t now, uint64_t *ret) {
        size_t n = strlen(text);
        char copy[TIME_TEXT_MAX];
        uint64_t span;

        if (n >= sizeof(copy))
                return -EINVAL;
        memcpy(copy, text, n + 1);
        if (n > 4 && strcmp(copy + n - 4, " ago") == 0)
                copy[n - 4] = '\0';
        else if (copy[0] == '-')
                copy[0] = ' ';
        else
                return -ENOENT;

        int r = span_parse(copy, &span);
        if (r < 0)
                return r;
        *ret = span < now ? now - span : 0;
        return 0;
}

/* Reads "literal NUMBER" where literal is one character or '\0' for none. */
static const char *parse_part(const char *s, char literal, unsigned digits, int low, int high, int *ret) {
        uint64_t value;

        if (!s || (literal != '\0' && *s++ != literal))
                return NULL;
        const char *end = parse_number(s, digits, &value);
        if (!end || end != s + digits || value < (uint64_t) low || value > (uint64_t) high)
                return NULL;
        *ret = (int) value;
        return end;
}

/* "Z", "+01:00"; NULL when neither. */
static const char *parse_zone(const char *s, int64_t *ret_seconds) {
        int hours = 0, minutes = 0;
        char sign = *s;

        *ret_seconds = 0;
        if (sign == 'Z')
                return s + 1;
        if (sign != '+' && sign != '-')
                return NULL;
        s = parse_part(s, sign, 2, 0, 23, &hours);
        s = parse_part(s, ':', 2, 0, 59, &minutes);
        *ret_seconds = (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
        return s;
}

/* ".123456": digits after the sixth are ignored. */
static const char *parse_fraction(const char *s, uint64_t *ret_usec) {
        uint64_t scale = USEC_PER_SEC / 10;

        *ret_usec = 0;
        if (*s != '.')
                return s;
        for (s++; *s >= '0' && *s <= '9'; s++, scale /= 10)
                *ret_usec += (uint64_t) (*s - '0') * scale;
        return s[-1] == '.' ? NULL : s;
}

static int finish(struct tm *tm, bool utc, int64_t zone, uint64_t fraction, uint64_t *ret) {
        struct tm wanted = *tm;

        tm->tm_isdst = -1;
        time_t seconds = utc ? timegm(tm) : mktime(tm);
        /* mktime() turns the 31st of a month of 30 days into the next day. A clock change may move a local time. */
        if (tm->tm_mday != wanted.tm_mday || tm->tm_mon != wanted.tm_mon)
                return -EINVAL;
        int64_t shifted = (int64_t) seconds - zone;
        if (shifted < 0 || shifted > SECONDS_MAX)
                return -EINVAL;
        *ret = (uint64_t) shifted * USEC_PER_SEC + fraction;
        return 0;
}

static int parse_date(const char *text, uint64_t *ret) {
        struct tm tm = {};
        uint64_t fraction = 0;
        int64_t zone = 0;
        bool utc = false;

        const char *s = parse_part(text, '\0', 4, 1970, 9999, &tm.tm_year);
        s = parse_part(s, '-', 2, 1, 12, &tm.tm_mon);
        s = parse_part(s, '-', 2, 1, 31, &tm.tm_mday);
        if (!s)
                return -EINVAL;
        tm.tm_year -= 1900;
        tm.tm_mon -= 1;
        if (*s != '\0') {
                char separator = *s == 'T' ? 'T' : ' ';

                s = parse_part(s, separator, 2, 0, 23, &tm.tm_hour);
                s = parse_part(s, ':', 2, 0, 59, &tm.tm_min);
                if (s && *s == ':')
                        s = parse_part(s, ':', 2, 0, 60, &tm.tm_sec);
                s = s ? parse_fraction(s, &fraction) : NULL;
                if (s && *s != '\0') {
                        s = parse_zone(s, &zone);
                        utc = true;
                }
                if (!s || *s != '\0')
                        return -EINVAL;
        }
        return finish(&tm, utc, zone, fraction, ret);
}

/* Midnight of today, or of the given number of days before. */
static int parse_day(uint64_t now, int days, uint64_t *ret) {
        time_t seconds = (time_t) (now / USEC_PER_SEC);
        struct tm tm;

        if (!localtime_r(&seconds, &tm))
                return -EINVAL;
        tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
        tm.tm_mday -= days;
        tm.tm_isdst = -1;
        seconds = mktime(&tm);
        if (seconds < 0)
                return -EINVAL;
        *ret = (uint64_t) seconds * USEC_PER_SEC;
        return 0;
}

int time_parse(const char *text, uint64_t now, uint64_t *ret) {
        uint64_t seconds;

        assert(text && ret);

        if (strcmp(text, "now") == 0) {
                *ret = now;
                return 0;
        }
        if (strcmp(text, "today") == 0 || strcmp(text, "yesterday") == 0)
                return parse_day(now, text[0] == 'y' ? 1 : 0, ret);
        if (text[0] == '@') {
                const char *end = parse_number(text + 1, 12, &seconds);

                if (!end || *end != '\0' || seconds > SECONDS_MAX)
                        return -EINVAL;
                *ret = seconds * USEC_PER_SEC;
                return 0;
        }
        int r = parse_relative(text, now, ret);
        if (r == -ENOENT)
                r = parse_date(text, ret);
        return r < 0 ? -EINVAL : 0;
}

/* ------------------------------------------------------------------ formatting */

static struct tm split(uint64_t usec, bool utc) {
        time_t seconds = (time_t) MIN(usec / USEC_PER_SEC, (uint64_t) SECONDS_MAX);
        struct tm tm = {};

        (void) (utc ? gmtime_r(&seconds, &tm) : localtime_r(&seconds, &tm));
        return tm;
}

const char *time_format_rfc3339(uint64_t usec, char buf[static TIME_TEXT_MAX]) {
        struct tm tm = split(usec, true);

        size_t n = strftime(buf, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
        (void) snprintf(buf + n, TIME_TEXT_MAX - n, ".%06uZ", (unsigned) (usec % USEC_PER_SEC));
        return buf;
}

const char *time_format_local(uint64_t usec, char buf[static TIME_TEXT_MAX]) {
        struct tm tm = split(usec, false);

        if (strftime(buf, TIME_TEXT_MAX, "%Y-%m-%d %H:%M:%S %Z", &tm) == 0)
                buf[0] = '\0'; /* the name of the zone comes from the environment */
        return buf;
}

const char *time_format_short(uint64_t usec, char buf[static TIME_TEXT_MAX]) {
        struct tm tm = split(usec, false);

        if (strftime(buf, TIME_TEXT_MAX, "%b %d %H:%M:%S", &tm) == 0)
                buf[0] = '\0';
        return buf;
}

const char *span_format(uint64_t usec, char buf[static TIME_TEXT_MAX]) {
        unsigned parts = 0;
        size_t n = 0;

        (void) snprintf(buf, TIME_TEXT_MAX, "0s");
        for (size_t i = 0; i < ELEMENTSOF(units) && parts < 2; i++) {
                uint64_t count = usec / units[i].usec;

                if (!units[i].shown)
                        continue;
                if (count > 0) {
                        n += (size_t) snprintf(buf + n, TIME_TEXT_MAX - n, "%s%" PRIu64 "%s", parts > 0 ? " " : "",
                                               count, units[i].name);
                        usec -= count * units[i].usec;
                }
                if (count > 0 || parts > 0)
                        parts++;
                if (parts > 0 && units[i].usec <= USEC_PER_SEC && n > 0)
                        break; /* milliseconds are not shown after seconds */
        }
        return buf;
}
