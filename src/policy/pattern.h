/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Host name patterns: labels, "*" for exactly one label, "**" for one or more. Wildcards stand for whole labels
 * only. */

#include <stdbool.h>

#include "basic/macro.h"

typedef struct Pattern Pattern;

/* "https://github.com/": the reason of those who refuse it. */
#define URL_REFUSED "a URL is not a host name: write the name alone, such as github.com"
bool text_is_url(const char *s);

/* Canonical form for matching: lower case, one trailing dot dropped, IDN as A-labels; letters, digits, hyphen and
 * underscore, labels of 1 to 63 bytes, at most 253 bytes in all. Wildcard labels are accepted if allow_wildcards.
 * -EINVAL, with a constant sentence in *ret_reason. */
int hostname_canonical(const char *s, bool allow_wildcards, char ret[static 254], const char **ret_reason);

/* text: canonical. -EINVAL ("foo*.com", "a..b", adjacent "**"). */
int pattern_new(const char *text, Pattern **ret, const char **ret_reason);
Pattern *pattern_free(Pattern *p);
DEFINE_CLEANUP_FUNC(Pattern *, pattern_free)
bool pattern_has_wildcard(const Pattern *p);
/* Matches the whole name against the whole pattern. That a plain name also covers its subdomains is up to the rule. */
bool pattern_matches(const Pattern *p, const char *name);
