/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* UTF-8 (RFC 3629): shortest form only, no surrogates, nothing above U+10FFFF. */

#include <stddef.h>
#include <stdint.h>

/* Length in bytes (1 to 4) of the character at the start of the n bytes at s, or 0 when they do not begin with a valid
 * one. *ret: its code point. n >= 1. */
size_t utf8_decode(const char *s, size_t n, uint32_t *ret);
