/* SPDX-License-Identifier: Apache-2.0 */

#include "identity/identity.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "child-cgroup.h"
#include "host/cgroup.h"

#define MANY 1000U

/* A hierarchy whose root is a cgroup of our own. */
typedef struct Fixture {
        Cgroup c;
        sd_event *event;
        Identity *identity;
        unsigned n_appeared, n_gone, n_forgotten;
} Fixture;

static void on_appeared(const char *path, uint64_t id, _unused_ bool is_slice, void *userdata) {
        Fixture *f = userdata;

        ck_assert_int_eq(path[0], '/');
        ck_assert_uint_ne(identity_actor(f->identity, id, ACTOR_NONE), ACTOR_NONE);
        f->n_appeared++;
}

static void on_gone(_unused_ const char *path, _unused_ uint64_t id, _unused_ bool is_slice, void *userdata) {
        ((Fixture *) userdata)->n_gone++;
}

static void on_forgotten(_unused_ const char *path, _unused_ uint64_t id, _unused_ bool is_slice, void *userdata) {
        ((Fixture *) userdata)->n_forgotten++;
}

static void on_fault(const char *path, int error, _unused_ void *userdata) {
        ck_abort_msg("%s: %s", path, strerror(-error));
}

static uint32_t actor_of(const Fixture *f, const char *name) {
        return identity_actor(f->identity, child_id(&f->c, name), ACTOR_NONE);
}

static void run_pending(const Fixture *f) {
        while (sd_event_run(f->event, 0) > 0)
                ;
}

static bool fixture_init(Fixture *f) {
        const IdentityObserver observer = {
                .appeared = on_appeared, .gone = on_gone, .forgotten = on_forgotten, .fault = on_fault, .userdata = f,
        };

        *f = (Fixture) { .c = CGROUP_INIT };
        if (!own_cgroup_new(&f->c))
                return false;
        ck_assert_int_ge(sd_event_new(&f->event), 0);
        child_make(&f->c, "a.service");
        child_make(&f->c, "a.service/sub");
        child_make(&f->c, "a.service/other");
        child_make(&f->c, "b.service");
        child_make(&f->c, "b.service/sub");
        ck_assert_int_eq(identity_new(&observer, &f->identity), 0);
        ck_assert_int_eq(identity_follow(f->identity, f->event, f->c.fd, f->c.path), 0);
        ck_assert_uint_eq(f->n_appeared, 3);
        return true;
}

static void fixture_done(Fixture *f) {
        ck_assert_ptr_null(identity_free(f->identity));
        sd_event_unref(f->event);
        ck_assert_int_eq(cgroup_remove(&f->c), 0);
}

static const char *path_of(const Fixture *f, uint32_t actor, uint64_t cgroup_id, pid_t pid) {
        const IdentityFacts facts = { .actor = actor, .cgroup_id = cgroup_id, .pid = (uint32_t) pid };

        return identity_path_of(f->identity, &facts);
}

static pid_t child_in(const Fixture *f, const char *name) {
        char path[64], text[16];
        pid_t pid = fork();
        int fd;

        ck_assert_int_ge(pid, 0);
        if (pid == 0)
                for (;;)
                        (void) pause();
        (void) snprintf(path, sizeof(path), "%s/cgroup.procs", name);
        (void) snprintf(text, sizeof(text), "%d", (int) pid);
        fd = openat(f->c.fd, path, O_WRONLY | O_CLOEXEC);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t) strlen(text));
        (void) close(fd);
        return pid;
}

