/* SPDX-License-Identifier: Apache-2.0 */
#include "event/escape.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "basic/macro.h"
#include "basic/utf8.h"

static const char hex[16] = "0123456789abcdef";

/* One input character. length: its bytes; an invalid byte is a character of length 1. */
typedef struct Character {
        uint32_t code;
        size_t length;
        bool valid;
} Character;

/* n >= 1. */
static Character character_at(const char *s, size_t n) {
        uint32_t code;

        size_t length = utf8_decode(s, n, &code);
        if (length == 0)
                return (Character) { .code = (uint8_t) s[0], .length = 1 };
        return (Character) { .code = code, .length = length, .valid = true };
}

/* Controls, and characters that change or hide the text around them: line separators, blanks other than space, bidi
 * controls (Unicode TR 36 2.6), fillers, and characters without a width, such as the tags of U+E0000, which can
 * spell whole sentences that only programs see. */
static bool is_deceptive(uint32_t code) {
        static const struct {
                uint32_t first, last;
        } ranges[] = {
                { 0x00, 0x1f },     { 0x7f, 0xa0 },       { 0xad, 0xad },       { 0x34f, 0x34f },
                { 0x61c, 0x61c },   { 0x115f, 0x1160 },   { 0x1680, 0x1680 },   { 0x17b4, 0x17b5 },
                { 0x180b, 0x180f }, { 0x2000, 0x200f },   { 0x2028, 0x202f },   { 0x205f, 0x206f },
                { 0x2800, 0x2800 }, { 0x3000, 0x3000 },   { 0x3164, 0x3164 },   { 0xfeff, 0xfeff },
                { 0xffa0, 0xffa0 }, { 0xfff9, 0xfffb },   { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a },
                { 0xe0000, 0xe0fff }, /* in ascending order */
        };

        if (code >= 0x20 && code < 0x7f)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(ranges) && code >= ranges[i].first; i++)
                if (code <= ranges[i].last)
                        return true;
        return false;
}

/* The result of one step: the replacement of one character. */
typedef struct Piece {
        char text[16];
        size_t length;
} Piece;

static void piece_add(Piece *p, char c) {
        p->text[p->length++] = c;
}

static void piece_add_text(Piece *p, const char *s) {
        while (*s)
                piece_add(p, *s++);
}

static void piece_hex(Piece *p, const char *before, uint32_t code, int digits, const char *after) {
        piece_add_text(p, before);
        for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
                piece_add(p, hex[code >> shift & 0xf]);
        piece_add_text(p, after);
}

static Piece piece_plain(const char *s, const Character *c) {
        Piece p = { .length = c->length };
        memcpy(p.text, s, c->length);
        return p;
}

/* "##[" and "##name[" anywhere, and "::name …::" at the start of a line, are commands to CI runners that read
 * output. An IPv6 address never contains "::" twice. */
static bool is_command_start(const char *s, size_t n, bool at_start) {
        if (n < 2 || s[0] != s[1])
                return false;
        if (s[0] == '#')
                return true;

        return s[0] == ':' && at_start && memmem(s + 2, n - 2, "::", 2);
}

static Piece terminal_piece(const char *s, size_t n, const Character *c, bool at_start) {
        Piece p = {};

        if (!c->valid || (c->code < 0x80 && (is_deceptive(c->code) || is_command_start(s, n, at_start))))
                piece_hex(&p, "\\x", c->code, 2, "");
        else if (is_deceptive(c->code))
                piece_hex(&p, "\\u{", c->code, c->code > 0xffff ? 5 : 4, "}");
        else
                p = piece_plain(s, c);
        return p;
}

static Piece markdown_piece(const char *s, size_t n, const Character *c, bool at_start) {
        Piece terminal = terminal_piece(s, n, c, at_start), p = {};

        if (terminal.length == 1 && strchr("|`*_<>[]#&\\!~@:$", terminal.text[0])) {
                uint8_t code = (uint8_t) terminal.text[0];

                piece_add_text(&p, "&#");
                if (code >= 100)
                        piece_add(&p, '1');
                piece_add(&p, (char) ('0' + code / 10 % 10));
                piece_add(&p, (char) ('0' + code % 10));
                piece_add(&p, ';');
        } else if (terminal.length > c->length) { /* escaped: its backslash would be Markdown */
                piece_add_text(&p, "&#92;");
                for (size_t i = 1; i < terminal.length; i++)
                        piece_add(&p, terminal.text[i]);
        } else
                p = terminal;
        return p;
}

