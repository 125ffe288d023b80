/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cgroup.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "basic/macro.h"
#include "child-cgroup.h"
#include "host/cgroup-mount.h"
#include "host/read-file.h"
#include "host/socket-cgroup.h"

#define KILL_TIMEOUT_USEC (10 * USEC_PER_SEC)

static const struct {
        const char *text;
        int result;
        const char *path;
} own_cases[] = {
        { "0::/\n", 0, "/" },
        { "0::/a/b\n", 0, "/a/b" },
        { "0::/a/b", 0, "/a/b" },
        { "9:name=systemd:/x\n4:memory:/y\n0::/user.slice/a b\n", 0, "/user.slice/a b" },
        { "0::/../x\n", 0, "/../x" },
        { "", -ENOSYS, NULL },
        { "10::/x\n", -ENOSYS, NULL },
        { "0::\n", -ENOSYS, NULL },
        { "4:memory:/0::/x\n", -ENOSYS, NULL },
};

START_TEST(own_path_is_parsed) {
        char *path = NULL;

        ck_assert_int_eq(cgroup_own_path_parse(own_cases[_i].text, &path), own_cases[_i].result);
        if (own_cases[_i].result >= 0)
                ck_assert_str_eq(path, own_cases[_i].path);
        free(path);
}
END_TEST

#define CONTROLLERS "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t0\t54\t1\n"

static const struct {
        const char *text;
        bool marks;
} marks_cases[] = {
        { "", false },
        { CONTROLLERS, false },
        { CONTROLLERS "net_cls\t0\t54\t1\nnet_prio\t0\t54\t1\n", false },
        { CONTROLLERS "net_cls\t3\t1\t1\n", true },
        { CONTROLLERS "net_cls\t0\t54\t1\nnet_prio\t12\t54\t1", true },
        { CONTROLLERS "my_net_cls\t3\t1\t1\nnet_cls_x\t3\t1\t1\n", false },
        { "net_cls\n3\n", false },
        { "net_cls", false },
};

START_TEST(socket_controllers_are_found) {
        ck_assert_int_eq(cgroup_marks_sockets(marks_cases[_i].text), marks_cases[_i].marks);
}
END_TEST

/* This kernel keeps them, or cannot say. */
START_TEST(lost_sockets_are_recognized) {
        ck_assert(socket_cgroup_is_lost(7211, 1));
        ck_assert(!socket_cgroup_is_lost(7211, 7211));
        ck_assert(!socket_cgroup_is_lost(1, 1));
        ck_assert(!socket_cgroup_is_lost(7211, 7212)); /* moved meanwhile */
        ck_assert_int_ne(socket_cgroup_is_known(), 0);
}
END_TEST

static const struct {
        const char *root, *path, *below; /* below NULL: outside */
} below_cases[] = {
        { "/", "/", "/" },
        { "/", "/a/b", "/a/b" },
        { "/docker/abc", "/docker/abc/x", "/x" },
        { "/docker/abc", "/docker/abc", "/" },
        { "/docker/abc", "/docker/abcd", NULL },
        { "/docker/abc", "/docker", NULL },
        { "/docker/abc", "/", NULL },
        { "/", "/../x", NULL },
        { "/", "/..", NULL },
        { "/", "/a/..", NULL },
        { "/", "/..a/b..", "/..a/b.." },
        { "/..", "/", NULL },
        { "/..", "/../b", "/b" },
        { "/..", "/../../b", NULL },
        { "/../a", "/../a/b", "/b" },
};

START_TEST(path_is_seen_below_a_mount) {
        char *below = NULL;
        int r;

        r = cgroup_path_below(below_cases[_i].root, below_cases[_i].path, &below);
        ck_assert_int_eq(r, below_cases[_i].below ? 0 : -ENOTSUP);
        if (r >= 0)
                ck_assert_str_eq(below, below_cases[_i].below);
        free(below);
}
END_TEST

