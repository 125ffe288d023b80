/* SPDX-License-Identifier: Apache-2.0 */
#include "run/syscall-filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/net.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "basic/macro.h"
#include "own-process.h"

#define FAMILIES 300            /* the last one that Linux has is below 50 */
#define UPPER_BIT (1L << 32)    /* of a value that the kernel takes for 32 bits */
#define NO_ADDRESS 0L           /* a call that is not refused fails, and creates nothing */

static const int passed[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_ALG };

static void load(bool socketcall) {
        CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        CHECK(syscall_filter_load(socketcall) == 0);
}

static int error_of(long result) {
        return result < 0 ? errno : 0;
}

static bool is_passed(int family) {
        for (size_t i = 0; i < ELEMENTSOF(passed); i++)
                if (passed[i] == family)
                        return true;
        return false;
}

/* A type that does not exist, so that a call that is not refused shows it and loads no module. */
static int socket_error(long family) {
        return error_of(syscall(SYS_socket, family, 0x7fL, 0L));
}

static void check_families(void) {
        int pair[2];

        load(false);
        for (int family = 0; family < FAMILIES; family++) {
                if (!is_passed(family)) {
                        CHECK(socket_error(family) == EAFNOSUPPORT);
                        CHECK(error_of(syscall(SYS_socketpair, (long) family, 0x7fL, 0L, pair)) == EAFNOSUPPORT);
                        CHECK(socket_error(family | UPPER_BIT) == EAFNOSUPPORT);
                } else
                        CHECK(socket_error(family) == EINVAL);
        }
        CHECK(socket_error(-1L) == EAFNOSUPPORT);
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
        CHECK(socket(AF_INET, SOCK_STREAM, 0) >= 0);
}

static void check_calls(void) {
        static const int calls[] = { SYS_add_key,        SYS_request_key,    SYS_keyctl,
                                     SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register };
        int fd;

        load(false);
        for (size_t i = 0; i < ELEMENTSOF(calls); i++)
                CHECK(error_of(syscall(calls[i], NO_ADDRESS, NO_ADDRESS, 0L, 0L, 0L, 0L)) == ENOSYS);

        fd = open("/dev/null", O_RDWR | O_CLOEXEC); /* the kernel answers ENOTTY */
        CHECK(fd >= 0);
        CHECK(error_of(syscall(SYS_ioctl, fd, (long) TIOCSTI, "x")) == EPERM);
        CHECK(error_of(syscall(SYS_ioctl, fd, (long) TIOCSTI | UPPER_BIT, "x")) == EPERM);
        CHECK(error_of(syscall(SYS_ioctl, fd, (long) TIOCLINUX, "x")) == EPERM);
        CHECK(error_of(syscall(SYS_ioctl, fd, (long) TIOCSTI - 1, "x")) == ENOTTY);
}

/* ------------------------------------------------------------------ entries that this kernel may not have */

#define INSTRUCTIONS_MAX 4096
#define X32 0x40000000 /* __X32_SYSCALL_BIT */

typedef struct Program {
        struct sock_filter code[INSTRUCTIONS_MAX];
        size_t n;
} Program;

static void program_read(Program *p, bool socketcall) {
        _cleanup_close_ int fd = memfd_create("filter", MFD_CLOEXEC);
        scmp_filter_ctx filter;
        ssize_t size;

        ck_assert_int_eq(syscall_filter_new(socketcall, &filter), 0);
        ck_assert_int_eq(seccomp_export_bpf(filter, fd), 0);
        seccomp_release(filter);
        size = pread(fd, p->code, sizeof(p->code), 0);
        ck_assert_int_gt(size, 0);
        ck_assert_uint_lt((size_t) size, sizeof(p->code));
        p->n = (size_t) size / sizeof(p->code[0]);
}

/* The few instructions that libseccomp uses. Returns the filter's verdict. */
static uint32_t program_run(const Program *p, const struct seccomp_data *data) {
        uint32_t a = 0;

        for (size_t pc = 0; pc < p->n; pc++) {
                const struct sock_filter *i = &p->code[pc];

                switch (i->code) {
                case BPF_LD | BPF_W | BPF_ABS:
                        memcpy(&a, (const char *) data + i->k, sizeof(a));
                        break;
                case BPF_ALU | BPF_AND | BPF_K:
                        a &= i->k;
                        break;
                case BPF_JMP | BPF_JA:
                        pc += i->k;
                        break;
                case BPF_JMP | BPF_JEQ | BPF_K:
                        pc += a == i->k ? i->jt : i->jf;
                        break;
                case BPF_JMP | BPF_JGT | BPF_K:
                        pc += a > i->k ? i->jt : i->jf;
                        break;
                case BPF_JMP | BPF_JGE | BPF_K:
                        pc += a >= i->k ? i->jt : i->jf;
                        break;
                case BPF_RET | BPF_K:
                        return i->k;
                default:
                        ck_abort_msg("instruction %#x", i->code);
                }
        }
        ck_abort_msg("no verdict");
        return 0;
}

