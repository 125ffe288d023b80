/* SPDX-License-Identifier: Apache-2.0 */

#include "handover/handover.h"
#include "handover/inheritance.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <check.h>

#define FIRST_FD 3 /* sd_listen_fds(3) */
#define STORED_MAX 8

#define EXPECT(x)                                                                                                      \
        do {                                                                                                           \
                if (!(x)) {                                                                                            \
                        (void) fprintf(stderr, "%d: %s\n", __LINE__, #x);                                              \
                        _exit(1);                                                                                      \
                }                                                                                                      \
        } while (0)

/* ------------------------------------------------------------------ a service manager that keeps descriptors */

static int manager_fd;
static struct {
        char name[64];
        int fd;
} stored[STORED_MAX];
static size_t n_stored;

static void manager_start(void) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        socklen_t length = sizeof(sa);
        char text[sizeof(sa.sun_path) + 2];

        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        EXPECT(fd >= 0);
        manager_fd = fcntl(fd, F_DUPFD_CLOEXEC, 200); /* not in the way of what is handed over */
        EXPECT(manager_fd >= 0);
        (void) close(fd);
        EXPECT(bind(manager_fd, (const struct sockaddr *) &sa, sizeof(sa_family_t)) >= 0);
        EXPECT(getsockname(manager_fd, (struct sockaddr *) &sa, &length) >= 0);
        (void) snprintf(text, sizeof(text), "@%.*s", (int) (length - sizeof(sa_family_t) - 1), sa.sun_path + 1);
        EXPECT(setenv("NOTIFY_SOCKET", text, 1) >= 0);
        n_stored = 0;
}

static void manager_drop(const char *name) {
        for (size_t i = n_stored; i-- > 0;)
                if (strcmp(stored[i].name, name) == 0) {
                        (void) close(stored[i].fd);
                        stored[i] = stored[--n_stored];
                }
}

/* Reads what was sent. */
static void manager_run(void) {
        for (;;) {
                union {
                        struct cmsghdr header;
                        char space[CMSG_SPACE(sizeof(int))];
                } control;
                char text[512];
                struct iovec iov = { .iov_base = text, .iov_len = sizeof(text) - 1 };
                struct msghdr mh = {
                        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
                };

                ssize_t n = recvmsg(manager_fd, &mh, MSG_CMSG_CLOEXEC);
                if (n < 0)
                        return;
                text[n] = '\0';
                const char *name = strstr(text, "FDNAME=");
                EXPECT(name);
                name += strlen("FDNAME=");
                if (strncmp(text, "FDSTORE=1\n", 10) != 0) {
                        manager_drop(name);
                        continue;
                }
                struct cmsghdr *c = CMSG_FIRSTHDR(&mh);
                int fd;
                EXPECT(c && c->cmsg_type == SCM_RIGHTS && n_stored < STORED_MAX);
                memcpy(&fd, CMSG_DATA(c), sizeof(fd));
                (void) snprintf(stored[n_stored].name, sizeof(stored[n_stored].name), "%s", name);
                stored[n_stored].fd = fcntl(fd, F_DUPFD_CLOEXEC, 100);
                EXPECT(stored[n_stored++].fd >= 0);
                (void) close(fd);
        }
}

/* The store as the next process of the service finds it. */
static FdStore *manager_next(void) {
        char number[32], names[512] = "";
        FdStore *s = NULL;

        manager_run();
        for (size_t i = 0; i < n_stored; i++) {
                EXPECT(dup2(stored[i].fd, FIRST_FD + (int) i) >= 0);
                strcat(names, i > 0 ? ":" : "");
                strcat(names, stored[i].name);
        }
        (void) snprintf(number, sizeof(number), "%d", (int) getpid());
        EXPECT(setenv("LISTEN_PID", number, 1) >= 0);
        (void) snprintf(number, sizeof(number), "%zu", n_stored);
        EXPECT(setenv("LISTEN_FDS", number, 1) >= 0);
        EXPECT(setenv("LISTEN_FDNAMES", names, 1) >= 0);
        if (n_stored == 0)
                (void) unsetenv("LISTEN_FDS");
        EXPECT(fd_store_collect(&s) >= 0);
        return s;
}

