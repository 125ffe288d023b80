/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <check.h>

#include "bus-peer.h"
#include "bus/bus-error.h"
#include "host/peer-process.h"

#define MANAGER "org.cargowall1.Manager"
#define PATH "/org/cargowall1"
#define SENDER ":1.7"

#define append(m, ...) ck_assert_int_ge(sd_bus_message_append(m, __VA_ARGS__), 0)

static void assert_error(sd_bus_message *reply, const char *name) {
        ck_assert_str_eq(peer_error_name(reply), name);
        sd_bus_message_unref(reply);
}

static sd_bus_message *begin(Peer *p, const char *key, const char *value) {
        sd_bus_message *m = peer_call(p, SENDER, PATH, MANAGER, "BeginJob");

        append(m, "a{sv}", 1, key, "s", value);
        return peer_send(p, m);
}

static sd_bus_message *end(Peer *p, const char *job) {
        sd_bus_message *m = peer_call(p, SENDER, PATH, MANAGER, "EndJob");

        append(m, "oa{sv}", job, 0);
        return peer_send(p, m);
}

START_TEST(a_job_begins_and_ends) {
        const char *path, *key, *value;
        Peer p;

        peer_init(&p);
        sd_bus_message *m = peer_call(&p, SENDER, PATH, MANAGER, "BeginJob");
        append(m, "a{sv}", 2, "workflow", "s", "build \xc3\xbc ##1", "repository", "s", "a/b=c");
        sd_bus_message *reply = peer_send(&p, m);
        ck_assert_str_eq(peer_error_name(reply), "");
        ck_assert_int_gt(sd_bus_message_read(reply, "o", &path), 0);
        ck_assert_str_eq(path, PATH "/job/1");
        sd_bus_message_unref(reply);
        ck_assert_str_eq(p.service->job_units[0], "unit-77.service");
        ck_assert_str_eq(p.service->job_labels[0][0], "repository=a/b=c");
        ck_assert_str_eq(p.service->job_labels[0][1], "workflow=build \xc3\xbc ##1");
        ck_assert_str_eq(p.action, "org.cargowall1.manage-jobs");
        ck_assert(sd_bus_message_is_signal(p.last_signal, MANAGER, "JobAdded"));
        ck_assert_uint_eq(p.n_signals, 1);

        m = peer_call(&p, SENDER, PATH "/job/1", "org.freedesktop.DBus.Properties", "Get");
        append(m, "ss", "org.cargowall1.Job", "Labels");
        reply = peer_send(&p, m);
        ck_assert_int_gt(sd_bus_message_enter_container(reply, 'v', "a{ss}"), 0);
        ck_assert_int_gt(sd_bus_message_enter_container(reply, 'a', "{ss}"), 0);
        ck_assert_int_gt(sd_bus_message_read(reply, "{ss}", &key, &value), 0);
        ck_assert_str_eq(key, "repository");
        ck_assert_str_eq(value, "a/b=c");
        sd_bus_message_unref(reply);

        assert_error(begin(&p, "job", "x"), BUS_ERROR_ALREADY_ACTIVE);
        reply = end(&p, PATH "/job/1");
        ck_assert_str_eq(peer_error_name(reply), "");
        ck_assert_str_eq(sd_bus_message_get_signature(reply, true), "a{sv}");
        ck_assert_int_gt(sd_bus_message_skip(reply, "a{sv}"), 0);
        sd_bus_message_unref(reply);
        peer_settle(&p);
        ck_assert(sd_bus_message_is_signal(p.last_signal, MANAGER, "JobRemoved"));
        assert_error(end(&p, PATH "/job/1"), BUS_ERROR_NO_SUCH_JOB);
        peer_done(&p);
}
END_TEST

START_TEST(another_unit_cannot_end_it) {
        Peer p;

        peer_init(&p);
        assert_error(begin(&p, "job", "x"), "");
        p.pid = 78;
        assert_error(end(&p, PATH "/job/1"), SD_BUS_ERROR_ACCESS_DENIED);
        ck_assert_str_eq(peer_last_note(&p)->result, "denied");
        p.pid = 1; /* no unit at all */
        assert_error(end(&p, PATH "/job/1"), SD_BUS_ERROR_ACCESS_DENIED);
        ck_assert_uint_eq(p.service->n_jobs, 1);
        p.uid = 0;
        assert_error(end(&p, PATH "/job/1"), "");
        ck_assert_uint_eq(p.service->n_jobs, 0);
        peer_done(&p);
}
END_TEST

