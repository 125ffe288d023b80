/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Files of configuration and directories of them, as an administrator keeps them: symbolic links are followed, whatever
 * is no regular file is refused. */

#include <stdbool.h>
#include <stddef.h>

/* root, path, and "/" and name where name is not NULL. The caller frees. NULL: out of memory. */
char *config_path(const char *root, const char *path, const char *name);

/* Like read_file_at(), for a regular file. null_is_empty: a link to /dev/null reads as an empty file. Returns 0;
 * -ENOENT: nothing has the name; another negative value with *ret_reason, a constant sentence (also for a link that
 * leads nowhere), or -ENOMEM. The caller frees *ret. */
int config_file_read(const char *path, size_t max, bool null_is_empty, char **ret, size_t *ret_size,
                     const char **ret_reason);

typedef struct ConfigNames {
        char **names;
        size_t n;
} ConfigNames;

void config_names_done(ConfigNames *names);

/* Names in a directory that have the ending, in byte order; hidden ones are left out. A directory that is not there is
 * empty. -E2BIG: more than max; other negative values with *ret_reason as above. */
int config_dir_list(const char *path, const char *ending, size_t max, ConfigNames *ret, const char **ret_reason);
