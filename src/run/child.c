/* SPDX-License-Identifier: Apache-2.0 */
#include "run/child.h"

#include <assert.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "basic/in-addr.h"
#include "basic/macro.h"
#include "host/capability.h"
#include "run/domain.h"
#include "run/syscall-filter.h"

/* Messages from the parent on the release pipe. */
#define REQUEST_RUN '\0'
#define REQUEST_PROBE 'a' /* plus the step */

const char *child_stage_to_string(ChildStage s) {
        static const char *const names[_CHILD_STAGE_MAX] = {
                [CHILD_WAITING] = "wait",
                [CHILD_CGROUP] = "enter its cgroup",
                [CHILD_PROBE] = "take part in the self-test",
                [CHILD_STREAMS] = "replace its standard streams",
                [CHILD_SIDE_DOORS] = "be isolated from services that would act for it",
                [CHILD_DOMAIN] = "be isolated from processes outside",
                [CHILD_FILTER] = "filter its system calls",
                [CHILD_CAPABILITIES] = "drop its network capabilities",
                [CHILD_USER] = "become its user",
                [CHILD_SIGNALS] = "restore its signals",
                [CHILD_EXEC] = "run",
        };

        return names[s];
}

typedef union FdMessage {
        struct cmsghdr header;
        char buffer[CMSG_SPACE(sizeof(int))];
} FdMessage;

/* Both ends are CLOEXEC: a successful execve(2) closes the status socket, which signals success to the parent. fd:
 * passed to the parent; -EBADF: none. */
