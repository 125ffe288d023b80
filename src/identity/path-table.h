/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Paths of cgroups by id, each kept for a limited time; a full table drops the oldest. */

#include <stddef.h>
#include <stdint.h>

#include "basic/macro.h"

typedef struct PathTable PathTable;

typedef void (*path_table_fn)(const char *path, uint64_t id, void *userdata);

/* max: the most entries. fn: called when an entry expires or is dropped; may be NULL. -ENOMEM. */
int path_table_new(size_t max, uint64_t keep_nsec, const uint8_t key[static 16], path_table_fn fn, void *userdata,
                   PathTable **ret);
PathTable *path_table_free(PathTable *t); /* does not call fn */
/* Copies path; the id must not be in the table. -ENOMEM: fn is called for it at once. */
int path_table_add(PathTable *t, const char *path, uint64_t id, uint64_t now_nsec);
const char *path_table_find(const PathTable *t, uint64_t id); /* NULL: not found. Valid until the next change */
void path_table_expire(PathTable *t, uint64_t now_nsec);
void path_table_for_each(const PathTable *t, path_table_fn fn, void *userdata); /* oldest first */

DEFINE_CLEANUP_FUNC(PathTable *, path_table_free)