/* The errno with which the filter refuses the call, 0 if it passes. */
static int verdict(const Program *p, uint32_t arch, int nr, uint64_t first, uint64_t second) {
        const struct seccomp_data data = { .nr = nr, .arch = arch, .args = { first, second } };
        uint32_t r = program_run(p, &data);

        if (r == SECCOMP_RET_ALLOW)
                return 0;
        ck_assert_uint_eq(r & SECCOMP_RET_ACTION_FULL, SECCOMP_RET_ERRNO);
        return (int) (r & SECCOMP_RET_DATA);
}

typedef struct Entry {
        uint32_t arch;
        int socket, socketpair, ioctl, keyctl, io_uring_setup, getpid;
        int socketcall; /* -1: there is none */
} Entry;

static const Entry entries[] = {
#if defined(__x86_64__)
        { AUDIT_ARCH_X86_64, 41, 53, 16, 250, 425, 39, -1 },
        { AUDIT_ARCH_X86_64, X32 + 41, X32 + 53, X32 + 514, X32 + 250, X32 + 425, X32 + 39, -1 },
        { AUDIT_ARCH_I386, 359, 360, 54, 288, 425, 20, 102 },
#elif defined(__aarch64__)
        { AUDIT_ARCH_AARCH64, 198, 199, 29, 219, 425, 172, -1 },
        { AUDIT_ARCH_ARM, 281, 288, 54, 311, 425, 20, -1 },
#endif
};

static void check_socketcall(const Program *p, const Entry *e, bool permitted) {
        ck_assert_int_eq(verdict(p, e->arch, e->socketcall, SYS_SOCKET, 0), permitted ? 0 : EAFNOSUPPORT);
        ck_assert_int_eq(verdict(p, e->arch, e->socketcall, SYS_SOCKETPAIR, 0), permitted ? 0 : EAFNOSUPPORT);
        ck_assert_int_eq(verdict(p, e->arch, e->socketcall, SYS_CONNECT, 0), 0);
        ck_assert_int_eq(verdict(p, e->arch, e->socketcall, SYS_SENDMSG, 0), 0);
}

static void check_entry(const Program *p, const Entry *e, bool permitted) {
        const bool any = permitted && e->socketcall >= 0;

        for (int family = 0; family < FAMILIES; family++) {
                const int error = any || is_passed(family) ? 0 : EAFNOSUPPORT;

                ck_assert_int_eq(verdict(p, e->arch, e->socket, (uint64_t) family, 0), error);
                ck_assert_int_eq(verdict(p, e->arch, e->socketpair, (uint64_t) family, 0), error);
        }
        ck_assert_int_eq(verdict(p, e->arch, e->ioctl, 0, TIOCSTI), EPERM);
        ck_assert_int_eq(verdict(p, e->arch, e->ioctl, 0, TIOCLINUX), EPERM);
        ck_assert_int_eq(verdict(p, e->arch, e->ioctl, 0, TIOCGWINSZ), 0);
        ck_assert_int_eq(verdict(p, e->arch, e->keyctl, 0, 0), ENOSYS);
        ck_assert_int_eq(verdict(p, e->arch, e->io_uring_setup, 0, 0), ENOSYS);
        ck_assert_int_eq(verdict(p, e->arch, e->getpid, 0, 0), 0);
        if (e->socketcall >= 0)
                check_socketcall(p, e, permitted);
}

START_TEST(every_entry_is_filtered) {
        static Program p;

        program_read(&p, _i == 1);
        for (size_t i = 0; i < ELEMENTSOF(entries); i++)
                check_entry(&p, &entries[i], _i == 1);
        ck_assert_int_eq(verdict(&p, 0x12345678, 20, 0, 0), ENOSYS); /* an entry that does not exist yet */
}
END_TEST

/* ------------------------------------------------------------------ */

START_TEST(other_families_are_refused) {
        in_own_process(check_families);
}
END_TEST

START_TEST(calls_are_refused) {
        in_own_process(check_calls);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("syscall-filter");
        TCase *t = tcase_create("syscall-filter");

        tcase_add_test(t, other_families_are_refused);
        tcase_add_test(t, calls_are_refused);
        tcase_add_loop_test(t, every_entry_is_filtered, 0, 2);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
