/* SPDX-License-Identifier: Apache-2.0 */
#include "identity/process.h"

#include <errno.h>
#include <limits.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
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

typedef const ProcessInfo *(*ask_fn)(ProcessCache *c, uint32_t pid);

static const ProcessInfo *look_now(ProcessCache *c, uint32_t pid) {
        return process_cache_look(c, pid, UINT64_MAX);
}

static const ask_fn ways[] = { process_cache_get, look_now };

START_TEST(gone_process_is_remembered_until_its_place_is_taken) {
        const ProcessInfo *info;
        ask_fn ask = ways[_i];
        ProcessCache *c;
        int fd;
        pid_t pid;

        ck_assert_int_eq(process_cache_new(1, &c), 0);
        pid = child_new(&fd);
        ck_assert_ptr_nonnull(ask(c, (uint32_t) pid));
        (void) close(fd);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);

        info = ask(c, (uint32_t) pid);
        ck_assert_ptr_nonnull(info);
        ck_assert_ptr_nonnull(info->executable);
        ck_assert_uint_eq(info->parents[0].pid, (uint32_t) getpid());

        ck_assert_ptr_nonnull(ask(c, (uint32_t) getpid()));
        ck_assert_ptr_null(ask(c, (uint32_t) pid));
        process_cache_free(c);
}
END_TEST

START_TEST(executable_follows_exec) {
        char *argv[] = { (char *) "cat", NULL };
        const ProcessInfo *info;
        ask_fn ask = ways[_i];
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
        info = ask(c, (uint32_t) pid);
        ck_assert_ptr_nonnull(info);
        ck_assert_ptr_null(strstr(info->executable, "/cat"));
        ck_assert(process_cache_ran(c, info, "test-process"));
        ck_assert(!process_cache_ran(c, info, "cat"));

        /* One byte lets it go, the next comes back through cat: it runs by then. */
        ck_assert_int_eq(write(in[1], "ab", 2), 2);
        ck_assert_int_eq(read(out[0], &byte, 1), 1);
        info = ask(c, (uint32_t) pid);
        ck_assert_ptr_nonnull(info);
        ck_assert_ptr_nonnull(strstr(info->executable, "/cat"));
        ck_assert(!process_cache_ran(c, info, "test-process")); /* what it did before is not cat's */
        ck_assert(process_cache_ran(c, info, "cat"));

        (void) close(in[1]);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        for (size_t i = 0; i < 2; i++)
                (void) close(out[i]);
        (void) close(in[0]);
        process_cache_free(c);
}
END_TEST

/* More than are held open: some share a place, and each is still recognized. */
START_TEST(many_processes_are_distinguished) {
        enum { N = 70 };
        const ProcessInfo *info;
        ProcessCache *c;
        pid_t pids[N];
        int fds[N];

        ck_assert_int_eq(process_cache_new(65536, &c), 0);
        for (size_t i = 0; i < N; i++)
                pids[i] = child_new(&fds[i]);
        for (size_t round = 0; round < 3; round++)
                for (size_t i = 0; i < N; i++) {
                        info = look_now(c, (uint32_t) pids[i]);
                        ck_assert_ptr_nonnull(info);
                        ck_assert_uint_eq(info->pid, (uint32_t) pids[i]);
                        ck_assert_uint_eq(info->parents[0].pid, (uint32_t) getpid());
                }
        for (size_t i = N; i-- > 0;) { /* later ones hold earlier ones' pipes */
                (void) close(fds[i]);
                (void) kill(pids[i], SIGKILL);
                ck_assert_int_eq(waitpid(pids[i], NULL, 0), pids[i]);
        }
        process_cache_free(c);
}
END_TEST

/* With a number of its choice, which only root may: -EPERM. */
static pid_t fork_as(pid_t pid) {
        struct clone_args args = { .exit_signal = SIGCHLD, .set_tid = (uint64_t) (uintptr_t) &pid, .set_tid_size = 1 };
        long r = syscall(SYS_clone3, &args, sizeof(args));

        return r < 0 ? -errno : (pid_t) r;
}

/* A number that was given out again is not taken for the process that had it. */
START_TEST(number_is_used_again) {
        const ProcessInfo *info;
        ProcessCache *c;
        int fd, in[2];
        pid_t pid, again;
        char byte;

        ck_assert_int_eq(process_cache_new(8, &c), 0);
        pid = child_new(&fd);
        info = look_now(c, (uint32_t) pid);
        ck_assert_ptr_nonnull(info);
        ck_assert_uint_eq(info->parents[0].pid, (uint32_t) getpid());
        (void) close(fd);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);

        ck_assert_int_eq(pipe(in), 0);
        pid_t parent = fork(); /* of the other one with the number */
        ck_assert_int_ge(parent, 0);
        if (parent == 0) {
                again = fork_as(pid);
                if (again == 0)
                        for (;;)
                                (void) pause();
                byte = again == pid ? 'y' : 'n';
                _exit(write(in[1], &byte, 1) == 1 && again == pid && waitpid(again, NULL, 0) == again ? 0 : 1);
        }
        ck_assert_int_eq(read(in[0], &byte, 1), 1);
        if (byte == 'y') {
                info = look_now(c, (uint32_t) pid);
                ck_assert_ptr_nonnull(info);
                ck_assert_uint_eq(info->parents[0].pid, (uint32_t) parent);
                (void) kill(pid, SIGKILL);
        }
        ck_assert_int_eq(waitpid(parent, NULL, 0), parent);
        (void) close(in[0]);
        (void) close(in[1]);
        process_cache_free(c);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("process");
        TCase *t = tcase_create("process");

        tcase_add_loop_test(t, stat_is_parsed, 0, ELEMENTSOF(stat_cases));
        tcase_add_test(t, own_process_is_known);
        tcase_add_loop_test(t, gone_process_is_remembered_until_its_place_is_taken, 0, ELEMENTSOF(ways));
        tcase_add_loop_test(t, executable_follows_exec, 0, ELEMENTSOF(ways));
        tcase_add_test(t, many_processes_are_distinguished);
        tcase_add_test(t, number_is_used_again);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
