/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/recorded-log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

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
                return read_all(STDIN_FILENO, reader);
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -errno;
        (void) posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
        return read_all(fd, reader);
}
