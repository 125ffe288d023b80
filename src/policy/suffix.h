/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Search domains: suffixes such as ".compute.internal" under which a short name stands for a long one. */

#include <stdbool.h>
#include <stddef.h>

#define SEARCH_DOMAINS_MAX 64

/* Trims, lower-cases and adds one leading dot. -EINVAL with a constant sentence for public suffixes, single labels,
 * bad labels, and a suffix of Kubernetes that holds all its names. */
int search_domain_canonical(const char *text, char ret[static 254], const char **ret_reason);

/* Does it end in a domain that is known as a public suffix, as all names of the internet do? */
bool name_has_public_suffix(const char *name);

/* The short form of a canonical name: without the longest matching suffix, configured or of Kubernetes. Writes its
 * length and returns true if there is one. A name below a Kubernetes suffix alone has no short form that could be a name
 * of the internet ("github.com.svc.cluster.local"). *ret_configured is always written: whether the name is under a configured
 * suffix. */
bool search_domain_strip(char *const *domains, size_t n_domains, const char *name, size_t *ret_length,
                         bool *ret_configured);
