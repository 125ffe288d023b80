/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/ndjson-file.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/macro.h"
#include "event/event-json.h"

static char dir[] = "/tmp/cargowall-test-XXXXXX"; /* each test makes and empties its own */
static char path[64];

static void make_dir(void) {
        strcpy(dir + strlen(dir) - 6, "XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(dir));
        (void) snprintf(path, sizeof(path), "%s/log", dir);
}

static void remove_dir(void) {
        (void) unlink(path);
        ck_assert_int_eq(rmdir(dir), 0);
}

static Event event(uint64_t sequence) {
        return (Event) { .type = EVENT_RUN_STARTED, .sequence = sequence, .rule = RULE_NONE };
}

static void write_events(NdjsonFile *f, uint64_t first, uint64_t n) {
        for (uint64_t i = 0; i < n; i++) {
                Event e = event(first + i);
                ndjson_file_write(f, &e);
        }
}

static size_t line_length(void) {
        char line[EVENT_LINE_MAX];
        Event e = event(1000);

        return event_json_write(&e, line);
}

static char *read_fd(int fd, size_t *ret_size) {
        size_t size = 0;
        char *text = malloc(4 << 20);

        for (ssize_t n; (n = read(fd, text + size, (4 << 20) - 1 - size)) > 0;)
                size += (size_t) n;
        text[size] = '\0';
        *ret_size = size;
        return text;
}

static char *read_log(size_t *ret_size) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        char *text = read_fd(fd, ret_size);
        close(fd);
        return text;
}

/* Whole lines of ours, with rising sequence numbers; returns how many. */
static size_t check_lines(const char *text) {
        unsigned long long sequence = 0, last = 0;
        size_t n = 0;

        for (const char *p = text; *p; n++) {
                char line[EVENT_LINE_MAX];
                const char *field = strstr(p, "\"sequence\":"), *end = strchr(p, '\n');

                ck_assert_msg(end && field && field < end, "no whole line: %.80s", p);
                sequence = strtoull(field + strlen("\"sequence\":"), NULL, 10);
                ck_assert_uint_gt(sequence, last);
                last = sequence;

                Event e = event(sequence);
                size_t length = event_json_write(&e, line);
                ck_assert_uint_eq(length, (size_t) (end + 1 - p));
                ck_assert_mem_eq(p, line, length);
                p = end + 1;
        }
        return n;
}

static size_t check_log(void) {
        size_t size;
        char *text = read_log(&size);
        size_t n = check_lines(text);

        free(text);
        return n;
}

START_TEST(test_create_and_append) {
        NdjsonFile *f;
        struct stat st;

        make_dir();
        mode_t mask = umask(0);
        ck_assert_int_eq(ndjson_file_open_mode(path, 0640, &f), 0);
        umask(mask);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0640);

        write_events(f, 1, 3);
        ck_assert_uint_eq(check_log(), 0);
        ndjson_file_flush(f);
        ck_assert_uint_eq(check_log(), 3);
        ck_assert(ndjson_file_n_written(f) == 3 && ndjson_file_n_lost(f) == 0 && ndjson_file_last_error(f) == 0);
        write_events(f, 4, 1);
        ck_assert_ptr_null(ndjson_file_free(f));

        ck_assert_int_eq(ndjson_file_open_mode(path, 0640, &f), 0);
        write_events(f, 5, 2000); /* more than a buffer */
        ck_assert_uint_gt(check_log(), 4);
        ndjson_file_flush(f);
        ck_assert_uint_eq(ndjson_file_n_written(f), 2000);
        ndjson_file_free(f);
        ck_assert_uint_eq(check_log(), 2004);
        ck_assert_ptr_null(ndjson_file_free(NULL));
        remove_dir();
}
END_TEST

/* The service's umask would keep the log's group out. */
START_TEST(test_mode) {
        NdjsonFile *f;
        struct stat st;

        make_dir();
        mode_t mask = umask(0077);
        int r = ndjson_file_open_mode(path, 0640, &f);
        umask(mask);
        ck_assert_int_eq(r, 0);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0640);
        ndjson_file_free(f);

        ck_assert_int_eq(chmod(path, 0600), 0); /* there already: as its administrator wants it */
        ck_assert_int_eq(ndjson_file_open_mode(path, 0640, &f), 0);
        ndjson_file_free(f);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0600);
        remove_dir();
}
END_TEST

