/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/ndjson-file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/macro.h"
#include "event/event-json.h"
#include "host/guarded-open.h"
#include "sink/file-rotation.h"

#define BUFFER_SIZE (64U * 1024)
#define MODE_CREATED 0600 /* until the final mode is set */

/* How a file is opened, and reopened. */
typedef struct Target {
        const char *path;
        mode_t mode;
} Target;

struct NdjsonFile {
        int fd;
        Target target; /* owns its path; NULL path: not opened here */
        bool owned;    /* the fd is owned */
        bool regular;
        bool torn; /* the file ends in part of a line, which must be ended before the next one */
        int last_error;
        uint64_t n_written, n_lost, n_reopen_failures;
        size_t n_buffered; /* lines */
        size_t remainder;  /* bytes at the start of the buffer that complete a line partly written to a pipe */
        uint64_t max_size; /* bytes; 0: no limit */
        unsigned keep;
        bool stuck;        /* full, and cannot be rotated */
        EventFormat format;
        const char *host;  /* borrowed */
        uint64_t due_nsec; /* as a sink, with length > 0: when to write the buffer */
        size_t length;
        char buffer[BUFFER_SIZE];
};

static int file_new(int fd, bool torn, NdjsonFile **ret) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;

        NdjsonFile *f = malloc(sizeof(*f));
        if (!f)
                return -ENOMEM;

        f->fd = fd;
        f->target = (Target) {};
        f->owned = false;
        f->regular = S_ISREG(st.st_mode);
        f->torn = torn;
        f->last_error = 0;
        f->n_written = f->n_lost = f->n_reopen_failures = 0;
        f->n_buffered = f->remainder = f->length = 0;
        f->due_nsec = 0;
        f->max_size = 0;
        f->keep = 0;
        f->stuck = false;
        f->format = EVENT_FORMAT_NDJSON;
        f->host = NULL;
        *ret = f;
        return 0;
}

static int ends_in_line(int fd, bool *ret) {
        struct stat st;
        char last = '\n';

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        if (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) < 0)
                return -errno;

        *ret = last == '\n';
        return 0;
}

static int open_target(const Target *t, int *ret_fd, bool *ret_torn) {
        bool created = false, whole = true;
        _cleanup_close_ int fd = guarded_open_append(t->path, MODE_CREATED, (uid_t) -1, &created);
        if (fd < 0)
                return fd;

        int r = ends_in_line(fd, &whole);
        if (r < 0)
                return r;
        if (created && fchmod(fd, t->mode) < 0)
                return -errno;

        *ret_fd = TAKE_FD(fd);
        *ret_torn = !whole;
        return 0;
}

static int file_open(const Target *t, NdjsonFile **ret) {
        _cleanup_close_ int fd = -EBADF;
        bool torn;

        int r = open_target(t, &fd, &torn);
        if (r < 0)
                return r;

        _cleanup_free_ char *path = strdup(t->path);
        if (!path)
                return -ENOMEM;
        r = file_new(fd, torn, ret);
        if (r < 0)
                return r;
        (*ret)->target = *t;
        (*ret)->target.path = TAKE_PTR(path);
        (*ret)->owned = true;
        (void) TAKE_FD(fd);
        return 0;
}

int ndjson_file_take_fd(int fd, NdjsonFile **ret) {
        bool whole = true;

        assert(fd >= 0);
        assert(ret);

        int r = ends_in_line(fd, &whole);
        if (r >= 0)
                r = file_new(fd, !whole, ret);
        if (r < 0) {
                (void) close(fd);
                return r;
        }
        (*ret)->owned = true;
        return 0;
}

int ndjson_file_open_mode(const char *path, mode_t mode, NdjsonFile **ret) {
        assert(path);
        assert(ret);

        return file_open(&(Target) { .path = path, .mode = mode }, ret);
}

int ndjson_file_new_fd(int fd, NdjsonFile **ret) {
        assert(fd >= 0);
        assert(ret);

        return file_new(fd, false, ret);
}