static int child_send_status(int status_fd, ChildStage stage, int error, int fd) {
        ChildFault fault = { .stage = stage, .error = error };
        struct iovec iov = { .iov_base = &fault, .iov_len = sizeof(fault) };
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
        FdMessage control = {};

        if (fd >= 0) {
                control.header = (struct cmsghdr) { .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET,
                                                    .cmsg_type = SCM_RIGHTS };
                memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
                m.msg_control = &control;
                m.msg_controllen = sizeof(control.buffer);
        }
        return sendmsg(status_fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int child_report(int status_fd, ChildStage stage, int error) {
        return child_send_status(status_fd, stage, error, -EBADF);
}

/* If the parent ended before this takes effect, the second check notices it. */
static int die_with_parent(pid_t parent) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                return -errno;
        return getppid() == parent ? 0 : -ESRCH;
}

/* Capabilities that COMMAND must not have, root or not. Packet sockets (CAP_NET_RAW) and tunnel devices, routes and
 * links of namespaces (CAP_NET_ADMIN) send without an inet socket and so bypass the socket hooks; with CAP_BPF and
 * CAP_PERFMON it could detach the hooks. CAP_SYS_ADMIN is kept, because package builds and containers mount; a
 * COMMAND that is root can therefore leave its cgroup. */
#define FORBIDDEN \
        (CAPABILITY(CAP_NET_ADMIN) | CAPABILITY(CAP_NET_RAW) | CAPABILITY(CAP_PERFMON) | CAPABILITY(CAP_BPF))

/* Landlock and seccomp(2) ask for one of the two. With the capability, set-uid programs keep working. */
static int permit_restrictions(void) {
        if (capability_effective(CAP_SYS_ADMIN))
                return 0;
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* The listener goes to the parent, and must not stay here: COMMAND would decide about its own calls. An outer container
 * may have one already, and the kernel permits no second. */
static int child_filter(const ChildOptions *o, int status_fd) {
        SyscallFilterOptions options = { .enforce = o->enforce, .socketcall = o->socketcall, .listener = true };
        _cleanup_close_ int listener_fd = -EBADF;
        int r;

        r = syscall_filter_load(&options, &listener_fd);
        if (r < 0) {
                options.listener = false;
                r = syscall_filter_load(&options, &listener_fd);
        }
        return r < 0 ? r : child_send_status(status_fd, CHILD_FILTER, 0, listener_fd);
}

/* Before the user changes, which takes the capability. */
static ChildFault child_restrict(const ChildOptions *o, int status_fd) {
        int r;

        r = permit_restrictions();
        if (r >= 0 && o->domain_abi > 0)
                r = domain_enter(o->domain_abi);
        if (r < 0)
                return (ChildFault) { CHILD_DOMAIN, r };
        r = child_filter(o, status_fd);
        return (ChildFault) { CHILD_FILTER, r };
}

static ChildFault child_start(const ChildOptions *o, pid_t parent, int status_fd) {
        ChildFault fault;
        int r;

        r = stdio_relay_apply(o->relay);
        if (r < 0)
                return (ChildFault) { CHILD_STREAMS, r };
        r = side_doors_close(o->doors);
        if (r < 0)
                return (ChildFault) { CHILD_SIDE_DOORS, r };
        fault = child_restrict(o, status_fd);
        if (fault.error < 0)
                return fault;
        r = capability_drop_bounding(FORBIDDEN);
        if (r < 0)
                return (ChildFault) { CHILD_CAPABILITIES, r };
        r = run_user_become(o->user);
        if (r < 0)
                return (ChildFault) { CHILD_USER, r };
        r = capability_drop(FORBIDDEN);
        if (r < 0)
                return (ChildFault) { CHILD_CAPABILITIES, r };
        /* after the ids have changed, since that clears this signal */
        r = die_with_parent(parent);
        if (r >= 0)
                r = signals_restore(o->signals); /* last, because it delivers what arrived while we waited */
        if (r < 0)
                return (ChildFault) { CHILD_SIGNALS, r };
        (void) execvp(o->command[0], o->command);
        return (ChildFault) { CHILD_EXEC, -errno };
}

static int settle_in_cgroup(const Cgroup *cgroup, bool inside) {
        int r;

        r = inside ? 0 : cgroup_enter(cgroup);
        if (r < 0)
                return r;
        /* Where the hierarchy is mounted with nsdelegate, as systemd does, processes cannot move out of their cgroup
         * namespace (cgroups(7)). Otherwise a user who owns the surrounding cgroups, below user@.service for
         * instance, could leave with one write(2). Best effort: it needs CAP_SYS_ADMIN. */
        (void) unshare(CLONE_NEWCGROUP);
        return 0;
}

static int probe(EngineProbe step, int *fd) {
        struct sockaddr_storage sa;
        socklen_t size;
        InAddr addr;

        if (step == ENGINE_PROBE_SEND)
                return send(*fd, "", 1, MSG_DONTWAIT) == 1 ? 0 : -errno;

        (void) in_addr_parse(ENGINE_PROBE_ADDR, &addr);
        size = in_addr_to_sockaddr(&addr, 53, &sa);
        *fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (*fd < 0 || connect(*fd, (struct sockaddr *) &sa, size) < 0)
                return -errno;
        return 0;
}

/* Returns 1 if the parent released us, 0 if the parent has ended. */
static int wait_for_release(int release_fd, int status_fd) {
        _cleanup_close_ int probe_fd = -EBADF;

        for (;;) {
                char request;
                ssize_t n = read(release_fd, &request, 1);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n != 1 || request == REQUEST_RUN)
                        return n == 1;
                child_report(status_fd, CHILD_PROBE, probe(request - REQUEST_PROBE, &probe_fd));
        }
}

_Noreturn static void child_main(const ChildOptions *o, pid_t parent, bool inside, int release_fd, int status_fd) {
        ChildFault fault;
        int r;

        r = settle_in_cgroup(o->cgroup, inside);
        if (r < 0) {
                child_report(status_fd, CHILD_CGROUP, r);
                _exit(EXIT_FAILURE);
        }
        child_report(status_fd, CHILD_WAITING, 0);
        if (wait_for_release(release_fd, status_fd)) {
                fault = child_start(o, parent, status_fd);
                child_report(status_fd, fault.stage, fault.error);
        }
        _exit(EXIT_FAILURE);
}

/* Returns 1 if a record arrived, 0 if the other end is closed. *ret_fd: one that came with it, or -EBADF. */
static int read_status(int fd, ChildFault *ret, int *ret_fd) {
        struct iovec iov = { .iov_base = ret, .iov_len = sizeof(*ret) };
        FdMessage control = {};
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
                            .msg_controllen = sizeof(control.buffer) };
        struct cmsghdr *c;
        ssize_t n;

        *ret_fd = -EBADF;
        do
                n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        c = CMSG_FIRSTHDR(&m);
        if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
                memcpy(ret_fd, CMSG_DATA(c), sizeof(*ret_fd));
        return n == sizeof(*ret);
}

