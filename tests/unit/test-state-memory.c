/* SPDX-License-Identifier: Apache-2.0 */
#include "handover/state-memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <check.h>

/* A memfd of this size and with these seals. */
static int memfd(size_t size, int seals) {
        int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_ge(ftruncate(fd, (off_t) size), 0);
        ck_assert_int_ge(fcntl(fd, F_ADD_SEALS, seals), 0);
        return fd;
}

static uint64_t allocated(int fd) {
        struct stat st;

        ck_assert_int_ge(fstat(fd, &st), 0);
        return (uint64_t) st.st_blocks * 512;
}

START_TEST(what_one_writes_the_next_one_reads) {
        StateMemory a = STATE_MEMORY_NONE, b = STATE_MEMORY_NONE;

        ck_assert_int_eq(state_memory_new(&a), 0);
        ck_assert_int_ne(fcntl(a.fd, F_GETFD) & FD_CLOEXEC, 0);
        memcpy((char *) a.region + STATE_MEMORY_SIZE - 6, "hello", 6);
        int fd = dup(a.fd);
        state_memory_done(&a);
        ck_assert_ptr_null(a.region);

        ck_assert_int_eq(state_memory_open(fd, &b), 0);
        ck_assert_str_eq((char *) b.region + STATE_MEMORY_SIZE - 6, "hello");
        /* Nobody can take the ground away from under the mapping. */
        ck_assert_int_lt(ftruncate(b.fd, 0), 0);
        ck_assert_int_lt(ftruncate(b.fd, STATE_MEMORY_SIZE + 1), 0);
        ck_assert_int_lt(fcntl(b.fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
        state_memory_done(&b);
}
END_TEST

START_TEST(pages_come_and_go) {
        StateMemory m = STATE_MEMORY_NONE;

        ck_assert_int_eq(state_memory_new(&m), 0);
        ck_assert_uint_eq(allocated(m.fd), 0);
        ck_assert_int_eq(state_memory_reserve(100, 1024 * 1024, &m), 0);
        ck_assert_uint_ge(allocated(m.fd), 1024 * 1024);
        memset(m.region, 0x55, 2 * 1024 * 1024);

        /* The first and the last page are not wholly in the range. */
        state_memory_release(100, 1024 * 1024, &m);
        ck_assert_int_eq(((char *) m.region)[200], 0x55);
        ck_assert_int_eq(((char *) m.region)[512 * 1024], 0);
        ck_assert_int_eq(((char *) m.region)[1024 * 1024 + 99], 0x55);
        state_memory_release(1, 2, &m);
        ck_assert_int_eq(((char *) m.region)[1], 0x55);

        /* Beyond the end, which is sealed. */
        ck_assert_int_lt(state_memory_reserve(STATE_MEMORY_SIZE, 4096, &m), 0);
        state_memory_done(&m);
}
END_TEST

START_TEST(others_are_refused) {
        const int size_seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW;
        StateMemory m = STATE_MEMORY_NONE;
        char path[64];
        int fds[8], n = 0, pipes[2];

        fds[n++] = memfd(STATE_MEMORY_SIZE, F_SEAL_SHRINK | F_SEAL_GROW);
        fds[n++] = memfd(STATE_MEMORY_SIZE, F_SEAL_SEAL | F_SEAL_GROW);
        fds[n++] = memfd(STATE_MEMORY_SIZE, F_SEAL_SEAL | F_SEAL_SHRINK);
        fds[n++] = memfd(STATE_MEMORY_SIZE, size_seals | F_SEAL_WRITE);
        fds[n++] = memfd(STATE_MEMORY_SIZE - 4096, size_seals);
        fds[n++] = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        ck_assert_int_ge(pipe2(pipes, O_CLOEXEC), 0);
        fds[n++] = pipes[0];
        fds[n++] = pipes[1];
        for (int i = 0; i < n; i++) {
                ck_assert_int_ge(fds[i], 0);
                ck_assert_int_eq(state_memory_open(fds[i], &m), -EBADMSG);
                ck_assert_int_ge(fcntl(fds[i], F_GETFD), 0); /* still the caller's */
                close(fds[i]);
        }

        /* Ours, but opened for reading only. */
        int fd = memfd(STATE_MEMORY_SIZE, size_seals);
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        int read_only = open(path, O_RDONLY | O_CLOEXEC);
        ck_assert_int_ge(read_only, 0);
        ck_assert_int_lt(state_memory_open(read_only, &m), 0);
        close(read_only);
        ck_assert_int_eq(state_memory_open(fd, &m), 0);
        state_memory_done(&m);
}
END_TEST

START_TEST(sealed_text) {
        const char text[] = "{ \"version\": 1 }";
        char *read_back = NULL;
        size_t size = 0;

        int fd = memfd_seal_copy("policy", text, sizeof(text) - 1);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_lt(pwrite(fd, "x", 1, 0), 0);
        ck_assert_int_lt(ftruncate(fd, 0), 0);
        ck_assert_int_eq(memfd_read_sealed(fd, sizeof(text) - 2, &read_back, &size), -EFBIG);
        ck_assert_int_eq(memfd_read_sealed(fd, sizeof(text) - 1, &read_back, &size), 0);
        ck_assert_uint_eq(size, sizeof(text) - 1);
        ck_assert_str_eq(read_back, text);
        free(read_back);
        close(fd);

        fd = memfd_seal_copy("policy", "", 0);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(memfd_read_sealed(fd, 0, &read_back, &size), 0);
        ck_assert_str_eq(read_back, "");
        free(read_back);
        close(fd);
}
END_TEST

START_TEST(text_that_may_change_is_refused) {
        char *text = NULL;
        size_t size = 0;

        int fd = memfd(10, F_SEAL_SHRINK | F_SEAL_GROW);
        ck_assert_int_eq(memfd_read_sealed(fd, 100, &text, &size), -EBADMSG);
        close(fd);
        fd = memfd(10, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE); /* NULs */
        ck_assert_int_eq(memfd_read_sealed(fd, 100, &text, &size), -EBADMSG);
        close(fd);
        fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        ck_assert_int_eq(memfd_read_sealed(fd, 100, &text, &size), -EBADMSG);
        close(fd);
        ck_assert_ptr_null(text);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("state-memory");
        TCase *t = tcase_create("state-memory");

        tcase_add_test(t, what_one_writes_the_next_one_reads);
        tcase_add_test(t, pages_come_and_go);
        tcase_add_test(t, others_are_refused);
        tcase_add_test(t, sealed_text);
        tcase_add_test(t, text_that_may_change_is_refused);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
