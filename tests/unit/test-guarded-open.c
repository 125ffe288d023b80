/* SPDX-License-Identifier: Apache-2.0 */
#include "host/guarded-open.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/macro.h"

#define OTHER 12345 /* a user who is not us */

static char top[64];

static const char *at(const char *name) {
        static char buf[4][256];
        static size_t n;
        char *path = buf[n++ % 4];

        (void) snprintf(path, sizeof(buf[0]), "%s/%s", top, name);
        return path;
}

static void make_file(const char *name, const char *text) {
        int fd = open(at(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

        ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t) strlen(text));
        (void) close(fd);
}

/* "ours" and "theirs" are directories of ours and of another user's, "loose" is ours, sticky, and everybody may write it. The way to
 * them is ours alone: /run, not /tmp. */
static void setup(void) {
        if (geteuid() != 0) {
                printf("# skipped, needs root\n");
                exit(0);
        }
        umask(022);
        (void) snprintf(top, sizeof(top), "/run/cargowall-test-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(top));
        ck_assert_int_eq(chmod(top, 0755), 0);
        ck_assert_int_eq(mkdir(at("ours"), 0755), 0);
        ck_assert_int_eq(mkdir(at("theirs"), 0755), 0);
        ck_assert_int_eq(mkdir(at("loose"), 0755), 0);
        ck_assert_int_eq(chmod(at("loose"), 01777), 0);
        ck_assert_int_eq(mkdir(at("theirs/below"), 0755), 0); /* root's again, but they can put another in its place */
        ck_assert_int_eq(chown(at("theirs"), OTHER, OTHER), 0);
        make_file("ours/file", "ours");
        make_file("theirs/below/file", "below");
        ck_assert_int_eq(symlink("ours", at("link")), 0);
        ck_assert_int_eq(symlink(at("ours"), at("theirs/link")), 0);
        ck_assert_int_eq(symlink(at("ours"), at("loose/link")), 0);
        ck_assert_int_eq(symlink(at("ours"), at("loose/foreign")), 0);
        ck_assert_int_eq(lchown(at("loose/foreign"), OTHER, OTHER), 0);
        ck_assert_int_eq(symlink(at("ours"), at("loose/first")), 0);
        ck_assert_int_eq(link(at("loose/first"), at("loose/second")), 0);
        ck_assert_int_eq(mkdir(at("loose/ours"), 0755), 0);
        ck_assert_int_eq(symlink("../../ours", at("loose/ours/link")), 0);
        ck_assert_int_eq(mkdir(at("loose/theirs"), 0755), 0);
        ck_assert_int_eq(symlink("../../ours", at("loose/theirs/link")), 0);
        ck_assert_int_eq(chown(at("loose/theirs"), OTHER, OTHER), 0);
        ck_assert_int_eq(mkdir(at("group"), 0775), 0);
        ck_assert_int_eq(chmod(at("group"), 0775), 0);
        ck_assert_int_eq(symlink("../ours", at("group/link")), 0);
        ck_assert_int_eq(symlink("../../ours", at("theirs/below/link")), 0);
        ck_assert_int_eq(symlink("../link/file", at("ours/twice")), 0);
        ck_assert_int_eq(symlink("loop", at("loop")), 0);
        ck_assert_int_eq(symlink("theirs/link", at("round")), 0);
}

static void teardown(void) {
        char command[128];

        (void) snprintf(command, sizeof(command), "rm -r %s", top);
        ck_assert_int_eq(system(command), 0);
}

static const struct {
        const char *path; /* below top */
        int r;            /* 0: opened, holds text */
        const char *text;
        bool exposed;
} reads[] = {
        { "ours/file", 0, "ours", false },
        { "link/file", 0, "ours", false },
        { "ours/twice", 0, "ours", false },
        { "ours/../link/./file", 0, "ours", false },
        { "theirs/below/file", 0, "below", true },
        { "theirs/../ours/file", 0, "ours", true },
        { "theirs/link/file", -ELOOP, NULL, false },
        { "theirs/below/link/file", -ELOOP, NULL, false },
        { "theirs/../link/file", -ELOOP, NULL, false },
        { "loose/link/file", 0, "ours", false },
        { "loose/ours/link/file", 0, "ours", false },
        { "loose/foreign/file", -ELOOP, NULL, false },
        { "loose/first/file", -ELOOP, NULL, false },
        { "loose/theirs/link/file", -ELOOP, NULL, false },
        { "group/link/file", -ELOOP, NULL, false },
        { "round/file", -ELOOP, NULL, false },
        { "loop", -ELOOP, NULL, false },
        { "loop/file", -ELOOP, NULL, false },
        { "ours/file/more", -ENOTDIR, NULL, false },
        { "ours/none", -ENOENT, NULL, false },
        { "none/file", -ENOENT, NULL, false },
        { "ours/", -EISDIR, NULL, false },
};

START_TEST(test_read) {
        char buf[16] = "";
        bool exposed = false;
        int fd = guarded_open(at(reads[_i].path), O_RDONLY, 0, &exposed);

        if (reads[_i].r < 0)
                ck_assert_int_eq(fd, reads[_i].r);
        else {
                ck_assert_int_ge(fd, 0);
                ck_assert_int_ge(read(fd, buf, sizeof(buf) - 1), 0);
                ck_assert_str_eq(buf, reads[_i].text);
                ck_assert(exposed == reads[_i].exposed);
                ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
                (void) close(fd);
        }
}
END_TEST

/* A shell's <(...) and /dev/stdin. */
START_TEST(test_descriptor) {
        char buf[16] = "", path[32];
        int pair[2];

        ck_assert_int_eq(pipe2(pair, O_CLOEXEC), 0);
        ck_assert_int_eq(write(pair[1], "piped", 5), 5);
        (void) close(pair[1]);
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", pair[0]);
        int fd = guarded_open(path, O_RDONLY, 0, NULL);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(read(fd, buf, sizeof(buf)), 5);
        ck_assert_str_eq(buf, "piped");
        (void) close(fd);
        (void) close(pair[0]);
}
END_TEST

static int append(const char *name, uid_t owner, bool *ret_created) {
        bool created = false;
        int fd = guarded_open_append(at(name), 0640, owner, &created);

        if (fd >= 0)
                (void) close(fd);
        if (ret_created)
                *ret_created = created;
        return fd < 0 ? fd : 0;
}

START_TEST(test_append) {
        struct stat st;
        bool created;

        ck_assert_int_eq(append("ours/log", (uid_t) -1, &created), 0);
        ck_assert(created);
        ck_assert_int_eq(stat(at("ours/log"), &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0640);
        ck_assert_int_eq(append("ours/log", (uid_t) -1, &created), 0);
        ck_assert(!created);
        ck_assert_int_eq(append("theirs/log", (uid_t) -1, &created), 0);
        ck_assert(created);
        ck_assert_int_eq(append("theirs/log", OTHER, NULL), -EPERM); /* it is root's */
        ck_assert_int_eq(chown(at("theirs/log"), OTHER, OTHER), 0);
        ck_assert_int_eq(append("theirs/log", OTHER, NULL), 0);
        ck_assert_int_eq(append("theirs/log", (uid_t) -1, NULL), -EPERM);

        ck_assert_int_eq(append("theirs/link/log", OTHER, NULL), -ELOOP);
        ck_assert_int_eq(access(at("ours/log2"), F_OK), -1);
        ck_assert_int_eq(symlink(at("ours/new"), at("ours/dangling")), 0);
        ck_assert_int_eq(append("ours/dangling", (uid_t) -1, NULL), -ELOOP); /* as the last component no link at all */
        ck_assert_int_eq(access(at("ours/new"), F_OK), -1);
}
END_TEST

START_TEST(test_append_refuses) {
        ck_assert_int_eq(link(at("ours/file"), at("theirs/second")), 0);
        ck_assert_int_eq(append("theirs/second", (uid_t) -1, NULL), -EPERM);
        ck_assert_int_eq(append("ours/file", (uid_t) -1, NULL), 0); /* nobody else could have made its second name here */
        ck_assert_int_eq(mkfifo(at("theirs/fifo"), 0666), 0);
        ck_assert_int_eq(append("theirs/fifo", OTHER, NULL), -EINVAL);
        ck_assert_int_eq(append("ours", (uid_t) -1, NULL), -EISDIR);
        ck_assert_int_eq(guarded_open_append("/dev/null", 0600, (uid_t) -1, &(bool) { false }), -EINVAL);
        ck_assert_int_eq(guarded_open_append("", 0600, (uid_t) -1, &(bool) { false }), -ENOENT);
        for (int error = 1; error < 134; error++)
                ck_assert_ptr_nonnull(guarded_open_error(-error));
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("guarded-open");
        TCase *t = tcase_create("guarded-open");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_loop_test(t, test_read, 0, ELEMENTSOF(reads));
        tcase_add_test(t, test_descriptor);
        tcase_add_test(t, test_append);
        tcase_add_test(t, test_append_refuses);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
