/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/journal.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "event/event-journal.h"
#include "event/message-id.h"
#include "policy/port.h"
#include "sink/journal-socket.h"
#include "sink/service-log.h"

static char dir[] = "/tmp/cargowall-test-XXXXXX"; /* each test makes and empties its own */
static char path[64];
static const uint8_t key[16] = "0123456789abcdef";

static void make_dir(void) {
        strcpy(dir + strlen(dir) - 6, "XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(dir));
        (void) snprintf(path, sizeof(path), "%s/socket", dir);
}

/* A journal that reads when it is asked to. */
static int journal_new(void) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        ck_assert_int_ge(fd, 0);
        strcpy(a.sun_path, path);
        ck_assert_int_eq(bind(fd, (struct sockaddr *) &a, sizeof(a)), 0);
        return fd;
}

static void remove_dir(int fd) {
        if (fd >= 0)
                close(fd);
        (void) unlink(path);
        ck_assert_int_eq(rmdir(dir), 0);
}

/* The next record, or "". */
static const char *next_record(int fd, char buf[static EVENT_JOURNAL_MAX]) {
        ssize_t n = recv(fd, buf, EVENT_JOURNAL_MAX - 1, 0);

        buf[n > 0 ? n : 0] = '\0';
        return buf;
}

static size_t drain(int fd) {
        char buf[EVENT_JOURNAL_MAX];
        size_t n = 0;

        while (*next_record(fd, buf))
                n++;
        return n;
}

static Event denial(uint16_t port) {
        return (Event) {
                .type = EVENT_CONNECTION_BLOCKED,
                .has_verdict = true,
                .verdict = ACTION_DENY,
                .reason = CW_REASON_DEFAULT,
                .dst_port = port,
                .protocol = PROTOCOL_TCP,
                .hostname = "evil.example",
                .rule = RULE_NONE,
                .process = "curl",
        };
}

START_TEST(test_records) {
        char buf[EVENT_JOURNAL_MAX], wanted[EVENT_JOURNAL_MAX];
        JournalSink *s;
        Event e = denial(443);

        make_dir();
        int fd = journal_new();
        ck_assert_int_eq(journal_sink_new(JOURNAL_FILTER_DENIED, path, key, &s), 0);
        ck_assert_uint_eq(journal_sink_next(s), UINT64_MAX);
        journal_sink_write(s, &e, 1);
        (void) event_journal_write(&e, wanted);
        ck_assert_str_eq(next_record(fd, buf), wanted);

        for (int i = 0; i < 5; i++)
                journal_sink_write(s, &e, 2);
        ck_assert_str_eq(next_record(fd, buf), "");
        ck_assert_uint_eq(journal_sink_next(s), 1 + 10 * NSEC_PER_SEC);
        journal_sink_flush(s, 10 * NSEC_PER_SEC);
        ck_assert_str_eq(next_record(fd, buf), "");
        journal_sink_flush(s, 1 + 10 * NSEC_PER_SEC);
        ck_assert_ptr_nonnull(strstr(next_record(fd, buf), "\nCARGOWALL_COUNT=5\n"));
        ck_assert_uint_eq(journal_sink_n_written(s), 2);

        journal_sink_write(s, &e, 2 + 10 * NSEC_PER_SEC);
        ck_assert_ptr_null(journal_sink_free(s)); /* what is counted is reported at the end */
        ck_assert_ptr_nonnull(strstr(next_record(fd, buf), "\nCARGOWALL_COUNT=1\n"));
        ck_assert_str_eq(next_record(fd, buf), "");
        ck_assert_ptr_null(journal_sink_free(NULL));
        remove_dir(fd);
}
END_TEST

