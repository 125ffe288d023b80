/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/unit-match.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "basic/cgroup-path.h"
#include "basic/macro.h"

#define UNIT_NAME_MAX 255U /* systemd.unit(5); equals NAME_MAX */
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@"
#define WILDCARDS "*?["

/* Part of a path or pattern. */
typedef struct Span {
        const char *s; /* borrowed, not terminated */
        size_t n;
} Span;

static bool span_begins(Span a, const char *prefix) {
        size_t n = strlen(prefix);

        return a.n >= n && memcmp(a.s, prefix, n) == 0;
}

static bool span_ends(Span a, const char *suffix) {
        size_t n = strlen(suffix);

        return a.n >= n && memcmp(a.s + a.n - n, suffix, n) == 0;
}

/* Sets *ret to a without prefix and suffix. Returns false if a lacks either, or if nothing remains. */
static bool span_between(Span a, const char *prefix, const char *suffix, Span *ret) {
        size_t before = strlen(prefix), after = strlen(suffix);

        if (a.n <= before + after || !span_begins(a, prefix) || !span_ends(a, suffix))
                return false;

        *ret = (Span) { .s = a.s + before, .n = a.n - before - after };
        return true;
}

/* ------------------------------------------------------------------ globs */

/* The "]" that ends the set at s; the first character in a set never ends it. NULL if there is none. */
static const char *set_end(const char *s) {
        s += s[1] == '!' ? 2 : 1;
        return *s == '\0' ? NULL : strchr(s + 1, ']');
}

static bool set_has(const char *set, const char *end, char c) {
        bool negated = set[1] == '!', found = false;

        for (const char *s = set + 1 + negated; s < end;) {
                bool range = s[1] == '-' && s + 2 < end;

                found = found || (range ? s[0] <= c && c <= s[2] : s[0] == c);
                s += range ? 3 : 1;
        }
        return found != negated;
}

/* Returns the position after the part of the glob that matches c, which "*" never does; NULL if it does not match. */
static const char *match_one(const char *glob, char c) {
        const char *end = *glob == '[' ? set_end(glob) : NULL;

        if (end)
                return set_has(glob, end, c) ? end + 1 : NULL;
        return *glob != '\0' && (*glob == '?' || *glob == c) ? glob + 1 : NULL;
}

/* As with host names, only the last "*" is ever widened: the work is bounded by the product of the lengths.
 * fnmatch(3) depends on the locale and may take exponential time. */
bool match_glob(const char *glob, const char *s, size_t n) {
        const char *star = NULL;
        size_t i = 0, taken = 0;

        assert(glob);
        assert(s);

        while (i < n) {
                const char *next = *glob == '*' ? NULL : match_one(glob, s[i]);

                if (*glob == '*') {
                        star = ++glob;
                        taken = i;
                } else if (next) {
                        glob = next;
                        i++;
                } else if (star) {
                        glob = star;
                        i = ++taken;
                } else
                        return false;
        }
        return glob[strspn(glob, "*")] == '\0';
}

/* ------------------------------------------------------------------ patterns */

static int refuse(const char **ret_reason, const char *reason) {
        *ret_reason = reason;
        return -EINVAL;
}

static int set_check(const char *set, const char *end, const char *characters, const char **ret_reason) {
        for (const char *s = set + 1 + (set[1] == '!'); s < end; s++) {
                if (characters && !strchr(characters, *s))
                        return refuse(ret_reason, "only characters of unit names are allowed between [ and ]");
                if (s[1] == '-' && s + 2 < end && s[0] > s[2])
                        return refuse(ret_reason, "a range between [ and ] is reversed");
        }
        return 0;
}

int match_glob_check(const char *glob, const char *characters, const char **ret_reason) {
        assert(glob && ret_reason);

        for (const char *s = glob; *s;) {
                const char *end = *s == '[' ? set_end(s) : s;
                int r = 0;

                if (!end)
                        return refuse(ret_reason, "a [ has no matching ]");
                if (*s == '[')
                        r = set_check(s, end, characters, ret_reason);
                else if (characters && !strchr(characters, *s) && !strchr("*?", *s))
                        r = refuse(ret_reason, "a character that no unit name can have");
                if (r < 0)
                        return r;
                s = end + 1;
        }
        return 0;
}

/* systemd.slice(5): the dashes of a slice's name encode its place in the tree, so none is at an end or next to
 * another. */
static int slice_check(Span s, const char **ret_reason) {
        Span stem;

        if (!span_between(s, "", ".slice", &stem))
                return refuse(ret_reason, "a slice name must end in .slice");
        if (stem.n == 1 && stem.s[0] == '-')
                return refuse(ret_reason, "-.slice is the whole host: use /etc/cargowall/policy.json");
        if (s.s[strcspn(s.s, WILDCARDS)] != '\0')
                return refuse(ret_reason, "a slice cannot have wildcards: everything below it is included");
        if (stem.s[0] == '-' || stem.s[stem.n - 1] == '-' || strstr(stem.s, "--"))
                return refuse(ret_reason, "a slice name has single dashes only, and none at either end");
        return 0;
}

