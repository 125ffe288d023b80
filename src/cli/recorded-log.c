/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/recorded-log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "basic/macro.h"

#define BUFFER_SIZE (4 * RECORDED_LINE_MAX)

typedef struct Reader {
        recorded_line_fn fn;
        void *userdata;
        size_t n;      /* bytes of a line whose end is still to be read */
        bool skipping; /* the rest of a line that is too long */
        char buf[BUFFER_SIZE];
} Reader;

static int take_line(Reader *reader, const char *line, size_t length) {
        RecordedEvent e;

        int r = length > RECORDED_LINE_MAX ? RECORDED_LINE_LONG : recorded_event_read(line, length, &e);
        return r < 0 ? r : reader->fn((RecordedLine) r, &e, reader->userdata);
}

/* Takes the complete lines, and keeps what follows. */
static int take_lines(Reader *reader) {
        char *line = reader->buf, *end = reader->buf + reader->n, *feed;

        while ((feed = memchr(line, '\n', (size_t) (end - line)))) {
                if (!reader->skipping) {
                        int r = take_line(reader, line, (size_t) (feed - line));
                        if (r < 0)
                                return r;
                }
                reader->skipping = false;
                line = feed + 1;
        }
        reader->n = (size_t) (end - line);
        if (reader->n > RECORDED_LINE_MAX) {
                int r = reader->skipping ? 0 : take_line(reader, line, reader->n);
                if (r < 0)
                        return r;
                reader->skipping = true;
        }
        if (reader->skipping)
                reader->n = 0;
        memmove(reader->buf, line, reader->n);
        return 0;
}

static int read_all(int fd, Reader *reader) {
        for (;;) {
                ssize_t n = read(fd, reader->buf + reader->n, sizeof(reader->buf) - reader->n);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                reader->n += (size_t) n;
                int r = take_lines(reader);
                if (r < 0)
                        return r;
        }
        return reader->n > 0 ? take_line(reader, reader->buf, reader->n) : 0;
}

/* ------------------------------------------------------------------ compressed logs */

typedef enum Compression {
        COMPRESSION_NONE,
        COMPRESSION_GZIP,
        COMPRESSION_OTHER,
} Compression;

/* Of a file that can be read at any place; NONE for others. */
static Compression get_compression(int fd) {
        static const struct {
                const char *magic;
                size_t n;
                Compression compression;
        } formats[] = {
                { "\x1f\x8b", 2, COMPRESSION_GZIP },
                { "\x28\xb5\x2f\xfd", 4, COMPRESSION_OTHER }, /* zstd */
                { "\xfd" "7zXZ", 5, COMPRESSION_OTHER },
                { "BZh", 3, COMPRESSION_OTHER },
        };
        char start[8];

        ssize_t n = pread(fd, start, sizeof(start), 0);
        for (size_t i = 0; i < ELEMENTSOF(formats); i++)
                if (n >= (ssize_t) formats[i].n && memcmp(start, formats[i].magic, formats[i].n) == 0)
                        return formats[i].compression;
        return COMPRESSION_NONE;
}

/* gzip(1) reads fd. Its messages are not shown: there is one of ours. */
static int spawn_gzip(int fd, int *ret_fd, pid_t *ret_pid) {
        static const char *const argv[] = { "gzip", "-dc", NULL };
        _cleanup_close_ int in = -EBADF, out = -EBADF;
        posix_spawn_file_actions_t actions;
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        in = ends[0];
        out = ends[1];
        int r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;
        r = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        if (r == 0)
                r = posix_spawnp(ret_pid, argv[0], &actions, NULL, (char *const *) argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        if (r != 0)
                return r == ENOENT ? -ENOPKG : -r;
        *ret_fd = TAKE_FD(in);
        return 0;
}

static int read_gzip(int fd, Reader *reader) {
        _cleanup_close_ int pipe_fd = -EBADF;
        int status = 0;
        pid_t pid;

        int r = spawn_gzip(fd, &pipe_fd, &pid);
        if (r < 0)
                return r;
        r = read_all(pipe_fd, reader);
        if (r < 0)
                (void) kill(pid, SIGTERM);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        return r < 0 ? r : WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EBADMSG;
}

/* ------------------------------------------------------------------ */

static int read_log(int fd, Reader *reader) {
        switch (get_compression(fd)) {
        case COMPRESSION_GZIP:
                return read_gzip(fd, reader);
        case COMPRESSION_OTHER:
                return -EPROTONOSUPPORT;
        default:
                (void) posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
                return read_all(fd, reader);
        }
}

const char *recorded_log_error(int error) {
        switch (error) {
        case -EBADMSG:
                return "the compressed file is damaged or not complete";
        case -ENOPKG:
                return "it is compressed, and gzip(1) is not installed";
        case -EPROTONOSUPPORT:
                return "it is compressed, but not by gzip(1); decompress it, and give \"-\" for standard input";
        default:
                return strerrordesc_np(-error) ?: "unknown error";
        }
}

int recorded_log_read(const char *path, recorded_line_fn fn, void *userdata) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ Reader *reader = malloc(sizeof(*reader));

        assert(path);
        assert(fn);

        if (!reader)
                return -ENOMEM;
        reader->fn = fn;
        reader->userdata = userdata;
        reader->n = 0;
        reader->skipping = false;
        if (strcmp(path, "-") == 0)
                return read_log(STDIN_FILENO, reader);
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -errno;
        return read_log(fd, reader);
}
