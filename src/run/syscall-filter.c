/* SPDX-License-Identifier: Apache-2.0 */
#include "run/syscall-filter.h"

#include <assert.h>
#include <errno.h>
#include <linux/net.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
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

/* Not in all headers. */
#define OPTION_IPV6_2292PKTOPTIONS 6
#define OPTION_IPV6_TRANSPARENT 75
#define OPTION_IPV6_FREEBIND 78

/* Those that bpf/option.bpf.h judges: group memberships, source routing, any address as the source. For 32-bit programs
 * on a 64-bit kernel, no hook is called. */
static const struct {
        int level, name;
} options[] = {
        { IPPROTO_IP, IP_OPTIONS },
        { IPPROTO_IP, IP_FREEBIND },
        { IPPROTO_IP, IP_TRANSPARENT },
        { IPPROTO_IP, IP_ADD_MEMBERSHIP },
        { IPPROTO_IP, IP_UNBLOCK_SOURCE },
        { IPPROTO_IP, IP_BLOCK_SOURCE },
        { IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP },
        { IPPROTO_IP, IP_MSFILTER },
        { IPPROTO_IP, MCAST_JOIN_GROUP },
        { IPPROTO_IP, MCAST_BLOCK_SOURCE },
        { IPPROTO_IP, MCAST_UNBLOCK_SOURCE },
        { IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP },
        { IPPROTO_IP, MCAST_MSFILTER },
        { IPPROTO_IPV6, OPTION_IPV6_2292PKTOPTIONS },
        { IPPROTO_IPV6, IPV6_JOIN_GROUP },
        { IPPROTO_IPV6, IPV6_JOIN_ANYCAST },
        { IPPROTO_IPV6, IPV6_RTHDRDSTOPTS },
        { IPPROTO_IPV6, IPV6_RTHDR },
        { IPPROTO_IPV6, OPTION_IPV6_TRANSPARENT },
        { IPPROTO_IPV6, OPTION_IPV6_FREEBIND },
        { IPPROTO_IPV6, MCAST_JOIN_GROUP },
        { IPPROTO_IPV6, MCAST_BLOCK_SOURCE },
        { IPPROTO_IPV6, MCAST_UNBLOCK_SOURCE },
        { IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP },
        { IPPROTO_IPV6, MCAST_MSFILTER },
};

/* An entry of the kernel: how programs of one kind make system calls. */
typedef struct Entry {
        uint32_t arch;
        bool foreign;    /* the hook for socket options is not called */
        bool socketcall; /* has socketcall(2), whose arguments are in memory, where a filter cannot see them */
} Entry;

static const Entry entries[] = {
        { .arch = SCMP_ARCH_NATIVE },
#if defined(__x86_64__) && !defined(__ILP32__)
        { .arch = SCMP_ARCH_X32, .foreign = true },
        { .arch = SCMP_ARCH_X86, .foreign = true, .socketcall = true },
#elif defined(__aarch64__)
        { .arch = SCMP_ARCH_ARM, .foreign = true },
#endif
};

/* What the kernel takes for 32 bits: it ignores the upper bits. */
static struct scmp_arg_cmp equals(unsigned argument, unsigned value) {
        return (struct scmp_arg_cmp) { .arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = UINT32_MAX,
                                       .datum_b = value };
}

static int refuse(scmp_filter_ctx filter, int call, uint32_t action, struct scmp_arg_cmp argument) {
        return seccomp_rule_add_array(filter, action, call, 1, &argument);
}

/* On x86, libseccomp also refuses the call by way of socketcall(2), for every family. */
static int refuse_families(scmp_filter_ctx filter, int call, uint32_t action) {
        int last = families[ELEMENTSOF(families) - 1], r = 0;
        size_t n = 0;

        for (int family = 0; family <= last && r >= 0; family++) {
                if (family == families[n])
                        n++;
                else
                        r = refuse(filter, call, action,
                                   (struct scmp_arg_cmp) { .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t) family });
        }
        if (r < 0)
                return r;
        /* Also a value with upper bits set, which the kernel ignores. */
        return refuse(filter, call, action,
                      (struct scmp_arg_cmp) { .op = SCMP_CMP_GT, .datum_a = (scmp_datum_t) last });
}

static int refuse_options(scmp_filter_ctx filter, const Entry *e) {
        int r = 0;

        if (e->socketcall)
                r = refuse(filter, SCMP_SYS(socketcall), SCMP_ACT_ERRNO(EPERM), equals(0, SYS_SETSOCKOPT));
        for (size_t i = 0; i < ELEMENTSOF(options) && r >= 0; i++) {
                const struct scmp_arg_cmp arguments[] = { equals(1, (unsigned) options[i].level),
                                                          equals(2, (unsigned) options[i].name) };

                r = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(setsockopt), ELEMENTSOF(arguments),
                                           arguments);
        }
        return r;
}

