/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cgroup-sockets.h"

#include <assert.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "basic/macro.h"
#include "host/existing-sockets.h"

static int compare_ids(const void *a, const void *b) {
        const uint64_t *x = a, *y = b;

        return *x < *y ? -1 : *x > *y;
}

static bool is_ours(const CgroupSockets *c, const ExistingSocket *s) {
        return s->cgroup_id != 0 && bsearch(&s->cgroup_id, c->cgroups, c->n_cgroups, sizeof(s->cgroup_id), compare_ids);
}

typedef struct Look {
        const CgroupSockets *sockets;
        CgroupSocketsState *state;
} Look;

static void look_on_socket(const ExistingSocket *s, void *userdata) {
        const Look *l = userdata;

        if (!is_ours(l->sockets, s))
                return;
        l->state->n++;
        l->state->n_queued += s->n_queued;
}

int cgroup_sockets_look(const CgroupSockets *c, CgroupSocketsState *ret) {
        CgroupSocketsState state = {};
        const Look look = { .sockets = c, .state = &state };
        int r;

        assert(c && ret);

        r = existing_sockets_sending(EXISTING_SOCKETS_MAX, look_on_socket, (void *) &look);
        if (r < 0)
                return r;
        *ret = state;
        return 0;
}

/* Before Linux 6.12, destroying a socket that no process has a descriptor of empties its queue and stops its timers,
 * but leaves the socket in the kernel permanently. There it is left to end on its own. */
static bool kernel_ends_orphans(void) {
        unsigned major = 0, minor = 0;
        struct utsname u;

        if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2)
                return false;
        return major > 6 || (major == 6 && minor >= 12);
}

static bool is_orphan(const ExistingSocket *s) {
        return s->inode == 0 && (s->state == TCP_FIN_WAIT1 || s->state == TCP_CLOSING || s->state == TCP_LAST_ACK);
}

typedef struct End {
        const CgroupSockets *sockets;
        bool with_orphans;
        ExistingSocket *list;
        size_t n, room;
        int error;
} End;

static void end_donep(End *e) {
        free(e->list);
}

static void end_on_socket(const ExistingSocket *s, void *userdata) {
        End *e = userdata;

        if (!is_ours(e->sockets, s) || (is_orphan(s) && !e->with_orphans) || e->error < 0)
                return;
        if (e->n == e->room) {
                size_t room = MAX(2 * e->room, 16U);
                ExistingSocket *bigger = reallocarray(e->list, room, sizeof(*bigger));

                if (!bigger) {
                        e->error = -ENOMEM; /* those that were listed are ended */
                        return;
                }
                e->list = bigger;
                e->room = room;
        }
        e->list[e->n++] = *s;
}

int cgroup_sockets_end(const CgroupSockets *c) {
        _cleanup_(end_donep) End e = { .sockets = c, .with_orphans = kernel_ends_orphans() };
        int r;

        assert(c);

        r = existing_sockets_sending(EXISTING_SOCKETS_MAX, end_on_socket, &e);
        for (size_t i = 0; i < e.n; i++)
                (void) existing_socket_destroy(&e.list[i]);
        return r < 0 ? r : e.error;
}
