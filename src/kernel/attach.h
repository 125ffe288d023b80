/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A loaded program, the kind of hook it belongs to, and the link that holds it at its target. */

#include <stdbool.h>
#include <stdint.h>

typedef enum AttachKind {
        ATTACH_CGROUP, /* sees the sockets of a cgroup and of all cgroups below it */
        _ATTACH_KIND_MAX,
} AttachKind;

typedef struct AttachTarget {
        int fd;      /* of the cgroup's directory, borrowed */
        uint64_t id; /* of the cgroup */
} AttachTarget;

typedef struct Attachment {
        AttachKind kind;
        uint32_t type; /* enum bpf_attach_type */
        int program;   /* owned; -EBADF: not loaded */
        int link;      /* owned; -EBADF: not attached */
        bool is_new;   /* the link was made here, and nobody else keeps it yet */
} Attachment;

/* -EBADF and whatever fstat() says. */
int attach_target_cgroup(int cgroup_fd, AttachTarget *ret);

/* The program of a kind, at no place yet. Takes program. */
Attachment attachment_init(AttachKind kind, uint32_t type, int program);
/* Detaches, unless somebody else holds the link as well. */
void attachment_done(Attachment *a);

/* A link of our own, in place of the one there may be. -EOPNOTSUPP: the program is not loaded. */
int attachment_make(Attachment *a, const AttachTarget *target);
/* Puts our program into a predecessor's link with one exchange: until then the old program judges, afterwards ours. link is
 * borrowed. -EINVAL: it is no link of this type at this target; -EOPNOTSUPP as above. */
int attachment_inherit(Attachment *a, const AttachTarget *target, int link);

/* Is the link still where it was made? One that was detached by force keeps its fd and loses its target. */
bool attachment_in_place(const Attachment *a, const AttachTarget *target);
