/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cgroup-mount.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One text, read as both files and as a root and a path. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char *text = calloc(1, size + 1), *own = NULL, *root = NULL, *point = NULL, *below = NULL;
        const char *cursor = text;

        if (!text)
                return 0;
        if (size > 0)
                memcpy(text, data, size);
        (void) cgroup_own_path_parse(text, &own);
        (void) cgroup_marks_sockets(text);
        while (cgroup_mount_next(&cursor, &root, &point) > 0) {
                if (cursor < text || cursor > text + size)
                        abort();
                if (own && cgroup_path_below(root, own, &below) >= 0 && below[0] != '/')
                        abort();
                free(root);
                free(point);
                free(below);
                root = point = below = NULL;
        }
        free(own);
        free(text);
        return 0;
}
