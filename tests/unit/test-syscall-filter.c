/* SPDX-License-Identifier: Apache-2.0 */
#include "run/syscall-filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/net.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
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

/* Returns the listener. */
static int load(SyscallFilterOptions o) {
        int fd = 0;

        CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        CHECK(syscall_filter_load(&o, &fd) == 0);
        return fd;
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

        CHECK(load((SyscallFilterOptions) { .enforce = true }) == -EBADF);
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

        load((SyscallFilterOptions) { .enforce = true });
        for (size_t i = 0; i < ELEMENTSOF(calls); i++)
                CHECK(error_of(syscall(calls[i], NO_ADDRESS, NO_ADDRESS, 0L, 0L, 0L, 0L)) == ENOSYS);

        fd = open("/dev/null", O_RDWR | O_CLOEXEC); /* the kernel answers ENOTTY */
        CHECK(fd >= 0);
        CHECK(error_of(syscall(SYS_ioctl, fd, (long) TIOCSTI, "x")) == EPERM);
        CHECK(error_of(syscall(SYS_ioctl, fd, (long) TIOCSTI | UPPER_BIT, "x")) == EPERM);
        CHECK(error_of(syscall(SYS_ioctl, fd, (long) TIOCLINUX, "x")) == EPERM);
        CHECK(error_of(syscall(SYS_ioctl, fd, (long) TIOCSTI - 1, "x")) == ENOTTY);
}

/* Families are then let through, as the job does in audit mode. */
static void check_audit(void) {
        load((SyscallFilterOptions) {});
        CHECK(socket_error(AF_VSOCK) != 0 && errno == EINVAL);
        CHECK(error_of(syscall(SYS_keyctl, NO_ADDRESS, NO_ADDRESS, 0L, 0L, 0L)) == ENOSYS);
}

/* ------------------------------------------------------------------ the listener */

static int make_listener(unsigned flags) {
        struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
        const struct sock_fprog program = { .len = ELEMENTSOF(code), .filter = code };

        return error_of(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, (long) flags, &program));
}

