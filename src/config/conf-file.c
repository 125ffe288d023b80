/* SPDX-License-Identifier: Apache-2.0 */
#include "config/conf-file.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"

#define BLANKS " \t"
#define NAME_MAX_BYTES 64U /* of a section or key */
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"

typedef struct Reader {
        const char *at; /* next byte to read */
        const char *end;
        unsigned line;      /* line number of at */
        unsigned statement; /* line on which the current statement begins */
        char section[NAME_MAX_BYTES + 1]; /* "": before the first section */
        char text[CONF_LINE_MAX + 1];     /* the current statement, terminated */
        conf_file_fn fn;
        void *userdata;
        FaultList *faults;
} Reader;

static int reader_fault(Reader *r, const char *key, const char *reason) {
        const char *blank = key && r->section[0] != '\0' ? " " : "";
        char item[96] = "";

        if (r->section[0] != '\0')
                (void) snprintf(item, sizeof(item), "[%.64s]%s%.28s", r->section, blank, key ?: "");
        (void) fault_list_add(r->faults, item, r->statement, reason);
        return 0;
}

static int call(Reader *r, const char *key, const char *value) {
        const char *reason = "not valid";

        int k = r->fn(r->section, key, value, &reason, r->userdata);
        return k == -EINVAL ? reader_fault(r, key, reason) : k;
}

/* ------------------------------------------------------------------ lines */

static const char *trim_blanks(char *s) {
        s += strspn(s, BLANKS);
        size_t n = strlen(s);
        while (n > 0 && strchr(BLANKS, s[n - 1]))
                n--;
        s[n] = '\0';
        return s;
}

/* Why the line is rejected, or NULL. */
static const char *bad_bytes(const char *s, size_t n) {
        for (size_t i = 0; i < n; i++) {
                if (s[i] == '\0')
                        return "a NUL byte";
                if (s[i] == '\r')
                        return "a carriage return: lines must end in a newline only";
                if (((unsigned char) s[i] < 0x20 && s[i] != '\t') || s[i] == 0x7f)
                        return "a control character";
        }
        return NULL;
}

/* Ends the line in an odd number of backslashes? A pair of them is literal. */
static bool is_continued(const char *s, size_t n) {
        size_t backslashes = 0;

        while (backslashes < n && s[n - 1 - backslashes] == '\\')
                backslashes++;
        return backslashes % 2 == 1;
}

static bool is_comment(const char *s, size_t n) {
        for (; n > 0 && strchr(BLANKS, *s) && *s != '\0'; s++)
                n--;
        return n > 0 && (*s == '#' || *s == ';');
}

/* The next line, without its newline. */
static const char *line_next(Reader *r, size_t *ret_n) {
        const char *line = r->at, *newline = memchr(r->at, '\n', (size_t) (r->end - r->at));

        *ret_n = (size_t) ((newline ?: r->end) - line);
        r->at = newline ? newline + 1 : r->end;
        r->line++;
        return line;
}

/* Reads the next statement, joined with its continuation lines, into text: "" for an empty line or a comment. A line
 * that is rejected becomes a fault and an empty statement. */
static void statement_next(Reader *r) {
        const char *reason = NULL;
        bool continued = false;
        size_t n = 0;

        r->statement = r->line;
        do {
                size_t length;
                const char *line = line_next(r, &length);

                reason = reason ?: bad_bytes(line, length);
                if (n + length > CONF_LINE_MAX)
                        reason = reason ?: "the line is longer than 4096 bytes";
                if (is_comment(line, length))
                        continue; /* a comment does not end the statement around it */
                continued = is_continued(line, length);
                if (reason)
                        continue;
                memcpy(r->text + n, line, length);
                n += length;
                if (continued)
                        r->text[n - 1] = ' ';
        } while (continued && r->at < r->end);

        if (continued && !reason)
                reason = "the last line ends in a backslash";
        if (reason)
                reader_fault(r, NULL, reason);
        r->text[reason ? 0 : n] = '\0';
}

/* ------------------------------------------------------------------ statements */

static bool is_name(const char *s) {
        size_t n = strspn(s, NAME_CHARACTERS);

        return n > 0 && n <= NAME_MAX_BYTES && s[n] == '\0';
}

static int read_section(Reader *r, char *s) {
        size_t n = strlen(s);

        r->section[0] = '\0'; /* do not assign statements after a bad header to the previous section */
        if (s[n - 1] != ']')
                return reader_fault(r, NULL, "a section header must be [NAME] and nothing else");
        s[n - 1] = '\0';
        if (!is_name(s + 1))
                return reader_fault(r, NULL, "a section name has 1 to 64 letters, digits and dashes");
        memcpy(r->section, s + 1, n - 1);
        return call(r, NULL, NULL);
}

static int read_assignment(Reader *r, char *s) {
        char *equals = strchr(s, '=');

        if (!equals)
                return reader_fault(r, NULL, "neither [SECTION], KEY=VALUE nor a comment");
        *equals = '\0';
        const char *key = trim_blanks(s), *value = trim_blanks(equals + 1);
        if (!is_name(key))
                return reader_fault(r, NULL, "a key has 1 to 64 letters, digits and dashes");
        if (r->section[0] == '\0')
                return reader_fault(r, NULL, "a key before the first section");
        return call(r, key, value);
}

static int read_all(Reader *r) {
        int k = 0;

        while (k >= 0 && r->at < r->end) {
                statement_next(r);
                char *s = r->text + strspn(r->text, BLANKS);
                (void) trim_blanks(s);
                if (*s != '\0')
                        k = *s == '[' ? read_section(r, s) : read_assignment(r, s);
        }
        return k;
}

int conf_file_parse(const char *text, size_t size, conf_file_fn fn, void *userdata, FaultList *faults) {
        assert(text || size == 0);
        assert(fn);
        assert(faults);

        Reader r = {
                .at = text, .end = size > 0 ? text + size : text, .line = 1, .fn = fn, .userdata = userdata,
                .faults = faults,
        };
        size_t before = fault_list_count(faults);
        int k = 0;

        if (size > CONF_TEXT_MAX)
                (void) reader_fault(&r, NULL, "the text is larger than 1 MiB");
        else
                k = read_all(&r);
        return k < 0 ? k : fault_list_count(faults) > before ? -EINVAL : 0;
}
