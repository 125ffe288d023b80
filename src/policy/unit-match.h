/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which policy document a cgroup belongs to, by its path as systemd lays it out ("/system.slice/a.service/sub").
 *
 * The subject of a path is its first component that is no slice: a unit of the system manager, whose name only the
 * manager gives. What lies below may be delegated, so its names may be anybody's: it belongs to the subject and is not
 * looked at. The path of a slice has no subject.
 *
 * Precedence: units > containers > slices; among slices the deepest; among patterns an exact name, then the longer part
 * before the first wildcard; then the order of the documents. */

#include <stdbool.h>
#include <stddef.h>

typedef enum MatchKind {
        MATCH_SLICE,     /* "runners.slice": exact, with all below it */
        MATCH_CONTAINER, /* a glob for the id or name in the unit of a container */
        MATCH_UNIT,      /* a glob for the unit's name: "actions.runner.*" */
} MatchKind;

typedef struct MatchPattern {
        char *text;
        size_t literal; /* length of the part before the first wildcard */
        MatchKind kind;
        bool is_glob;
} MatchPattern;

typedef struct MatchList {
        MatchPattern *patterns;
        size_t n;
} MatchList;

#define MATCH_PATTERNS_MAX 64 /* of one document */

void match_list_done(MatchList *l);
/* Validates and appends a copy. Patterns have the characters of unit names (systemd.unit(5)) and the wildcards "*",
 * "?", "[a-z]", "[!a-z]"; a backslash is one of the name's characters ("\x2d"). -EINVAL with a constant sentence: a bad
 * pattern, one that no unit can have, or too many. */
int match_list_add(MatchList *l, MatchKind kind, const char *text, const char **ret_reason);

/* cgroup_path: absolute, of any length; "/" is the root. Returns the index of the list that wins, -ENOENT when none
 * matches, -EINVAL for what is no path of a cgroup: relative, or with an empty component, "." or "..". */
int match_documents(const MatchList *const *lists, size_t n, const char *cgroup_path);

/* Does the glob, which match_glob_check() has passed, match the n bytes at s? */
bool match_glob(const char *glob, const char *s, size_t n);
/* characters: those it may have besides wildcards; NULL: any. -EINVAL with a constant sentence. */
int match_glob_check(const char *glob, const char *characters, const char **ret_reason);
