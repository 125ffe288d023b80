/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Is this one JSON text by RFC 8259, in valid UTF-8 (RFC 3629)? Readers differ in what they let pass, so the encoders
 * are held to the letter. */

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct StrictJson {
        const char *p, *end;
        unsigned depth;
} StrictJson;

#define STRICT_JSON_DEPTH_MAX 16

static bool strict_json_is_utf8(const char *s, size_t n) {
        const uint8_t *p = (const uint8_t *) s, *end = p + n;

        while (p < end) {
                size_t more = *p < 0x80 ? 0 : *p >= 0xc2 && *p < 0xe0 ? 1 : (*p & 0xf0) == 0xe0 ? 2
                              : *p >= 0xf0 && *p < 0xf5 ? 3 : SIZE_MAX;
                if (more > (size_t) (end - p) - 1)
                        return false;
                if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) ||
                    (*p == 0xf4 && p[1] > 0x8f))
                        return false;
                for (p++; more > 0; more--, p++)
                        if ((*p & 0xc0) != 0x80)
                                return false;
        }
        return true;
}

static bool strict_json_value(StrictJson *j);

static bool strict_json_take(StrictJson *j, char c) {
        if (j->p == j->end || *j->p != c)
                return false;
        j->p++;
        return true;
}

static void strict_json_space(StrictJson *j) {
        while (j->p < j->end && strchr(" \t\r\n", *j->p) && *j->p)
                j->p++;
}

static bool strict_json_string(StrictJson *j) {
        if (!strict_json_take(j, '"'))
                return false;
        while (j->p < j->end && *j->p != '"') {
                if ((uint8_t) *j->p < 0x20)
                        return false;
                if (*j->p++ != '\\')
                        continue;
                if (j->p == j->end || !*j->p || !strchr("\"\\/bfnrtu", *j->p))
                        return false;
                if (*j->p++ != 'u')
                        continue;
                for (size_t i = 0; i < 4; i++, j->p++)
                        if (j->p == j->end || !isxdigit((unsigned char) *j->p))
                                return false;
        }
        return strict_json_take(j, '"');
}

static bool strict_json_digits(StrictJson *j) {
        const char *begin = j->p;

        while (j->p < j->end && *j->p >= '0' && *j->p <= '9')
                j->p++;
        return j->p > begin;
}

static bool strict_json_number(StrictJson *j) {
        (void) strict_json_take(j, '-');
        if (!strict_json_take(j, '0') && !strict_json_digits(j))
                return false;
        if (strict_json_take(j, '.') && !strict_json_digits(j))
                return false;
        if (!strict_json_take(j, 'e') && !strict_json_take(j, 'E'))
                return true;
        if (!strict_json_take(j, '+'))
                (void) strict_json_take(j, '-');
        return strict_json_digits(j);
}

static bool strict_json_members(StrictJson *j, char end, bool named) {
        strict_json_space(j);
        if (strict_json_take(j, end))
                return true;
        do {
                strict_json_space(j);
                if (named && !strict_json_string(j))
                        return false;
                strict_json_space(j);
                if (named && !strict_json_take(j, ':'))
                        return false;
                if (!strict_json_value(j))
                        return false;
        } while (strict_json_take(j, ','));
        return strict_json_take(j, end);
}

static bool strict_json_literal(StrictJson *j, const char *word) {
        size_t n = strlen(word);

        if ((size_t) (j->end - j->p) < n || memcmp(j->p, word, n) != 0)
                return false;
        j->p += n;
        return true;
}

static bool strict_json_value(StrictJson *j) {
        bool good;

        if (++j->depth > STRICT_JSON_DEPTH_MAX)
                return false;
        strict_json_space(j);
        if (strict_json_take(j, '{'))
                good = strict_json_members(j, '}', true);
        else if (strict_json_take(j, '['))
                good = strict_json_members(j, ']', false);
        else if (j->p < j->end && *j->p == '"')
                good = strict_json_string(j);
        else
                good = strict_json_literal(j, "true") || strict_json_literal(j, "false") ||
                       strict_json_literal(j, "null") || strict_json_number(j);
        strict_json_space(j);
        j->depth--;
        return good;
}

static inline bool strict_json_is_valid(const char *text, size_t n) {
        StrictJson j = { .p = text, .end = text + n };

        return strict_json_is_utf8(text, n) && strict_json_value(&j) && j.p == j.end;
}