typedef Piece (*piece_fn)(const char *s, size_t n, const Character *c, bool at_start);

static const char *escape_text(const char *s, char *buf, size_t size, piece_fn piece) {
        assert(s);
        assert(buf);
        assert(size > 0);

        size_t n = strlen(s), written = 0;
        bool at_start = true; /* runners trim blanks, including those outside ASCII, before they match */
        while (n > 0) {
                Character c = character_at(s, n);
                Piece p = piece(s, n, &c, at_start);
                if (p.length > size - 1 - written)
                        break;

                memcpy(buf + written, p.text, p.length);
                written += p.length;
                at_start = at_start && (c.code == ' ' || c.code >= 0x80);
                s += c.length;
                n -= c.length;
        }
        buf[written] = '\0';
        return buf;
}

const char *escape_terminal(const char *s, char *buf, size_t size) {
        return escape_text(s, buf, size, terminal_piece);
}

const char *escape_markdown(const char *s, char *buf, size_t size) {
        return escape_text(s, buf, size, markdown_piece);
}

static Piece json_piece(const char *s, const Character *c) {
        Piece p = {};

        if (!c->valid)
                piece_add_text(&p, "\\ufffd");
        else if (c->code == '"' || c->code == '\\') {
                piece_add(&p, '\\');
                piece_add(&p, (char) c->code);
        } else if (is_deceptive(c->code) && c->code > 0xffff) { /* RFC 8259 7: a surrogate pair */
                piece_hex(&p, "\\u", 0xd7c0 + (c->code >> 10), 4, "");
                piece_hex(&p, "\\u", 0xdc00 + (c->code & 0x3ff), 4, "");
        } else if (is_deceptive(c->code))
                piece_hex(&p, "\\u", c->code, 4, "");
        else
                p = piece_plain(s, c);
        return p;
}

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/* Are all eight bytes plain, as is the case for nearly all text? May return false if a byte follows one that is not
 * plain. */
static bool is_plain_word(uint64_t word) {
        const uint64_t quote = word ^ EACH_BYTE('"'), backslash = word ^ EACH_BYTE('\\'), del = word ^ EACH_BYTE(0x7f);
        const uint64_t below = (word - EACH_BYTE(0x20)) | (quote - EACH_BYTE(1)) | (backslash - EACH_BYTE(1)) |
                               (del - EACH_BYTE(1));

        return ((word | below) & EACH_BYTE(0x80)) == 0;
}

size_t escape_json(const char *s, size_t n, char *buf, size_t max) {
        assert(s || n == 0);
        assert(buf || max == 0);

        size_t written = 0;
        for (size_t i = 0; i < n;) {
                uint8_t b = (uint8_t) s[i];
                uint64_t word;

                if (n - i >= sizeof(word) && max - written >= sizeof(word)) {
                        memcpy(&word, s + i, sizeof(word));
                        if (is_plain_word(word)) {
                                memcpy(buf + written, &word, sizeof(word));
                                written += sizeof(word);
                                i += sizeof(word);
                                continue;
                        }
                }
                if (b >= 0x20 && b < 0x7f && b != '"' && b != '\\') { /* the common case */
                        if (written == max)
                                break;
                        buf[written++] = (char) b;
                        i++;
                        continue;
                }

                Character c = character_at(s + i, n - i);
                Piece p = json_piece(s + i, &c);
                if (p.length > max - written)
                        break;
                memcpy(buf + written, p.text, p.length);
                written += p.length;
                i += c.length;
        }
        return written;
}

size_t escape_utf8(const char *s, size_t n, char *buf, size_t max) {
        static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

        assert(s || n == 0);
        assert(buf || max == 0);

        size_t written = 0;
        for (size_t i = 0; i < n;) {
                Character c = character_at(s + i, n - i);
                bool valid = c.valid && c.code != 0;
                size_t length = valid ? c.length : sizeof(replacement) - 1;
                if (length > max - written)
                        break;
                memcpy(buf + written, valid ? s + i : replacement, length);
                written += length;
                i += c.length;
        }
        return written;
}