static const struct {
        EventType type;
        Action verdict;
        bool denied, all;
} wanted_events[] = {
        { EVENT_CONNECTION_ALLOWED, ACTION_ALLOW, false, true },
        { EVENT_CONNECTION_BLOCKED, ACTION_DENY, true, true },
        { EVENT_CONNECTION_CLOSED, ACTION_ALLOW, false, true },
        { EVENT_CONNECTION_CLOSED, ACTION_DENY, false, true },
        { EVENT_DNS_BLOCKED, ACTION_DENY, true, true },
        { EVENT_PROTOCOL_BLOCKED, ACTION_DENY, true, true },
        { EVENT_EXISTING_CONNECTION, ACTION_ALLOW, false, true },
        { EVENT_EXISTING_CONNECTION, ACTION_DENY, true, true },
        { EVENT_EVENTS_LOST, ACTION_DENY, true, true },
        { EVENT_MODE_CHANGED, ACTION_DENY, true, true },
        { EVENT_POLICY_LOADED, ACTION_DENY, true, true },
        { EVENT_HOOK_LOST, ACTION_DENY, true, true },
        { EVENT_JOB_ENDED, ACTION_DENY, true, true },
        { EVENT_PRIVILEGED_CALL, ACTION_DENY, true, true },
        { EVENT_PROXY_SHARED, ACTION_DENY, true, true },
        { EVENT_STATE_NOT_KEPT, ACTION_DENY, true, true },
};

START_TEST(test_selection) {
        make_dir();
        int fd = journal_new();

        for (size_t i = 0; i < ELEMENTSOF(wanted_events); i++)
                for (int which = JOURNAL_FILTER_NONE; which <= JOURNAL_FILTER_ALL; which++) {
                        bool traffic = wanted_events[i].type <= EVENT_EXISTING_CONNECTION;
                        Event e = { .type = wanted_events[i].type, .has_verdict = traffic, .count = !traffic };
                        JournalSink *s;

                        e.verdict = wanted_events[i].verdict;
                        ck_assert_int_eq(journal_sink_new((JournalFilter) which, path, key, &s), 0);
                        journal_sink_write(s, &e, 1);
                        ck_assert_uint_eq(drain(fd), which == JOURNAL_FILTER_ALL      ? wanted_events[i].all :
                                                     which == JOURNAL_FILTER_DENIED ? wanted_events[i].denied :
                                                                                      0);
                        journal_sink_free(s);
                }
        remove_dir(fd);
}
END_TEST

/* Two ends of equal flows are two records: each has its bytes. */
START_TEST(test_closed_flows) {
        JournalSink *s;
        Event e = { .type = EVENT_CONNECTION_CLOSED, .bytes_out = 5 };

        make_dir();
        int fd = journal_new();
        ck_assert_int_eq(journal_sink_new(JOURNAL_FILTER_ALL, path, key, &s), 0);
        journal_sink_write(s, &e, 1);
        journal_sink_write(s, &e, 1);
        ck_assert_uint_eq(drain(fd), 2);
        journal_sink_free(s);
        remove_dir(fd);
}
END_TEST

static const char *unit_of(uint64_t i, char buf[static 32]) {
        (void) snprintf(buf, 32, "u%u.service", (unsigned) (i % 400));
        return buf;
}

/* The flood of one unit: bounded, counted, reported with its name; the first record of each other is sent. */
START_TEST(test_rate_of_unit) {
        char buf[EVENT_JOURNAL_MAX], wanted[64];
        JournalSink *s;
        size_t read = 0;

        make_dir();
        int fd = journal_new();
        ck_assert_int_eq(journal_sink_new(JOURNAL_FILTER_DENIED, path, key, &s), 0);
        for (uint16_t i = 0; i < 1000; i++) {
                Event e = denial((uint16_t) (i + 1));
                e.unit = "flood.service";
                journal_sink_write(s, &e, 1);
                read += drain(fd);
        }
        ck_assert_uint_eq(read, JOURNAL_UNIT_BURST);
        ck_assert_uint_eq(journal_sink_n_lost(s), 1000 - JOURNAL_UNIT_BURST);
        Event e = denial(1);
        e.unit = "victim.service";
        journal_sink_write(s, &e, 2);
        ck_assert_ptr_nonnull(strstr(next_record(fd, buf), "\nCARGOWALL_UNIT=victim.service\n"));

        const Event suppressed = {
                .type = EVENT_CONNECTIONS_SUPPRESSED, .unit = "flood.service", .count = 7, .detail = "x",
        };
        journal_sink_write(s, &suppressed, 2);
        ck_assert_str_eq(next_record(fd, buf), "");
        journal_sink_flush(s, 1 + NSEC_PER_SEC);
        ck_assert_ptr_nonnull(strstr(next_record(fd, buf), "\nCARGOWALL_UNIT=flood.service\n"));
        (void) snprintf(wanted, sizeof(wanted), "\nCARGOWALL_COUNT=%d\n", 1000 - JOURNAL_UNIT_BURST + 7);
        ck_assert_ptr_nonnull(strstr(buf, wanted));
        ck_assert_ptr_nonnull(strstr(buf, MESSAGE_ID_EVENTS_LOST));
        ck_assert_str_eq(next_record(fd, buf), "");
        journal_sink_free(s);
        remove_dir(fd);
}
END_TEST

