/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A loaded program, the kind of hook it is for, and the link that attaches it to its target. */

#include <stdbool.h>
#include <stdint.h>

typedef enum AttachKind {
        ATTACH_CGROUP, /* for the sockets of a cgroup and of all cgroups below it */
        ATTACH_MACHINE, /* at a function of the kernel, for the whole machine; the target counts for nothing */
        _ATTACH_KIND_MAX,
} AttachKind;

typedef struct AttachTarget {
        int fd;      /* the cgroup's directory, borrowed */
        uint64_t id; /* id of the cgroup */
} AttachTarget;

typedef struct Attachment {
        AttachKind kind;
        uint32_t type; /* enum bpf_attach_type */
        int program;   /* owned; -EBADF: not loaded */
        int link;      /* owned; -EBADF: not attached */
        bool is_new;   /* the link was created here and is not stored elsewhere yet */
} Attachment;

/* -EBADF, and the errors of fstat(). */
int attach_target_cgroup(int cgroup_fd, AttachTarget *ret);

/* An attachment of this kind, not attached yet. Takes ownership of program. */
Attachment attachment_init(AttachKind kind, uint32_t type, int program);
/* Whether the kernel has detached this link of a cgroup: the cgroup is removed, and the last socket that was created in
 * it or below it no longer exists, in any network namespace. Sockets count until their last packet has been sent. */
bool attachment_link_is_released(int link);
/* Detaches, unless another process also holds the link. */
void attachment_done(Attachment *a);

/* Creates a new link, replacing an existing one. -EOPNOTSUPP: the program is not loaded. */
int attachment_make(Attachment *a, const AttachTarget *target);
/* Puts our program into a predecessor's link with one atomic exchange: the old program judges up to that moment,
 * ours from then on. link is borrowed. -EINVAL: not a link of this type at this target, or one whose program cannot be
 * exchanged (ATTACH_MACHINE); -EOPNOTSUPP as above. */
int attachment_inherit(Attachment *a, const AttachTarget *target, int link);

/* Is the link still attached where it was created? A link that was detached by force keeps its fd but loses its
 * target. */
bool attachment_in_place(const Attachment *a, const AttachTarget *target);