/* A pattern that no unit name can match would leave the unit without the policy written for it. */
static int unit_check(Span s, const char **ret_reason) {
        static const char *const endings[] = { ".service", ".scope", ".socket", ".mount", ".swap" };

        if (span_ends(s, ".slice"))
                return refuse(ret_reason, "a slice belongs in slices");
        if (span_ends(s, "*"))
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(endings); i++)
                if (s.n > strlen(endings[i]) && span_ends(s, endings[i]))
                        return 0;
        return refuse(ret_reason, "a unit name must end in .service, .scope, .socket, .mount or .swap, or in *");
}

static int pattern_check(MatchKind kind, const char *text, const char **ret_reason) {
        Span s = { .s = text, .n = strnlen(text, UNIT_NAME_MAX + 1) };

        if (s.n == 0)
                return refuse(ret_reason, "the name is empty");
        if (s.n > UNIT_NAME_MAX)
                return refuse(ret_reason, "the name is longer than 255 bytes");
        int r = match_glob_check(text, NAME_CHARACTERS, ret_reason);
        if (r < 0)
                return r;
        if (kind == MATCH_SLICE)
                return slice_check(s, ret_reason);
        return kind == MATCH_UNIT ? unit_check(s, ret_reason) : 0;
}

void match_list_done(MatchList *l) {
        assert(l);

        for (size_t i = 0; i < l->n; i++)
                free(l->patterns[i].text);
        free(l->patterns);
        *l = (MatchList) {};
}

int match_list_add(MatchList *l, MatchKind kind, const char *text, const char **ret_reason) {
        assert(l);
        assert(text);
        assert(ret_reason);

        int r = pattern_check(kind, text, ret_reason);
        if (r < 0)
                return r;
        if (l->n == MATCH_PATTERNS_MAX)
                return refuse(ret_reason, "a document can match at most 64 names and patterns");

        _cleanup_free_ char *copy = strdup(text);
        MatchPattern *patterns = realloc(l->patterns, (l->n + 1) * sizeof(MatchPattern));
        if (patterns)
                l->patterns = patterns;
        if (!copy || !patterns)
                return -ENOMEM;

        MatchPattern *p = &patterns[l->n++];
        *p = (MatchPattern) { .literal = strcspn(copy, WILDCARDS), .kind = kind };
        p->is_glob = copy[p->literal] != '\0';
        p->text = TAKE_PTR(copy);
        return 0;
}

/* ------------------------------------------------------------------ paths */

/* The components of a path that matter, apart from the slices. */
typedef struct Subject {
        Span unit;      /* n 0: none */
        Span container; /* n 0: not a container's unit */
        char name[UNIT_NAME_MAX];
} Subject;

/* The component at *path, which follows a slash; moves *path past it. systemd prefixes a name with "_" if it
 * collides with a file of the cgroup file system. */
static Span component_next(const char **path) {
        Span c = { .s = *path, .n = strcspn(*path, "/") };

        *path += c.n;
        if (c.n > 0 && c.s[0] == '_') {
                c.s++;
                c.n--;
        }
        return c;
}

static bool is_slice(Span c) {
        return c.n > strlen(".slice") && span_ends(c, ".slice");
}

static bool path_is_valid(const char *path) {
        if (*path != '/')
                return false;
        if (path[1] == '\0')
                return true;
        while (*path) {
                size_t n = strcspn(++path, "/");

                if (n == 0 || n > UNIT_NAME_MAX || (n <= 2 && strspn(path, ".") >= n))
                        return false;
                path += n;
        }
        return true;
}

