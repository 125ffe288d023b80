/* SPDX-License-Identifier: Apache-2.0 */
#include "event/text-writer.h"

#include <assert.h>
#include <string.h>

#include "basic/macro.h"
#include "event/escape.h"

void text_init(TextWriter *t, char *buf, size_t size) {
        assert(t);
        assert(buf);
        assert(size > 0);

        *t = (TextWriter) { .p = buf, .end = buf + size - 1 };
        *t->p = '\0';
}

void text_add(TextWriter *t, const char *s) {
        assert(t);
        assert(s);

        size_t n = MIN(strlen(s), (size_t) (t->end - t->p));
        t->p = mempcpy(t->p, s, n);
        *t->p = '\0';
}

void text_add_escaped(TextWriter *t, const char *s, size_t max) {
        assert(t);
        assert(s);

        (void) escape_terminal(s, t->p, MIN(max, (size_t) (t->end - t->p)) + 1);
        t->p += strlen(t->p);
}

void text_add_number(TextWriter *t, uint64_t v) {
        char digits[21], *start = digits + sizeof(digits) - 1;

        *start = '\0';
        do
                *--start = (char) ('0' + v % 10);
        while (v /= 10);
        text_add(t, start);
}

void text_add_addr(TextWriter *t, const InAddr *a) {
        char text[IN_ADDR_TEXT_MAX];

        text_add(t, in_addr_format(a, text));
}
