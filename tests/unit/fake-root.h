/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A root directory of the test's own, and files in it by their usual paths. One at a time. */

#include <check.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/macro.h"

static char root[64];

static inline const char *path_of(const char *file, char buf[static 512]) {
        (void) snprintf(buf, 512, "%s%s", root, file);
        return buf;
}

static inline void root_make(void) {
        (void) strcpy(root, "/tmp/cargowall-test-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(root));
}

static inline int root_remove_entry(const char *path, _unused_ const struct stat *st, _unused_ int type,
                                    _unused_ struct FTW *ftw) {
        return remove(path);
}

static inline void root_remove(void) {
        ck_assert_int_eq(nftw(root, root_remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* With its parents. */
static inline void directory_make(const char *dir) {
        char path[512];

        (void) path_of(dir, path);
        for (char *slash = path + strlen(root); slash;) {
                slash = strchr(slash + 1, '/');
                if (slash)
                        *slash = '\0';
                ck_assert(mkdir(path, 0755) == 0 || errno == EEXIST);
                if (slash)
                        *slash = '/';
        }
}

static inline void file_make(const char *file, const char *text, size_t size) {
        char path[512];
        FILE *f = fopen(path_of(file, path), "we");

        ck_assert_msg(f, "%s: %s", path, strerror(errno));
        ck_assert_uint_eq(fwrite(text, 1, size, f), size);
        ck_assert_int_eq(fclose(f), 0);
}

static inline void file_write(const char *file, const char *text) {
        file_make(file, text, strlen(text));
}

static inline void file_remove(const char *file) {
        char path[512];

        ck_assert_int_eq(remove(path_of(file, path)), 0);
}

static inline void link_make(const char *target, const char *file) {
        char path[512];

        ck_assert_int_eq(symlink(target, path_of(file, path)), 0);
}
