/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which policy document applies to a cgroup, by its path as systemd lays it out ("/system.slice/a.service/sub").
 *
 * The subject of a path is its first component that is not a slice or the folder of a container engine (basic/cgroup-path.h): a unit
 * of the system manager, which alone chooses that name, or a container of an engine that makes cgroups itself. Anything below may be delegated and named by anybody, so it belongs to the subject and is not
 * examined. The path of a slice has no subject.
 *
 * Precedence: units > containers > slices; among slices the deepest; among patterns an exact name, then the longer
 * part before the first wildcard; then the order of the documents. */

#include <stdbool.h>
#include <stddef.h>

typedef enum MatchKind {
        MATCH_SLICE,     /* "runners.slice": exact, with everything below it */
        MATCH_CONTAINER, /* a glob for the container's id, or its name in the unit name */
        MATCH_UNIT,      /* a glob for the unit name: "actions.runner.*" */
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

#define MATCH_PATTERNS_MAX 64 /* per document */

void match_list_done(MatchList *l);
/* Validates and appends a copy. Patterns consist of the characters of unit names (systemd.unit(5)) and the wildcards
 * "*", "?", "[a-z]" and "[!a-z]"; a backslash stands for itself ("\x2d"). -EINVAL with a constant sentence: a bad
 * pattern, one that no unit name can match, or too many. */
int match_list_add(MatchList *l, MatchKind kind, const char *text, const char **ret_reason);

/* cgroup_path: absolute, of any length; "/" is the root. Returns the index of the winning list; -ENOENT if none
 * matches; -EINVAL if it is not a cgroup path: relative, or with an empty component, "." or "..". */
int match_documents(const MatchList *const *lists, size_t n, const char *cgroup_path);

/* Is it, or is it below, the cgroup of a container of an engine of the system? */
bool match_is_container(const char *cgroup_path);

/* Does the glob, validated by match_glob_check(), match the n bytes at s? */
bool match_glob(const char *glob, const char *s, size_t n);
/* characters: those allowed besides wildcards; NULL: any. -EINVAL with a constant sentence. */
int match_glob_check(const char *glob, const char *characters, const char **ret_reason);
