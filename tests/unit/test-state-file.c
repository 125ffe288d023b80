/* SPDX-License-Identifier: Apache-2.0 */

/* Files that the service writes for itself: nobody else's are read. */

#include "host/state-file.h"

#include "fake-root.h"

#define DIR "/state"

static char dir[512];

static void set_up(void) {
        root_make();
        directory_make(DIR);
        (void) path_of(DIR, dir);
        ck_assert_int_eq(chmod(dir, 0750), 0);
}

static const char *const reasons[] = { "lets other", "symbolic link", "hard link", "regular file", "too large" };

/* Returns the error, and checks that the reason has this part. */
static int read_file(const char *part) {
        _cleanup_free_ char *text = NULL;
        const char *reason = NULL;
        size_t size;

        int r = state_file_read(dir, "x", 100, &text, &size, &reason);
        if (r >= 0) {
                ck_assert_uint_eq(strlen(text), size);
                ck_assert_str_eq(text, "hello");
        } else if (part)
                ck_assert_msg(reason && strstr(reason, part), "%s", reason);
        return r;
}

static void write_file(void) {
        ck_assert_int_eq(state_file_write(dir, "x", "hello", 5), 0);
}

START_TEST(what_was_written_is_read) {
        ck_assert_int_eq(read_file(NULL), -ENOENT);
        ck_assert_int_eq(state_file_write(dir, "x", "something longer", 16), 0);
        write_file(); /* replaces it */
        ck_assert_int_eq(read_file(NULL), 0);
        file_write(DIR "/.x.new", "left by a crash");
        write_file();
        ck_assert_int_eq(state_file_remove(dir, "x"), 0);
        ck_assert_int_eq(state_file_remove(dir, "x"), -ENOENT);
        ck_assert_int_eq(rmdir(dir), 0); /* nothing is left */
}
END_TEST

START_TEST(what_others_could_have_changed_is_not_read) {
        char path[512];

        write_file();
        (void) path_of(DIR "/x", path);
        ck_assert_int_eq(chmod(path, 0620), 0);
        ck_assert_int_eq(read_file(reasons[0]), -EPERM);
        ck_assert_int_eq(chmod(path, 0644), 0);
        ck_assert_int_eq(read_file(reasons[0]), -EPERM);
        ck_assert_int_eq(chmod(path, 0600), 0);
        ck_assert_int_eq(read_file(NULL), 0);
        ck_assert_int_eq(chmod(dir, 0770), 0);
        ck_assert_int_eq(read_file("may write to its directory"), -EPERM);
        ck_assert_int_eq(state_file_write(dir, "x", "hello", 5), -EPERM);
        ck_assert_int_eq(chmod(dir, 0750), 0);
        if (geteuid() == 0) {
                ck_assert_int_eq(chown(path, 1, 1), 0);
                ck_assert_int_eq(read_file("another user"), -EPERM);
                ck_assert_int_eq(chown(path, 0, 0), 0);
                ck_assert_int_eq(chown(dir, 1, 1), 0);
                ck_assert_int_eq(read_file("may write to its directory"), -EPERM);
        }
}
END_TEST

START_TEST(other_kinds_of_files_are_not_read) {
        char path[512], other[512];

        (void) path_of(DIR "/x", path);
        (void) path_of(DIR "/y", other);
        write_file();
        ck_assert_int_eq(link(path, other), 0);
        ck_assert_int_eq(read_file(reasons[2]), -EPERM);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(symlink("y", path), 0);
        ck_assert_int_eq(read_file(reasons[1]), -ELOOP);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(mkfifo(path, 0600), 0);
        ck_assert_int_eq(read_file(reasons[3]), -EPERM);
        ck_assert_int_eq(unlink(path), 0);
        char large[101] = "";
        ck_assert_int_eq(state_file_write(dir, "x", large, sizeof(large)), 0);
        ck_assert_int_eq(read_file(reasons[4]), -EPERM);
}
END_TEST

START_TEST(failures_leave_the_old_one) {
        char path[512];

        write_file();
        ck_assert_int_eq(mkdir(path_of(DIR "/.x.new", path), 0700), 0); /* in the way */
        ck_assert_int_lt(state_file_write(dir, "x", "other", 5), 0);
        ck_assert_int_eq(read_file(NULL), 0);
        ck_assert_int_eq(rmdir(path), 0);
        ck_assert_int_eq(unlink(path_of(DIR "/x", path)), 0);
        ck_assert_int_eq(rmdir(dir), 0);
        ck_assert_int_eq(state_file_write(dir, "x", "hello", 5), -ENOENT);
        ck_assert_int_eq(read_file(NULL), -ENOENT);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("state-file");
        TCase *t = tcase_create("state-file");

        tcase_add_checked_fixture(t, set_up, root_remove);
        tcase_add_test(t, what_was_written_is_read);
        tcase_add_test(t, what_others_could_have_changed_is_not_read);
        tcase_add_test(t, other_kinds_of_files_are_not_read);
        tcase_add_test(t, failures_leave_the_old_one);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