static int read_fault(int fd, ChildFault *ret) {
        _cleanup_close_ int unexpected = -EBADF;

        return read_status(fd, ret, &unexpected);
}

int child_new(const ChildOptions *o, Child *ret, ChildFault *ret_fault) {
        _cleanup_(child_done) Child c = CHILD_INIT;
        int release[2], status[2], r;
        pid_t parent = getpid();
        bool inside = true;

        assert(o && ret && ret_fault);

        *ret_fault = (ChildFault) { .stage = CHILD_WAITING };
        if (pipe2(release, O_CLOEXEC) < 0)
                return -errno;
        c.release_fd = release[1];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, status) < 0) {
                r = -errno;
                (void) close(release[0]);
                return r;
        }
        c.status_fd = status[0];
        c.pid = cgroup_fork(o->cgroup);
        if (c.pid < 0) { /* ignore why: a persistent cause also fails here, and is reported */
                inside = false;
                c.pid = fork();
        }
        if (c.pid == 0) {
                (void) close(release[1]); /* otherwise it would wait for itself */
                (void) close(status[0]);
                child_main(o, parent, inside, release[0], status[1]);
        }
        r = c.pid < 0 ? -errno : 0;
        (void) close(release[0]);
        (void) close(status[1]);
        if (r < 0) {
                c.pid = 0;
                return r;
        }

        r = read_fault(c.status_fd, ret_fault);
        if (r == 0)
                r = -ESRCH; /* killed before it could report anything */
        if (r > 0)
                r = ret_fault->error;
        if (r < 0)
                return r;
        *ret = c;
        c = (Child) CHILD_INIT;
        return 0;
}

static int child_send(const Child *c, char request) {
        return write(c->release_fd, &request, 1) == 1 ? 0 : -errno;
}

int child_probe(Child *c, EngineProbe step) {
        ChildFault fault;
        int r;

        assert(c && c->release_fd >= 0);

        r = child_send(c, (char) (REQUEST_PROBE + step));
        if (r < 0)
                return r;
        r = read_fault(c->status_fd, &fault);
        return r > 0 ? fault.error : r < 0 ? r : -ESRCH;
}

int child_release(Child *c, ChildFault *ret_fault) {
        int r;

        assert(c && c->release_fd >= 0 && ret_fault);

        *ret_fault = (ChildFault) { .stage = CHILD_WAITING };
        r = child_send(c, REQUEST_RUN);
        if (r < 0)
                return r;
        r = read_status(c->status_fd, ret_fault, &c->listener_fd);
        if (r > 0 && ret_fault->error >= 0) /* the filter is in place: the last report without a fault */
                r = read_fault(c->status_fd, ret_fault);
        return r > 0 ? ret_fault->error : r;
}

void child_done(Child *c) {
        if (c->pid > 0) {
                (void) kill(c->pid, SIGKILL);
                while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
                        ;
        }
        closep(&c->release_fd);
        closep(&c->status_fd);
        closep(&c->listener_fd);
        *c = (Child) CHILD_INIT;
}
