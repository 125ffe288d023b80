/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <check.h>
#include <dirent.h>

/* This process's open descriptors, and three more: "." and "..", and the one of the count itself. */
static inline unsigned count_fds(void) {
        DIR *dir = opendir("/proc/self/fd");
        unsigned n = 0;

        ck_assert_ptr_nonnull(dir);
        while (readdir(dir))
                n++;
        (void) closedir(dir);
        return n;
}
