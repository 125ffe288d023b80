/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Host name patterns: labels, "*" for exactly one label, "**" for one or more. Whole labels only. */

#include <stdbool.h>

#include "basic/macro.h"

typedef struct Pattern Pattern;

/* Canonical name for matching: lower case, one trailing dot dropped, IDN as A-labels; letters, digits, hyphen and
 * underscore, labels of 1 to 63 bytes, at most 253 in all. Wildcard labels pass where allow_wildcards.
 * -EINVAL, with a constant sentence in *ret_reason. */
int hostname_canonical(const char *s, bool allow_wildcards, char ret[static 254], const char **ret_reason);

/* From canonical text. -EINVAL ("foo*.com", "a..b", adjacent "**"). */
int pattern_new(const char *text, Pattern **ret, const char **ret_reason);
Pattern *pattern_free(Pattern *p);
DEFINE_CLEANUP_FUNC(Pattern *, pattern_free)
bool pattern_has_wildcard(const Pattern *p);
/* Whole name against whole pattern; subdomains of a plain name are the rule's business, not the pattern's. */
bool pattern_matches(const Pattern *p, const char *name);
