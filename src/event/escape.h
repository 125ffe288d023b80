/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Untrusted text made safe for one output: the rest of the program never prints such text without it. */

#include <stddef.h>

/* Each writes at most size - 1 bytes and a NUL (size >= 1), cuts at a character, never inside an escape; returns buf.
 * terminal: control characters, ESC, invalid UTF-8, bidi controls, invisible characters and blanks that are no space ->
 *   \xNN or \u{NNNN}; so are "##" and a leading "::word::", which CI runners take for commands.
 * markdown: as terminal, and | ` * _ < > [ ] # & \ ! ~ @ : $ become character references: fit for table cells. */
const char *escape_terminal(const char *s, char *buf, size_t size);
const char *escape_markdown(const char *s, char *buf, size_t size);

/* What one byte of input can become at most. */
#define ESCAPE_TERMINAL_MAX 4
#define ESCAPE_MARKDOWN_MAX 8
#define ESCAPE_JSON_MAX 6

/* JSON string contents without quotes. Writes at most max bytes (never half an escape), returns the count. The result
 * is always valid UTF-8: what terminal output would hide is \uXXXX, each invalid byte is \ufffd. When max minus the
 * count is ESCAPE_JSON_MAX or more nothing was cut. */
size_t escape_json(const char *s, size_t n, char *buf, size_t max);

/* The same text in UTF-8 for outputs that carry strings as they are, such as D-Bus: each invalid byte and NUL becomes
 * U+FFFD, nothing else changes. Writes at most max bytes (never half a character), returns the count. */
size_t escape_utf8(const char *s, size_t n, char *buf, size_t max);
#define ESCAPE_UTF8_MAX 3
