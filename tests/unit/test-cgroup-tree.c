/* SPDX-License-Identifier: Apache-2.0 */
#include "identity/cgroup-tree.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <check.h>

#include "child-cgroup.h"
#include "host/cgroup.h"
#include "open-files.h"

#define TEXT_MAX 4096
#define NOBODY 65534

static const struct {
        const char *path, *unit;
} unit_cases[] = {
        { "/", "-.slice" },
        { "", "-.slice" },
        { "/init.scope", "init.scope" },
        { "/system.slice", "system.slice" },
        { "/system.slice/", "system.slice" },
        { "/system.slice/a.service", "a.service" },
        { "/system.slice/a.service/sub", "a.service" },
        { "//system.slice//a.service", "a.service" },
        { "/system.slice/system-foo.slice/foo@1.service", "foo@1.service" },
        { "/system.slice/system-foo.slice", "system-foo.slice" },
        { "/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope", "user@1000.service" },
        { "/system.slice/_cpu.service", "cpu.service" },
        { "/system.slice/__x.service", "_x.service" },
        { "/system.slice/_", "_" },
        { "/system.slice/a.slicer", "a.slicer" },
        { "/system.slice/.slice", ".slice" },
        { "/system.slice/..", ".." },
        { "/system.slice/docker-0123\\x2d.scope", "docker-0123\\x2d.scope" },
        { "/docker", "docker" },
        { "/docker/0123/x", "0123" },
        { "/kubepods/besteffort/pod1/0123/x", "0123" },
        { "/a.slice/docker/0123", "docker" },
};

START_TEST(unit_of_a_path) {
        char buf[CGROUP_UNIT_MAX];

        ck_assert_str_eq(cgroup_path_unit(unit_cases[_i].path, buf), unit_cases[_i].unit);
}
END_TEST

