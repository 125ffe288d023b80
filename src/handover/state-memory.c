/* SPDX-License-Identifier: Apache-2.0 */
#include "handover/state-memory.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Since Linux 6.3; missing in older headers. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

#define SEALS_SIZE (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW)

/* Newer kernels warn about, or with vm.memfd_noexec=2 refuse, a memfd that may be executed; older ones reject the
 * flag that says it is not. */
static int memfd_new(const char *name) {
        int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

        if (fd < 0 && errno == EINVAL)
                fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        return fd < 0 ? -errno : fd;
}

/* Checks that fd has all of these seals, and returns its size. -EBADMSG if it is not a memfd. */
static int get_seals(int fd, int *ret_seals, size_t *ret_size) {
        struct stat st;

        int seals = fcntl(fd, F_GET_SEALS);
        if (seals < 0)
                return errno == EINVAL ? -EBADMSG : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_size < 0)
                return -EBADMSG;
        *ret_seals = seals;
        *ret_size = (size_t) st.st_size;
        return 0;
}

static int map(int fd, StateMemory *ret) {
        void *region = mmap(NULL, STATE_MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

        if (region == MAP_FAILED)
                return -errno;
        *ret = (StateMemory) { .fd = fd, .region = region };
        return 0;
}

int state_memory_new(StateMemory *ret) {
        assert(ret);

        _cleanup_close_ int fd = memfd_new("cargowall-state");
        if (fd < 0)
                return fd;
        if (ftruncate(fd, STATE_MEMORY_SIZE) < 0 || fcntl(fd, F_ADD_SEALS, SEALS_SIZE) < 0)
                return -errno;

        int r = map(fd, ret);
        if (r < 0)
                return r;
        (void) TAKE_FD(fd);
        return 0;
}

int state_memory_open(int fd, StateMemory *ret) {
        size_t size = 0;
        int seals = 0;

        assert(fd >= 0);
        assert(ret);

        int r = get_seals(fd, &seals, &size);
        if (r < 0)
                return r;
        if ((seals & SEALS_SIZE) != SEALS_SIZE || seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE) ||
            size != STATE_MEMORY_SIZE)
                return -EBADMSG;
        return map(fd, ret);
}

void state_memory_done(StateMemory *m) {
        assert(m);

        if (m->region)
                (void) munmap(m->region, STATE_MEMORY_SIZE);
        if (m->fd >= 0)
                (void) close(m->fd);
        *m = STATE_MEMORY_NONE;
}

int state_memory_reserve(size_t offset, size_t size, void *userdata) {
        const StateMemory *m = userdata;

        assert(m && m->fd >= 0);

        while (fallocate(m->fd, 0, (off_t) offset, (off_t) size) < 0)
                if (errno != EINTR)
                        return -errno;
        return 0;
}

void state_memory_release(size_t offset, size_t size, void *userdata) {
        const StateMemory *m = userdata;
        size_t page = (size_t) sysconf(_SC_PAGESIZE);

        assert(m && m->fd >= 0);

        size_t start = (offset + page - 1) / page * page, end = (offset + size) / page * page;
        if (start < end)
                (void) fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t) start,
                                 (off_t) (end - start));
}

int memfd_seal_copy(const char *name, const char *text, size_t size) {
        assert(name);
        assert(text || size == 0);

        _cleanup_close_ int fd = memfd_new(name);
        if (fd < 0)
                return fd;

        for (size_t done = 0; done < size;) {
                ssize_t n = write(fd, text + done, size - done);
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        done += (size_t) n;
        }
        if (fcntl(fd, F_ADD_SEALS, SEALS_SIZE | F_SEAL_WRITE) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int memfd_read_sealed(int fd, size_t max, char **ret, size_t *ret_size) {
        const int wanted = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
        size_t size = 0, done = 0;
        int seals = 0;

        assert(fd >= 0);
        assert(ret);
        assert(ret_size);

        int r = get_seals(fd, &seals, &size);
        if (r < 0)
                return r;
        if ((seals & wanted) != wanted)
                return -EBADMSG;
        if (size > max)
                return -EFBIG;

        _cleanup_free_ char *text = malloc(size + 1);
        if (!text)
                return -ENOMEM;
        while (done < size) {
                ssize_t n = pread(fd, text + done, size - done, (off_t) done);
                if (n == 0)
                        return -EBADMSG;
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        done += (size_t) n;
        }
        if (memchr(text, '\0', size))
                return -EBADMSG;

        text[size] = '\0';
        *ret = TAKE_PTR(text);
        *ret_size = size;
        return 0;
}
