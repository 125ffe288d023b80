/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/actors.h"

#include <assert.h>
#include <fnmatch.h>
#include <string.h>
#include <syslog.h>

#include "host/cgroup.h"

#define FORWARDERS_MAX 32U

struct Actors {
        const Context *context; /* borrowed */
        ActorsObserver observer;
        int root_fd;
        uint64_t root_id;
        char *root_path, *own_path;
        Identity *identity;                  /* NULL: nobody is followed */
        uint64_t forwarders[FORWARDERS_MAX]; /* ids of cgroups */
        size_t n_forwarders;
};

/* ------------------------------------------------------------------ life */

/* Only a unit of our own may be denied everything: a shell that started us is not our unit. */
static int find_own_unit(Actors *a) {
        _cleanup_free_ char *path = NULL;
        char unit[CGROUP_UNIT_MAX];
        size_t n;
        int r;

        if (!getenv("INVOCATION_ID"))
                return 0;
        r = cgroup_path_of_pid(getpid(), a->root_path, &path);
        if (r < 0)
                return r == -ENOTSUP ? 0 : r; /* outside of what is followed, nothing applies to it */
        n = strlen(cgroup_path_unit(path, unit));
        if (n > strlen(".service") && strcmp(unit + n - strlen(".service"), ".service") == 0)
                a->own_path = TAKE_PTR(path);
        return 0;
}

int actors_new(const Context *c, const ActorsObserver *observer, Actors **ret, const char **ret_what) {
        _cleanup_(actors_freep) Actors *a = calloc(1, sizeof(*a));

        assert(c);
        assert(observer);
        assert(ret);
        assert(ret_what);

        if (!a)
                return -ENOMEM;
        a->context = c;
        a->observer = *observer;
        a->root_fd = -EBADF;
        int r = cgroup_root_open(&a->root_fd, &a->root_id, &a->root_path, ret_what);
        if (r < 0)
                return r;
        r = find_own_unit(a);
        if (r < 0) {
                *ret_what = "cannot determine the control group of the service, which may reach nothing itself";
                return r;
        }
        *ret = TAKE_PTR(a);
        return 0;
}

void actors_unfollow(Actors *a) {
        assert(a);

        a->identity = identity_free(a->identity);
}

Actors *actors_free(Actors *a) {
        if (!a)
                return NULL;
        actors_unfollow(a);
        if (a->root_fd >= 0)
                (void) close(a->root_fd);
        free(a->root_path);
        free(a->own_path);
        free(a);
        return NULL;
}

int actors_root_fd(const Actors *a) {
        assert(a);

        return a->root_fd;
}

uint64_t actors_root_id(const Actors *a) {
        assert(a);

        return a->root_id;
}

const char *actors_own_path(const Actors *a) {
        assert(a);

        return a->own_path;
}

/* ------------------------------------------------------------------ follow */

bool actors_path_forwards(const Actors *a, const char *path) {
        const ServiceConfig *config;
        char unit[CGROUP_UNIT_MAX];

        assert(a);
        assert(path);

        config = a->context->config;
        (void) cgroup_path_unit(path, unit);
        for (size_t i = 0; i < config->n_forwarders; i++)
                if (strcmp(config->forwarders[i], unit) == 0)
                        return true;
        return false;
}

bool actors_path_configures_network(const char *path) {
        static const char *const names[] = {
                "systemd-networkd.service", "NetworkManager.service", "networking.service", "ifup@*.service",
                "dhcpcd.service", "dhcpcd@*.service", "dhclient.service", "dhclient@*.service", "connman.service",
                "wickedd-dhcp4.service", "wickedd-dhcp6.service",
        };
        char unit[CGROUP_UNIT_MAX];

        assert(path);

        (void) cgroup_path_unit(path, unit);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (fnmatch(names[i], unit, 0) == 0)
                        return true;
        return false;
}

static void note_forwarder(Actors *a, const char *path, uint64_t id, bool added) {
        for (size_t i = 0; i < a->n_forwarders; i++)
                if (a->forwarders[i] == id)
                        a->forwarders[i--] = a->forwarders[--a->n_forwarders];
        if (added && a->n_forwarders < FORWARDERS_MAX && actors_path_forwards(a, path))
                a->forwarders[a->n_forwarders++] = id;
}

static void on_appeared(const char *path, uint64_t id, bool is_slice, void *userdata) {
        Actors *a = userdata;

        note_forwarder(a, path, id, true);
        a->observer.appeared(path, id, is_slice, a->observer.userdata);
}

static void on_gone(const char *path, uint64_t id, bool is_slice, void *userdata) {
        Actors *a = userdata;

        note_forwarder(a, path, id, false);
        a->observer.gone(path, id, is_slice, a->observer.userdata);
}

static void on_forgotten(const char *path, uint64_t id, bool is_slice, void *userdata) {
        Actors *a = userdata;

        a->observer.forgotten(path, id, is_slice, a->observer.userdata);
}

/* Cgroups below a followed one belong to it. A cgroup that is not followed itself has no entry in the kernel: it is
 * unassigned if any document is for units, and the host's otherwise. */
static void on_fault(const char *path, int error, void *userdata) {
        Actors *a = userdata;
        uint64_t id;

        if (actors_find(a, path, &id) < 0) {
                log_message(a->context->log, LOG_WARNING,
                            "cannot follow the control group %s (%s): its traffic stays blocked while any policy document "
                            "is for units; remove unused control groups",
                            path, strerror(-error));
                return;
        }
        log_message(a->context->log, LOG_WARNING, "cannot follow the cgroups below %s (%s): its policy applies", path,
                    strerror(-error));
        a->observer.appeared(path, id, false, a->observer.userdata);
}

int actors_follow(Actors *a) {
        int r;

        assert(a);
        assert(!a->identity);

        const IdentityObserver observer = {
                .appeared = on_appeared,
                .gone = on_gone,
                .forgotten = on_forgotten,
                .fault = on_fault,
                .userdata = a,
        };
        r = identity_new(&observer, &a->identity);
        if (r < 0)
                return r;
        return identity_follow(a->identity, a->context->event, a->root_fd, a->root_path);
}

/* ------------------------------------------------------------------ questions */

void actors_for_each(const Actors *a, identity_fn fn, void *userdata) {
        assert(a);

        if (a->identity)
                identity_for_each(a->identity, fn, userdata);
}

void actors_for_each_released(const Actors *a, identity_fn fn, void *userdata) {
        assert(a);

        if (a->identity)
                identity_for_each_released(a->identity, fn, userdata);
}

int actors_find(const Actors *a, const char *path, uint64_t *ret_cgroup_id) {
        assert(a);

        return a->identity ? identity_find(a->identity, path, ret_cgroup_id) : -ENOENT;
}

uint32_t actors_number(Actors *a, uint64_t cgroup_id, uint32_t kernel_number) {
        assert(a);

        return a->identity ? identity_actor(a->identity, cgroup_id, kernel_number) : ACTOR_NONE;
}

const char *actors_path_of(Actors *a, const IdentityFacts *facts) {
        assert(a);
        assert(facts);

        return a->identity ? identity_path_of(a->identity, facts) : NULL;
}

bool actors_may_look_up(Actors *a) {
        assert(a);

        return a->identity && identity_may_look_up(a->identity);
}

void actors_tick(Actors *a) {
        assert(a);

        if (a->identity)
                identity_tick(a->identity);
}

bool actors_forwards(const Actors *a, uint64_t cgroup_id) {
        assert(a);

        for (size_t i = 0; i < a->n_forwarders; i++)
                if (a->forwarders[i] == cgroup_id)
                        return true;
        return false;
}
