/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where members are in the structures of the running kernel, by its type information (BTF). */

#include <stddef.h>
#include <stdint.h>

typedef struct StructMember {
        const char *structure, *member;
} StructMember;

/* Bytes from the beginning of each structure. Returns 0, -EOPNOTSUPP: the kernel has no type information, or not one of these
 * members. */
int struct_offsets_find(const StructMember *members, size_t n, uint32_t *ret);