NdjsonFile *ndjson_file_free(NdjsonFile *f) {
        if (!f)
                return NULL;

        ndjson_file_flush(f);
        if (f->owned)
                (void) close(f->fd);
        free((char *) f->target.path);
        free(f);
        return NULL;
}

static size_t count_lines(const char *s, size_t n) {
        size_t lines = 0;

        for (const char *p = s; (p = memchr(p, '\n', n - (size_t) (p - s))); p++)
                lines++;
        return lines;
}

/* Sets *ret_done to the bytes written, of n. Returns 0 or the error that stopped it. */
static int write_all(int fd, const char *data, size_t n, size_t *ret_done) {
        size_t done = 0;
        int r = 0;

        while (done < n) {
                ssize_t k = write(fd, data + done, n - done);
                if (k > 0)
                        done += (size_t) k;
                else if (k == 0 || errno != EINTR) {
                        r = k == 0 ? -EIO : -errno;
                        break;
                }
        }
        *ret_done = done;
        return r;
}

/* Only if nobody else has appended since: with O_APPEND our offset is right after our own last byte. */
static bool take_back(int fd, size_t n) {
        struct stat st;
        off_t end = lseek(fd, 0, SEEK_CUR);

        return end >= (off_t) n && fstat(fd, &st) >= 0 && st.st_size == end && ftruncate(fd, end - (off_t) n) >= 0;
}

/* The lines of a failed write are lost, except those that were written whole. A partial line is removed from a file,
 * or ended before the next one; a pipe is sent the rest of it first. */
static void write_failed(NdjsonFile *f, size_t done) {
        const char *newline = memrchr(f->buffer, '\n', done);
        size_t whole = newline ? (size_t) (newline - f->buffer) + 1 : 0, half = done - whole;
        size_t n_through = count_lines(f->buffer, whole), n_kept = 0;

        f->remainder = whole == 0 && f->remainder > done ? f->remainder - done : 0;
        if (half > 0 && f->regular)
                f->torn = !take_back(f->fd, half);
        else if (half > 0 && f->remainder == 0) {
                const char *end = memchr(f->buffer + done, '\n', f->length - done);
                f->remainder = (size_t) (end - (f->buffer + done)) + 1;
        }
        if (f->remainder > 0) {
                memmove(f->buffer, f->buffer + done, f->remainder);
                n_kept = 1;
        }

        f->n_written += n_through;
        f->n_lost += f->n_buffered - n_through - n_kept;
        f->n_buffered = n_kept;
        f->length = f->remainder;
}

void ndjson_file_limit(NdjsonFile *f, uint64_t max_size, unsigned keep) {
        assert(f);
        assert(max_size > 0);
        assert(f->target.path && f->regular);

        f->max_size = max_size;
        f->keep = keep;
}

static int open_again(NdjsonFile *f) {
        bool torn;
        int fd;

        int r = open_target(&f->target, &fd, &torn);
        if (r < 0)
                return r;
        (void) close(f->fd);
        f->fd = fd;
        f->torn = torn;
        return 0;
}

static bool has_room(const NdjsonFile *f) {
        struct stat st;

        return f->max_size == 0 || fstat(f->fd, &st) < 0 || st.st_size == 0 ||
               (uint64_t) st.st_size + f->length + 1 <= f->max_size;
}

static int begin_again(NdjsonFile *f) {
        if (f->keep == 0)
                return ftruncate(f->fd, 0) < 0 ? -errno : 0;

        int r = file_rotate(f->target.path, f->fd, f->keep);
        if (r < 0 && r != -ESTALE)
                return r;
        r = open_again(f);
        return r < 0 || has_room(f) ? r : -EFBIG;
}

static int make_room(NdjsonFile *f) {
        if (has_room(f))
                return 0;

        int r = begin_again(f);
        f->n_reopen_failures += r < 0 && !f->stuck;
        f->stuck = r < 0;
        return r;
}

void ndjson_file_flush(NdjsonFile *f) {
        assert(f);

        if (f->length == 0)
                return;

        size_t done = 0;
        int r = make_room(f);
        if (r >= 0 && f->torn) {
                r = write_all(f->fd, "\n", 1, &done);
                f->torn = r < 0;
                done = 0;
        }
        if (r >= 0)
                r = write_all(f->fd, f->buffer, f->length, &done);
        if (r < 0) {
                f->last_error = r;
                write_failed(f, done);
                return;
        }

        f->n_written += f->n_buffered;
        f->n_buffered = f->remainder = f->length = 0;
}

