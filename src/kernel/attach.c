/* SPDX-License-Identifier: Apache-2.0 */

#include "kernel/attach.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "basic/macro.h"

int attach_target_cgroup(int cgroup_fd, AttachTarget *ret) {
        struct stat st;

        assert(ret);

        if (fstat(cgroup_fd, &st) < 0)
                return -errno;
        *ret = (AttachTarget) { .fd = cgroup_fd, .id = st.st_ino };
        return 0;
}

Attachment attachment_init(AttachKind kind, uint32_t type, int program) {
        assert(kind < _ATTACH_KIND_MAX);

        return (Attachment) { .kind = kind, .type = type, .program = program, .link = -EBADF };
}

void attachment_done(Attachment *a) {
        assert(a);

        closep(&a->link);
        closep(&a->program);
        *a = attachment_init(a->kind, a->type, -EBADF);
}

static bool is_link_at(AttachKind kind, uint32_t type, int link, const AttachTarget *target) {
        struct bpf_link_info info = {};
        uint32_t size = sizeof(info);

        if (bpf_obj_get_info_by_fd(link, &info, &size) < 0)
                return false;
        switch (kind) {
        case ATTACH_CGROUP:
                return info.type == BPF_LINK_TYPE_CGROUP && info.cgroup.cgroup_id == target->id &&
                       info.cgroup.attach_type == type;
        case ATTACH_MACHINE:
                return info.type == BPF_LINK_TYPE_TRACING && info.tracing.attach_type == type;
        default:
                return false;
        }
}

int attachment_make(Attachment *a, const AttachTarget *target) {
        assert(a && target);

        if (a->program < 0)
                return -EOPNOTSUPP;
        int link = bpf_link_create(a->program, a->kind == ATTACH_CGROUP ? target->fd : 0, a->type, NULL);
        if (link < 0)
                return link;
        closep(&a->link);
        a->link = link;
        a->is_new = true;
        return 0;
}

int attachment_inherit(Attachment *a, const AttachTarget *target, int link) {
        _cleanup_close_ int copy = -EBADF;

        assert(a && target && a->link < 0);

        if (a->program < 0)
                return -EOPNOTSUPP;
        if (!is_link_at(a->kind, a->type, link, target))
                return -EINVAL;
        copy = fcntl(link, F_DUPFD_CLOEXEC, 3);
        if (copy < 0)
                return -errno;
        int r = bpf_link_update(copy, a->program, NULL);
        if (r < 0)
                return r;
        a->link = TAKE_FD(copy);
        a->is_new = false;
        return 0;
}

bool attachment_link_is_released(int link) {
        struct bpf_link_info info = {};
        uint32_t size = sizeof(info);

        return bpf_obj_get_info_by_fd(link, &info, &size) >= 0 && info.type == BPF_LINK_TYPE_CGROUP &&
               info.cgroup.cgroup_id == 0;
}

bool attachment_in_place(const Attachment *a, const AttachTarget *target) {
        assert(a && target);

        return a->link >= 0 && is_link_at(a->kind, a->type, a->link, target);
}