/* Without a listener there is nobody to ask, and the kernel refuses what would be asked. */
static void check_listener(void) {
        int fd = load((SyscallFilterOptions) { .enforce = true, .listener = true });

        CHECK(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
        CHECK(socket(AF_INET, SOCK_STREAM, 0) >= 0);
        for (int i = 0; i < 2; i++) { /* while there is one, and then */
                CHECK(make_listener(SECCOMP_FILTER_FLAG_NEW_LISTENER) == EBUSY);
                CHECK(make_listener(SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_LOG) == EBUSY);
                (void) close(fd);
        }
        CHECK(make_listener(SECCOMP_FILTER_FLAG_LOG) == 0);
        CHECK(socket_error(AF_VSOCK) == ENOSYS);
        CHECK(socket_error(AF_RDS) == ENOSYS);
}

/* As in a container whose engine has one. */
static void check_second_listener(void) {
        const SyscallFilterOptions o = { .enforce = true, .listener = true };
        int fd = -EBADF;

        CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        CHECK(make_listener(SECCOMP_FILTER_FLAG_NEW_LISTENER) == 0);
        CHECK(syscall_filter_load(&o, &fd) < 0 && fd == -EBADF);
        CHECK(load((SyscallFilterOptions) { .enforce = true }) == -EBADF);
        CHECK(socket_error(AF_VSOCK) == EAFNOSUPPORT);
}

/* ------------------------------------------------------------------ the entry for 32-bit programs */

#if defined(__x86_64__)
static long int80(long nr, long a, long b, long c, long d, long e) {
        long result;

        __asm__ volatile("int $0x80"
                         : "=a"(result)
                         : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                         : "memory", "r8", "r9", "r10", "r11");
        return (int) result;
}

/* Some kernels do without it. */
static bool has_int80(void) {
        int status;
        pid_t pid = fork();

        if (pid == 0)
                _exit(int80(20 /* getpid */, 0, 0, 0, 0, 0) == getpid() ? 0 : 1);
        return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static void check_int80(void) {
        enum { SETSOCKOPT = 366, SOCKETCALL = 102 };
        const int group = 0x434553ef /* 239.83.69.67 */, s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        uint32_t *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
        const long at = (long) memory;

        CHECK(s >= 0 && memory != MAP_FAILED);
        memory[0] = (uint32_t) group;
        memory[1] = htonl(INADDR_LOOPBACK);
        CHECK(int80(SETSOCKOPT, s, IPPROTO_IP, IP_ADD_MEMBERSHIP, at, 8) == 0);
        CHECK(int80(SETSOCKOPT, s, IPPROTO_IP, IP_DROP_MEMBERSHIP, at, 8) == 0);
        load((SyscallFilterOptions) { .enforce = true });
        CHECK(int80(SETSOCKOPT, s, IPPROTO_IP, IP_ADD_MEMBERSHIP, at, 8) == -EPERM);
        CHECK(int80(SETSOCKOPT, s, IPPROTO_IP, IP_OPTIONS, at, 0) == -EPERM);
        for (uint32_t i = 0; i < 5; i++)
                memory[16 + i] = (uint32_t[]) { (uint32_t) s, IPPROTO_IP, IP_ADD_MEMBERSHIP, (uint32_t) at, 8 }[i];
        CHECK(int80(SOCKETCALL, SYS_SETSOCKOPT, at + 64, 0, 0, 0) == -EPERM);
        memory[0] = 7;
        CHECK(int80(SETSOCKOPT, s, IPPROTO_IP, IP_TTL, at, 4) == 0);
        CHECK(setsockopt(s, IPPROTO_IP, IP_TTL, memory, 4) == 0);
        CHECK(int80(359 /* socket */, AF_VSOCK, 0x7f, 0, 0, 0) == -EAFNOSUPPORT);
}
#endif

/* ------------------------------------------------------------------ entries that this kernel may not have */

#define INSTRUCTIONS_MAX 4096
#define X32 0x40000000 /* __X32_SYSCALL_BIT */

typedef struct Program {
        struct sock_filter code[INSTRUCTIONS_MAX];
        size_t n;
} Program;

static void program_read(Program *p, const SyscallFilterOptions *o) {
        _cleanup_close_ int fd = memfd_create("filter", MFD_CLOEXEC);
        scmp_filter_ctx filter;
        ssize_t size;

        ck_assert_int_eq(syscall_filter_new(o, &filter), 0);
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

#define ASKED (-1)

/* The errno with which the filter refuses the call; 0: it passes; ASKED: the listener decides. */
static int verdict(const Program *p, uint32_t arch, int nr, uint64_t a, uint64_t b, uint64_t c) {
        const struct seccomp_data data = { .nr = nr, .arch = arch, .args = { a, b, c } };
        uint32_t r = program_run(p, &data);

        if (r == SECCOMP_RET_ALLOW)
                return 0;
        if ((r & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF)
                return ASKED;
        ck_assert_uint_eq(r & SECCOMP_RET_ACTION_FULL, SECCOMP_RET_ERRNO);
        return (int) (r & SECCOMP_RET_DATA);
}

typedef struct Entry {
        uint32_t arch;
        int socket, socketpair, setsockopt, ioctl, keyctl, io_uring_setup, seccomp, getpid;
        int socketcall; /* -1: there is none */
        bool foreign;   /* no hook for socket options */
} Entry;

static const Entry entries[] = {
#if defined(__x86_64__)
        { AUDIT_ARCH_X86_64, 41, 53, 54, 16, 250, 425, 317, 39, -1, false },
        { AUDIT_ARCH_X86_64, X32 + 41, X32 + 53, X32 + 541, X32 + 514, X32 + 250, X32 + 425, X32 + 317, X32 + 39, -1,
          true },
        { AUDIT_ARCH_I386, 359, 360, 366, 54, 288, 425, 354, 20, 102, true },
#elif defined(__aarch64__)
        { AUDIT_ARCH_AARCH64, 198, 199, 208, 29, 219, 425, 277, 172, -1, false },
        { AUDIT_ARCH_ARM, 281, 288, 294, 54, 311, 425, 383, 20, -1, true },
#endif
};

static void check_socketcall(const Program *p, const Entry *e, const SyscallFilterOptions *o) {
        const int families = o->socketcall ? 0 : o->listener ? ASKED : o->enforce ? EAFNOSUPPORT : 0;
        const int options = !o->socketcall && o->enforce ? EPERM : 0;

        for (uint64_t address = 0; address < 100; address++) { /* an address, which means nothing here */
                ck_assert_int_eq(verdict(p, e->arch, e->socketcall, SYS_SOCKET, address, 0), families);
                ck_assert_int_eq(verdict(p, e->arch, e->socketcall, SYS_SOCKETPAIR, address, 0), families);
                ck_assert_int_eq(verdict(p, e->arch, e->socketcall, SYS_SETSOCKOPT, address, 0), options);
                ck_assert_int_eq(verdict(p, e->arch, e->socketcall, SYS_CONNECT, address, 0), 0);
                ck_assert_int_eq(verdict(p, e->arch, e->socketcall, SYS_SENDMSG, address, 0), 0);
        }
}

/* bpf/option.bpf.h */
static bool option_is_judged(int level, int name) {
        static const int of_ip[] = { 4, 15, 19, 35, 37, 38, 39, 41 }, of_ipv6[] = { 6, 20, 27, 55, 57, 75, 78 };
        static const int of_both[] = { 42, 43, 44, 46, 48 };

        for (size_t i = 0; i < ELEMENTSOF(of_both); i++)
                if ((level == 0 || level == 41) && name == of_both[i])
                        return true;
        for (size_t i = 0; i < ELEMENTSOF(of_ip); i++)
                if (level == 0 && name == of_ip[i])
                        return true;
        for (size_t i = 0; i < ELEMENTSOF(of_ipv6); i++)
                if (level == 41 && name == of_ipv6[i])
                        return true;
        return false;
}

static void check_options(const Program *p, const Entry *e, bool refused) {
        static const int levels[] = { 0 /* SOL_IP */, 1 /* SOL_SOCKET */, 6 /* SOL_TCP */, 17, 41 /* SOL_IPV6 */, 263 };

        for (size_t i = 0; i < ELEMENTSOF(levels); i++)
                for (int name = 0; name < 100; name++) {
                        const int error = refused && option_is_judged(levels[i], name) ? EPERM : 0;

                        ck_assert_int_eq(verdict(p, e->arch, e->setsockopt, 3, (uint64_t) levels[i], (uint64_t) name),
                                         error);
                        if (e->socketcall < 0) /* has upper bits */
                                ck_assert_int_eq(verdict(p, e->arch, e->setsockopt, 3,
                                                         (uint64_t) levels[i] | UPPER_BIT, (uint64_t) name | UPPER_BIT),
                                                 error);
                }
}

static void check_entry(const Program *p, const Entry *e, const SyscallFilterOptions *o) {
        const bool any = o->socketcall && e->socketcall >= 0;
        const int refused = any ? 0 : o->listener ? ASKED : o->enforce ? EAFNOSUPPORT : 0;
        const uint64_t flag = SECCOMP_FILTER_FLAG_NEW_LISTENER;

        for (int family = 0; family < FAMILIES; family++) {
                const int error = is_passed(family) ? 0 : refused;

                ck_assert_int_eq(verdict(p, e->arch, e->socket, (uint64_t) family, 0, 0), error);
                ck_assert_int_eq(verdict(p, e->arch, e->socketpair, (uint64_t) family, 0, 0), error);
        }
        check_options(p, e, e->foreign && o->enforce && !any);
        ck_assert_int_eq(verdict(p, e->arch, e->ioctl, 0, TIOCSTI, 0), EPERM);
        ck_assert_int_eq(verdict(p, e->arch, e->ioctl, 0, TIOCLINUX, 0), EPERM);
        ck_assert_int_eq(verdict(p, e->arch, e->ioctl, 0, TIOCGWINSZ, 0), 0);
        ck_assert_int_eq(verdict(p, e->arch, e->keyctl, 0, 0, 0), ENOSYS);
        ck_assert_int_eq(verdict(p, e->arch, e->io_uring_setup, 0, 0, 0), ENOSYS);
        ck_assert_int_eq(verdict(p, e->arch, e->getpid, 0, 0, 0), 0);
        ck_assert_int_eq(verdict(p, e->arch, e->seccomp, 1, flag, 0), o->listener ? EBUSY : 0);
        ck_assert_int_eq(verdict(p, e->arch, e->seccomp, 1, flag | 1, 0), o->listener ? EBUSY : 0);
        ck_assert_int_eq(verdict(p, e->arch, e->seccomp, 1, ~flag, 0), 0);
        if (e->socketcall >= 0)
                check_socketcall(p, e, o);
}

START_TEST(every_entry_is_filtered) {
        const SyscallFilterOptions o = { .enforce = _i & 1, .listener = _i & 2, .socketcall = _i & 4 };
        static Program p;

        program_read(&p, &o);
        for (size_t i = 0; i < ELEMENTSOF(entries); i++)
                check_entry(&p, &entries[i], &o);
        ck_assert_int_eq(verdict(&p, 0x12345678, 20, 0, 0, 0), ENOSYS); /* an entry that does not exist yet */
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

START_TEST(audit_refuses_no_family) {
        in_own_process(check_audit);
}
END_TEST

#if defined(__x86_64__)
START_TEST(options_of_32_bit_programs) {
        if (has_int80())
                in_own_process(check_int80);
        else
                printf("# no 32-bit programs here: only the filter's code is tested\n");
}
END_TEST
#endif

START_TEST(only_one_listener) {
        in_own_process(check_listener);
}
END_TEST

START_TEST(listener_of_somebody_else) {
        in_own_process(check_second_listener);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("syscall-filter");
        TCase *t = tcase_create("syscall-filter");

        tcase_add_test(t, other_families_are_refused);
        tcase_add_test(t, calls_are_refused);
        tcase_add_loop_test(t, every_entry_is_filtered, 0, 8);
        tcase_add_test(t, audit_refuses_no_family);
#if defined(__x86_64__)
        tcase_add_test(t, options_of_32_bit_programs);
#endif
        tcase_add_test(t, only_one_listener);
        tcase_add_test(t, listener_of_somebody_else);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
