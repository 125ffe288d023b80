/* SPDX-License-Identifier: Apache-2.0 */
#include "host/config-dir.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "basic/macro.h"
#include "host/read-file.h"

char *config_path(const char *root, const char *path, const char *name) {
        char *s = NULL;

        assert(root && path);

        int n = name ? asprintf(&s, "%s%s/%s", root, path, name) : asprintf(&s, "%s%s", root, path);
        return n < 0 ? NULL : s;
}

static int refuse_file(int error, const char **ret_reason) {
        *ret_reason = error == -EFBIG ? "too large" : strerrordesc_np(-error) ?: "unknown error";
        return error;
}

/* Distinguishes a path that does not exist (-ENOENT) from a broken link, which open and stat cannot. */
static int refuse_absent(const char *path, const char **ret_reason) {
        struct stat st;

        if (lstat(path, &st) < 0)
                return errno == ENOENT ? -ENOENT : refuse_file(-errno, ret_reason);
        *ret_reason = "a broken symbolic link";
        return -ENOLINK;
}

int config_file_read(const char *path, size_t max, bool null_is_empty, char **ret, size_t *ret_size,
                     const char **ret_reason) {
        struct stat st;

        assert(path && ret && ret_size && ret_reason);

        /* Checked before it is opened, because opening a device may have side effects. */
        if (stat(path, &st) < 0)
                return errno == ENOENT ? refuse_absent(path, ret_reason) : refuse_file(-errno, ret_reason);
        bool is_null = null_is_empty && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
        if (!S_ISREG(st.st_mode) && !is_null) {
                *ret_reason = "not a regular file";
                return -EINVAL;
        }
        int r = read_file_at(AT_FDCWD, path, max, ret, ret_size);
        return r < 0 && r != -ENOMEM ? refuse_file(r == -ENOENT ? -ESTALE : r, ret_reason) : r;
}

void config_names_done(ConfigNames *names) {
        assert(names);

        for (size_t i = 0; i < names->n; i++)
                free(names->names[i]);
        free(names->names);
        *names = (ConfigNames) {};
}

static int names_add(ConfigNames *names, const char *name) {
        _cleanup_free_ char *copy = strdup(name);
        char **bigger = realloc(names->names, (names->n + 1) * sizeof(char *));

        if (bigger)
                names->names = bigger;
        if (!copy || !bigger)
                return -ENOMEM;
        bigger[names->n++] = TAKE_PTR(copy);
        return 0;
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static bool is_wanted(const char *name, const char *ending) {
        size_t n = strlen(name), n_ending = strlen(ending);

        return name[0] != '.' && n > n_ending && strcmp(name + n - n_ending, ending) == 0;
}

static int read_names(DIR *dir, const char *ending, size_t max, ConfigNames *names, const char **ret_reason) {
        for (;;) {
                errno = 0;
                const struct dirent *e = readdir(dir);
                int r = 0;

                if (!e)
                        return errno != 0 ? refuse_file(-errno, ret_reason) : 0;
                if (!is_wanted(e->d_name, ending))
                        continue;
                if (names->n == max) {
                        *ret_reason = "too many files";
                        return -E2BIG;
                }
                r = names_add(names, e->d_name);
                if (r < 0)
                        return r;
        }
}

int config_dir_list(const char *path, const char *ending, size_t max, ConfigNames *ret, const char **ret_reason) {
        _cleanup_(config_names_done) ConfigNames names = {};

        assert(path && ending && ret && ret_reason);

        DIR *dir = opendir(path);
        if (!dir) {
                int r = errno == ENOENT ? refuse_absent(path, ret_reason) : refuse_file(-errno, ret_reason);
                if (r == -ENOENT)
                        *ret = (ConfigNames) {};
                return r == -ENOENT ? 0 : r;
        }
        int r = read_names(dir, ending, max, &names, ret_reason);
        (void) closedir(dir);
        if (r < 0)
                return r;

        if (names.n > 0)
                qsort(names.names, names.n, sizeof(char *), compare_names);
        *ret = names;
        names = (ConfigNames) {};
        return 0;
}
