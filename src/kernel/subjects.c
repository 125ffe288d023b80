/* SPDX-License-Identifier: Apache-2.0 */

#include "kernel/subjects.h"

#include <bpf/bpf.h>
#include <string.h>

int subjects_set(Programs *p, uint64_t cgroup_id, uint32_t chain, uint32_t actor, uint32_t flags) {
        struct cw_subject s = { .chain = chain, .actor = actor, .flags = flags };
        int r = bpf_map_update_elem(programs_map_fd(p, "subjects"), &cgroup_id, &s, BPF_ANY);

        if (r >= 0)
                programs_subjects_changed(p);
        return r == -E2BIG ? -ENOSPC : r;
}

int subjects_remove(Programs *p, uint64_t cgroup_id) {
        int r = bpf_map_delete_elem(programs_map_fd(p, "subjects"), &cgroup_id);

        programs_subjects_changed(p);
        return r == -ENOENT ? 0 : r;
}

struct cw_subject subjects_get(const Programs *p, uint64_t cgroup_id) {
        struct cw_subject s;

        if (bpf_map_lookup_elem(programs_map_fd(p, "subjects"), &cgroup_id, &s) < 0)
                return (struct cw_subject) { .chain = CW_CHAIN_UNASSIGNED };
        return s;
}

size_t subjects_followed_users(const Programs *p, FollowedUser ret[static CW_FOLLOWED_USERS_MAX]) {
        int fd = programs_map_fd(p, "followed_users");
        struct cw_followed_user value;
        const uint32_t *last = NULL;
        size_t n = 0;

        while (n < CW_FOLLOWED_USERS_MAX && bpf_map_get_next_key(fd, last, &ret[n].uid) == 0) {
                last = &ret[n].uid;
                if (bpf_map_lookup_elem(fd, last, &value) == 0)
                        ret[n].chain = value.chain;
                else
                        ret[n].chain = CW_CHAIN_UNASSIGNED;
                n++;
        }
        return n;
}

static bool has_user(const FollowedUser *users, size_t n, uint32_t uid) {
        for (size_t i = 0; i < n; i++)
                if (users[i].uid == uid)
                        return true;
        return false;
}

int subjects_follow_users(Programs *p, const FollowedUser *users, size_t n) {
        FollowedUser before[CW_FOLLOWED_USERS_MAX];
        int fd = programs_map_fd(p, "followed_users"), r = 0;
        size_t n_before = subjects_followed_users(p, before);

        for (size_t i = 0; i < n_before; i++)
                if (!has_user(users, n, before[i].uid))
                        (void) bpf_map_delete_elem(fd, &before[i].uid);
        for (size_t i = 0; i < n; i++) { /* one that fails is no reason to leave the others out */
                const struct cw_followed_user value = { .chain = users[i].chain };
                int k = bpf_map_update_elem(fd, &users[i].uid, &value, BPF_ANY);
                r = k < 0 ? k : r;
        }
        programs_follow_users(p, (uint32_t) n);
        programs_subjects_changed(p);
        return r == -E2BIG ? -ENOSPC : r;
}

#define BATCH 512

static void mark_chain(uint32_t chain, bool ret_used[static CW_LAYERS_MAX]) {
        for (size_t i = 0; i < CW_CHAIN_MAX; i++)
                ret_used[CW_CHAIN_LAYER(chain, i)] = true;
}

int subjects_layers(const Programs *p, bool ret_used[static CW_LAYERS_MAX]) {
        int fd = programs_map_fd(p, "subjects"), r;
        struct cw_subject subjects[BATCH];
        uint64_t cgroups[BATCH];
        FollowedUser users[CW_FOLLOWED_USERS_MAX];
        uint32_t position, n;
        size_t n_users;
        bool begun = false;

        memset(ret_used, 0, CW_LAYERS_MAX * sizeof(ret_used[0]));
        do {
                n = BATCH;
                r = bpf_map_lookup_batch(fd, begun ? &position : NULL, &position, cgroups, subjects, &n, NULL);
                if (r < 0 && r != -ENOENT) /* that is the last batch */
                        return r;
                begun = true;
                for (uint32_t i = 0; i < n; i++)
                        mark_chain(subjects[i].chain, ret_used);
        } while (r >= 0);
        n_users = subjects_followed_users(p, users);
        for (size_t i = 0; i < n_users; i++)
                mark_chain(users[i].chain, ret_used);
        return 0;
}