/* Log rotation: what was written before goes into the old file, what comes after into a new one with the same mode. */
START_TEST(test_reopen) {
        bool created_for_us = _i; /* by log rotation, "create" */
        char old[80];
        NdjsonFile *f;
        struct stat st;

        make_dir();
        (void) snprintf(old, sizeof(old), "%s.1", path);
        ck_assert_int_eq(ndjson_file_open_mode(path, 0640, &f), 0);
        write_events(f, 1, 3);
        ck_assert_int_eq(rename(path, old), 0);
        if (created_for_us) {
                int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
                ck_assert_int_eq(write(fd, "{\"half", 6), 6);
                close(fd);
        }
        mode_t mask = umask(0077);
        int r = ndjson_file_reopen(f);
        umask(mask);
        ck_assert_int_eq(r, 0);
        write_events(f, 4, 2);
        ck_assert_int_eq(ndjson_file_sync(f), 0);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, created_for_us ? 0600 : 0640);
        ck_assert(ndjson_file_n_written(f) == 5 && ndjson_file_n_lost(f) == 0);
        ck_assert_uint_eq(ndjson_file_n_reopen_failures(f), 0);

        size_t size;
        char *text = read_log(&size);
        size_t before = created_for_us ? strlen("{\"half\n") : 0;
        ck_assert_mem_eq(text, "{\"half\n", before);
        ck_assert_uint_eq(check_lines(text + before), 2);
        free(text);
        ck_assert_int_eq(rename(old, path), 0);
        ck_assert_uint_eq(check_log(), 3);
        ndjson_file_free(f);
        remove_dir();
}
END_TEST

/* A log that cannot be reopened continues in the old file, and is reopened when it can be. */
START_TEST(test_reopen_failure) {
        char old[80];
        NdjsonFile *f;

        make_dir();
        (void) snprintf(old, sizeof(old), "%s.1", path);
        ck_assert_int_eq(ndjson_file_open_mode(path, 0640, &f), 0);
        ck_assert_int_eq(rename(path, old), 0);
        ck_assert_int_eq(symlink("/dev/null", path), 0);
        ck_assert_int_eq(ndjson_file_reopen(f), -ELOOP);
        ck_assert(ndjson_file_n_reopen_failures(f) == 1 && ndjson_file_last_error(f) == -ELOOP);
        write_events(f, 1, 2);
        ndjson_file_flush(f);
        ck_assert_int_eq(rename(old, path), 0);
        ck_assert_uint_eq(check_log(), 2);

        ck_assert_int_eq(ndjson_file_reopen(f), 0); /* the same file again */
        write_events(f, 3, 1);
        ndjson_file_free(f);
        ck_assert_uint_eq(check_log(), 3);
        remove_dir();

        int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(ndjson_file_new_fd(fd, &f), 0);
        ck_assert_int_eq(ndjson_file_reopen(f), -EBADF);
        write_events(f, 1, 1);
        ck_assert_int_eq(ndjson_file_sync(f), 0); /* no disk behind it */
        ndjson_file_free(f);
        ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC); /* borrowed: still ours */
        close(fd);
}
END_TEST

/* A file that somebody else has opened for us, with half a line of before. */
START_TEST(test_taken_fd) {
        NdjsonFile *f;

        make_dir();
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
        ck_assert_int_eq(write(fd, "{\"half", 6), 6);
        ck_assert_int_eq(ndjson_file_take_fd(fd, &f), 0);
        ck_assert_int_eq(ndjson_file_reopen(f), -EBADF);
        write_events(f, 1, 1);
        ndjson_file_free(f);
        ck_assert_int_eq(fcntl(fd, F_GETFD), -1); /* owned */
        remove_dir();

        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        ck_assert_int_eq(ndjson_file_take_fd(fd, &f), -EINVAL);
        ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
}
END_TEST

START_TEST(test_refused_files) {
        NdjsonFile *f = NULL;
        char target[80];

        make_dir();
        (void) snprintf(target, sizeof(target), "%s/target", dir);
        ck_assert_int_eq(symlink(target, path), 0); /* dangling: nothing is made behind it */
        ck_assert_int_eq(ndjson_file_open_mode(path, 0640, &f), -ELOOP);
        ck_assert_int_eq(access(target, F_OK), -1);
        ck_assert_int_eq(unlink(path), 0);

        ck_assert_int_eq(mkfifo(path, 0600), 0); /* must not hold us either */
        ck_assert_int_eq(ndjson_file_open_mode(path, 0640, &f), -EINVAL);
        ck_assert_int_eq(unlink(path), 0);

        ck_assert_int_eq(ndjson_file_open_mode("/dev/null", 0640, &f), -EINVAL);
        ck_assert_int_eq(ndjson_file_open_mode(dir, 0640, &f), -EISDIR);
        ck_assert_int_eq(ndjson_file_open_mode("/nonexistent/log", 0640, &f), -ENOENT);
        ck_assert_ptr_null(f);
        remove_dir();
}
END_TEST