START_TEST(mounts_are_found) {
        static const char text[] =
                "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
                "30 22 0:26 / /sys/fs/cgroup rw shared:4 master:2 - cgroup2 cgroup rw,nsdelegate\n"
                "31 22 0:26 /a\\040b /mnt/x\\011y\\134z rw - cgroup2 cgroup2 rw\n"
                "32 22 0:27 / /mnt/named-cgroup2 rw - ext4 cgroup2 rw\n"
                "33 22 0:27 / /v1 rw - cgroup cgroup rw,cpu\n"
                "34 22 0:27 / /cut rw -\n"
                "35\n"
                "\n"
                "36 22 0:26 /../p /q rw - cgroup2 none rw";
        static const char *const expected[][2] = {
                { "/", "/sys/fs/cgroup" },
                { "/a b", "/mnt/x\ty\\z" },
                { "/../p", "/q" },
        };
        const char *cursor = text;
        char *root, *point;

        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                ck_assert_int_eq(cgroup_mount_next(&cursor, &root, &point), 1);
                ck_assert_str_eq(root, expected[i][0]);
                ck_assert_str_eq(point, expected[i][1]);
                free(root);
                free(point);
        }
        ck_assert_int_eq(cgroup_mount_next(&cursor, &root, &point), 0);
        ck_assert_int_eq(cgroup_mount_next(&cursor, &root, &point), 0);
}
END_TEST

static void assert_killed(pid_t pid) {
        int status;

        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSIGNALED(status));
        ck_assert_int_eq(WTERMSIG(status), SIGKILL);
}

START_TEST(cgroup_is_made_entered_and_removed) {
        Cgroup c = CGROUP_INIT, copy;
        char path[64], *text, *own;
        const char *end;
        unsigned n = 7;
        struct stat st;
        pid_t pid;

        if (!own_cgroup_new(&c))
                return;
        ck_assert_int_eq(fstat(c.fd, &st), 0);
        ck_assert_uint_eq(c.id, st.st_ino);
        pid = inmate_new(&c, ".");
        (void) snprintf(path, sizeof(path), "/proc/%d/cgroup", (int) pid);
        ck_assert_int_eq(read_file_at(AT_FDCWD, path, 65536, &text, NULL), 0);
        ck_assert_int_eq(cgroup_own_path_parse(text, &own), 0);
        end = strrchr(c.path, '/');
        ck_assert_str_eq(strrchr(own, '/'), end);
        free(own);
        free(text);

        copy = c;
        copy.path = strdup(c.path);
        copy.fd = dup(c.fd);
        copy.root_fd = dup(c.root_fd);
        ck_assert_int_eq(cgroup_remove(&copy), -EBUSY);
        cgroup_done(&copy);

        ck_assert_int_eq(cgroup_kill(&c, KILL_TIMEOUT_USEC, &n), 0);
        ck_assert_uint_eq(n, 1);
        assert_killed(pid);
        ck_assert_int_eq(cgroup_kill(&c, KILL_TIMEOUT_USEC, &n), 0);
        ck_assert_uint_eq(n, 0);
        ck_assert_int_eq(cgroup_remove(&c), 0);
        ck_assert_int_eq(c.fd, -EBADF);
}
END_TEST

START_TEST(fork_into_cgroup) {
        Cgroup c = CGROUP_INIT;
        unsigned n = 7;
        int pid;

        if (!own_cgroup_new(&c))
                return;
        pid = cgroup_fork(&c);
        if (pid == 0)
                for (;;)
                        (void) pause();
        if (pid == -ENOSYS || pid == -EPERM || pid == -EINVAL)
                printf("# SKIP no clone3(2) into a cgroup here\n");
        else {
                ck_assert_int_gt(pid, 0);
                ck_assert_int_eq(cgroup_kill(&c, KILL_TIMEOUT_USEC, &n), 0);
                ck_assert_uint_eq(n, 1);
                assert_killed(pid);
        }
        ck_assert_int_eq(cgroup_remove(&c), 0);
}
END_TEST

START_TEST(cgroup_that_is_gone_is_empty) {
        Cgroup c = CGROUP_INIT;
        unsigned n = 7;

        if (!own_cgroup_new(&c))
                return;
        ck_assert_int_eq(unlinkat(c.root_fd, c.path + 1, AT_REMOVEDIR), 0);
        ck_assert_int_eq(cgroup_kill(&c, KILL_TIMEOUT_USEC, &n), 0);
        ck_assert_uint_eq(n, 0);
        ck_assert_int_eq(cgroup_kill_each(&c, KILL_TIMEOUT_USEC), 0);
        ck_assert_int_lt(cgroup_enter(&c), 0);
        ck_assert_int_lt(cgroup_fork(&c), 0);
        ck_assert_int_eq(cgroup_remove(&c), 0);
}
END_TEST

