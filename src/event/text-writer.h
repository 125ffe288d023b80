/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Text into a buffer of fixed size: what does not fit is left out, never half an escape. No allocation, no printf. */

#include <stddef.h>
#include <stdint.h>

#include "basic/in-addr.h"

typedef struct TextWriter {
        char *p;   /* where the NUL stands */
        char *end; /* the last byte, for the NUL */
} TextWriter;

/* size >= 1. The text is a string at any time. */
void text_init(TextWriter *t, char *buf, size_t size);
void text_add(TextWriter *t, const char *s);
/* As escape_terminal() writes it, so without line feeds; at most max bytes. */
void text_add_escaped(TextWriter *t, const char *s, size_t max);
void text_add_number(TextWriter *t, uint64_t v);
void text_add_addr(TextWriter *t, const InAddr *a);
