/* SPDX-License-Identifier: Apache-2.0 */
#include "run/socket-refusals.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "basic/clock.h"
#include "own-process.h"
#include "run/syscall-filter.h"

#define REPORTS_MAX 2000
#define PROCESSES 20
#define CALLS 500

typedef struct Test {
        sd_event *event;
        SocketRefusals *refusals;
        SocketRefusal reports[REPORTS_MAX];
        size_t n_reports, n_processes;
        bool ended; /* the process that calls */
        int status;
} Test;

/* ------------------------------------------------------------------ the text of /proc */

START_TEST(ids_of_a_process) {
        static const char text[] = "Name:\tx\\nTgid:\\t1\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t4242\nPid:\t4243\n"
                                   "Uid:\t1000\t1001\t1002\t1003\nGid:\t2000\t2001\t2002\t2003\nFDSize:\t64\n";
        SocketRefusal r = { .tid = 4243, .family = 24 };

        ck_assert_int_eq(socket_refusals_parse_status(text, &r), 0);
        ck_assert(r.pid == 4242 && r.uid == 1000 && r.gid == 2000);
        ck_assert(r.tid == 4243 && r.family == 24);
}
END_TEST

START_TEST(text_without_ids) {
        static const char *const texts[] = { "", "Tgid:\t1\nUid:\t1\nGid:\t1\n", "x\nTgid:\t1\nUid:\t1\n",
                                             "x\nTgid:\t-\nUid:\t1\nGid:\t1\n" };
        SocketRefusal r = { .pid = 7 };

        ck_assert_int_eq(socket_refusals_parse_status(texts[_i], &r), -EBADMSG);
        ck_assert_uint_eq(r.pid, 7);
}
END_TEST

/* ------------------------------------------------------------------ calls */

static void on_process(_unused_ uint32_t pid, void *userdata) {
        ((Test *) userdata)->n_processes++;
}

static void on_refusal(const SocketRefusal *r, void *userdata) {
        Test *t = userdata;

        CHECK(t->n_reports < REPORTS_MAX);
        t->reports[t->n_reports++] = *r;
}

static int socket_error(int family) {
        return socket(family, 0x7f, 0) < 0 ? errno : 0; /* no such type */
}

/* fd -EBADF: receives one. Returns it. */
static int pass_fd(int socket_fd, int fd) {
        struct iovec iov = { .iov_base = (char[]) { 0 }, .iov_len = 1 };
        union {
                struct cmsghdr header;
                char buffer[CMSG_SPACE(sizeof(int))];
        } control = {};
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
                            .msg_controllen = sizeof(control.buffer) };

        if (fd < 0) {
                CHECK(recvmsg(socket_fd, &m, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&m));
                memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
                return fd;
        }
        control.header = (struct cmsghdr) { .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET,
                                            .cmsg_type = SCM_RIGHTS };
        memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
        CHECK(sendmsg(socket_fd, &m, 0) == 1);
        return fd;
}

/* A process to which the filter applies runs fn, and exits with 0 if that returned true. */
static pid_t filtered_process(bool (*fn)(void), bool enforce, int *ret_listener) {
        const SyscallFilterOptions o = { .enforce = enforce, .listener = true };
        int pair[2], fd;
        pid_t pid;

        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
                CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
                CHECK(syscall_filter_load(&o, &fd) == 0);
                (void) pass_fd(pair[1], fd);
                (void) close(fd);
                _exit(fn() ? 0 : 1);
        }
        *ret_listener = pass_fd(pair[0], -EBADF);
        (void) close(pair[0]);
        (void) close(pair[1]);
        return pid;
}

static int on_end(_unused_ sd_event_source *s, const siginfo_t *si, void *userdata) {
        Test *t = userdata;

        t->ended = true;
        t->status = si->si_status;
        return 0;
}

/* Returns the status of the process. */
static int serve(Test *t, bool (*fn)(void), bool enforce) {
        const SocketRefusalsOptions o = {
                .enforce = enforce, .on_process = on_process, .on_refusal = on_refusal, .userdata = t,
        };
        sigset_t mask;
        int fd, n = 0;
        pid_t pid;

        sigemptyset(&mask);
        sigaddset(&mask, SIGCHLD);
        CHECK(sigprocmask(SIG_BLOCK, &mask, NULL) == 0);
        pid = filtered_process(fn, enforce, &fd);
        CHECK(sd_event_new(&t->event) >= 0);
        CHECK(socket_refusals_new(t->event, fd, &o, &t->refusals) == 0);
        CHECK(sd_event_add_child(t->event, NULL, pid, WEXITED, on_end, t) >= 0);
        while (!t->ended)
                CHECK(sd_event_run(t->event, UINT64_MAX) >= 0);
        socket_refusals_flush(t->refusals);
        while (sd_event_run(t->event, 0) > 0) /* rests when no process is left to ask */
                CHECK(++n < 10);
        return t->status;
}

static void done(Test *t) {
        socket_refusals_free(t->refusals);
        sd_event_unref(t->event);
}

static uint64_t total(const Test *t) {
        uint64_t n = 0;

        for (size_t i = 0; i < t->n_reports; i++)
                n += t->reports[i].count > 0 ? t->reports[i].count : 1;
        return n;
}