static void child_end(pid_t pid) {
        (void) kill(pid, SIGKILL);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(the_actor_counts_not_the_process) {
        uint64_t sub, other;
        uint32_t a, b;
        Fixture f;
        pid_t pid;

        if (!fixture_init(&f))
                return;
        a = actor_of(&f, "a.service");
        b = actor_of(&f, "b.service");
        sub = child_id(&f.c, "a.service/sub");
        other = child_id(&f.c, "a.service/other");

        /* The process ended before anybody looked, and so did its cgroup. */
        ck_assert_str_eq(path_of(&f, a, other, 0), "/a.service");
        ck_assert_str_eq(path_of(&f, a, 1, 0), "/a.service");
        ck_assert_str_eq(path_of(&f, a, 0, 0), "/a.service");
        ck_assert_ptr_null(path_of(&f, ACTOR_NONE, other, 0));

        pid = child_in(&f, "a.service/sub");
        ck_assert_str_eq(path_of(&f, a, other, pid), "/a.service"); /* it lives elsewhere */
        ck_assert_str_eq(path_of(&f, a, sub, pid), "/a.service/sub");
        child_end(pid);
        ck_assert_str_eq(path_of(&f, a, sub, pid), "/a.service/sub"); /* known by now */
        ck_assert_str_eq(path_of(&f, ACTOR_NONE, sub, 0), "/a.service/sub");

        /* A socket of another unit's, judged for that one. */
        ck_assert_str_eq(path_of(&f, b, sub, 0), "/b.service");
        ck_assert_str_eq(path_of(&f, b, child_id(&f.c, "a.service"), 0), "/b.service");
        fixture_done(&f);
}
END_TEST

START_TEST(an_actor_outlives_its_cgroup) {
        uint64_t id;
        uint32_t a;
        Fixture f;

        if (!fixture_init(&f))
                return;
        a = actor_of(&f, "a.service");
        id = child_id(&f.c, "a.service");
        child_drop(&f.c, "a.service/sub");
        child_drop(&f.c, "a.service/other");
        child_drop(&f.c, "a.service");
        run_pending(&f);
        ck_assert_uint_eq(f.n_gone, 1);
        ck_assert_str_eq(path_of(&f, a, id, 0), "/a.service");
        ck_assert_uint_eq(identity_actor(f.identity, id, ACTOR_NONE), a);

        child_make(&f.c, "a.service"); /* another one */
        run_pending(&f);
        ck_assert_uint_ne(actor_of(&f, "a.service"), a);
        ck_assert_str_eq(path_of(&f, a, id, 0), "/a.service");
        ck_assert_uint_eq(f.n_forgotten, 0);
        fixture_done(&f);
}
END_TEST

START_TEST(a_noisy_actor_uses_up_its_own_share) {
        pid_t in_a, in_b;
        uint32_t a, b;
        Fixture f;

        if (!fixture_init(&f))
                return;
        a = actor_of(&f, "a.service");
        b = actor_of(&f, "b.service");
        in_a = child_in(&f, "a.service/sub");
        in_b = child_in(&f, "b.service/sub");
        for (uint64_t i = 0; i < MANY; i++) /* of cgroups that are gone */
                ck_assert_str_eq(path_of(&f, a, 1000000000 + i, in_a), "/a.service");
        for (uint64_t i = 0; i < MANY; i++) /* whom no number names */
                ck_assert_ptr_null(path_of(&f, ACTOR_NONE, 1000000000 + i, in_a));
        ck_assert(!identity_may_look_up(f.identity));

        ck_assert_str_eq(path_of(&f, a, child_id(&f.c, "a.service/sub"), in_a), "/a.service");
        ck_assert_str_eq(path_of(&f, b, child_id(&f.c, "b.service/sub"), in_b), "/b.service/sub");
        identity_tick(f.identity);
        ck_assert_str_eq(path_of(&f, a, child_id(&f.c, "a.service/sub"), in_a), "/a.service/sub");
        ck_assert(identity_may_look_up(f.identity));
        child_end(in_a);
        child_end(in_b);
        fixture_done(&f);
}
END_TEST

START_TEST(nothing_is_known_before_it_follows) {
        const IdentityObserver observer = {
                .appeared = on_appeared, .gone = on_gone, .forgotten = on_forgotten, .fault = on_fault,
        };
        _cleanup_(identity_freep) Identity *i = NULL;
        const IdentityFacts facts = { .actor = 3, .cgroup_id = 4, .pid = 1 };
        uint64_t id;

        ck_assert_int_eq(identity_new(&observer, &i), 0);
        ck_assert_ptr_null(identity_path_of(i, &facts));
        ck_assert_int_eq(identity_find(i, "/", &id), -ENOENT);
        identity_for_each(i, on_appeared, NULL);
        identity_tick(i);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("identity");
        TCase *t = tcase_create("identity");

        tcase_set_timeout(t, 60);
        tcase_add_test(t, the_actor_counts_not_the_process);
        tcase_add_test(t, an_actor_outlives_its_cgroup);
        tcase_add_test(t, a_noisy_actor_uses_up_its_own_share);
        tcase_add_test(t, nothing_is_known_before_it_follows);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
