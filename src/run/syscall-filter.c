/* SPDX-License-Identifier: Apache-2.0 */
#include "run/syscall-filter.h"

#include <assert.h>
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "basic/macro.h"

/* Ascending. The hooks judge IP sockets, and the kernel itself refuses packet sockets without CAP_NET_RAW. */
static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_ALG };

/* ENOSYS: container runtimes and libraries then continue without keyrings and io_uring, but not with EPERM. */
static const int calls[] = {
        SCMP_SYS(add_key),        SCMP_SYS(request_key),    SCMP_SYS(keyctl),
        SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
};

static const unsigned terminal_requests[] = { TIOCSTI, TIOCLINUX };

/* The other entries of the kernel. X86 is separate, because of socketcall. */
static const uint32_t other_entries[] = {
#if defined(__x86_64__) && !defined(__ILP32__)
        SCMP_ARCH_X32,
#elif defined(__aarch64__)
        SCMP_ARCH_ARM,
#endif
        SCMP_ARCH_NATIVE,
};

static int refuse(scmp_filter_ctx filter, int call, int error, struct scmp_arg_cmp argument) {
        return seccomp_rule_add_array(filter, SCMP_ACT_ERRNO((unsigned) error), call, 1, &argument);
}

/* On x86, libseccomp also refuses the call by way of socketcall(2), for every family. */
static int refuse_families(scmp_filter_ctx filter, int call) {
        int last = families[ELEMENTSOF(families) - 1], r = 0;
        size_t n = 0;

        for (int family = 0; family <= last && r >= 0; family++) {
                if (family == families[n])
                        n++;
                else
                        r = refuse(filter, call, EAFNOSUPPORT,
                                   (struct scmp_arg_cmp) { .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t) family });
        }
        if (r < 0)
                return r;
        /* Also a value with upper bits set, which the kernel ignores. */
        return refuse(filter, call, EAFNOSUPPORT,
                      (struct scmp_arg_cmp) { .op = SCMP_CMP_GT, .datum_a = (scmp_datum_t) last });
}

static int add_rules(scmp_filter_ctx filter, bool with_families) {
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(calls) && r >= 0; i++)
                r = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(ENOSYS), calls[i], 0, NULL);
        for (size_t i = 0; i < ELEMENTSOF(terminal_requests) && r >= 0; i++)
                r = refuse(filter, SCMP_SYS(ioctl), EPERM,
                           (struct scmp_arg_cmp) { .arg = 1, .op = SCMP_CMP_MASKED_EQ,
                                                   .datum_a = UINT32_MAX, /* the kernel ignores the upper bits */
                                                   .datum_b = terminal_requests[i] });
        if (r >= 0 && with_families)
                r = refuse_families(filter, SCMP_SYS(socket));
        if (r >= 0 && with_families)
                r = refuse_families(filter, SCMP_SYS(socketpair));
        return r;
}

static int filter_new(const uint32_t *entries, size_t n, bool with_families, scmp_filter_ctx *ret) {
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
        int r;

        if (!filter)
                return -ENOMEM;
        r = seccomp_arch_remove(filter, SCMP_ARCH_NATIVE);
        for (size_t i = 0; i < n && r >= 0; i++)
                r = seccomp_arch_add(filter, entries[i]);
        if (r >= 0) /* entries that are not in the list */
                r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
        if (r >= 0) /* set-uid programs keep working */
                r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
        /* Before Linux 5.16, a filter slows its process down by default, for the sake of code that is confined inside
         * one process. Not all kernels have the flag. */
        (void) seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
        if (r >= 0)
                r = add_rules(filter, with_families);
        if (r < 0) {
                seccomp_release(filter);
                return r;
        }
        *ret = filter;
        return 0;
}

#if defined(__x86_64__)
static int add_x86(scmp_filter_ctx filter, bool socketcall) {
        static const uint32_t entry = SCMP_ARCH_X86;
        scmp_filter_ctx x86;
        int r;

        r = filter_new(&entry, 1, !socketcall, &x86);
        if (r < 0)
                return r;
        r = seccomp_merge(filter, x86); /* takes it */
        if (r < 0)
                seccomp_release(x86);
        return r;
}
#else
static int add_x86(_unused_ scmp_filter_ctx filter, _unused_ bool socketcall) {
        return 0;
}
#endif

int syscall_filter_new(bool socketcall, scmp_filter_ctx *ret) {
        scmp_filter_ctx filter;
        int r;

        assert(ret);

        r = filter_new(other_entries, ELEMENTSOF(other_entries), true, &filter);
        if (r < 0)
                return r;
        r = add_x86(filter, socketcall);
        if (r < 0) {
                seccomp_release(filter);
                return r;
        }
        *ret = filter;
        return 0;
}

int syscall_filter_load(bool socketcall) {
        scmp_filter_ctx filter;
        int r;

        r = syscall_filter_new(socketcall, &filter);
        if (r < 0)
                return r;
        r = seccomp_load(filter);
        seccomp_release(filter);
        return r < 0 ? r : 0;
}