static int hex_value(char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Container engines use hexadecimal ids; "libpod-conmon-ID.scope" is a helper process, not a container. */
static bool is_id(Span s) {
        for (size_t i = 0; i < s.n; i++)
                if (hex_value(s.s[i]) < 0)
                        return false;
        return true;
}

/* Undoes systemd-escape(1), which systemd-machined applies to scope names: "web\x2d1" is web-1. */
static Span unescape(Span s, char buf[static UNIT_NAME_MAX]) {
        size_t n = 0;

        for (size_t i = 0; i < s.n; n++) {
                bool escaped = s.n - i >= 4 && s.s[i] == '\\' && s.s[i + 1] == 'x' && hex_value(s.s[i + 2]) >= 0 &&
                               hex_value(s.s[i + 3]) >= 0;

                buf[n] = escaped ? (char) (hex_value(s.s[i + 2]) << 4 | hex_value(s.s[i + 3])) : s.s[i];
                i += escaped ? 4 : 1;
        }
        return (Span) { .s = buf, .n = n };
}

/* BuildKit's ids have digits and all letters. */
static bool is_word(Span s) {
        for (size_t i = 0; i < s.n; i++)
                if (!((s.s[i] >= '0' && s.s[i] <= '9') || (s.s[i] >= 'a' && s.s[i] <= 'z')))
                        return false;
        return s.n > 0;
}

static Span find_container(Span unit, char buf[static UNIT_NAME_MAX]) {
        static const char *const engines[] = { "docker-", "libpod-", "crio-", "cri-containerd-" };
        Span s;

        for (size_t i = 0; i < ELEMENTSOF(engines); i++)
                if (span_between(unit, engines[i], ".scope", &s) && is_id(s))
                        return s;
        if (span_between(unit, "machine-", ".scope", &s))
                return unescape(s, buf);
        if (span_between(unit, "systemd-nspawn@", ".service", &s) || span_between(unit, "lxc.payload.", "", &s))
                return s;
        return (Span) {};
}

/* Below the folder of an engine: "/docker/ID", "/libpod_parent/libpod-ID", "/kubepods/besteffort/podID/cri-containerd-ID". */
static Span find_container_of_engine(Span name) {
        static const char *const prefixes[] = { "libpod-", "crio-", "cri-containerd-", "docker-" };
        Span s;

        for (size_t i = 0; i < ELEMENTSOF(prefixes); i++)
                if (span_between(name, prefixes[i], "", &s) && is_id(s))
                        return s;
        return span_begins(name, "conmon") || span_begins(name, "libpod-conmon") ? (Span) {} : name;
}

/* What an engine asks systemd for, made by a program that does not: "system.slice:docker:ID" (BuildKit). */
static Span find_container_unmanaged(Span name) {
        static const char *const engines[] = { ":docker:", ":libpod:", ":crio:", ":cri-containerd:", ":buildkit:" };
        const char *found = NULL;
        Span s;

        for (size_t i = 0; i < ELEMENTSOF(engines) && !found; i++)
                if ((found = memmem(name.s, name.n, engines[i], strlen(engines[i]))))
                        found += strlen(engines[i]);
        if (!found)
                return (Span) {};
        s = (Span) { .s = found, .n = (size_t) (name.s + name.n - found) };
        return is_word(s) ? s : (Span) {};
}

static void find_subject(const char *path, Subject *ret) {
        bool engine;

        ret->unit = ret->container = (Span) {};
        path += cgroup_path_groups(path, &engine);
        if (*path != '/' || path[1] == '\0')
                return;
        path++;
        ret->unit = component_next(&path);
        ret->container = engine ? find_container_of_engine(ret->unit) : find_container(ret->unit, ret->name);
        if (ret->container.n == 0)
                ret->container = find_container_unmanaged(ret->unit);
}

/* How deep the slice is on the path; 0 if it is not among the slices before the subject. */
static unsigned slice_depth(const char *path, const char *name) {
        size_t n = strlen(name);

        for (unsigned depth = 1; *path == '/'; depth++) {
                path++;
                Span c = component_next(&path);
                if (!is_slice(c))
                        break;
                if (c.n == n && memcmp(c.s, name, n) == 0)
                        return depth;
        }
        return 0;
}

/* How well the pattern matches: higher is better, 0 is no match. */
static unsigned pattern_rank(const MatchPattern *p, const Subject *subject, const char *path) {
        const Span s = p->kind == MATCH_UNIT ? subject->unit : subject->container;
        const unsigned kind = (unsigned) p->kind << 16;

        if (p->kind == MATCH_SLICE)
                return kind | MIN(slice_depth(path, p->text), UINT16_MAX);
        if (s.n == 0 || !match_glob(p->text, s.s, s.n))
                return 0;
        return kind | (p->is_glob ? 0 : 1U << 15) | (unsigned) p->literal;
}

int match_documents(const MatchList *const *lists, size_t n, const char *cgroup_path) {
        unsigned best = 0;
        int found = -ENOENT;
        Subject subject;

        assert(lists || n == 0);
        assert(n <= INT32_MAX);
        assert(cgroup_path);

        if (!path_is_valid(cgroup_path))
                return -EINVAL;
        find_subject(cgroup_path, &subject);
        for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < lists[i]->n; j++) {
                        unsigned rank = pattern_rank(&lists[i]->patterns[j], &subject, cgroup_path);

                        if (rank > best) {
                                best = rank;
                                found = (int) i;
                        }
                }
        return found;
}

bool match_is_container(const char *cgroup_path) {
        Subject subject;

        assert(cgroup_path);

        if (!path_is_valid(cgroup_path))
                return false;
        find_subject(cgroup_path, &subject);
        return subject.container.n > 0;
}
