/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/output.h"

#include <assert.h>
#include <langinfo.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <wchar.h>

#include "event/escape.h"

#define COLUMNS_MAX 10000
#define COMPLAINT_MAX 8192

static bool wants_colors(void) {
        const char *s = getenv("SYSTEMD_COLORS"), *no = getenv("NO_COLOR"), *terminal = getenv("TERM");

        /* https://no-color.org: set and not empty. */
        if (no && no[0] != '\0')
                return false;
        if (s && (strcmp(s, "0") == 0 || strcmp(s, "no") == 0 || strcmp(s, "false") == 0 || strcmp(s, "off") == 0))
                return false;
        return terminal && strcmp(terminal, "dumb") != 0;
}

static unsigned find_columns(void) {
        const char *s = getenv("COLUMNS");
        struct winsize size;

        if (s) {
                char *end;
                unsigned long n = strtoul(s, &end, 10);

                if (end != s && *end == '\0' && n > 0 && n <= COLUMNS_MAX)
                        return (unsigned) n;
        }
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) >= 0 && size.ws_col > 0)
                return size.ws_col;
        return 80;
}

void output_init(Output *o) {
        assert(o);

        bool tty = isatty(STDOUT_FILENO);
        *o = (Output) {
                .tty = tty,
                .colors = tty && wants_colors(),
                .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
                .columns = tty ? find_columns() : 0,
        };
}

const char *output_color(const Output *o, Color c) {
        static const char *const sequences[_COLOR_MAX] = {
                [COLOR_NORMAL] = "\033[0m",
                [COLOR_BOLD] = "\033[1m",
                [COLOR_GREEN] = "\033[1;32m",
                [COLOR_YELLOW] = "\033[1;33m",
                [COLOR_RED] = "\033[1;31m",
                [COLOR_GREY] = "\033[90m",
        };

        assert(o && c < _COLOR_MAX);

        return o->colors ? sequences[c] : "";
}

const char *output_dot(const Output *o) {
        return o->utf8 ? "\xe2\x97\x8f" : "*";
}

const char *output_ellipsis(const Output *o) {
        return o->utf8 ? "\xe2\x80\xa6" : "...";
}

char *output_safe(const Output *o, const char *text) {
        assert(o && text);

        size_t n = strlen(text);
        char *buf = n < SIZE_MAX / ESCAPE_TERMINAL_MAX - 1 ? malloc(n * ESCAPE_TERMINAL_MAX + 1) : NULL;
        if (!buf)
                return NULL;
        (void) escape_terminal(text, buf, n * ESCAPE_TERMINAL_MAX + 1);
        for (char *p = buf; !o->utf8 && *p; p++)
                if ((unsigned char) *p >= 0x80)
                        *p = '?';
        return buf;
}

/* Bytes of the character at s, and its columns. Text from output_safe() is valid UTF-8; a libc that knows less
 * characters than the text has still moves on by one byte, one column. */
static size_t character(const Output *o, const char *s, mbstate_t *state, size_t *ret_columns) {
        wchar_t c;

        *ret_columns = 1;
        if (!o->utf8 || (unsigned char) *s < 0x80)
                return 1;
        size_t n = mbrtowc(&c, s, strlen(s), state);
        if (n == 0 || n > strlen(s)) {
                *state = (mbstate_t) {};
                return 1;
        }
        int columns = wcwidth(c);
        *ret_columns = columns < 0 ? 1 : (size_t) columns;
        return n;
}

size_t output_width(const Output *o, const char *text) {
        mbstate_t state = {};
        size_t width = 0, columns;

        assert(o && text);

        for (; *text; width += columns)
                text += character(o, text, &state, &columns);
        return width;
}

void output_cut(const Output *o, char *text, size_t columns) {
        const char *ellipsis = output_ellipsis(o);
        mbstate_t state = {};
        size_t width = 0, n, wanted;

        assert(text);

        if (output_width(o, text) <= columns)
                return;
        size_t room = o->utf8 ? 1 : 3; /* columns of the ellipsis */
        size_t keep = columns > room ? columns - room : 0;
        char *p = text;
        for (; *p; p += n, width += wanted) {
                n = character(o, p, &state, &wanted);
                if (width + wanted > keep)
                        break;
        }
        /* The text may be cut to fewer bytes than the ellipsis needs. */
        if (columns >= room && strlen(p) >= strlen(ellipsis))
                memcpy(p, ellipsis, strlen(ellipsis) + 1);
        else
                *p = '\0';
}

void complain(const char *format, ...) {
        char buf[COMPLAINT_MAX], safe[COMPLAINT_MAX];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(buf, sizeof(buf), format, ap);
        va_end(ap);
        (void) fflush(stdout); /* keep the order of output and errors */
        (void) fprintf(stderr, "cargowallctl: %s\n", escape_terminal(buf, safe, sizeof(safe)));
}