START_TEST(without_a_unit_there_is_no_job) {
        Peer p;

        peer_init(&p);
        p.pid = 1;
        assert_error(begin(&p, "job", "x"), SD_BUS_ERROR_INVALID_ARGS);
        p.pid = 0;
        assert_error(begin(&p, "job", "x"), SD_BUS_ERROR_INVALID_ARGS);
        ck_assert_uint_eq(p.service->n_jobs, 0);
        peer_done(&p);
}
END_TEST

/* ------------------------------------------------------------------ a bus that knows no more than a process id */

typedef enum Answering {
        ANSWER_RIGHTLY,
        ANSWER_BY_A_CHILD,
        ANSWER_AN_ECHO,
        ANSWER_ANOTHER_NONCE,
        ANSWER_NOTHING, /* and close the socket */
} Answering;

typedef struct Prover {
        int theirs, ours;
        Answering answering;
        sd_event_source *io;
} Prover;

static int on_question(_unused_ sd_event_source *s, int fd, _unused_ uint32_t revents, void *userdata) {
        char packet[1 + PEER_PROOF_NONCE];
        Prover *prover = userdata;

        if (recv(fd, packet, sizeof(packet), MSG_DONTWAIT) != sizeof(packet))
                return 0;
        ck_assert_int_eq(packet[0], PEER_PROOF_QUESTION);
        if (prover->answering == ANSWER_NOTHING)
                return shutdown(fd, SHUT_RDWR);
        if (prover->answering != ANSWER_AN_ECHO)
                packet[0] = PEER_PROOF_ANSWER;
        if (prover->answering == ANSWER_ANOTHER_NONCE)
                packet[5] ^= 1;
        if (prover->answering == ANSWER_BY_A_CHILD) {
                pid_t child = fork();
                if (child == 0)
                        _exit(send(fd, packet, sizeof(packet), MSG_NOSIGNAL) < 0);
                ck_assert_int_eq(waitpid(child, NULL, 0), child);
        } else
                ck_assert_int_eq(send(fd, packet, sizeof(packet), MSG_NOSIGNAL), sizeof(packet));
        return 0;
}

static void prover_init(Prover *prover, Peer *p, Answering answering) {
        int fds[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
        *prover = (Prover) { .theirs = fds[0], .ours = fds[1], .answering = answering };
        ck_assert_int_ge(sd_event_add_io(p->event, &prover->io, prover->ours, EPOLLIN, on_question, prover), 0);
        (void) close(p->pidfd);
        p->pidfd = -EBADF;
        p->pid = (uint32_t) getpid();
}

static void prover_done(Prover *prover) {
        sd_event_source_disable_unref(prover->io);
        (void) close(prover->theirs);
        (void) close(prover->ours);
}

static sd_bus_message *begin_proved(Peer *p, int fd) {
        sd_bus_message *m = peer_call(p, SENDER, PATH, MANAGER, "BeginJob");

        append(m, "a{sv}", 2, "job", "s", "x", "proof", "h", fd);
        return peer_send(p, m);
}

static sd_bus_message *end_proved(Peer *p, const char *job, int fd) {
        sd_bus_message *m = peer_call(p, SENDER, PATH, MANAGER, "EndJob");

        append(m, "oa{sv}", job, 1, "proof", "h", fd);
        return peer_send(p, m);
}

START_TEST(a_process_shows_its_id) {
        Prover prover;
        Peer p;

        peer_init(&p);
        prover_init(&prover, &p, ANSWER_RIGHTLY);
        assert_error(begin_proved(&p, prover.theirs), "");
        ck_assert_uint_eq(p.service->n_jobs, 1);
        assert_error(end_proved(&p, PATH "/job/1", prover.theirs), "");
        ck_assert_uint_eq(p.service->n_jobs, 0);
        prover_done(&prover);
        peer_done(&p);
}
END_TEST

START_TEST(a_process_id_alone_is_nobodys) {
        Peer p;

        peer_init(&p);
        assert_error(begin(&p, "job", "x"), "");
        (void) close(p.pidfd);
        p.pidfd = -EBADF;
        assert_error(end(&p, PATH "/job/1"), SD_BUS_ERROR_ACCESS_DENIED);
        ck_assert_str_eq(peer_last_note(&p)->result, "denied");
        ck_assert_uint_eq(p.service->n_jobs, 1);
        p.pid = 78;
        assert_error(begin(&p, "job", "x"), SD_BUS_ERROR_ACCESS_DENIED);
        ck_assert_uint_eq(p.service->n_jobs, 1);
        p.uid = 0;
        assert_error(end(&p, PATH "/job/1"), "");
        peer_done(&p);
}
END_TEST

START_TEST(nobody_else_shows_it) {
        Prover prover;
        Peer p;

        peer_init(&p);
        prover_init(&prover, &p, (Answering) _i);
        if (_i == ANSWER_RIGHTLY)
                p.pid = (uint32_t) getppid(); /* a living process, but not the one that answers */
        assert_error(begin_proved(&p, prover.theirs), SD_BUS_ERROR_ACCESS_DENIED);
        ck_assert_str_eq(peer_last_note(&p)->result, "denied");
        ck_assert_uint_eq(p.service->n_jobs, 0);
        prover_done(&prover);
        peer_done(&p);
}
END_TEST

START_TEST(only_such_a_socket_is_asked) {
        int stream[2], pipes[2];
        Prover prover;
        Peer p;

        peer_init(&p);
        prover_init(&prover, &p, ANSWER_RIGHTLY);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream), 0);
        ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
        assert_error(begin_proved(&p, stream[0]), SD_BUS_ERROR_INVALID_ARGS);
        assert_error(begin_proved(&p, pipes[1]), SD_BUS_ERROR_INVALID_ARGS);
        p.pid = INT32_MAX; /* of a process that is gone */
        assert_error(begin_proved(&p, prover.theirs), SD_BUS_ERROR_INVALID_ARGS);

        sd_bus_message *m = peer_call(&p, SENDER, PATH, MANAGER, "BeginJob");
        append(m, "a{sv}", 1, "proof", "s", "socket");
        assert_error(peer_send(&p, m), SD_BUS_ERROR_INVALID_ARGS);
        for (int i = 0; i < 2; i++) {
                (void) close(stream[i]);
                (void) close(pipes[i]);
        }
        prover_done(&prover);
        peer_done(&p);
}
END_TEST

