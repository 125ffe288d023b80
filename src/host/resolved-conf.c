/* SPDX-License-Identifier: Apache-2.0 */
#include "host/resolved-conf.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "basic/macro.h"
#include "host/config-dir.h"
#include "host/read-file.h"

#define TEXT_MAX (64U * 1024)
#define FILES_MAX 256U
#define BLANKS " \t\r"
#define KEY "Domains"

/* The value of a line may continue on the next one, after a backslash; comments in between are no end (systemd.syntax(7)). */
static const char *next_line(const char *line, bool *continues) {
        size_t length = strcspn(line, "\n");
        const char *start = line + strspn(line, BLANKS);
        bool comment = *start == '#' || *start == ';';

        *continues = comment ? *continues : length > 0 && line[length - 1] == '\\';
        return line + length + (line[length] == '\n');
}

static bool word_routes(const char *word, size_t length) {
        return length > 1 && word[0] == '~' && !(word[1] == '.' && length == 2);
}

/* Up to the end of the line. */
static bool words_route(const char *s) {
        for (;;) {
                s += strspn(s, BLANKS "\\");
                size_t length = strcspn(s, BLANKS "\\\n");

                if (length == 0)
                        return false;
                if (word_routes(s, length))
                        return true;
                s += length;
        }
}

/* NULL: another key. */
static const char *domains_value(const char *line) {
        line += strspn(line, BLANKS);
        if (strncmp(line, KEY, strlen(KEY)) != 0)
                return NULL;
        line += strlen(KEY);
        line += strspn(line, BLANKS);
        return *line == '=' ? line + 1 : NULL;
}

bool resolved_conf_has_domains(const char *text) {
        bool continues = false, in_domains = false;

        assert(text);

        for (const char *line = text, *next; *line; line = next) {
                const char *start = line + strspn(line, BLANKS), *value = continues ? line : domains_value(line);
                bool comment = *start == '#' || *start == ';';

                if (!continues)
                        in_domains = value && !comment;
                if (in_domains && !comment && words_route(value))
                        return true;
                next = next_line(line, &continues);
        }
        return false;
}

static bool file_has_domains(const char *path) {
        _cleanup_free_ char *text = NULL;
        int r = read_file_at(AT_FDCWD, path, TEXT_MAX, &text, NULL);

        return r >= 0 ? resolved_conf_has_domains(text) : r != -ENOENT && r != -ENOTDIR;
}

bool resolved_conf_dir_has_domains(const char *path) {
        _cleanup_(config_names_done) ConfigNames names = {};
        _cleanup_free_ char *file = NULL, *dir = NULL;
        const char *reason;

        assert(path);

        file = config_path(path, "/resolved.conf", NULL);
        dir = config_path(path, "/resolved.conf.d", NULL);
        if (!file || !dir || config_dir_list(dir, ".conf", FILES_MAX, &names, &reason) < 0)
                return true;
        bool found = file_has_domains(file);
        for (size_t i = 0; i < names.n && !found; i++) {
                _cleanup_free_ char *drop_in = config_path(dir, "", names.names[i]);

                found = !drop_in || file_has_domains(drop_in);
        }
        return found;
}
