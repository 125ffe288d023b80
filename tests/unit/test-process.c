/* SPDX-License-Identifier: Apache-2.0 */
#include "host/process.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "basic/macro.h"

#define REST " S 41 42 42 34816 42 4194304 1 0 0 0 2 3 0 0 20 0 1 0 987654 1 2 3\n"

static const struct {
        const char *text;
        int result;
        const char *comm;
} stat_cases[] = {
        { "42 (sh)" REST, 0, "sh" },
        { "42 ()" REST, 0, "" },
        { "42 (a b)" REST, 0, "a b" },
        { "42 (a) S 1 (b)" REST, 0, "a) S 1 (b" },
        { "42 (:-))" REST, 0, ":-)" },
        { "42 (a\nb)" REST, 0, "a\nb" },
        { "42 (0123456789012345678901234567890123456789012345678901234567890123456789)" REST, 0,
          "012345678901234567890123456789012345678901234567890123456789012" },
        { "", -EBADMSG, NULL },
        { "42", -EBADMSG, NULL },
        { "42 ", -EBADMSG, NULL },
        { "42 (", -EBADMSG, NULL },
        { "42 (sh", -EBADMSG, NULL },
        { "42 (sh)", -EBADMSG, NULL },
        { "42 (sh) S", -EBADMSG, NULL },
        { "42 (sh) S 41", -EBADMSG, NULL },
        { "42 (sh) S 41 42 42 34816 42 4194304 1 0 0 0 2 3 0 0 20 0 1 0", -EBADMSG, NULL },
        { "42 (sh) S 41 42 42 34816 42 4194304 1 0 0 0 2 3 0 0 20 0 1 0 x", -EBADMSG, NULL },
        { "42 (sh) S -1 42 42 34816 42 4194304 1 0 0 0 2 3 0 0 20 0 1 0 987654", -EBADMSG, NULL },
        { "4294967296 (sh)" REST, -EBADMSG, NULL },
        { "99999999999999999999999 (sh)" REST, -EBADMSG, NULL },
        { "x (sh)" REST, -EBADMSG, NULL },
        { "42 sh" REST, -EBADMSG, NULL },
};

START_TEST(stat_is_parsed) {
        ProcessStat s = { .pid = 7 };

        ck_assert_int_eq(process_stat_parse(stat_cases[_i].text, strlen(stat_cases[_i].text), &s),
                         stat_cases[_i].result);
        if (stat_cases[_i].result < 0) {
                ck_assert_uint_eq(s.pid, 7);
                return;
        }
        ck_assert_uint_eq(s.pid, 42);
        ck_assert_uint_eq(s.ppid, 41);
        ck_assert_uint_eq(s.start_ticks, 987654);
        ck_assert_str_eq(s.comm, stat_cases[_i].comm);
}
END_TEST

START_TEST(own_process_is_known) {
        char self[PATH_MAX] = "";
        const ProcessInfo *info;
        ProcessCache *c;

        ck_assert_int_eq(process_cache_new(8, &c), 0);
        ck_assert_int_gt(readlink("/proc/self/exe", self, sizeof(self) - 1), 0);
        info = process_cache_get(c, (uint32_t) getpid());
        ck_assert_ptr_nonnull(info);
        ck_assert_uint_eq(info->pid, (uint32_t) getpid());
        ck_assert_str_eq(info->executable, self);
        ck_assert_uint_ge(info->n_parents, 1);
        ck_assert_uint_eq(info->parents[0].pid, (uint32_t) getppid());
        ck_assert_ptr_null(process_cache_get(c, 0));
        ck_assert_ptr_null(process_cache_get(c, UINT32_MAX));
        process_cache_free(c);
}
END_TEST

/* A child that waits for its pipe to close. */
static pid_t child_new(int *ret_fd) {
        int fds[2];
        char byte;
        pid_t pid;

        ck_assert_int_eq(pipe(fds), 0);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                (void) close(fds[1]);
                _exit(read(fds[0], &byte, 1) != 0);
        }
        (void) close(fds[0]);
        *ret_fd = fds[1];
        return pid;
}

START_TEST(gone_process_is_remembered_until_its_place_is_taken) {
        const ProcessInfo *info;
        ProcessCache *c;
        int fd;
        pid_t pid;

        ck_assert_int_eq(process_cache_new(1, &c), 0);
        pid = child_new(&fd);
        ck_assert_ptr_nonnull(process_cache_get(c, (uint32_t) pid));
        (void) close(fd);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);

        info = process_cache_get(c, (uint32_t) pid);
        ck_assert_ptr_nonnull(info);
        ck_assert_ptr_nonnull(info->executable);
        ck_assert_uint_eq(info->parents[0].pid, (uint32_t) getpid());

        ck_assert_ptr_nonnull(process_cache_get(c, (uint32_t) getpid()));
        ck_assert_ptr_null(process_cache_get(c, (uint32_t) pid));
        process_cache_free(c);
}
END_TEST

START_TEST(executable_follows_exec) {
        char *argv[] = { (char *) "cat", NULL };
        const ProcessInfo *info;
        ProcessCache *c;
        int in[2], out[2];
        char byte;
        pid_t pid;

        ck_assert_int_eq(process_cache_new(8, &c), 0);
        ck_assert_int_eq(pipe(in), 0);
        ck_assert_int_eq(pipe(out), 0);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                (void) dup2(in[0], 0);
                (void) dup2(out[1], 1);
                (void) close(in[1]);
                if (read(0, &byte, 1) == 1)
                        (void) execv("/bin/cat", argv);
                _exit(1);
        }
        info = process_cache_get(c, (uint32_t) pid);
        ck_assert_ptr_nonnull(info);
        ck_assert_ptr_null(strstr(info->executable, "/cat"));

        /* One byte lets it go, the next comes back through cat: it runs by then. */
        ck_assert_int_eq(write(in[1], "ab", 2), 2);
        ck_assert_int_eq(read(out[0], &byte, 1), 1);
        info = process_cache_get(c, (uint32_t) pid);
        ck_assert_ptr_nonnull(info);
        ck_assert_ptr_nonnull(strstr(info->executable, "/cat"));

        (void) close(in[1]);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        for (size_t i = 0; i < 2; i++)
                (void) close(out[i]);
        (void) close(in[0]);
        process_cache_free(c);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("process");
        TCase *t = tcase_create("process");

        tcase_add_loop_test(t, stat_is_parsed, 0, ELEMENTSOF(stat_cases));
        tcase_add_test(t, own_process_is_known);
        tcase_add_test(t, gone_process_is_remembered_until_its_place_is_taken);
        tcase_add_test(t, executable_follows_exec);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