static int add_calls(scmp_filter_ctx filter) {
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(calls) && r >= 0; i++)
                r = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(ENOSYS), calls[i], 0, NULL);
        for (size_t i = 0; i < ELEMENTSOF(terminal_requests) && r >= 0; i++)
                r = refuse(filter, SCMP_SYS(ioctl), SCMP_ACT_ERRNO(EPERM), equals(1, terminal_requests[i]));
        return r;
}

/* A listener of COMMAND's own would be asked in place of ours, and could let the call continue, from the moment at which
 * ours is closed. Until then, the kernel itself refuses a second one, with the same error. */
static int add_listener(scmp_filter_ctx filter) {
        return refuse(filter, SCMP_SYS(seccomp), SCMP_ACT_ERRNO(EBUSY),
                      (struct scmp_arg_cmp) { .arg = 1, .op = SCMP_CMP_MASKED_EQ,
                                              .datum_a = SECCOMP_FILTER_FLAG_NEW_LISTENER,
                                              .datum_b = SECCOMP_FILTER_FLAG_NEW_LISTENER });
}

static int add_rules(scmp_filter_ctx filter, const Entry *e, const SyscallFilterOptions *o) {
        const uint32_t action = o->listener ? SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO(EAFNOSUPPORT);
        const bool judged = !e->socketcall || !o->socketcall;
        int r;

        r = add_calls(filter);
        if (r >= 0 && o->listener)
                r = add_listener(filter);
        if (r >= 0 && judged && (o->enforce || o->listener))
                r = refuse_families(filter, SCMP_SYS(socket), action);
        if (r >= 0 && judged && (o->enforce || o->listener))
                r = refuse_families(filter, SCMP_SYS(socketpair), action);
        if (r >= 0 && e->foreign && judged && o->enforce)
                r = refuse_options(filter, e);
        return r;
}

static int set_attributes(scmp_filter_ctx filter) {
        int r;

        /* entries that are not in the list */
        r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
        if (r >= 0) /* set-uid programs keep working */
                r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
        /* Before Linux 5.16, a filter slows its process down by default, for the sake of code that is confined inside
         * one process. Not all kernels have the flag. */
        (void) seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
        return r;
}

static int filter_new(const Entry *e, const SyscallFilterOptions *o, scmp_filter_ctx *ret) {
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
        int r = 0;

        if (!filter)
                return -ENOMEM;
        if (e->arch != SCMP_ARCH_NATIVE) {
                r = seccomp_arch_add(filter, e->arch);
                if (r >= 0)
                        r = seccomp_arch_remove(filter, SCMP_ARCH_NATIVE);
        }
        if (r >= 0)
                r = set_attributes(filter);
        if (r >= 0)
                r = add_rules(filter, e, o);
        if (r < 0) {
                seccomp_release(filter);
                return r;
        }
        *ret = filter;
        return 0;
}

static int add_entry(scmp_filter_ctx filter, const Entry *e, const SyscallFilterOptions *o) {
        scmp_filter_ctx other;
        int r;

        r = filter_new(e, o, &other);
        if (r < 0)
                return r;
        r = seccomp_merge(filter, other); /* takes it */
        if (r < 0)
                seccomp_release(other);
        return r;
}

int syscall_filter_new(const SyscallFilterOptions *o, scmp_filter_ctx *ret) {
        scmp_filter_ctx filter;
        int r;

        assert(o && ret);

        r = filter_new(&entries[0], o, &filter);
        if (r < 0)
                return r;
        for (size_t i = 1; i < ELEMENTSOF(entries) && r >= 0; i++)
                r = add_entry(filter, &entries[i], o);
        if (r < 0) {
                seccomp_release(filter);
                return r;
        }
        *ret = filter;
        return 0;
}

int syscall_filter_load(const SyscallFilterOptions *o, int *ret_listener_fd) {
        scmp_filter_ctx filter;
        int r, fd = -EBADF;

        assert(o && ret_listener_fd);

        r = syscall_filter_new(o, &filter);
        if (r < 0)
                return r;
        r = seccomp_load(filter);
        if (r >= 0 && o->listener)
                r = fd = seccomp_notify_fd(filter);
        seccomp_release(filter);
        if (r < 0)
                return r;
        *ret_listener_fd = fd;
        return 0;
}
