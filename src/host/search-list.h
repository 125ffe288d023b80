/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The search list of resolv.conf(5), by which clients make longer names of short ones, and that of Kubernetes. Pure. */

#include <stdbool.h>
#include <stddef.h>

#include "basic/macro.h"

#define SEARCH_LIST_MAX 32

typedef struct SearchList {
        char domains[SEARCH_LIST_MAX][254]; /* canonical, without a leading dot */
        size_t n;
} SearchList;

/* The last "search" or "domain" line; malformed domains are left out. host_name: of this machine; without such a line,
 * resolvers use what follows its first dot. */
void search_list_parse(const char *text, const char *host_name, SearchList *ret);
/* The lengths of what the name may have been before a search domain was appended, in ascending order: each call returns
 * the next one after *length, 0 for the first. False: there is none left. list may be NULL: only that of Kubernetes. */
bool search_list_strip(const SearchList *list, const char *name, size_t *length);
/* Is it a single label below "svc.cluster.local" or "cluster.local", and the domain in the list? Services have a namespace
 * before it, so the client looks for the label itself. */
bool search_list_is_service_domain(const SearchList *list, const char *name);
