/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Configuration files and directories of them: symbolic links are followed, and anything but a regular file is
 * refused. */

#include <stdbool.h>
#include <stddef.h>

/* root, path, and "/" and name unless name is NULL. The caller frees it. NULL: out of memory. */
char *config_path(const char *root, const char *path, const char *name);

/* Like read_file_at(), for a regular file. null_is_empty: a link to /dev/null reads as an empty file. Returns 0;
 * -ENOENT: the name does not exist; another negative errno with *ret_reason, a constant sentence (also for a broken
 * link); or -ENOMEM. The caller frees *ret. */
int config_file_read(const char *path, size_t max, bool null_is_empty, char **ret, size_t *ret_size,
                     const char **ret_reason);

typedef struct ConfigNames {
        char **names;
        size_t n;
} ConfigNames;

void config_names_done(ConfigNames *names);

/* Names in a directory with this suffix, in byte order, without hidden files. A missing directory counts as empty.
 * -E2BIG: more than max; other negative values with *ret_reason as above. */
int config_dir_list(const char *path, const char *ending, size_t max, ConfigNames *ret, const char **ret_reason);