/* Descriptors have their numbers: in a process of its own. */
static void in_child(void (*fn)(void)) {
        int status;
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                for (int fd = FIRST_FD; fd < 64; fd++)
                        (void) close(fd);
                manager_start();
                fn();
                _exit(0);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ------------------------------------------------------------------ state */

typedef struct Seen {
        char text[512]; /* what was read, in order */
} Seen;

static int on_job(const HandoverJob *j, void *userdata) {
        Seen *s = userdata;
        size_t n = strlen(s->text);

        EXPECT(j->start_usec == 42 && j->cgroup_id == 99 && strcmp(j->cgroup, "/a.slice/a.service") == 0);
        (void) snprintf(s->text + n, sizeof(s->text) - n, "+%d:%s:%zu ", (int) j->id, j->unit, j->n_labels);
        return 0;
}

static int on_job_end(uint64_t id, void *userdata) {
        Seen *s = userdata;
        size_t n = strlen(s->text);

        (void) snprintf(s->text + n, sizeof(s->text) - n, "-%d ", (int) id);
        return 0;
}

static int on_lease(const HandoverLease *l, void *userdata) {
        Seen *s = userdata;
        size_t n = strlen(s->text);
        char addr[IN_ADDR_TEXT_MAX];

        (void) in_addr_format(l->addr, addr);
        (void) snprintf(s->text + n, sizeof(s->text) - n, "%s=%s@%s ", l->name, addr, l->layer);
        return 0;
}

static const char *read_all(const Handover *h, uint64_t now) {
        static Seen seen;
        const HandoverReader reader = { .job = on_job, .job_end = on_job_end, .lease = on_lease, .userdata = &seen };

        seen.text[0] = '\0';
        EXPECT(handover_read(h, now, &reader) == 0);
        return seen.text;
}

static const char *const labels[] = { "job=x", "ref=y" };
static unsigned n_snapshots;
static bool snapshot_is_too_large;
static const HandoverLease *snapshot_lease; /* fills what is left */
static HandoverJob large_job = {
        .id = 1, .unit = "a.service", .cgroup = "/a.slice/a.service", .n_labels = HANDOVER_LABELS_MAX
};

static void snapshot(Handover *h, _unused_ void *userdata) {
        n_snapshots++;
        handover_put_sequence(h, 11);
        handover_put_last_id(h);
        handover_put_layer(h, "host", 0x300, 0, "sha256:b");
        for (unsigned i = 0; snapshot_lease && i < 20000; i++)
                handover_put_lease(h, snapshot_lease);
        while (snapshot_is_too_large && handover_put_job(h, &large_job) == 0)
                ;
}

static Handover *open_state(FdStore *store, HandoverReport *ret_report) {
        Handover *h = NULL;

        EXPECT(handover_new(store, 100, snapshot, NULL, ret_report, &h) == 0);
        return h;
}

static void write_some(Handover *h) {
        InAddr addr;

        EXPECT(in_addr_parse("192.0.2.7", &addr) == 0);
        HandoverLease lease = { .layer = "host", .addr = &addr, .name = "a.example", .expires_nsec = 1000 };
        HandoverJob job = {
                .id = 7,
                .unit = "a.service",
                .cgroup = "/a.slice/a.service",
                .cgroup_id = 99,
                .labels = labels,
                .n_labels = 2,
                .start_usec = 42,
        };

        handover_put_layer(h, "host", 0x200, 0, "sha256:a");
        handover_put_layer(h, "job:7", 0x901, 0, "");
        handover_put_override(h, 1);
        handover_put_sequence(h, 11);
        EXPECT(handover_put_job(h, &job) == 0);
        handover_put_lease(h, &lease);
        lease.name = "b.example";
        lease.expires_nsec = 50;
        handover_put_lease(h, &lease);
        job.id = 8;
        EXPECT(handover_put_job(h, &job) == 0);
        handover_put_job_end(h, 7);
}

static void succeed(void) {
        HandoverReport report;
        uint8_t setting = 77;
        FdStore *s = manager_next();
        Handover *h = open_state(s, &report);

        EXPECT(!report.inherited && report.error == 0 && report.n_cut == 0);
        EXPECT(!handover_has_predecessor(h) && !handover_override(h, &setting) && setting == 77);
        EXPECT(handover_next_sequence(h) == 0 && handover_last_policy_id(h) == 0 && handover_last_job(h) == 0);
        EXPECT(strcmp(read_all(h, 0), "") == 0);
        write_some(h);
        handover_free(h);
        fd_store_free(s);

        /* Its successor. */
        s = manager_next();
        h = open_state(s, &report);
        EXPECT(report.inherited && report.error == 0);
        EXPECT(handover_has_predecessor(h));
        EXPECT(handover_predecessor(h, "host")->policy_id == 0x200);
        EXPECT(strcmp(handover_predecessor(h, "host")->digest, "sha256:a") == 0);
        EXPECT(!handover_predecessor(h, "runner"));
        EXPECT(handover_last_policy_id(h) == 0x901);
        EXPECT(handover_override(h, &setting) && setting == 1);
        EXPECT(handover_next_sequence(h) == 12);
        EXPECT(handover_last_job(h) == 8);
        EXPECT(strcmp(read_all(h, 100), "+7:a.service:2 a.example=192.0.2.7@host +8:a.service:2 -7 ") == 0);

        /* It has started: what ended is left behind, and what the snapshot does not know. */
        EXPECT(n_snapshots == 0);
        handover_put_sequence(h, 11);
        handover_forget(h);
        EXPECT(n_snapshots == 1 && !handover_has_predecessor(h));
        EXPECT(handover_last_policy_id(h) == 0x901);
        handover_free(h);
        fd_store_free(s);

        s = manager_next();
        h = open_state(s, &report);
        EXPECT(strcmp(read_all(h, 0), "") == 0);
        EXPECT(handover_predecessor(h, "host")->policy_id == 0x300 && !handover_predecessor(h, "job:7"));
        EXPECT(handover_last_policy_id(h) == 0x901);            /* of a layer that ended */
        EXPECT(handover_last_job(h) == 8);                      /* of a job that ended */
        EXPECT(handover_override(h, &setting) && setting == 1); /* though the snapshot does not put it */
        EXPECT(handover_next_sequence(h) == 12);                /* though it was written before */
        handover_free(h);
        fd_store_free(s);
}

/* Killed after a change, before its layers were put. */
static void be_killed(void) {
        HandoverReport report;
        FdStore *s = manager_next();
        Handover *h = open_state(s, &report);

        handover_put_layer(h, "host", 0x200, 0, "");
        handover_put_layer(h, "last", 0x3fd, 0, ""); /* the last slot of a document */
        for (unsigned i = 0; i < 3; i++)
                handover_reserve_ids(h);
        handover_free(h);
        fd_store_free(s);

        s = manager_next();
        h = open_state(s, &report);
        EXPECT(handover_last_policy_id(h) == 0x9ff); /* two for each change of any slot */
        EXPECT(handover_predecessor(h, "host")->policy_id == 0x200);
        EXPECT(handover_predecessor(h, "last")->policy_id == 0x3fd); /* no layer has lost its slot */
        handover_free(h);
        fd_store_free(s);
}

START_TEST(a_successor_reads_what_was_put) {
        in_child(succeed);
}
END_TEST

/* Whoever owns a zone decides how many leases there are, and how long their names are. */
static void fill(void) {
        char chain[1000];
        HandoverReport report;
        InAddr addr = {};
        FdStore *s = manager_next();
        Handover *h = open_state(s, &report);
        HandoverLease lease = {
                .layer = "host", .addr = &addr, .name = "a.example", .chain = chain, .expires_nsec = UINT64_MAX
        };
        const HandoverJob job = {
                .id = 1, .unit = "a.service", .cgroup = "/a.slice/a.service", .cgroup_id = 99, .start_usec = 42
        };

        memset(chain, 'c', sizeof(chain) - 1);
        chain[sizeof(chain) - 1] = '\0';
        /* A snapshot that has all of them, as the service's would. */
        for (unsigned i = 0; i < 1000000 && handover_n_leases_lost(h) == 0; i++) {
                snapshot_lease = &lease;
                handover_put_lease(h, &lease);
        }
        EXPECT(handover_n_leases_lost(h) > 0);
        for (unsigned i = 0; i < 20000; i++) {
                handover_put_lease(h, &lease);
                EXPECT(handover_put_job(h, &job) == 0);
        }
        EXPECT(handover_repair(h) == 0);
        handover_free(h);
        fd_store_free(s);
}

START_TEST(leases_leave_room_for_jobs) {
        in_child(fill);
}
END_TEST

static void repair(void) {
        static const char *many_labels[HANDOVER_LABELS_MAX];
        char label[500];
        HandoverReport report;
        FdStore *s = manager_next();
        Handover *h = open_state(s, &report);
        int r = 0;

        memset(label, 'l', sizeof(label) - 1);
        label[sizeof(label) - 1] = '\0';
        for (size_t i = 0; i < HANDOVER_LABELS_MAX; i++)
                many_labels[i] = label;
        large_job.labels = many_labels;
        EXPECT(handover_repair(h) == 0 && n_snapshots == 0);

        snapshot_is_too_large = true;
        for (unsigned i = 0; r == 0 && i < 1000000; i++)
                r = handover_put_job(h, &large_job);
        EXPECT(r == -ENOSPC);
        EXPECT(handover_repair(h) == -ENOSPC && handover_repair(h) == -ENOSPC);
        snapshot_is_too_large = false;
        EXPECT(handover_repair(h) == 1 && handover_repair(h) == 0);
        EXPECT(handover_n_leases_lost(h) == 0);
        handover_free(h);
        fd_store_free(s);
}

START_TEST(what_was_lost_is_repaired) {
        in_child(repair);
}
END_TEST

static void refuse(void) {
        HandoverReport report;
        int fd = memfd_create("test", MFD_CLOEXEC);

        EXPECT(fd >= 0);
        stored[0].fd = fcntl(fd, F_DUPFD_CLOEXEC, 100);
        (void) close(fd);
        (void) snprintf(stored[0].name, sizeof(stored[0].name), "state.1");
        n_stored = 1;
        FdStore *s = manager_next();
        Handover *h = open_state(s, &report);
        EXPECT(!report.inherited && report.error == -EBADMSG);
        write_some(h);
        manager_run();
        EXPECT(n_stored == 1 && strcmp(stored[0].name, "state.2") == 0); /* in the other one's place */
        handover_free(h);
        fd_store_free(s);
}

START_TEST(ids_are_reserved_for_a_change) {
        in_child(be_killed);
}
END_TEST

START_TEST(what_is_no_state_is_replaced) {
        in_child(refuse);
}
END_TEST

/* ------------------------------------------------------------------ documents, objects */

static void keep_documents(void) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        FdStore *s = manager_next();

        EXPECT(handover_take_document(s, "ci", 100, &text, &size) == -ENOENT);
        EXPECT(handover_keep_document(s, "ci", "{\"rules\":[]}", 12) >= 0);
        EXPECT(handover_keep_document(s, "host", "{}", 2) >= 0);
        handover_drop_document(s, "host");
        handover_drop_document(s, "other");
        fd_store_free(s);

        s = manager_next();
        EXPECT(handover_take_document(s, "host", 100, &text, &size) == -ENOENT);
        EXPECT(handover_take_document(s, "ci", 100, &text, &size) == 0);
        EXPECT(size == 12 && strcmp(text, "{\"rules\":[]}") == 0);
        fd_store_free(s);

        s = manager_next();
        size = 77;
        EXPECT(handover_take_document(s, "ci", 11, &text, &size) == -EFBIG && size == 77);
        fd_store_free(s);
}