/* Many units together use up what all have: the first record of one more is still sent. */
START_TEST(test_first_of_a_unit) {
        char buf[EVENT_JOURNAL_MAX], name[32];
        JournalSink *s;
        size_t read = 0;

        make_dir();
        int fd = journal_new();
        ck_assert_int_eq(journal_sink_new(JOURNAL_FILTER_DENIED, path, key, &s), 0);
        for (uint64_t i = 0; i < 8000; i++) {
                Event e = denial((uint16_t) (i + 1));
                e.unit = unit_of(i, name);
                journal_sink_write(s, &e, 1);
                read += drain(fd);
        }
        ck_assert_uint_eq(read, JOURNAL_TRAFFIC_BURST);
        Event e = denial(1);
        e.unit = "victim.service";
        journal_sink_write(s, &e, 2);
        ck_assert_ptr_nonnull(strstr(next_record(fd, buf), "\nCARGOWALL_UNIT=victim.service\n"));
        journal_sink_free(s);
        remove_dir(fd);
}
END_TEST

/* A flood of different denials: bounded, counted, reported in one record; what else happened is not lost in it. */
START_TEST(test_rate) {
        const uint64_t n = 3000;
        char buf[EVENT_JOURNAL_MAX], wanted[64], name[32];
        JournalSink *s;
        size_t read = 0;

        make_dir();
        int fd = journal_new();
        ck_assert_int_eq(journal_sink_new(JOURNAL_FILTER_DENIED, path, key, &s), 0);
        for (uint64_t i = 0; i < n; i++) {
                Event e = denial((uint16_t) (i + 1));
                e.unit = unit_of(i, name);
                journal_sink_write(s, &e, 1);
                read += drain(fd);
        }
        ck_assert_uint_eq(read, JOURNAL_TRAFFIC_BURST);
        ck_assert_uint_eq(journal_sink_n_lost(s), n - JOURNAL_TRAFFIC_BURST);

        Event changed = { .type = EVENT_MODE_CHANGED, .mode = MODE_OFF, .detail = "enforce -> off" };
        journal_sink_write(s, &changed, 1);
        ck_assert_ptr_nonnull(strstr(next_record(fd, buf), MESSAGE_ID_MODE_CHANGED));
        for (uint64_t i = 0; i < 2 * JOURNAL_CALL_BURST; i++) {
                Event call = { .type = EVENT_PRIVILEGED_CALL, .uid = 1000 };
                journal_sink_write(s, &call, 1);
                read += drain(fd);
        }
        ck_assert_uint_eq(read, JOURNAL_TRAFFIC_BURST + JOURNAL_CALL_BURST);
        journal_sink_write(s, &changed, 1);
        ck_assert_ptr_nonnull(strstr(next_record(fd, buf), MESSAGE_ID_MODE_CHANGED));

        ck_assert_uint_eq(journal_sink_next(s), 1 + NSEC_PER_SEC);
        journal_sink_flush(s, NSEC_PER_SEC);
        ck_assert_str_eq(next_record(fd, buf), "");
        journal_sink_flush(s, 1 + NSEC_PER_SEC);
        (void) snprintf(wanted, sizeof(wanted), "\nCARGOWALL_COUNT=%d\n",
                        (int) n - JOURNAL_TRAFFIC_BURST + JOURNAL_CALL_BURST);
        ck_assert_ptr_nonnull(strstr(next_record(fd, buf), wanted));
        ck_assert_ptr_nonnull(strstr(buf, MESSAGE_ID_EVENTS_LOST));

        for (uint64_t i = 0; i < n; i++) { /* two seconds later: two seconds' worth */
                Event e = denial((uint16_t) (i + 10000));
                e.unit = unit_of(i, name);
                journal_sink_write(s, &e, 1 + 2 * NSEC_PER_SEC);
                read += drain(fd);
        }
        ck_assert_uint_eq(read, JOURNAL_TRAFFIC_BURST + JOURNAL_CALL_BURST + 2 * JOURNAL_TRAFFIC_RATE);
        journal_sink_free(s);
        remove_dir(fd);
}
END_TEST

