/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The text of hosts(5). Pure. */

#include <stdbool.h>
#include <stddef.h>

#include "basic/in-addr.h"
#include "basic/macro.h"

#define HOSTS_ENTRIES_MAX 16384 /* names; the rest is left out */

typedef struct HostsEntry {
        InAddr addr;
        bool is_first; /* of its line: the name of the address */
        char *name;    /* canonical */
} HostsEntry;

typedef struct HostsFile {
        HostsEntry *entries; /* in the order of the file */
        size_t n;
} HostsFile;

/* Malformed lines and names are left out, as the C library does. -ENOMEM. */
int hosts_file_parse(const char *text, HostsFile *ret);
void hosts_file_done(HostsFile *h);
/* The next entry with this name from *i on, which becomes the index after it; NULL: none. */
const HostsEntry *hosts_file_next(const HostsFile *h, const char *name, size_t *i);
/* The name of an address; NULL: it has none. */
const char *hosts_file_reverse(const HostsFile *h, const InAddr *addr);
