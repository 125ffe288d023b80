/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/family-modules.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "event/socket-family.h"

/* A word of a line, not terminated. */
typedef struct Word {
        const char *s;
        size_t n;
} Word;

static Word word_next(const char **line) {
        Word w = { .s = *line + strspn(*line, " \t\r") };

        w.n = strcspn(w.s, " \t\r\n");
        *line = w.s + w.n;
        return w;
}

static bool word_is(Word w, const char *text) {
        return w.n == strlen(text) && strncmp(w.s, text, w.n) == 0;
}

static const char *next_line(const char *line) {
        line += strcspn(line, "\n");
        return *line ? line + 1 : line;
}

/* Modules are the same with either character in their names. */
static bool word_to_name(Word w, char ret[static FAMILY_MODULE_NAME_MAX]) {
        if (w.n == 0 || w.n >= FAMILY_MODULE_NAME_MAX)
                return false;
        for (size_t i = 0; i < w.n; i++)
                ret[i] = w.s[i] == '-' ? '_' : w.s[i];
        ret[w.n] = '\0';
        return true;
}

static size_t find(const FamilyModules *m, const char *name) {
        size_t i = 0;

        while (i < m->n && strcmp(m->names[i], name) != 0)
                i++;
        return i;
}

/* "net-pf-24-proto-0": a family that any user can ask for, and that has no hooks. */
static bool alias_is_open(Word alias, bool filtered) {
        unsigned family;
        char text[16];

        (void) snprintf(text, sizeof(text), "%.*s", (int) MIN(alias.n, sizeof(text) - 1), alias.s);
        return sscanf(text, "net-pf-%3u", &family) == 1 && !socket_family_is_judged(family) &&
               !socket_family_is_privileged(family) && !(filtered && socket_family_is_filtered(family));
}

void family_modules_add(FamilyModules *m, const char *aliases, bool filtered) {
        char name[FAMILY_MODULE_NAME_MAX];

        assert(m && aliases);

        for (const char *line = aliases, *p = line; *line; line = next_line(line), p = line)
                if (word_is(word_next(&p), "alias") && alias_is_open(word_next(&p), filtered) &&
                    word_to_name(word_next(&p), name) && find(m, name) == m->n && m->n < FAMILY_MODULES_MAX)
                        memcpy(m->names[m->n++], name, sizeof(name));
}

static bool is_no_command(Word command) {
        static const char *const commands[] = {
                "/bin/false", "/bin/true", "/usr/bin/false", "/usr/bin/true", "false", "true",
        };

        for (size_t i = 0; i < ELEMENTSOF(commands); i++)
                if (word_is(command, commands[i]))
                        return true;
        return false;
}

void family_modules_remove_blocked(FamilyModules *m, const char *config) {
        char name[FAMILY_MODULE_NAME_MAX];

        assert(m && config);

        for (const char *line = config, *p = line; *line; line = next_line(line), p = line) {
                Word directive = word_next(&p), module = word_next(&p);
                bool blocks = word_is(directive, "blacklist") ||
                              (word_is(directive, "install") && is_no_command(word_next(&p)));

                if (!blocks || !word_to_name(module, name))
                        continue;
                size_t i = find(m, name);
                if (i == m->n)
                        continue;
                m->n--;
                memmove(m->names[i], m->names[i + 1], (m->n - i) * sizeof(m->names[0]));
        }
}