/* A journal that hangs: nothing waits for it. It gets what the queue had room for when it reads again, in order, and
 * learns what it missed. What is urgent finds room that traffic has not taken. */
START_TEST(test_hanging_journal) {
        char buf[EVENT_JOURNAL_MAX], wanted[64];
        const uint64_t n = JOURNAL_TRAFFIC_BURST;
        char name[32], text[1001]; /* so that all is full before that, whatever the length of the socket's queue */
        JournalSink *s;

        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        make_dir();
        int fd = journal_new();
        ck_assert_int_eq(journal_sink_new(JOURNAL_FILTER_DENIED, path, key, &s), 0);
        for (uint64_t i = 0; i < n; i++) { /* would never end on a socket that blocks */
                Event e = denial((uint16_t) (i + 1));
                e.hostname = e.executable = text;
                e.unit = unit_of(i, name);
                journal_sink_write(s, &e, 1);
        }
        uint64_t lost = journal_sink_n_lost(s);
        ck_assert_uint_gt(lost, 0);
        ck_assert_uint_lt(journal_sink_n_written(s) + lost, n);
        Event changed = { .type = EVENT_MODE_CHANGED, .mode = MODE_OFF, .detail = "enforce -> off" };
        journal_sink_write(s, &changed, 1);
        ck_assert_uint_eq(journal_sink_n_lost(s), lost);
        ck_assert_uint_eq(journal_sink_next(s), 1 + 10 * NSEC_PER_MSEC);

        uint64_t now = 1; /* it still hangs: asked less and less often, some 20 times in 9 seconds */
        int n_asked = 0;
        for (; journal_sink_next(s) < 9 * NSEC_PER_SEC; n_asked++) {
                ck_assert_uint_gt(journal_sink_next(s), now);
                now = journal_sink_next(s);
                journal_sink_flush(s, now);
        }
        ck_assert_int_ge(n_asked, 9);
        ck_assert_int_le(n_asked, 30);

        uint64_t read = 0, n_changed = 0, n_told = 0;
        for (int i = 0; i < 1000 && journal_sink_next(s) < UINT64_MAX; i++) {
                while (*next_record(fd, buf)) {
                        (void) snprintf(wanted, sizeof(wanted), "\nCARGOWALL_DST_PORT=%d\n", (int) read + 1);
                        if (strstr(buf, MESSAGE_ID_MODE_CHANGED))
                                n_changed++;
                        else if (strstr(buf, MESSAGE_ID_EVENTS_LOST)) {
                                (void) snprintf(wanted, sizeof(wanted), "MESSAGE=%d events were lost: ", (int) lost);
                                ck_assert_mem_eq(buf, wanted, strlen(wanted));
                                n_told++;
                        } else {
                                ck_assert_ptr_nonnull(strstr(buf, wanted));
                                read++;
                        }
                }
                now = MAX(now, journal_sink_next(s));
                journal_sink_flush(s, now);
        }
        ck_assert_uint_eq(read, n - lost);
        ck_assert(n_changed == 1 && n_told == 1);
        ck_assert_uint_eq(journal_sink_n_written(s), read + 2);
        ck_assert_uint_eq(journal_sink_n_lost(s), lost);
        journal_sink_free(s);
        remove_dir(fd);
}
END_TEST

/* What was queued and is then refused permanently, here by a socket of another type, is lost and not written. */
START_TEST(test_queued_is_refused) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        Event e = denial(1);
        JournalSink *s;

        make_dir();
        ck_assert_int_eq(journal_sink_new(JOURNAL_FILTER_DENIED, path, key, &s), 0);
        journal_sink_write(s, &e, 1);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        (void) snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
        ck_assert_int_eq(bind(fd, (struct sockaddr *) &a, sizeof(a)), 0);
        ck_assert_int_eq(listen(fd, 1), 0);
        journal_sink_flush(s, NSEC_PER_SEC);
        ck_assert(journal_sink_n_lost(s) == 1 && journal_sink_n_written(s) == 0);
        journal_sink_free(s);
        remove_dir(fd);
}
END_TEST