static bool call_some(void) {
        return socket_error(AF_PPPOX) == EAFNOSUPPORT && socket_error(AF_VSOCK) == EAFNOSUPPORT &&
               socket_error(0) == EAFNOSUPPORT && socket_error(63) == EAFNOSUPPORT && socket_error(64) == EAFNOSUPPORT &&
               socket_error(-1) == EAFNOSUPPORT && socketpair(AF_RDS, SOCK_STREAM, 0, (int[2]) {}) < 0 &&
               errno == EAFNOSUPPORT && socket_error(AF_INET) == EINVAL;
}

static void check_reports(void) {
        static const unsigned families[] = { AF_PPPOX, AF_VSOCK, 63, AF_RDS };
        Test t = {};

        CHECK(serve(&t, call_some, true) == 0);
        CHECK(t.n_reports == ELEMENTSOF(families));
        for (size_t i = 0; i < ELEMENTSOF(families); i++) {
                CHECK(t.reports[i].family == families[i] && t.reports[i].count == 0 && !t.reports[i].socketcall);
                CHECK(t.reports[i].pid > 0 && t.reports[i].pid == t.reports[i].tid);
                CHECK(t.reports[i].uid == getuid() && t.reports[i].gid == getgid());
        }
        done(&t);
}

static bool call_in_audit(void) {
        return socket_error(AF_VSOCK) == EINVAL && socket_error(AF_PPPOX) == EINVAL;
}

static void check_audit(void) {
        Test t = {};

        CHECK(serve(&t, call_in_audit, false) == 0);
        CHECK(t.n_reports == 2);
        done(&t);
}

static bool call_often(void) {
        for (int i = 0; i < CALLS; i++)
                if (socket_error(AF_PPPOX) != EAFNOSUPPORT)
                        return false;
        return true;
}

static void check_repeats(void) {
        Test t = {};

        CHECK(serve(&t, call_often, true) == 0);
        CHECK(t.n_reports >= 2 && t.n_reports < CALLS / 4);
        CHECK(total(&t) == CALLS);
        for (size_t i = 0; i < t.n_reports; i++)
                CHECK(t.reports[i].pid > 0 && t.reports[i].pid == t.reports[0].pid);
        done(&t);
}

/* Each asks for these. */
#define FIRST_FAMILY 40
#define LAST_FAMILY 63
#define ALL_FAMILIES (PROCESSES * (LAST_FAMILY - FIRST_FAMILY + 1))

static int ask_for_all(void) {
        for (int family = FIRST_FAMILY; family <= LAST_FAMILY; family++)
                if (socket_error(family) != EAFNOSUPPORT)
                        return 1;
        return 0;
}

static bool fork_often(void) {
        for (int i = 0; i < PROCESSES; i++) {
                int status;
                pid_t pid = fork();

                if (pid == 0)
                        _exit(ask_for_all());
                if (waitpid(pid, &status, 0) != pid || status != 0)
                        return false;
        }
        return true;
}

/* What is beyond the limit is reported together. How much that is depends on how long it takes. */
static void check_processes(void) {
        const uint64_t began = clock_usec(CLOCK_MONOTONIC);
        Test t = {};
        uint64_t seconds;
        size_t n = 0;

        CHECK(serve(&t, fork_often, true) == 0);
        seconds = (clock_usec(CLOCK_MONOTONIC) - began) / USEC_PER_SEC;
        CHECK(total(&t) == ALL_FAMILIES);
        for (size_t i = 0; i < t.n_reports; i++)
                n += t.reports[i].pid > 0;
        CHECK(n >= SOCKET_REFUSALS_PROCESSES_MAX && n <= SOCKET_REFUSALS_PROCESSES_MAX * (seconds + 2));
        CHECK(t.n_processes == ALL_FAMILIES);
        done(&t);
}

static bool call_once(void) {
        return socket_error(AF_PPPOX) == ENOSYS;
}

/* Nobody answers any more. */
static void check_end(void) {
        struct pollfd p = { .events = POLLIN };
        int status;
        pid_t pid;

        pid = filtered_process(call_once, true, &p.fd);
        CHECK(poll(&p, 1, 60000) == 1 && p.revents == POLLIN); /* it waits */
        CHECK(waitpid(pid, &status, WNOHANG) == 0);
        (void) close(p.fd);
        CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

START_TEST(refusals_are_reported) {
        in_own_process(check_reports);
}
END_TEST

START_TEST(audit_lets_calls_continue) {
        in_own_process(check_audit);
}
END_TEST

START_TEST(repeats_are_counted) {
        in_own_process(check_repeats);
}
END_TEST

START_TEST(many_processes) {
        in_own_process(check_processes);
}
END_TEST

START_TEST(end_of_the_listener) {
        in_own_process(check_end);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("socket-refusals");
        TCase *t = tcase_create("socket-refusals");

        tcase_set_timeout(t, 60);
        tcase_add_test(t, ids_of_a_process);
        tcase_add_loop_test(t, text_without_ids, 0, 4);
        tcase_add_test(t, refusals_are_reported);
        tcase_add_test(t, audit_lets_calls_continue);
        tcase_add_test(t, repeats_are_counted);
        tcase_add_test(t, many_processes);
        tcase_add_test(t, end_of_the_listener);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
