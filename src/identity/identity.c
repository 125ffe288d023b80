/* SPDX-License-Identifier: Apache-2.0 */

#include "identity/identity.h"

#include <assert.h>
#include <string.h>
#include <sys/random.h>

#include "basic/clock.h"
#include "identity/path-table.h"

#define RELEASED_MAX 16384U
/* Longer than TCP retries to send its last bytes: 102 s, and the pause of at most 120 s after which it gives up. */
#define RELEASED_NSEC (300 * NSEC_PER_SEC)
#define NESTED_MAX 4096U
#define NESTED_NSEC (180 * NSEC_PER_SEC)
#define ACTORS_MAX (2 * CGROUP_TREE_MAX) /* including released ones */
#define LOOKUPS_MAX 100U                 /* per actor and period */
#define NUMBERS_PER_SEC 64U

struct Identity {
        IdentityObserver observer;
        CgroupTree *tree; /* NULL: nothing is followed yet */
        PathTable *released, *nested;
        ActorTable *actors;
};

/* ------------------------------------------------------------------ follow */

static void identity_on_cgroup(const char *path, uint64_t id, bool is_slice, bool added, void *userdata) {
        Identity *i = userdata;

        if (added) {
                i->observer.appeared(path, id, is_slice, i->observer.userdata);
                return;
        }
        (void) path_table_add(i->released, path, id, clock_nsec(CLOCK_MONOTONIC));
        i->observer.gone(path, id, is_slice, i->observer.userdata);
}

static void identity_on_forgotten(const char *path, uint64_t id, void *userdata) {
        Identity *i = userdata;

        i->observer.forgotten(path, id, false, i->observer.userdata);
        actor_table_remove(i->actors, id);
}

static void identity_on_fault(const char *path, int error, void *userdata) {
        Identity *i = userdata;

        i->observer.fault(path, error, i->observer.userdata);
}

/* Starts above the numbers of any predecessor, which flows still carry: it would have had to assign more than
 * NUMBERS_PER_SEC numbers per second. */
static uint32_t first_number(void) {
        return (uint32_t) (clock_nsec(CLOCK_MONOTONIC) / (NSEC_PER_SEC / NUMBERS_PER_SEC) % INT32_MAX);
}

int identity_new(const IdentityObserver *observer, Identity **ret) {
        _cleanup_(identity_freep) Identity *i = NULL;
        uint8_t key[16];
        int r;

        assert(observer && observer->appeared && observer->gone && observer->forgotten && observer->fault);
        assert(ret);

        i = calloc(1, sizeof(*i));
        if (!i)
                return -ENOMEM;
        i->observer = *observer;
        if (getrandom(key, sizeof(key), 0) != sizeof(key))
                return -EIO;
        r = path_table_new(RELEASED_MAX, RELEASED_NSEC, key, identity_on_forgotten, i, &i->released);
        if (r >= 0)
                r = path_table_new(NESTED_MAX, NESTED_NSEC, key, NULL, NULL, &i->nested);
        if (r >= 0)
                r = actor_table_new(ACTORS_MAX, first_number(), LOOKUPS_MAX, key, &i->actors);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(i);
        return 0;
}

Identity *identity_free(Identity *i) {
        if (!i)
                return NULL;
        cgroup_tree_free(i->tree);
        path_table_free(i->released);
        path_table_free(i->nested);
        actor_table_free(i->actors);
        free(i);
        return NULL;
}

int identity_follow(Identity *i, sd_event *event, int root_fd, const char *root_path) {
        assert(i);
        assert(!i->tree);

        return cgroup_tree_new(event, root_fd, root_path, CGROUP_TREE_MAX, identity_on_cgroup, identity_on_fault, i,
                               &i->tree);
}

/* ------------------------------------------------------------------ questions */

typedef struct Visitor {
        identity_fn fn;
        void *userdata;
} Visitor;

static void visit(const char *path, uint64_t id, bool is_slice, _unused_ bool added, void *userdata) {
        const Visitor *v = userdata;

        v->fn(path, id, is_slice, v->userdata);
}

static void visit_released(const char *path, uint64_t id, void *userdata) {
        const Visitor *v = userdata;

        v->fn(path, id, false, v->userdata);
}

void identity_for_each(const Identity *i, identity_fn fn, void *userdata) {
        Visitor v = { .fn = fn, .userdata = userdata };

        assert(i);
        assert(fn);

        if (i->tree)
                cgroup_tree_for_each(i->tree, visit, &v);
}

void identity_for_each_released(const Identity *i, identity_fn fn, void *userdata) {
        Visitor v = { .fn = fn, .userdata = userdata };

        assert(i);
        assert(fn);

        path_table_for_each(i->released, visit_released, &v);
}

int identity_find(const Identity *i, const char *path, uint64_t *ret_cgroup_id) {
        assert(i);

        return i->tree ? cgroup_tree_find(i->tree, path, ret_cgroup_id) : -ENOENT;
}

uint32_t identity_actor(Identity *i, uint64_t cgroup_id, uint32_t kernel_number) {
        assert(i);

        return actor_table_add(i->actors, cgroup_id, kernel_number);
}

static const char *known_path(const Identity *i, uint64_t cgroup_id) {
        const char *path = i->tree ? cgroup_tree_path_of(i->tree, cgroup_id) : NULL;

        return path ?: path_table_find(i->released, cgroup_id);
}

static const char *look_up(Identity *i, const IdentityFacts *facts) {
        _cleanup_free_ char *path = NULL;

        if (!i->tree || facts->pid == 0 || !actor_table_may_look_up(i->actors, facts->actor) ||
            cgroup_tree_resolve(i->tree, facts->cgroup_id, (pid_t) facts->pid, &path) < 0)
                return NULL;
        if (path_table_add(i->nested, path, facts->cgroup_id, clock_nsec(CLOCK_MONOTONIC)) < 0)
                return NULL;
        return path_table_find(i->nested, facts->cgroup_id);
}

static bool is_within(const char *path, const char *above) {
        size_t n = strcmp(above, "/") == 0 ? 0 : strlen(above);

        return strncmp(path, above, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

const char *identity_path_of(Identity *i, const IdentityFacts *facts) {
        const char *own = NULL, *path = NULL;
        uint64_t id;

        assert(i);
        assert(facts);

        if (actor_table_find(i->actors, facts->actor, &id) >= 0)
                own = known_path(i, id);
        if (facts->cgroup_id != 0) {
                path = known_path(i, facts->cgroup_id) ?: path_table_find(i->nested, facts->cgroup_id);
                if (!path)
                        path = look_up(i, facts);
        }
        return path && (!own || is_within(path, own)) ? path : own;
}

bool identity_may_look_up(Identity *i) {
        assert(i);

        return actor_table_may_look_up(i->actors, ACTOR_NONE);
}

void identity_tick(Identity *i) {
        uint64_t now = clock_nsec(CLOCK_MONOTONIC);

        assert(i);

        actor_table_next_period(i->actors);
        path_table_expire(i->released, now);
        path_table_expire(i->nested, now);
}