START_TEST(unit_ends_the_path) {
        static const struct {
                const char *path;
                size_t length;
        } cases[] = {
                { "/", 0 }, { "", 0 }, { "/a.service", 10 }, { "/a.service/b", 10 }, { "/a.slice", 8 },
                { "/a.slice/", 8 }, { "/a.slice/b.service", 18 }, { "/a.slice/b.service/c.slice/d", 18 },
                { "/a.slice/a-b.slice/c.scope/d", 26 },
                { "/docker", 7 }, { "/docker/ab/c", 10 }, { "/a.slice/docker/ab", 15 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                ck_assert_uint_eq(cgroup_path_unit_length(cases[i].path), cases[i].length);
}
END_TEST

START_TEST(unit_name_is_cut) {
        char path[CGROUP_UNIT_MAX + 2], buf[CGROUP_UNIT_MAX];

        memset(path, 'a', sizeof(path));
        path[0] = '/';
        path[CGROUP_UNIT_MAX] = '\0'; /* the longest name that fits */
        ck_assert_str_eq(cgroup_path_unit(path, buf), path + 1);
        path[CGROUP_UNIT_MAX] = 'a';
        path[CGROUP_UNIT_MAX + 1] = '\0';
        ck_assert_uint_eq(strlen(cgroup_path_unit(path, buf)), CGROUP_UNIT_MAX - 1);
}
END_TEST

/* A tree whose root is a cgroup of our own. */
typedef struct Fixture {
        Cgroup c;
        sd_event *event;
        CgroupTree *tree;
        char seen[TEXT_MAX];   /* "+/ +/a.slice -/a.slice ", slices with a trailing '/' */
        char faults[TEXT_MAX]; /* "/a: 28 " */
        uint64_t last_id;      /* of the last change */
        unsigned n_seen;
} Fixture;

static void count_listed(_unused_ const char *path, _unused_ uint64_t id, _unused_ bool is_slice, _unused_ bool added,
                         void *userdata) {
        (*(size_t *) userdata)++;
}

static size_t n_listed(const Fixture *f) {
        size_t n = 0;

        cgroup_tree_for_each(f->tree, count_listed, &n);
        return n;
}

static void on_cgroup(const char *path, uint64_t id, bool is_slice, bool added, void *userdata) {
        Fixture *f = userdata;
        size_t n = strlen(f->seen);
        uint64_t listed;

        ck_assert_uint_ne(id, 0);
        if (f->tree) { /* the tree has the change when it is reported */
                ck_assert_int_eq(cgroup_tree_find(f->tree, path, &listed), added ? 0 : -ENOENT);
                if (added)
                        ck_assert_uint_eq(listed, id);
        }
        f->last_id = id;
        f->n_seen++;
        (void) snprintf(f->seen + n, sizeof(f->seen) - n, "%c%s%s ", added ? '+' : '-', path,
                        is_slice && path[1] ? "/" : "");
}

static void on_fault(const char *path, int error, void *userdata) {
        Fixture *f = userdata;
        size_t n = strlen(f->faults);

        (void) snprintf(f->faults + n, sizeof(f->faults) - n, "%s: %d ", path, -error);
}

/* false: no cgroup can be created here. */
static bool fixture_init(Fixture *f) {
        *f = (Fixture) { .c = CGROUP_INIT };
        if (!own_cgroup_new(&f->c))
                return false;
        ck_assert_int_ge(sd_event_new(&f->event), 0);
        return true;
}

static void fixture_done(Fixture *f) {
        ck_assert_ptr_null(cgroup_tree_free(f->tree));
        sd_event_unref(f->event);
        ck_assert_int_eq(cgroup_remove(&f->c), 0);
}

static void tree_start(Fixture *f, size_t max) {
        ck_assert_int_eq(cgroup_tree_new(f->event, f->c.fd, "/", max, on_cgroup, on_fault, f, &f->tree), 0);
}

/* The kernel has queued the notices by the time mkdir(2) and rmdir(2) return. */
static void run_pending(Fixture *f) {
        int r;

        do
                r = sd_event_run(f->event, 0);
        while (r > 0);
        ck_assert_int_eq(r, 0);
}

static void assert_told(Fixture *f, const char *expected) {
        f->seen[0] = '\0';
        run_pending(f);
        ck_assert_str_eq(f->seen, expected);
}

static bool reported(const Fixture *f, const char *text) {
        return strstr(f->seen, text) != NULL;
}

START_TEST(what_exists_is_listed) {
        static const char *const dirs[] = { "k.service", "k.service/sub.slice", "a.slice", "a.slice/x.service",
                                            "a.slice/x.service/deep", "a.slice/b.slice", "a.slice/b.slice/z.scope" };
        uint64_t id;
        Fixture f;

        if (!fixture_init(&f))
                return;
        for (size_t i = 0; i < ELEMENTSOF(dirs); i++)
                child_make(&f.c, dirs[i]);
        tree_start(&f, CGROUP_TREE_MAX);
        ck_assert_uint_eq(f.n_seen, 6);
        ck_assert_uint_eq(n_listed(&f), 6);
        ck_assert_int_eq(strncmp(f.seen, "+/ ", 3), 0);
        ck_assert(reported(&f, "+/k.service "));
        ck_assert(reported(&f, "+/a.slice/ "));
        ck_assert(reported(&f, "+/a.slice/x.service "));
        ck_assert(reported(&f, "+/a.slice/b.slice/ "));
        ck_assert(reported(&f, "+/a.slice/b.slice/z.scope "));

        ck_assert_int_eq(cgroup_tree_find(f.tree, "/", &id), 0);
        ck_assert_uint_eq(id, f.c.id);
        ck_assert_int_eq(cgroup_tree_find(f.tree, "/a.slice/b.slice/z.scope", &id), 0);
        ck_assert_uint_eq(id, child_id(&f.c, "a.slice/b.slice/z.scope"));
        ck_assert_str_eq(cgroup_tree_path_of(f.tree, id), "/a.slice/b.slice/z.scope");
        ck_assert_int_eq(cgroup_tree_find(f.tree, "/k.service/sub.slice", &id), -ENOENT);
        ck_assert_ptr_null(cgroup_tree_path_of(f.tree, child_id(&f.c, "k.service/sub.slice")));

        f.n_seen = 0;
        f.seen[0] = '\0';
        cgroup_tree_for_each(f.tree, on_cgroup, &f);
        ck_assert_uint_eq(f.n_seen, 6);
        ck_assert_int_eq(strncmp(f.seen, "+/ ", 3), 0);
        ck_assert(strstr(f.seen, "+/a.slice/ ") < strstr(f.seen, "+/a.slice/b.slice/ "));
        fixture_done(&f);
}
END_TEST

START_TEST(changes_are_followed) {
        Fixture f;

        if (!fixture_init(&f))
                return;
        tree_start(&f, CGROUP_TREE_MAX);
        child_make(&f.c, "k.service");
        assert_told(&f, "+/k.service ");
        ck_assert_uint_eq(f.last_id, child_id(&f.c, "k.service"));
        child_make(&f.c, "k.service/sub"); /* of the unit: not listed */
        assert_told(&f, "");
        child_make(&f.c, "a.slice");
        assert_told(&f, "+/a.slice/ ");
        child_make(&f.c, "a.slice/x.service");
        assert_told(&f, "+/a.slice/x.service ");
        child_drop(&f.c, "a.slice/x.service");
        assert_told(&f, "-/a.slice/x.service ");
        child_drop(&f.c, "a.slice");
        assert_told(&f, "-/a.slice/ ");
        child_drop(&f.c, "k.service/sub");
        child_drop(&f.c, "k.service");
        assert_told(&f, "-/k.service ");
        ck_assert_uint_eq(n_listed(&f), 1);
        ck_assert_str_eq(f.faults, "");
        fixture_done(&f);
}
END_TEST

/* What is made before the watch on its slice is found by the scan. */
START_TEST(children_made_before_the_watch) {
        Fixture f;

        if (!fixture_init(&f))
                return;
        tree_start(&f, CGROUP_TREE_MAX);
        child_make(&f.c, "a.slice");
        child_make(&f.c, "a.slice/b.slice");
        child_make(&f.c, "a.slice/b.slice/x.service");
        assert_told(&f, "+/a.slice/ +/a.slice/b.slice/ +/a.slice/b.slice/x.service ");
        child_make(&f.c, "a.slice/b.slice/y.service");
        assert_told(&f, "+/a.slice/b.slice/y.service ");

        /* All of it goes at once, and something short-lived was there. */
        child_make(&f.c, "gone.slice");
        child_make(&f.c, "gone.slice/x.service");
        child_drop(&f.c, "gone.slice/x.service");
        child_drop(&f.c, "gone.slice");
        child_drop(&f.c, "a.slice/b.slice/y.service");
        child_drop(&f.c, "a.slice/b.slice/x.service");
        child_drop(&f.c, "a.slice/b.slice");
        child_drop(&f.c, "a.slice");
        f.seen[0] = '\0';
        run_pending(&f);
        ck_assert(reported(&f, "-/a.slice/b.slice/x.service "));
        ck_assert(reported(&f, "-/a.slice/b.slice/y.service "));
        ck_assert(reported(&f, "-/a.slice/b.slice/ "));
        ck_assert(reported(&f, "-/a.slice/ "));
        ck_assert(!reported(&f, "gone"));
        ck_assert_uint_eq(n_listed(&f), 1);
        fixture_done(&f);
}
END_TEST

/* Another inode under the old name, whatever is queued by the time it is looked at. */
START_TEST(made_again_under_the_old_name) {
        uint64_t old, id;
        Fixture f;

        if (!fixture_init(&f))
                return;
        child_make(&f.c, "a.service");
        child_make(&f.c, "a.slice");
        child_make(&f.c, "a.slice/x.service");
        tree_start(&f, CGROUP_TREE_MAX);
        ck_assert_int_eq(cgroup_tree_find(f.tree, "/a.service", &old), 0);

        child_drop(&f.c, "a.service");
        child_make(&f.c, "a.service");
        assert_told(&f, "-/a.service +/a.service ");
        ck_assert_uint_ne(f.last_id, old);
        ck_assert_uint_eq(f.last_id, child_id(&f.c, "a.service"));
        ck_assert_ptr_null(cgroup_tree_path_of(f.tree, old));
        ck_assert_str_eq(cgroup_tree_path_of(f.tree, f.last_id), "/a.service");

        child_drop(&f.c, "a.slice/x.service");
        child_drop(&f.c, "a.slice");
        child_make(&f.c, "a.slice");
        child_make(&f.c, "a.slice/x.service");
        run_pending(&f);
        ck_assert_int_eq(cgroup_tree_find(f.tree, "/a.slice/x.service", &id), 0);
        ck_assert_uint_eq(id, child_id(&f.c, "a.slice/x.service"));
        ck_assert_int_eq(cgroup_tree_find(f.tree, "/a.slice", &id), 0);
        ck_assert_uint_eq(id, child_id(&f.c, "a.slice"));
        ck_assert_uint_eq(n_listed(&f), 4);
        child_drop(&f.c, "a.slice/x.service"); /* the new slice is watched */
        assert_told(&f, "-/a.slice/x.service ");
        fixture_done(&f);
}
END_TEST

static unsigned queue_max(void) {
        FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
        unsigned n = 0;

        ck_assert_ptr_nonnull(f);
        ck_assert_int_eq(fscanf(f, "%u", &n), 1);
        (void) fclose(f);
        return n;
}

START_TEST(lost_notices_lead_to_a_rescan) {
        unsigned n = queue_max();
        uint64_t id;
        Fixture f;

        if (n > 65536) {
                printf("# SKIP the queue of inotify is too long here: %u\n", n);
                return;
        }
        if (!fixture_init(&f))
                return;
        child_make(&f.c, "a.slice");
        child_make(&f.c, "a.slice/old.service");
        tree_start(&f, CGROUP_TREE_MAX);
        for (unsigned i = 0; i < n / 2 + 16; i++) {
                child_make(&f.c, "x.service");
                child_drop(&f.c, "x.service");
        }
        child_drop(&f.c, "a.slice/old.service");
        child_make(&f.c, "a.slice/new.service");
        child_make(&f.c, "b.slice");
        child_make(&f.c, "b.slice/y.service");
        run_pending(&f);
        ck_assert_int_eq(cgroup_tree_find(f.tree, "/a.slice/old.service", &id), -ENOENT);
        ck_assert_int_eq(cgroup_tree_find(f.tree, "/a.slice/new.service", &id), 0);
        ck_assert_int_eq(cgroup_tree_find(f.tree, "/b.slice/y.service", &id), 0);
        ck_assert_uint_eq(n_listed(&f), 5);
        child_make(&f.c, "b.slice/z.service");
        assert_told(&f, "+/b.slice/z.service ");
        fixture_done(&f);
}
END_TEST

START_TEST(entries_are_bounded) {
        Fixture f;

        if (!fixture_init(&f))
                return;
        child_make(&f.c, "a.service");
        tree_start(&f, 3); /* the root is one */
        child_make(&f.c, "b.service");
        assert_told(&f, "+/b.service ");
        ck_assert_str_eq(f.faults, "");
        child_make(&f.c, "c.service");
        child_make(&f.c, "d.service");
        assert_told(&f, "");
        ck_assert_str_eq(f.faults, "/c.service: 28 "); /* ENOSPC, once */
        ck_assert_uint_eq(n_listed(&f), 3);
        child_drop(&f.c, "a.service");
        child_drop(&f.c, "d.service");
        assert_told(&f, "-/a.service ");
        f.seen[0] = '\0';
        cgroup_tree_rescan(f.tree); /* finds what there was no room for */
        ck_assert_str_eq(f.seen, "+/c.service ");
        fixture_done(&f);
}
END_TEST

START_TEST(nested_cgroups_are_resolved_through_a_process) {
        char *root = NULL, *path = NULL;
        pid_t in_root, in_sub;
        uint64_t sub;
        Fixture f;

        if (!fixture_init(&f))
                return;
        child_make(&f.c, "k.service");
        child_make(&f.c, "k.service/sub");
        sub = child_id(&f.c, "k.service/sub");
        in_root = inmate_new(&f.c, ".");
        in_sub = inmate_new(&f.c, "k.service/sub");
        ck_assert_int_eq(cgroup_path_of_pid(in_root, "/", &root), 0);
        ck_assert_int_eq(cgroup_path_of_pid(in_sub, root, &path), 0);
        ck_assert_str_eq(path, "/k.service/sub");
        free(path);
        ck_assert_int_eq(cgroup_path_of_pid(in_sub, "/no/such", &path), -ENOTSUP);
        ck_assert_int_eq(cgroup_path_of_pid(0, "/", &path), -ESRCH);
        ck_assert_int_eq(cgroup_path_of_pid(INT_MAX, "/", &path), -ESRCH);

        ck_assert_int_eq(cgroup_tree_new(f.event, f.c.fd, root, CGROUP_TREE_MAX, on_cgroup, on_fault, &f, &f.tree), 0);
        ck_assert_ptr_null(cgroup_tree_path_of(f.tree, sub));
        ck_assert_int_eq(cgroup_tree_resolve(f.tree, sub, in_sub, &path), 0);
        ck_assert_str_eq(path, "/k.service/sub");
        free(path);
        /* A process of another cgroup is no evidence of this one. */
        ck_assert_int_eq(cgroup_tree_resolve(f.tree, sub, in_root, &path), -ENOENT);
        ck_assert_int_eq(cgroup_tree_resolve(f.tree, sub, 0, &path), -ESRCH);
        ck_assert_int_eq(cgroup_tree_resolve(f.tree, child_id(&f.c, "k.service"), 0, &path), 0);
        ck_assert_str_eq(path, "/k.service");
        free(path);
        free(root);
        inmate_end(in_root);
        inmate_end(in_sub);
        fixture_done(&f);
}
END_TEST

START_TEST(nothing_is_left_open) {
        unsigned before;
        Fixture f;

        if (!fixture_init(&f))
                return;
        ck_assert_ptr_null(cgroup_tree_free(NULL));
        child_make(&f.c, "a.slice");
        child_make(&f.c, "a.slice/x.service");
        before = count_fds();
        tree_start(&f, CGROUP_TREE_MAX);
        child_make(&f.c, "a.slice/y.service");
        run_pending(&f);
        cgroup_tree_rescan(f.tree);
        ck_assert_uint_gt(count_fds(), before);
        f.tree = cgroup_tree_free(f.tree);
        run_pending(&f); /* what the loop still holds of it goes */
        ck_assert_uint_eq(count_fds(), before);
        fixture_done(&f);
}
END_TEST

/* In a process of its own. Returns the exit status, 0 on success. */
static int open_root_as_nobody(void) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;
        const char *what = "";
        struct stat st;
        uint64_t id;
        int r;

        if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) < 0)
                return 1;
        r = cgroup_root_open(&fd, &id, &path, &what);
        if (r < 0)
                return *what ? 77 : 2;
        if (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_ino != id || path[0] != '/')
                return 3;
        /* Reading is what it must be good for: a watch and a scan. */
        return faccessat(fd, "cgroup.procs", F_OK, 0) == 0 ? 0 : 4;
}