START_TEST(documents_are_kept) {
        in_child(keep_documents);
}
END_TEST

static void inherit(void) {
        FdStore *s = manager_next();

        EXPECT(fd_store_push(s, "map-flows", memfd_create("a", MFD_CLOEXEC)) == 1);
        EXPECT(fd_store_push(s, "link-connect4", memfd_create("b", MFD_CLOEXEC)) == 1);
        fd_store_free(s);

        for (int with_maps = 0; with_maps < 2; with_maps++) {
                Inheritance i = { .pin_directory = "/nonexistent", .with_maps = with_maps };
                char name[INHERITANCE_NAME_MAX + 1];

                i.store = s = manager_next();
                int link = inheritance_get("link-connect4", &i);
                EXPECT(link >= 0 && inheritance_get("link-connect4", &i) == link);
                EXPECT((inheritance_get("map-flows", &i) >= 0) == with_maps);
                EXPECT(inheritance_get("link-connect6", &i) == -ENOENT);
                memset(name, 'x', INHERITANCE_NAME_MAX);
                name[INHERITANCE_NAME_MAX] = '\0';
                EXPECT(inheritance_get(name, &i) == -ENOENT);
                inheritance_done(&i);
                EXPECT(fcntl(link, F_GETFD) < 0);
                fd_store_free(s);
        }
}

START_TEST(objects_are_taken_once) {
        in_child(inherit);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("handover-state");
        TCase *t = tcase_create("handover-state");

        tcase_add_test(t, a_successor_reads_what_was_put);
        tcase_add_test(t, ids_are_reserved_for_a_change);
        tcase_add_test(t, what_is_no_state_is_replaced);
        tcase_add_test(t, leases_leave_room_for_jobs);
        tcase_add_test(t, what_was_lost_is_repaired);
        tcase_add_test(t, documents_are_kept);
        tcase_add_test(t, objects_are_taken_once);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