int ndjson_file_reopen(NdjsonFile *f) {
        assert(f);

        if (!f->target.path)
                return -EBADF;

        ndjson_file_flush(f); /* earlier events belong in the old file */
        int r = open_again(f);
        if (r < 0) {
                f->last_error = r;
                f->n_reopen_failures++;
        }
        return r;
}

int ndjson_file_sync(NdjsonFile *f) {
        assert(f);

        uint64_t n_lost = ndjson_file_n_lost(f);
        ndjson_file_flush(f);
        if (ndjson_file_n_lost(f) != n_lost)
                return f->last_error;
        if (f->regular && fdatasync(f->fd) < 0) {
                f->last_error = -errno;
                return f->last_error;
        }
        return 0;
}

void ndjson_file_set_format(NdjsonFile *f, EventFormat format, const char *host) {
        assert(f);
        assert(host);

        f->format = format;
        f->host = host;
}

static void write_converted(NdjsonFile *f, const Event *e) {
        char line[EVENT_LINE_MAX], converted[EVENT_CONVERTED_MAX];

        size_t n = event_json_write(e, line);
        ssize_t length = event_format_line(line, n - 1, f->format, f->host, converted);
        if (length < 0) {
                f->n_lost++;
                f->last_error = (int) length;
                return;
        }
        if (sizeof(f->buffer) - f->length < (size_t) length)
                ndjson_file_flush(f);
        memcpy(f->buffer + f->length, converted, (size_t) length);
        f->length += (size_t) length;
        f->n_buffered++;
}

void ndjson_file_write(NdjsonFile *f, const Event *e) {
        assert(f);
        assert(e);

        if (f->format != EVENT_FORMAT_NDJSON) {
                write_converted(f, e);
                return;
        }
        if (sizeof(f->buffer) - f->length < EVENT_LINE_MAX)
                ndjson_file_flush(f);

        f->length += event_json_write(e, f->buffer + f->length);
        f->n_buffered++;
}

uint64_t ndjson_file_n_written(const NdjsonFile *f) {
        assert(f);

        return f->n_written;
}

uint64_t ndjson_file_n_lost(const NdjsonFile *f) {
        assert(f);

        return f->n_lost + (f->remainder > 0); /* a partly written line counts as lost until it is complete */
}

uint64_t ndjson_file_n_reopen_failures(const NdjsonFile *f) {
        assert(f);

        return f->n_reopen_failures;
}

int ndjson_file_last_error(const NdjsonFile *f) {
        assert(f);

        return f->last_error;
}

/* Call after each use: sets the deadline of the buffer when the first line enters it, and again if it could not be
 * written. */
static void plan(NdjsonFile *f, bool had_some, uint64_t now_nsec) {
        if (!had_some && f->length > 0)
                f->due_nsec = now_nsec + NDJSON_FILE_DELAY_NSEC;
}

static void ndjson_write(void *object, const Event *e, uint64_t now_nsec) {
        NdjsonFile *f = object;
        bool had_some = f->length > 0;

        ndjson_file_write(f, e);
        plan(f, had_some, now_nsec);
}

static void ndjson_flush(void *object, uint64_t now_nsec) {
        NdjsonFile *f = object;

        ndjson_file_flush(f);
        plan(f, false, now_nsec);
}

static uint64_t ndjson_next(const void *object) {
        const NdjsonFile *f = object;

        return f->length > 0 ? f->due_nsec : UINT64_MAX;
}

static uint64_t ndjson_n_lost(const void *object) {
        return ndjson_file_n_lost(object);
}

Sink ndjson_file_as_sink(NdjsonFile *f) {
        assert(f);

        return (Sink) {
                .name = "event file",
                .object = f,
                .write = ndjson_write,
                .flush = ndjson_flush,
                .next = ndjson_next,
                .n_lost = ndjson_n_lost,
        };
}
