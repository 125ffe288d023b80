/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One BPF object file: its maps, created or inherited once, and its programs, which may be loaded in parts that
 * share those maps. Independent of the names of maps and programs. */

#include <stddef.h>
#include <stdint.h>

#include "basic/macro.h"

struct bpf_map;
struct bpf_object;

/* An object left by a predecessor, by name: a borrowed fd. -ENOENT: there is none. */
typedef int (*object_inherit_fn)(const char *name, void *userdata);

/* The contents of the object file, borrowed. */
typedef struct ObjectFile {
        const void *bytes;
        size_t size;
} ObjectFile;

/* Call before loading. 0 counts as 1, since no map can be empty. */
int object_set_max_entries(struct bpf_map *map, uint32_t n);

/* Call before loading: for each of the names (at most 32), takes over the fd that fn returns for "map-NAME" if type,
 * sizes and flags are the same. The others start empty. *ret_new: bit i is set for those. fn may be NULL. */
int object_inherit_maps(struct bpf_object *o, const char *const *names, size_t n, object_inherit_fn fn, void *userdata,
                        uint32_t *ret_new);

/* Call before loading: only these programs will be loaded. -ENOENT: one of them is not in the file. */
int object_select_programs(struct bpf_object *o, const char *const *names, size_t n);

/* Loads these programs, with these attach types (0, or NULL: as the section in the file says), with the maps of an object that was loaded from the same file before, and keeps no libbpf
 * object: only ret_fds, which the caller owns. May be called from several threads at once. On failure no fd is left
 * open. */
int object_load_programs(const ObjectFile *file, const struct bpf_object *maps, const char *const *names,
                         const uint32_t *types, size_t n, int *ret_fds);

/* -ENOENT */
int object_map_fd(const struct bpf_object *o, const char *name);