/* What a writer before us left unfinished is ended, not continued. */
START_TEST(test_unfinished_file) {
        NdjsonFile *f;
        size_t size;

        make_dir();
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        ck_assert_int_eq(write(fd, "{\"half", 6), 6);
        close(fd);

        ck_assert_int_eq(ndjson_file_open_mode(path, 0640, &f), 0);
        write_events(f, 1, 1);
        ndjson_file_flush(f);
        write_events(f, 2, 1);
        ndjson_file_free(f);

        char *text = read_log(&size);
        ck_assert_mem_eq(text, "{\"half\n", 7);
        ck_assert_uint_eq(check_lines(text + 7), 2);
        free(text);
        remove_dir();
}
END_TEST

/* Writes n events and flushes while no file of this process may grow past limit bytes. No assertion inside: Check keeps
 * its messages in a file. */
static void write_limited(NdjsonFile *f, rlim_t limit, uint64_t first, uint64_t n) {
        struct rlimit old, new;

        (void) signal(SIGXFSZ, SIG_IGN);
        int r = getrlimit(RLIMIT_FSIZE, &old);
        new = old;
        new.rlim_cur = limit;
        if (r >= 0)
                r = setrlimit(RLIMIT_FSIZE, &new);
        if (r >= 0) {
                write_events(f, first, n);
                ndjson_file_flush(f);
                r = setrlimit(RLIMIT_FSIZE, &old);
        }
        ck_assert_int_eq(r, 0);
}

/* A partial line is removed, and the log continues when there is room. */
START_TEST(test_size_limit) {
        bool appended_by_other = _i;
        NdjsonFile *f;

        make_dir();
        ck_assert_int_eq(ndjson_file_open_mode(path, 0640, &f), 0);
        write_limited(f, 2 * line_length() + line_length() / 2, 1000, 5);
        ck_assert(ndjson_file_n_written(f) == 2 && ndjson_file_n_lost(f) == 3);
        ck_assert_int_eq(ndjson_file_last_error(f), -EFBIG);
        ck_assert_uint_eq(check_log(), 2);

        if (appended_by_other) {
                NdjsonFile *other;
                ck_assert_int_eq(ndjson_file_open_mode(path, 0640, &other), 0);
                write_events(other, 1005, 1);
                ndjson_file_free(other);
        }
        write_events(f, 1006, 2);
        ndjson_file_flush(f);
        ck_assert(ndjson_file_n_written(f) == 4 && ndjson_file_n_lost(f) == 3);
        ndjson_file_free(f);
        ck_assert_uint_eq(check_log(), 4U + appended_by_other);
        remove_dir();
}
END_TEST

/* Half a line with something of another writer behind it is not ours to take back: it is ended before the next one. */
START_TEST(test_torn) {
        NdjsonFile *f;
        size_t size, length = line_length();

        make_dir();
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(ftruncate(fd, 4096), 0); /* without O_APPEND: we write before this end */
        ck_assert_int_eq(ndjson_file_new_fd(fd, &f), 0);

        write_limited(f, length + 10, 1000, 3);
        ck_assert(ndjson_file_n_written(f) == 1 && ndjson_file_n_lost(f) == 2);
        write_limited(f, length + 10, 1003, 1); /* no room, not even for the end of the line */
        ck_assert(ndjson_file_n_written(f) == 1 && ndjson_file_n_lost(f) == 3);
        write_events(f, 1004, 1);
        ndjson_file_free(f);
        ck_assert_int_eq(ftruncate(fd, lseek(fd, 0, SEEK_CUR)), 0);
        close(fd);

        char *text = read_log(&size);
        ck_assert_uint_eq(size, 2 * length + 10 + 1);
        ck_assert_int_eq(text[length + 10], '\n');
        ck_assert_uint_eq(check_lines(text + length + 11), 1);
        free(text);
        remove_dir();
}
END_TEST