START_TEST(root_is_found_without_privilege) {
        int status;
        pid_t pid;

        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0)
                _exit(open_root_as_nobody());
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77)
                printf("# SKIP no cgroup2 is mounted here\n");
        else
                ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

/* Every cgroup of this machine that is alive throughout is below the root that was opened. */
START_TEST(own_cgroup_is_below_the_root) {
        _cleanup_free_ char *path = NULL, *own = NULL;
        _cleanup_close_ int fd = -EBADF;
        const char *what = NULL;
        struct stat st;
        uint64_t id;

        if (cgroup_root_open(&fd, &id, &path, &what) < 0) {
                ck_assert_str_ne(what, "");
                printf("# SKIP %s\n", what);
                return;
        }
        ck_assert_int_eq(cgroup_path_of_pid(getpid(), path, &own), 0);
        ck_assert_int_eq(fstatat(fd, own[1] ? own + 1 : ".", &st, 0), 0);
        ck_assert(S_ISDIR(st.st_mode));
        if (strcmp(own, "/") == 0)
                ck_assert_uint_eq(st.st_ino, id);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("cgroup-tree");
        TCase *t = tcase_create("cgroup-tree");

        tcase_set_timeout(t, 120);
        tcase_add_loop_test(t, unit_of_a_path, 0, ELEMENTSOF(unit_cases));
        tcase_add_test(t, unit_name_is_cut);
        tcase_add_test(t, unit_ends_the_path);
        tcase_add_test(t, what_exists_is_listed);
        tcase_add_test(t, changes_are_followed);
        tcase_add_test(t, children_made_before_the_watch);
        tcase_add_test(t, made_again_under_the_old_name);
        tcase_add_test(t, lost_notices_lead_to_a_rescan);
        tcase_add_test(t, entries_are_bounded);
        tcase_add_test(t, nested_cgroups_are_resolved_through_a_process);
        tcase_add_test(t, nothing_is_left_open);
        tcase_add_test(t, root_is_found_without_privilege);
        tcase_add_test(t, own_cgroup_is_below_the_root);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
