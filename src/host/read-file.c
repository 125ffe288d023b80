/* SPDX-License-Identifier: Apache-2.0 */
#include "host/read-file.h"

#include <assert.h>
#include <fcntl.h>

#include "basic/macro.h"

int read_file_at(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_size) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *buf = NULL;
        size_t size = 0, room = 0;

        assert(path && ret);

        /* O_NONBLOCK: a FIFO in the file's place must not block us. */
        fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return -errno;

        for (;;) {
                ssize_t n;

                if (room - size < 2) {
                        char *bigger;

                        room = MIN(MAX(2 * room, 4096U), max + 2);
                        bigger = realloc(buf, room);
                        if (!bigger)
                                return -ENOMEM;
                        buf = bigger;
                }
                n = read(fd, buf + size, room - size - 1);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                size += (size_t) n;
                if (size > max)
                        return -EFBIG;
        }

        buf[size] = '\0';
        *ret = TAKE_PTR(buf);
        if (ret_size)
                *ret_size = size;
        return 0;
}