/* A reader that is slow: whole lines get lost, a line half through is completed. */
START_TEST(test_pipe) {
        NdjsonFile *f;
        int fds[2];
        size_t size;

        ck_assert_int_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
        ck_assert_int_eq(ndjson_file_new_fd(fds[1], &f), 0);
        write_events(f, 1000, 2000);
        ndjson_file_flush(f);
        ndjson_file_flush(f); /* nothing new, no room either */
        write_events(f, 3000, 3);
        ndjson_file_flush(f);
        uint64_t written = ndjson_file_n_written(f);
        ck_assert_uint_eq(written + ndjson_file_n_lost(f), 2003);
        ck_assert_int_eq(ndjson_file_last_error(f), -EAGAIN);

        char *first = read_fd(fds[0], &size);
        ck_assert_uint_eq(written, size / line_length());
        ck_assert_uint_ne(size % line_length(), 0); /* or the test shows nothing */
        write_events(f, 4000, 2);
        ndjson_file_flush(f);
        ck_assert_uint_eq(ndjson_file_n_written(f), written + 3);
        ck_assert_uint_eq(ndjson_file_n_written(f) + ndjson_file_n_lost(f), 2005);
        size_t rest_size;
        char *rest = read_fd(fds[0], &rest_size);
        memcpy(first + size, rest, rest_size + 1);
        ck_assert_uint_eq(check_lines(first), ndjson_file_n_written(f));

        free(first);
        free(rest);
        ndjson_file_free(f);
        close(fds[0]);
        close(fds[1]);
}
END_TEST

START_TEST(test_pipe_closed) {
        NdjsonFile *f;
        int fds[2];

        (void) signal(SIGPIPE, SIG_IGN);
        ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
        close(fds[0]);
        ck_assert_int_eq(ndjson_file_new_fd(fds[1], &f), 0);
        write_events(f, 1, 5);
        ndjson_file_flush(f);
        ck_assert(ndjson_file_n_written(f) == 0 && ndjson_file_n_lost(f) == 5);
        ck_assert_int_eq(ndjson_file_last_error(f), -EPIPE);
        write_events(f, 6, 1);
        ck_assert_int_eq(ndjson_file_sync(f), -EPIPE);
        ndjson_file_free(f);
        close(fds[1]);
}
END_TEST

/* A disk that is full, then has room again. */
START_TEST(test_disk_full) {
        NdjsonFile *f;

        make_dir();
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", dir, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=0700") < 0) {
                printf("# disk full: skipped, needs a mount namespace of its own (%s)\n", strerror(errno));
                remove_dir();
                return;
        }

        ck_assert_int_eq(ndjson_file_open_mode(path, 0640, &f), 0);
        write_events(f, 1000, 2000);
        ndjson_file_flush(f);
        uint64_t written = ndjson_file_n_written(f);
        ck_assert_uint_eq(written, 65536 / line_length());
        ck_assert_uint_eq(written + ndjson_file_n_lost(f), 2000);
        ck_assert_int_eq(ndjson_file_last_error(f), -ENOSPC);
        ck_assert_uint_eq(check_log(), written);

        ck_assert_int_eq(mount(NULL, dir, NULL, MS_REMOUNT | MS_NOSUID | MS_NODEV, "size=1m"), 0);
        write_events(f, 3000, 10);
        ndjson_file_free(f);
        ck_assert_uint_eq(check_log(), written + 10);
        ck_assert_int_eq(umount(dir), 0);
        remove_dir();
}
END_TEST

/* A line gets its time when the buffer was empty, and half a line that a full pipe holds back gets another. */
static void old_path(unsigned i, char buf[static 96]) {
        (void) snprintf(buf, 96, i > 0 ? "%s.old.%u" : "%s", path, i);
}

static uint64_t size_of(const char *name) {
        struct stat st;

        ck_assert_int_eq(stat(name, &st), 0);
        return (uint64_t) st.st_size;
}

static void remove_old(unsigned n) {
        char old[96];

        for (unsigned i = 1; i <= n; i++) {
                old_path(i, old);
                ck_assert_int_eq(unlink(old), 0);
        }
        old_path(n + 1, old);
        ck_assert_int_eq(access(old, F_OK), -1);
}