/* No journal at first, one later, another one in its place. */
START_TEST(test_journal_comes_and_goes) {
        char buf[EVENT_JOURNAL_MAX];
        JournalSink *s;
        Event e = denial(1);

        make_dir();
        ck_assert_int_eq(journal_sink_new(JOURNAL_FILTER_DENIED, path, key, &s), 0);
        journal_sink_write(s, &e, 1);
        ck_assert(journal_sink_n_lost(s) == 0 && journal_sink_n_written(s) == 0);
        int fd = journal_new();
        e.dst_port = 2;
        journal_sink_write(s, &e, 2);
        ck_assert_ptr_nonnull(strstr(next_record(fd, buf), "\nCARGOWALL_DST_PORT=1\n"));
        ck_assert_ptr_nonnull(strstr(next_record(fd, buf), "\nCARGOWALL_DST_PORT=2\n"));
        close(fd);
        e.dst_port = 3;
        journal_sink_write(s, &e, 3);
        ck_assert_int_eq(unlink(path), 0);
        fd = journal_new();
        journal_sink_flush(s, NSEC_PER_SEC);
        ck_assert_ptr_nonnull(strstr(next_record(fd, buf), "\nCARGOWALL_DST_PORT=3\n"));
        ck_assert(journal_sink_n_lost(s) == 0 && journal_sink_n_written(s) == 3);
        ck_assert_uint_eq(journal_sink_next(s), 1 + 10 * NSEC_PER_SEC); /* the windows' end */
        journal_sink_free(s);
        remove_dir(fd);
}
END_TEST

/* Records of every size through the queue, taken out and put in by turns: whole and in order. */
START_TEST(test_queue) {
        static char record[20000], got[20000];
        JournalSocket *s = NULL;
        unsigned put = 0, taken = 0;
        char longer[200];

        make_dir();
        memset(longer, 'x', sizeof(longer) - 1);
        longer[sizeof(longer) - 1] = '\0';
        ck_assert_int_eq(journal_socket_new(longer, &s), -ENAMETOOLONG);
        ck_assert_int_eq(journal_socket_new(NULL, &s), 0);
        ck_assert_ptr_null(journal_socket_free(s));
        ck_assert_ptr_null(journal_socket_free(NULL));

        ck_assert_int_eq(journal_socket_new(path, &s), 0);
        ck_assert(journal_socket_flush(s));
        int fd = journal_new();
        for (int round = 0; round < 20; round++) {
                int r = 0;
                for (;; put++) {
                        size_t size = 100 + put * 7919 % (sizeof(record) - 100);
                        memset(record, 'a' + (int) (put % 26), size);
                        (void) snprintf(record, sizeof(record), "N=%u", put);
                        r = journal_socket_send(s, record, size, false);
                        if (r < 0)
                                break;
                }
                ck_assert_int_eq(r, -ENOBUFS);
                ck_assert_int_eq(journal_socket_send(s, "urgent", 6, true), 0);
                ck_assert(!journal_socket_flush(s));

                while (journal_socket_n_queued(s) > (round < 19 ? 5 : 0)) {
                        ssize_t n = recv(fd, got, sizeof(got), 0);
                        if (n < 0) {
                                ck_assert_int_eq(errno, EAGAIN);
                                (void) journal_socket_flush(s);
                        } else if (n == 6)
                                ck_assert_mem_eq(got, "urgent", 6);
                        else {
                                ck_assert_uint_eq((size_t) n, 100 + taken * 7919 % (sizeof(record) - 100));
                                ck_assert_uint_eq(strtoul(got + 2, NULL, 10), taken);
                                ck_assert_int_eq(got[n - 1], 'a' + (int) (taken % 26));
                                taken++;
                        }
                }
        }
        for (ssize_t n; (n = recv(fd, got, sizeof(got), 0)) > 0;)
                taken += n != 6;
        ck_assert_uint_eq(taken, put);
        ck_assert_int_eq(journal_socket_send(s, got, JOURNAL_QUEUE_MAX * 64, false), -EMSGSIZE); /* never */
        ck_assert_uint_eq(journal_socket_n_queued(s), 0);
        journal_socket_free(s);
        remove_dir(fd);
}
END_TEST

