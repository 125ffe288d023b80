/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Makes untrusted text safe for one kind of output. Such text is never printed without it. */

#include <stddef.h>

/* Each writes at most size - 1 bytes and a NUL (size >= 1), truncates between characters and never inside an escape,
 * and returns buf. terminal: control characters, ESC, invalid UTF-8, bidi controls, invisible characters and blanks
 * other than space become \xNN or \u{NNNN}; so do "##" and a leading "::word::", which CI runners take for commands.
 * markdown: as terminal, and
 * ` * _ < > [ ] # & \ ! ~ @ : $ become character references, so that the text can go into a table cell. */
const char *escape_terminal(const char *s, char *buf, size_t size);
const char *escape_markdown(const char *s, char *buf, size_t size);

/* The most bytes that one input byte can become. */
#define ESCAPE_TERMINAL_MAX 4
#define ESCAPE_MARKDOWN_MAX 8
#define ESCAPE_JSON_MAX 6

/* The contents of a JSON string, without quotes. Writes at most max bytes (never part of an escape) and returns the
 * count. The result is always valid UTF-8: characters that terminal output would hide become \uXXXX, each invalid
 * byte \ufffd. If max minus the count is at least ESCAPE_JSON_MAX, nothing was truncated. */
size_t escape_json(const char *s, size_t n, char *buf, size_t max);

/* The text as valid UTF-8, for outputs that carry strings unescaped, such as D-Bus: each invalid byte and NUL
 * becomes U+FFFD, everything else is unchanged. Writes at most max bytes (never part of a character) and returns the
 * count. */
size_t escape_utf8(const char *s, size_t n, char *buf, size_t max);
#define ESCAPE_UTF8_MAX 3