START_TEST(who_leaves_while_asked_is_forgotten) {
        BusStats stats;
        Prover prover;
        Peer p;

        peer_init(&p);
        prover_init(&prover, &p, ANSWER_RIGHTLY);
        ck_assert_int_ge(sd_event_source_set_enabled(prover.io, SD_EVENT_OFF), 0);
        sd_bus_message *m = peer_call(&p, SENDER, PATH, MANAGER, "BeginJob");
        append(m, "a{sv}", 1, "proof", "h", prover.theirs);
        peer_post(&p, m);
        peer_settle(&p);
        bus_stats(p.bus, &stats);
        ck_assert_uint_eq(stats.calls_pending, 1);
        peer_leave(&p, SENDER);
        bus_stats(p.bus, &stats);
        ck_assert_uint_eq(stats.calls_pending, 0);
        ck_assert_uint_eq(p.service->n_jobs, 0);
        prover_done(&prover);
        peer_done(&p);
}
END_TEST

START_TEST(labels_are_strict) {
        static const struct {
                const char *key, *value;
        } bad[] = {
                { "Job", "x" }, { "", "x" }, { "job ", "x" }, { "policy", "x" }, { "job", "a\nb" }, { "job", "\x7f" },
                { "job", "a\xe2\x80\xae" "b" }, { "job", "\x1b[31m" },
        };
        char value[258];
        Peer p;

        peer_init(&p);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_error(begin(&p, bad[i].key, bad[i].value), SD_BUS_ERROR_INVALID_ARGS);
        sd_bus_message *refusal = begin(&p, "colour", "red");
        ck_assert_str_eq(sd_bus_message_get_error(refusal)->message,
                         "There is no label \"colour\". The labels are job, ref, repository, run_attempt, run_id, runner, sha, "
                         "step and workflow.");
        sd_bus_message_unref(refusal);

        memset(value, 'a', sizeof(value));
        value[257] = '\0';
        assert_error(begin(&p, "job", value), SD_BUS_ERROR_INVALID_ARGS);

        sd_bus_message *m = peer_call(&p, SENDER, PATH, MANAGER, "BeginJob");
        append(m, "a{sv}", 2, "job", "s", "x", "job", "s", "y");
        assert_error(peer_send(&p, m), SD_BUS_ERROR_INVALID_ARGS);
        m = peer_call(&p, SENDER, PATH, MANAGER, "BeginJob");
        append(m, "a{sv}", 1, "job", "u", 1U);
        assert_error(peer_send(&p, m), SD_BUS_ERROR_INVALID_ARGS);
        ck_assert_uint_eq(p.n_asked, 0);

        value[256] = '\0';
        assert_error(begin(&p, "job", value), "");
        ck_assert_uint_eq(strlen(p.service->job_labels[0][0]), 4 + 256);
        peer_done(&p);
}
END_TEST

