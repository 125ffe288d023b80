/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Writes text into a buffer of fixed size. What does not fit is left out, never splitting an escape. No allocation,
 * no printf. */

#include <stddef.h>
#include <stdint.h>

#include "basic/in-addr.h"

typedef struct TextWriter {
        char *p;   /* position of the terminating NUL */
        char *end; /* the last byte, for the NUL */
} TextWriter;

/* size >= 1. The text is NUL-terminated at all times. */
void text_init(TextWriter *t, char *buf, size_t size);
void text_add(TextWriter *t, const char *s);
/* Escaped as by escape_terminal(), and thus without line feeds; at most max bytes. */
void text_add_escaped(TextWriter *t, const char *s, size_t max);
void text_add_number(TextWriter *t, uint64_t v);
void text_add_addr(TextWriter *t, const InAddr *a);
