/* SPDX-License-Identifier: Apache-2.0 */

/* Lines: "u:", "s:" or "c:" and a pattern, a list of its own each; "g:", a glob, a blank and a text; or a path. A glob
 * is compared with a plain but slow way to match it; a path keeps its list when something is nested below. */

#include <assert.h>
#include <string.h>

#include "basic/macro.h"
#include "policy/unit-match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LISTS_MAX 8
#define TABLE_MAX 64

static bool set_matches(const char *set, const char *end, char c) {
        bool negated = set[1] == '!', found = false;

        for (const char *s = set + 1 + negated; s < end; s++)
                if (s[1] == '-' && s + 2 < end) {
                        found |= c >= s[0] && c <= s[2];
                        s += 2;
                } else
                        found |= c == s[0];
        return found != negated;
}

/* row[i]: does the glob so far match the first i bytes? */
static bool slow_glob(const char *glob, const char *s, size_t n) {
        bool row[TABLE_MAX + 1] = { true }, next[TABLE_MAX + 1];

        while (*glob) {
                const char *end = *glob == '[' ? strchr(glob + (glob[1] == '!') + 2, ']') : NULL;

                next[0] = *glob == '*' && row[0];
                for (size_t i = 1; i <= n; i++)
                        if (*glob == '*')
                                next[i] = row[i] || next[i - 1];
                        else
                                next[i] = row[i - 1] && (end ? set_matches(glob, end, s[i - 1])
                                                             : *glob == '?' || *glob == s[i - 1]);
                memcpy(row, next, sizeof(row));
                glob = end ? end + 1 : glob + 1;
        }
        return row[n];
}

static void try_glob(char *line) {
        MatchList l = {};
        const char *reason;
        char *text = strchr(line, ' ');

        if (!text)
                return;
        *text++ = '\0';
        size_t n = strlen(text);
        bool fast = match_glob(line, text, n); /* whatever it is */
        if (n <= TABLE_MAX && match_list_add(&l, MATCH_CONTAINER, line, &reason) == 0)
                assert(fast == slow_glob(line, text, n));
        match_list_done(&l);
}

static void try_path(const MatchList *const *lists, size_t n, const char *path) {
        _cleanup_free_ char *deeper = malloc(strlen(path) + sizeof("/x/a.service"));

        int found = match_documents(lists, n, path);
        assert(found < (int) n && (found >= 0 || found == -ENOENT || found == -EINVAL));
        if (!deeper || found < 0 || lists[found]->patterns[0].kind == MATCH_SLICE)
                return;
        strcat(strcpy(deeper, path), "/x/a.service");
        assert(match_documents(lists, n, deeper) == found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = calloc(1, size + 1);
        MatchList lists[LISTS_MAX] = {};
        const MatchList *pointers[LISTS_MAX];
        const char *reason;
        char *rest = text;
        size_t n = 0;

        if (!text)
                return 0;
        if (size > 0)
                memcpy(text, data, size);
        for (char *line; (line = strsep(&rest, "\n"));) {
                MatchKind kind = line[0] == 'u' ? MATCH_UNIT : line[0] == 'c' ? MATCH_CONTAINER : MATCH_SLICE;

                if (line[0] == '/' || !rest)
                        try_path(pointers, n, line);
                if (line[0] == 'g' && line[1] == ':')
                        try_glob(line + 2);
                else if (line[0] != '\0' && line[1] == ':' && n < LISTS_MAX &&
                         match_list_add(&lists[n], kind, line + 2, &reason) == 0) {
                        pointers[n] = &lists[n];
                        n++;
                }
        }
        for (size_t i = 0; i < n; i++)
                match_list_done(&lists[i]);
        return 0;
}
