/* SPDX-License-Identifier: Apache-2.0 */

#include "handover/pins.h"

#include <bpf/bpf.h>
#include <stdio.h>

#include "kernel/programs.h"

#define PIN_PATH_MAX 256

static int pin_path(const char *directory, const char *name, char ret[static PIN_PATH_MAX]) {
        int n = snprintf(ret, PIN_PATH_MAX, "%s/%s", directory, name);

        return n < 0 || n >= PIN_PATH_MAX ? -ENAMETOOLONG : 0;
}

static bool is_same_link(int a, int b) {
        struct bpf_link_info x = {}, y = {};
        uint32_t size_x = sizeof(x), size_y = sizeof(y);

        return bpf_obj_get_info_by_fd(a, &x, &size_x) == 0 && bpf_obj_get_info_by_fd(b, &y, &size_y) == 0 &&
               x.id == y.id;
}

/* A pin that holds another link predates a reattached hook: the new link replaces it. */
int pins_put(const char *directory, const char *name, int fd) {
        char path[PIN_PATH_MAX];
        int r = pin_path(directory, name, path);

        if (r < 0)
                return r;
        _cleanup_close_ int old = bpf_obj_get(path);
        if (old >= 0 && is_same_link(old, fd))
                return 0;
        if (old >= 0 && unlink(path) < 0)
                return -errno;
        return bpf_obj_pin(fd, path);
}

int pins_open(const char *directory, const char *name) {
        char path[PIN_PATH_MAX];
        int r = pin_path(directory, name, path);

        if (r < 0)
                return r;
        r = bpf_obj_get(path);
        return r < 0 ? -ENOENT : r;
}

int pins_remove(const char *directory) {
        char path[PIN_PATH_MAX], name[64];
        int n = 0;

        for (size_t i = 0; i <= programs_n_hooks(); i++) {
                (void) snprintf(name, sizeof(name), "link-%s", programs_hook_name(i) ?: PROGRAMS_BACKSTOP);
                if (pin_path(directory, name, path) < 0)
                        continue;
                if (unlink(path) == 0)
                        n++;
                else if (errno != ENOENT)
                        return -errno;
        }
        return n;
}