START_TEST(end_takes_no_options) {
        Peer p;

        peer_init(&p);
        assert_error(begin(&p, "job", "x"), "");
        sd_bus_message *m = peer_call(&p, SENDER, PATH, MANAGER, "EndJob");
        append(m, "oa{sv}", PATH "/job/1", 1, "force", "b", 1);
        assert_error(peer_send(&p, m), SD_BUS_ERROR_INVALID_ARGS);
        assert_error(end(&p, PATH "/job/01"), BUS_ERROR_NO_SUCH_JOB);
        assert_error(end(&p, PATH "/job/18446744073709551617"), BUS_ERROR_NO_SUCH_JOB);
        assert_error(end(&p, "/"), BUS_ERROR_NO_SUCH_JOB);
        ck_assert_uint_eq(p.service->n_jobs, 1);
        peer_done(&p);
}
END_TEST

static const struct {
        const char *job, *host;
        uint64_t usec;
        const char *error;
} allowances[] = {
        { PATH "/job/1", "github.com", 1, "" },
        { PATH "/job/1", "GitHub.com.", 24ULL * 3600 * 1000000, "" },
        { PATH "/job/1", "2001:db8::1", 1, "" },
        { PATH "/job/1", "192.0.2.1", 1, "" },
        { PATH "/job/1", "192.0.2.0/24", 1, SD_BUS_ERROR_INVALID_ARGS },
        { PATH "/job/1", "*.example", 1, SD_BUS_ERROR_INVALID_ARGS },
        { PATH "/job/1", "", 1, SD_BUS_ERROR_INVALID_ARGS },
        { PATH "/job/1", "a b", 1, SD_BUS_ERROR_INVALID_ARGS },
        { PATH "/job/1", "github.com", 0, SD_BUS_ERROR_INVALID_ARGS },
        { PATH "/job/1", "github.com", 24ULL * 3600 * 1000000 + 1, SD_BUS_ERROR_INVALID_ARGS },
        { PATH "/job/1", "github.com", UINT64_MAX, SD_BUS_ERROR_INVALID_ARGS },
        { PATH "/job/2", "github.com", 1, BUS_ERROR_NO_SUCH_JOB },
        { "/", "github.com", 1, BUS_ERROR_NO_SUCH_JOB },
        { PATH "/job/1", "full.example", 1, SD_BUS_ERROR_LIMITS_EXCEEDED },
};

START_TEST(allowance_is_checked) {
        Peer p;

        peer_init(&p);
        assert_error(begin(&p, "job", "x"), "");
        p.uid = 0;
        sd_bus_message *m = peer_call(&p, SENDER, PATH, MANAGER, "AllowOnce");
        append(m, "ost", allowances[_i].job, allowances[_i].host, allowances[_i].usec);
        assert_error(peer_send(&p, m), allowances[_i].error);
        peer_done(&p);
}
END_TEST

START_TEST(jobs_are_bounded) {
        Peer p;

        peer_init(&p);
        p.uid = 0;
        for (p.pid = 100; p.pid < 100 + SERVICE_JOBS_MAX; p.pid++)
                assert_error(begin(&p, "job", "x"), "");
        assert_error(begin(&p, "job", "x"), SD_BUS_ERROR_LIMITS_EXCEEDED);
        sd_bus_message *m = peer_call(&p, SENDER, PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects");
        assert_error(peer_send(&p, m), "");
        peer_done(&p);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("bus-job");
        TCase *c = tcase_create("bus-job");

        tcase_set_timeout(c, 60);
        tcase_add_test(c, a_job_begins_and_ends);
        tcase_add_test(c, another_unit_cannot_end_it);
        tcase_add_test(c, without_a_unit_there_is_no_job);
        tcase_add_test(c, a_process_shows_its_id);
        tcase_add_test(c, a_process_id_alone_is_nobodys);
        tcase_add_loop_test(c, nobody_else_shows_it, ANSWER_RIGHTLY, ANSWER_NOTHING + 1);
        tcase_add_test(c, only_such_a_socket_is_asked);
        tcase_add_test(c, who_leaves_while_asked_is_forgotten);
        tcase_add_test(c, labels_are_strict);
        tcase_add_test(c, end_takes_no_options);
        tcase_add_loop_test(c, allowance_is_checked, 0, ELEMENTSOF(allowances));
        tcase_add_test(c, jobs_are_bounded);
        suite_add_tcase(s, c);
        return s;
}

#include "check-main.h"