static ServiceLog *log_new(int fd, const char *stream) {
        ServiceLog *l;

        ck_assert_int_eq(service_log_new(fd, stream, path, "cargowalld", &l), 0);
        return l;
}

START_TEST(test_service_log_plain) {
        char buf[512];
        int fds[2];

        make_dir();
        ck_assert_int_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
        ServiceLog *l = log_new(fds[1], _i == 0 ? NULL : _i == 1 ? "1:2" : "no:stream");
        log_message(l, LOG_DEBUG, "not said");
        errno = EACCES;
        log_message(l, LOG_INFO, "cannot read %s: %m", "a\nb\x1b");
        ck_assert_int_eq(errno, EACCES);
        ssize_t n = read(fds[0], buf, sizeof(buf) - 1);
        ck_assert_int_gt(n, 0);
        buf[n] = '\0';
        ck_assert_str_eq(buf, "cargowalld: cannot read a\\x0ab\\x1b: Permission denied\n");

        service_log_set_level(l, LOG_ERR);
        ck_assert_int_eq(service_log_level(l), LOG_ERR);
        log_message(l, LOG_WARNING, "not said");
        ck_assert_int_eq(read(fds[0], buf, sizeof(buf)), -1);
        ck_assert_ptr_null(service_log_free(l));
        ck_assert_ptr_null(service_log_free(NULL));
        close(fds[0]);
        close(fds[1]);
        remove_dir(-1);
}
END_TEST

/* $JOURNAL_STREAM names the socket that is stderr: messages keep their level, and nothing waits. */
START_TEST(test_service_log_journal) {
        char buf[EVENT_JOURNAL_MAX], stream[64], text[5000];
        struct stat st;
        int fds[2];

        make_dir();
        int fd = journal_new();
        ck_assert_int_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
        ck_assert_int_eq(fstat(fds[1], &st), 0);
        (void) snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long) st.st_dev,
                        (unsigned long long) st.st_ino);
        ServiceLog *l = log_new(fds[1], stream);

        log_message(l, LOG_ERR, "policy %s rejected", "a\nPRIORITY=0");
        ck_assert_str_eq(next_record(fd, buf), "PRIORITY=3\nSYSLOG_IDENTIFIER=cargowalld\n"
                                               "MESSAGE=policy a\\x0aPRIORITY=0 rejected\n");
        memset(text, 1, sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        log_message(l, LOG_ERR, "%s", text);
        ck_assert_uint_gt(strlen(next_record(fd, buf)), 4 * 2000);

        uint64_t n = 0;
        while (service_log_n_lost(l) == 0 && n < 100000) {
                log_message(l, LOG_INFO, "message %d", (int) n);
                n++;
        }
        ck_assert_uint_eq(service_log_n_lost(l), 1);
        ck_assert(!service_log_flush(l));
        uint64_t read_messages = drain(fd);
        while (!service_log_flush(l))
                read_messages += drain(fd);
        read_messages += drain(fd);
        ck_assert_uint_eq(read_messages, n - 1);
        log_message(l, LOG_INFO, "later");
        ck_assert_ptr_nonnull(strstr(next_record(fd, buf), "MESSAGE=1 messages before this one were lost\n"));
        ck_assert_ptr_nonnull(strstr(next_record(fd, buf), "MESSAGE=later\n"));
        ck_assert_str_eq(next_record(fd, buf), "");
        ck_assert_int_eq(read(fds[0], buf, sizeof(buf)), -1); /* nothing went to stderr */
        service_log_free(l);
        close(fds[0]);
        close(fds[1]);
        remove_dir(fd);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("journal");
        TCase *t = tcase_create("journal");

        tcase_set_timeout(t, 60);
        tcase_add_test(t, test_records);
        tcase_add_test(t, test_selection);
        tcase_add_test(t, test_closed_flows);
        tcase_add_test(t, test_rate);
        tcase_add_test(t, test_rate_of_unit);
        tcase_add_test(t, test_first_of_a_unit);
        tcase_add_test(t, test_hanging_journal);
        tcase_add_test(t, test_queued_is_refused);
        tcase_add_test(t, test_journal_comes_and_goes);
        tcase_add_test(t, test_queue);
        tcase_add_loop_test(t, test_service_log_plain, 0, 3);
        tcase_add_test(t, test_service_log_journal);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