/* Every line is in one of the files, in order; none is larger than the limit, nor are there more than are kept. */
START_TEST(test_rotation) {
        const uint64_t limit = 20 * line_length() + 7;
        char old[96];
        NdjsonFile *f;

        make_dir();
        ck_assert_int_eq(ndjson_file_open_mode(path, 0640, &f), 0);
        ndjson_file_limit(f, limit, 3);
        for (uint64_t i = 0; i < 75; i++) {
                write_events(f, 1000 + i, 1);
                ndjson_file_flush(f);
        }
        ck_assert(ndjson_file_n_written(f) == 75 && ndjson_file_n_lost(f) == 0);
        ndjson_file_free(f);
        uint64_t first = 1000;
        for (unsigned i = 4; i-- > 0;) {
                char wanted[64], *text, *begin;
                size_t size;

                old_path(i, old);
                ck_assert_uint_le(size_of(old), limit);
                int fd = open(old, O_RDONLY | O_CLOEXEC);
                text = read_fd(fd, &size);
                close(fd);
                (void) snprintf(wanted, sizeof(wanted), "\"sequence\":%u,", (unsigned) first);
                begin = strchr(text, '\n');
                ck_assert_ptr_nonnull(memmem(text, (size_t) (begin - text), wanted, strlen(wanted)));
                first += (uint64_t) check_lines(text);
                free(text);
        }
        ck_assert_uint_eq(first, 1075);

        ck_assert_int_eq(ndjson_file_open_mode(path, 0640, &f), 0);
        ndjson_file_limit(f, limit, 3);
        for (uint64_t i = 0; i < 200; i++) {
                write_events(f, 2000 + i, 1);
                ndjson_file_flush(f);
        }
        ndjson_file_free(f);
        remove_old(3); /* and no more */
        remove_dir();
}
END_TEST

START_TEST(test_rotation_without_old_files) {
        const uint64_t limit = 5 * line_length();
        NdjsonFile *f;

        make_dir();
        ck_assert_int_eq(ndjson_file_open_mode(path, 0640, &f), 0);
        ndjson_file_limit(f, limit, 0);
        for (uint64_t i = 0; i < 12; i++) {
                write_events(f, 1000 + i, 1);
                ndjson_file_flush(f);
                ck_assert_uint_le(size_of(path), limit);
        }
        ndjson_file_free(f);
        ck_assert_uint_ge(check_log(), 2);
        remove_old(0);
        remove_dir();
}
END_TEST

/* The file was moved away by somebody else, and no signal has come yet. */
START_TEST(test_rotation_by_two) {
        char moved[96];
        NdjsonFile *f;

        make_dir();
        (void) snprintf(moved, sizeof(moved), "%s.1", path);
        ck_assert_int_eq(ndjson_file_open_mode(path, 0640, &f), 0);
        ndjson_file_limit(f, 4 * line_length(), 2);
        write_events(f, 1000, 3);
        ndjson_file_flush(f);
        ck_assert_int_eq(rename(path, moved), 0);
        write_events(f, 1003, 3);
        ndjson_file_flush(f);
        ck_assert_uint_eq(check_log(), 3);
        ck_assert_int_eq(ndjson_file_reopen(f), 0);
        write_events(f, 1006, 3);
        ndjson_file_free(f);
        remove_old(1);
        ck_assert_int_eq(unlink(moved), 0);
        remove_dir();
}
END_TEST

/* The limit holds even then; what does not fit is lost, and counted. */
START_TEST(test_rotation_impossible) {
        const uint64_t limit = 4 * line_length();
        char old[96];
        NdjsonFile *f;

        make_dir();
        old_path(1, old);
        ck_assert_int_eq(ndjson_file_open_mode(path, 0640, &f), 0);
        ndjson_file_limit(f, limit, 1);
        ck_assert_int_eq(mkdir(old, 0700), 0); /* in the way */
        for (uint64_t i = 0; i < 10; i++) {
                write_events(f, 1000 + i, 1);
                ndjson_file_flush(f);
        }
        ck_assert_uint_le(size_of(path), limit);
        ck_assert_uint_eq(ndjson_file_n_written(f) + ndjson_file_n_lost(f), 10);
        ck_assert(ndjson_file_n_reopen_failures(f) == 1 && ndjson_file_last_error(f) == -EISDIR);
        ck_assert_int_eq(rmdir(old), 0);
        write_events(f, 2000, 1);
        ck_assert_int_eq(ndjson_file_sync(f), 0);
        ck_assert_uint_eq(check_log(), 1);
        ndjson_file_free(f);
        remove_old(1);
        remove_dir();
}
END_TEST

