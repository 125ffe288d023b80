/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Names that this machine itself gives a meaning, as systemd-resolved(8) does: localhost and what is below it, its host
 * name, "_gateway", "_outbound", and the names of hosts(5); and its search list. Files are read again when they have
 * changed, at the latest after a second. */

#include "basic/in-addr.h"
#include "basic/macro.h"
#include "host/search-list.h"

typedef struct LocalNames LocalNames;

typedef struct LocalNameFiles {
        const char *resolv_conf, *hosts;
} LocalNameFiles;

extern const LocalNameFiles local_name_files_default;

#define LOCAL_ADDRS_MAX 64 /* of one name; the rest is left out */

typedef enum LocalNameKind {
        LOCAL_NAME_NONE,
        LOCAL_NAME_LOOPBACK,
        LOCAL_NAME_HOST,     /* the host's own name */
        LOCAL_NAME_ROUTE,    /* _gateway, _outbound */
        LOCAL_NAME_FILE,     /* of hosts(5): other records than addresses may exist elsewhere */
} LocalNameKind;

/* -ENOMEM */
int local_names_new(const LocalNameFiles *files, LocalNames **ret);
LocalNames *local_names_free(LocalNames *n);
DEFINE_CLEANUP_FUNC(LocalNames *, local_names_free)
/* Call before the functions below. */
void local_names_refresh(LocalNames *n, uint64_t now_nsec);
const SearchList *local_names_search(const LocalNames *n);
/* Do clients ask systemd-resolved, which itself answers for hosts(5)? */
bool local_names_has_stub(const LocalNames *n);
LocalNameKind local_names_kind(const LocalNames *n, const char *name);
/* Its addresses of one family, for a kind other than LOCAL_NAME_NONE. Returns their number; 0 if it has none. */
size_t local_names_addrs(const LocalNames *n, const char *name, bool v6, InAddr ret[static LOCAL_ADDRS_MAX]);
/* The name of an address of this machine or of hosts(5); NULL: none. */
const char *local_names_reverse(const LocalNames *n, const InAddr *addr);
