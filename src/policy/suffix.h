/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Search domains: suffixes such as ".compute.internal" under which a short name stands for a long one. */

#include <stdbool.h>
#include <stddef.h>

#define SEARCH_DOMAINS_MAX 64

/* Trimmed, lower case, one leading dot. -EINVAL with a constant sentence for public suffixes, single labels, bad
 * labels and the Kubernetes suffixes, which always strip. */
int search_domain_canonical(const char *text, char ret[static 254], const char **ret_reason);

/* The short form of a canonical name: the longest suffix that fits, configured or of Kubernetes, taken off. Writes its
 * length and returns whether there is one. *ret_configured, always written: is the name under a configured suffix. */
bool search_domain_strip(char *const *domains, size_t n_domains, const char *name, size_t *ret_length,
                         bool *ret_configured);
