/* SPDX-License-Identifier: Apache-2.0 */

#include "kernel/struct-offsets.h"

#include <assert.h>
#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

static int find(const struct btf *btf, const StructMember *m, uint32_t *ret) {
        int id = btf__find_by_name_kind(btf, m->structure, BTF_KIND_STRUCT);
        const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(btf, (uint32_t) id);

        if (!type)
                return -EOPNOTSUPP;
        for (uint16_t i = 0; i < btf_vlen(type); i++) {
                const char *name = btf__name_by_offset(btf, btf_members(type)[i].name_off);

                if (!name || strcmp(name, m->member) != 0)
                        continue;
                *ret = btf_member_bit_offset(type, i) / 8;
                return 0;
        }
        return -EOPNOTSUPP;
}

int struct_offsets_find(const StructMember *members, size_t n, uint32_t *ret) {
        struct btf *btf;
        int r = 0;

        assert((members && ret) || n == 0);

        btf = btf__load_vmlinux_btf();
        if (!btf)
                return -EOPNOTSUPP;
        for (size_t i = 0; i < n && r >= 0; i++)
                r = find(btf, &members[i], &ret[i]);
        btf__free(btf);
        return r;
}
