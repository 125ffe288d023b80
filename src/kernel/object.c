/* SPDX-License-Identifier: Apache-2.0 */

#include "kernel/object.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

int object_set_max_entries(struct bpf_map *map, uint32_t n) {
        assert(map);

        return bpf_map__set_max_entries(map, MAX(n, 1U));
}

/* ------------------------------------------------------------------ maps */

static bool has_same_layout(const struct bpf_map *map, int fd) {
        struct bpf_map_info info = {};
        uint32_t size = sizeof(info);

        return bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && info.type == bpf_map__type(map) &&
               info.key_size == bpf_map__key_size(map) && info.value_size == bpf_map__value_size(map) &&
               info.map_flags == bpf_map__map_flags(map) && info.max_entries == bpf_map__max_entries(map);
}

int object_inherit_maps(struct bpf_object *o, const char *const *names, size_t n, object_inherit_fn fn, void *userdata,
                        uint32_t *ret_new) {
        uint32_t new = 0;

        assert(o && names && n <= 32 && ret_new);

        for (size_t i = 0; i < n; i++) {
                struct bpf_map *map = bpf_object__find_map_by_name(o, names[i]);
                char text[64];

                (void) snprintf(text, sizeof(text), "map-%s", names[i]);
                int fd = fn ? fn(text, userdata) : -ENOENT;
                if (!map || fd < 0 || !has_same_layout(map, fd)) {
                        new |= 1U << i;
                        continue;
                }
                int r = bpf_map__reuse_fd(map, fd); /* duplicates fd */
                if (r < 0)
                        return r;
        }
        *ret_new = new;
        return 0;
}

/* Both are from the same file, so their maps are in the same order. */
static int share_maps(const struct bpf_object *from, const struct bpf_object *to) {
        struct bpf_map *a = NULL, *b = NULL;
        int r = 0;

        while (r >= 0 && (a = bpf_object__next_map(from, a)) && (b = bpf_object__next_map(to, b)))
                r = bpf_map__reuse_fd(b, bpf_map__fd(a));
        return r;
}

int object_map_fd(const struct bpf_object *o, const char *name) {
        assert(o && name);

        int fd = bpf_object__find_map_fd_by_name(o, name);
        return fd < 0 ? -ENOENT : fd;
}

/* ------------------------------------------------------------------ programs */

int object_select_programs(struct bpf_object *o, const char *const *names, size_t n) {
        struct bpf_program *program;
        int r = 0;

        assert(o && (names || n == 0));

        bpf_object__for_each_program(program, o)
                if (r >= 0)
                        r = bpf_program__set_autoload(program, false);
        for (size_t i = 0; i < n && r >= 0; i++) {
                program = bpf_object__find_program_by_name(o, names[i]);
                r = program ? bpf_program__set_autoload(program, true) : -ENOENT;
        }
        return r;
}

static int take_programs(const struct bpf_object *o, const char *const *names, size_t n, int *ret_fds) {
        for (size_t i = 0; i < n; i++) {
                const struct bpf_program *program = bpf_object__find_program_by_name(o, names[i]);

                ret_fds[i] = fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 3);
                if (ret_fds[i] >= 0)
                        continue;
                int r = -errno;
                while (i-- > 0)
                        closep(&ret_fds[i]);
                return r;
        }
        return 0;
}

int object_load_programs(const ObjectFile *file, const struct bpf_object *maps, const char *const *names,
                         const uint32_t *types, size_t n, int *ret_fds) {
        int r;

        assert(file && maps && (names || n == 0) && (ret_fds || n == 0));

        struct bpf_object *o = bpf_object__open_mem(file->bytes, file->size, NULL);
        if (!o)
                return -errno;
        r = share_maps(maps, o);
        if (r >= 0)
                r = object_select_programs(o, names, n);
        for (size_t i = 0; i < n && r >= 0 && types; i++)
                if (types[i] != 0)
                        r = bpf_program__set_expected_attach_type(bpf_object__find_program_by_name(o, names[i]), types[i]);
        if (r >= 0)
                r = bpf_object__load(o);
        if (r >= 0)
                r = take_programs(o, names, n, ret_fds);
        bpf_object__close(o);
        return r;
}