START_TEST(a_sink_says_when_it_is_due) {
        Event e = { .type = EVENT_HOOK_LOST, .detail = "a line that divides no page" };
        NdjsonFile *f = NULL;
        char buf[4096];
        int fds[2];

        ck_assert_int_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
        ck_assert_int_eq(ndjson_file_new_fd(fds[1], &f), 0);
        Sink s = ndjson_file_as_sink(f);
        ck_assert_uint_eq(s.next(f), UINT64_MAX);
        s.write(f, &e, 1);
        s.write(f, &e, 2);
        ck_assert_uint_eq(s.next(f), 1 + NDJSON_FILE_DELAY_NSEC);
        s.flush(f, 1 + NDJSON_FILE_DELAY_NSEC);
        ck_assert_uint_eq(s.next(f), UINT64_MAX);
        ck_assert_uint_eq(s.n_lost(f), 0);

        uint64_t time = NSEC_PER_SEC;
        while (s.next(f) == UINT64_MAX) { /* until the pipe has room for half a line */
                time += NDJSON_FILE_DELAY_NSEC;
                for (unsigned k = 0; k < 100; k++) /* more than a pipe takes whole or not at all */
                        s.write(f, &e, time);
                s.flush(f, time);
        }
        ck_assert_uint_eq(s.next(f), time + NDJSON_FILE_DELAY_NSEC);
        s.flush(f, time + NDJSON_FILE_DELAY_NSEC); /* still full */
        ck_assert_uint_eq(s.next(f), time + 2 * NDJSON_FILE_DELAY_NSEC);
        while (read(fds[0], buf, sizeof(buf)) > 0)
                ;
        s.flush(f, time + 2 * NDJSON_FILE_DELAY_NSEC);
        ck_assert_uint_eq(s.next(f), UINT64_MAX);
        ndjson_file_free(f);
        (void) close(fds[0]);
        (void) close(fds[1]);
}
END_TEST

/* More of them than the buffer has room for, so that it is written in between. */
START_TEST(formats) {
        NdjsonFile *f = NULL;
        size_t size, lines = 0;

        make_dir();
        ck_assert_int_eq(ndjson_file_open_mode(path, 0600, &f), 0);
        ndjson_file_set_format(f, EVENT_FORMAT_OCSF, "runner-1");
        write_events(f, 1, 500);
        ck_assert_uint_gt(ndjson_file_n_written(f), 0);
        ndjson_file_set_format(f, EVENT_FORMAT_ECS, "runner-1");
        write_events(f, 501, 1);
        ndjson_file_flush(f);
        ck_assert_uint_eq(ndjson_file_n_written(f), 501);
        ck_assert_uint_eq(ndjson_file_n_lost(f), 0);
        ndjson_file_free(f);

        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        _cleanup_free_ char *text = read_fd(fd, &size);
        for (char *end, *line = text; (end = strchr(line, '\n')); line = end + 1, lines++) {
                *end = '\0';
                json_object *o = json_tokener_parse(line);
                ck_assert_msg(json_object_object_get_ex(o, lines < 500 ? "class_uid" : "@timestamp", NULL), "%s", line);
                json_object_put(o);
        }
        ck_assert_uint_eq(lines, 501);
        remove_dir();
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("ndjson-file");
        TCase *t = tcase_create("ndjson-file");

        tcase_add_test(t, test_create_and_append);
        tcase_add_test(t, test_mode);
        tcase_add_loop_test(t, test_reopen, 0, 2);
        tcase_add_test(t, test_reopen_failure);
        tcase_add_test(t, test_taken_fd);
        tcase_add_test(t, test_refused_files);
        tcase_add_test(t, formats);
        tcase_add_test(t, test_unfinished_file);
        tcase_add_loop_test(t, test_size_limit, 0, 2);
        tcase_add_test(t, test_torn);
        tcase_add_test(t, test_pipe);
        tcase_add_test(t, test_pipe_closed);
        tcase_add_test(t, test_disk_full);
        tcase_add_test(t, test_rotation);
        tcase_add_test(t, test_rotation_without_old_files);
        tcase_add_test(t, test_rotation_by_two);
        tcase_add_test(t, test_rotation_impossible);
        tcase_add_test(t, a_sink_says_when_it_is_due);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
