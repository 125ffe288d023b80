/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Capabilities of the terminal (colours, width, characters), and escaping of untrusted text for it. */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "basic/macro.h"

typedef enum Color {
        COLOR_NORMAL,
        COLOR_BOLD,
        COLOR_GREEN,
        COLOR_YELLOW,
        COLOR_RED,
        COLOR_GREY,
        _COLOR_MAX,
} Color;

typedef struct Output {
        bool tty;         /* stdout is a terminal */
        bool colors;
        bool utf8;        /* of the locale */
        unsigned columns; /* 0: no limit */
} Output;

/* Reads the locale (setlocale() was called), the terminal, and COLUMNS, NO_COLOR, SYSTEMD_COLORS, TERM. */
void output_init(Output *o);

/* The escape sequence, or "" without colours. COLOR_NORMAL ends the others. */
const char *output_color(const Output *o, Color c);
const char *output_dot(const Output *o);      /* U+25CF or "*" */
const char *output_ellipsis(const Output *o); /* U+2026 or "..." */

/* A copy that is safe for a terminal (escape_terminal()) and fits the locale: if it is not UTF-8, bytes above ASCII
 * become '?'. NULL on out of memory. The caller frees. */
char *output_safe(const Output *o, const char *text);
/* The width in columns of text from output_safe(). */
size_t output_width(const Output *o, const char *text);
/* Cuts text from output_safe() in its place, so that it takes at most columns with an ellipsis at its end. The text has
 * room for that if it was longer. */
void output_cut(const Output *o, char *text, size_t columns);

/* Prints "cargowallctl: " and one line to stderr, with the arguments of the format escaped. */
void complain(const char *format, ...) _printf_(1, 2);