/* _i: 0 cgroup.kill, 1 one by one */
START_TEST(nested_cgroups_are_killed_and_removed) {
        static const char *const children[] = { ".", "a", "a/b", "c" };
        pid_t pids[ELEMENTSOF(children)];
        Cgroup c = CGROUP_INIT;
        unsigned n;

        if (!own_cgroup_new(&c))
                return;
        for (size_t i = 0; i < ELEMENTSOF(children); i++) {
                if (i > 0)
                        child_make(&c, children[i]);
                pids[i] = inmate_new(&c, children[i]);
        }
        if (_i == 0) {
                ck_assert_int_eq(cgroup_kill(&c, KILL_TIMEOUT_USEC, &n), 0);
                ck_assert_uint_eq(n, ELEMENTSOF(children));
        } else
                ck_assert_int_eq(cgroup_kill_each(&c, KILL_TIMEOUT_USEC), 0);
        for (size_t i = 0; i < ELEMENTSOF(children); i++)
                assert_killed(pids[i]);
        ck_assert_int_eq(cgroup_remove(&c), 0);
}
END_TEST

START_TEST(ids_are_listed) {
        static const char *const children[] = { "a", "a/b", "c" };
        Cgroup c = CGROUP_INIT;
        uint64_t *ids, id;
        size_t n, found;

        if (!own_cgroup_new(&c))
                return;
        for (size_t i = 0; i < ELEMENTSOF(children); i++)
                child_make(&c, children[i]);
        ck_assert_int_eq(cgroup_list_ids(&c, &ids, &n), 0);
        ck_assert_uint_eq(n, 1 + ELEMENTSOF(children));
        for (size_t i = 1; i < n; i++)
                ck_assert_uint_lt(ids[i - 1], ids[i]);
        for (size_t i = 0; i <= ELEMENTSOF(children); i++) {
                id = i < ELEMENTSOF(children) ? child_id(&c, children[i]) : c.id;
                found = 0;
                for (size_t k = 0; k < n; k++)
                        found += ids[k] == id;
                ck_assert_uint_eq(found, 1);
        }
        free(ids);

        /* Its own is known even if it was removed meanwhile. */
        for (size_t i = ELEMENTSOF(children); i-- > 0;)
                child_drop(&c, children[i]);
        ck_assert_int_eq(unlinkat(c.root_fd, c.path + 1, AT_REMOVEDIR), 0);
        ck_assert_int_eq(cgroup_list_ids(&c, &ids, &n), 0);
        ck_assert(n == 1 && ids[0] == c.id);
        free(ids);
        ck_assert_int_eq(cgroup_remove(&c), 0);
}
END_TEST

/* In a child whose mounts are its own. Exit status 77: not allowed here. */
static void hide_cgroups(void) {
        if (unshare(CLONE_NEWNS) < 0)
                _exit(errno == EPERM ? 77 : 1);
        if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || umount2("/sys", MNT_DETACH) < 0)
                _exit(77);
}

START_TEST(hidden_hierarchy_is_reached_by_a_private_mount) {
        Cgroup c = CGROUP_INIT;
        const char *what;
        int status;
        pid_t pid;

        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                hide_cgroups();
                if (cgroup_create_below_own(&c, &what) < 0 || c.id == 0 || cgroup_remove(&c) < 0)
                        _exit(1);
                _exit(0);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77)
                printf("# SKIP a mount namespace needs CAP_SYS_ADMIN\n");
        else
                ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("cgroup");
        TCase *t = tcase_create("cgroup");

        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, own_path_is_parsed, 0, ELEMENTSOF(own_cases));
        tcase_add_loop_test(t, socket_controllers_are_found, 0, ELEMENTSOF(marks_cases));
        tcase_add_test(t, lost_sockets_are_recognized);
        tcase_add_loop_test(t, path_is_seen_below_a_mount, 0, ELEMENTSOF(below_cases));
        tcase_add_test(t, mounts_are_found);
        tcase_add_test(t, cgroup_is_made_entered_and_removed);
        tcase_add_test(t, fork_into_cgroup);
        tcase_add_test(t, cgroup_that_is_gone_is_empty);
        tcase_add_loop_test(t, nested_cgroups_are_killed_and_removed, 0, 2);
        tcase_add_test(t, ids_are_listed);
        tcase_add_test(t, hidden_hierarchy_is_reached_by_a_private_mount);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
