/* SPDX-License-Identifier: Apache-2.0 */

#include "scope-lab.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "host/cgroup.h"

#define NOBODY 65534
#define NOT_POSSIBLE 77

const char *const lab_inside[2] = { "192.0.2.1", "2001:db8::1" };
const char *const lab_outside[2] = { "192.0.2.2", "2001:db8::2" };
const char *const lab_other[2] = { "192.0.2.3", "2001:db8::3" };
const char *const lab_outside_net[2] = { "192.0.2.0/24", "2001:db8::/64" };
const int lab_family[2] = { AF_INET, AF_INET6 };

/* Of the whole run: check's fixtures carry no pointer. */
static Cgroup all = CGROUP_INIT;
static int home_procs_fd = -EBADF;

/* ------------------------------------------------------------------ network */

typedef struct Message {
        struct nlmsghdr header;
        uint8_t body[512];
} Message;

static void *message_add(Message *m, size_t n) {
        void *p = (uint8_t *) m + NLMSG_ALIGN(m->header.nlmsg_len);

        m->header.nlmsg_len = NLMSG_ALIGN(m->header.nlmsg_len) + (uint32_t) n;
        return p;
}

static struct rtattr *attr_begin(Message *m, uint16_t type) {
        struct rtattr *a = message_add(m, sizeof(*a));

        a->rta_type = type;
        return a;
}

static void attr_end(const Message *m, struct rtattr *a) {
        a->rta_len = (uint16_t) ((const uint8_t *) m + m->header.nlmsg_len - (uint8_t *) a);
}

static void attr_put(Message *m, uint16_t type, const void *data, size_t n) {
        struct rtattr *a = attr_begin(m, type);

        memcpy(message_add(m, n), data, n);
        attr_end(m, a);
}

/* Returns 0 or what the kernel answered. */
static int message_send(Message *m, uint16_t type, uint16_t flags) {
        struct {
                struct nlmsghdr header;
                struct nlmsgerr error;
                uint8_t rest[1024];
        } answer;
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

        m->header.nlmsg_type = type;
        m->header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        if (fd < 0 || send(fd, m, m->header.nlmsg_len, 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0)
                return -errno;
        return answer.header.nlmsg_type == NLMSG_ERROR ? answer.error.error : -EBADMSG;
}

/* "inside" here, "outside" in the other namespace. */
static int make_veth(int outside_netns) {
        Message m = { .header.nlmsg_len = NLMSG_HDRLEN };
        struct rtattr *info, *data, *peer;

        (void) message_add(&m, sizeof(struct ifinfomsg));
        attr_put(&m, IFLA_IFNAME, "inside", sizeof("inside"));
        info = attr_begin(&m, IFLA_LINKINFO);
        attr_put(&m, IFLA_INFO_KIND, "veth", sizeof("veth"));
        data = attr_begin(&m, IFLA_INFO_DATA);
        peer = attr_begin(&m, VETH_INFO_PEER);
        (void) message_add(&m, sizeof(struct ifinfomsg));
        attr_put(&m, IFLA_IFNAME, "outside", sizeof("outside"));
        attr_put(&m, IFLA_NET_NS_FD, &outside_netns, sizeof(outside_netns));
        attr_end(&m, peer);
        attr_end(&m, data);
        attr_end(&m, info);
        return message_send(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
}

static int link_up(const char *name) {
        Message m = { .header.nlmsg_len = NLMSG_HDRLEN };
        struct ifinfomsg *i = message_add(&m, sizeof(*i));

        i->ifi_index = (int) if_nametoindex(name);
        i->ifi_flags = i->ifi_change = IFF_UP;
        return message_send(&m, RTM_NEWLINK, 0);
}

static int add_address(const char *name, const char *text) {
        Message m = { .header.nlmsg_len = NLMSG_HDRLEN };
        struct ifaddrmsg *a = message_add(&m, sizeof(*a));
        InAddr addr;

        if (in_addr_parse(text, &addr) < 0)
                return -EINVAL;
        bool v4 = in_addr_is_v4(&addr);
        a->ifa_family = v4 ? AF_INET : AF_INET6;
        a->ifa_prefixlen = v4 ? 24 : 64;
        a->ifa_flags = IFA_F_NODAD; /* usable at once */
        a->ifa_index = if_nametoindex(name);
        attr_put(&m, IFA_LOCAL, addr.b + (v4 ? 12 : 0), v4 ? 4 : 16);
        return message_send(&m, RTM_NEWADDR, NLM_F_CREATE);
}

static int fill_netns(const char *link, const char *const first[2], const char *const second[2]) {
        int r = link_up("lo");

        if (r >= 0)
                r = link_up(link);
        for (size_t i = 0; i < 2 && r >= 0; i++) {
                r = add_address(link, first[i]);
                if (r >= 0 && second)
                        r = add_address(link, second[i]);
        }
        return r;
}

static int enter_new_netns(int *ret_fd) {
        if (unshare(CLONE_NEWNET) < 0)
                return -errno;
        *ret_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        return *ret_fd < 0 ? -errno : 0;
}

static int make_network(Lab *l) {
        int r;

        l->home_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        if (l->home_netns < 0)
                return -errno;
        r = enter_new_netns(&l->outside_netns);
        if (r >= 0)
                r = enter_new_netns(&l->inside_netns);
        if (r >= 0)
                r = make_veth(l->outside_netns);
        if (r >= 0)
                r = fill_netns("inside", lab_inside, NULL);
        if (r < 0)
                return r;
        if (setns(l->outside_netns, CLONE_NEWNET) < 0)
                return -errno;
        r = fill_netns("outside", lab_outside, lab_other);
        return setns(l->inside_netns, CLONE_NEWNET) < 0 ? -errno : r;
}

/* ------------------------------------------------------------------ rights */

static void rights_set(uint64_t effective, uint64_t permitted) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
                { .effective = (uint32_t) effective, .permitted = (uint32_t) permitted },
                { .effective = (uint32_t) (effective >> 32), .permitted = (uint32_t) (permitted >> 32) },
        };

        ck_assert_int_eq(syscall(SYS_capset, &header, data), 0);
}

static uint64_t rights_permitted(void) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

        ck_assert_int_eq(syscall(SYS_capget, &header, data), 0);
        return (uint64_t) data[1].permitted << 32 | data[0].permitted;
}

#define SERVICE_RIGHTS (1ULL << CAP_BPF | 1ULL << CAP_NET_ADMIN | 1ULL << CAP_PERFMON)

void lab_rights_reduce(void) {
        rights_set(SERVICE_RIGHTS, rights_permitted());
}

void lab_rights_restore(void) {
        rights_set(rights_permitted(), rights_permitted());
}

void lab_become_service(void) {
        ck_assert_int_eq(prctl(PR_SET_KEEPCAPS, 1), 0);
        ck_assert_int_eq(setgroups(0, NULL), 0);
        ck_assert_int_eq(setresgid(NOBODY, NOBODY, NOBODY), 0);
        ck_assert_int_eq(setresuid(NOBODY, NOBODY, NOBODY), 0);
        rights_set(SERVICE_RIGHTS, SERVICE_RIGHTS);
        ck_assert_uint_eq(rights_permitted(), SERVICE_RIGHTS);
}

/* ------------------------------------------------------------------ cgroups */

uint64_t lab_cgroup(Lab *l, const char *path) {
        struct stat st;

        ck_assert_msg(mkdirat(l->top_fd, path, 0755) == 0 || errno == EEXIST, "%s: %s", path, strerror(errno));
        ck_assert_int_eq(fstatat(l->top_fd, path, &st, 0), 0);
        return st.st_ino;
}

void lab_enter(Lab *l, const char *path) {
        _cleanup_close_ int fd = -EBADF;
        char procs[256];

        if (path) {
                (void) snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
                fd = openat(l->top_fd, procs, O_WRONLY | O_CLOEXEC);
                ck_assert_int_ge(fd, 0);
        }
        ck_assert_int_eq(write(path ? fd : home_procs_fd, "0", 1), 1);
}

/* ------------------------------------------------------------------ programs */

void lab_load_options(ProgramsOptions *ret) {
        *ret = (ProgramsOptions) {
                .many_layers = true,
                .max_prefixes = 256, .max_hosts = 256, .max_port_rules = 4096, .max_flows = 1024, .ring_bytes = 1 << 16,
                .proxy_addr4 = { .b = { [10] = 0xff, 0xff, 127, 0, 0, 1 } },
                .proxy_port4 = LAB_PROXY_PORT4, .proxy_port6 = LAB_PROXY_PORT6,
                .optional_hooks = CW_HOOKS_OPTIONAL,
                .own_cgroup_fd = all.root_fd,
        };
}

int lab_load(const Lab *l, const ProgramsOptions *o, Programs **ret) {
        const char *what = "";

        if (l->few_rights)
                lab_rights_reduce();
        int r = programs_load(o, ret, &what);
        if (l->few_rights)
                lab_rights_restore();
        if (r < 0)
                (void) fprintf(stderr, "%s\n", what);
        return r;
}

void lab_load_all(Lab *l) {
        ProgramsOptions o;

        lab_load_options(&o);
        ck_assert_int_eq(lab_load(l, &o, &l->programs), 0);
        ck_assert_int_eq(policy_maps_new(l->programs, &l->maps), 0);
        for (uint32_t i = 0; i < LAB_SCOPES; i++)
                ck_assert_int_eq(policy_slot_new(l->maps, i, &l->slots[i]), 0);
}

void lab_attach(Lab *l) {
        const char *what = "";

        if (l->few_rights)
                lab_rights_reduce();
        int r = programs_attach(l->programs, l->top_fd, &what);
        if (l->few_rights)
                lab_rights_restore();
        ck_assert_msg(r == 0, "%s", what);
        ck_assert_uint_eq(programs_attached(l->programs) & ~CW_HOOKS_OPTIONAL, LAB_HOOKS);
}

void lab_set_layer(Lab *l, uint32_t scope, LayerKind kind, Action action, const char *exception, Mode mode,
                   uint8_t flags) {
        PolicySource source = { .default_action = action };
        const char *why = "";
        Policy *policy = NULL;

        if (exception)
                ck_assert_int_ge(rule_list_add(&source.rules, RULE_CIDR, exception,
                                               action == ACTION_ALLOW ? ACTION_DENY : ACTION_ALLOW, TIER_USER, NULL, 0,
                                               false, &why), 0);
        ck_assert_int_eq(policy_new(&source, &policy), 0);
        ck_assert_int_eq(policy_slot_stage(l->slots[scope], policy, NULL, 0), 0);
        policy_slot_commit(l->slots[scope], kind, mode, flags);
        while (policy_maps_collect(l->maps, SIZE_MAX))
                ;
        policy_free(policy);
}

void lab_set_policy(Lab *l, uint32_t scope, Action action, const char *exception, Mode mode, uint8_t flags) {
        lab_set_layer(l, scope, LAYER_BASE, action, exception, mode, flags);
}

void lab_set_scopes(Lab *l) {
        lab_set_policy(l, LAB_HOST, ACTION_DENY, NULL, MODE_ENFORCE, 0);
        lab_set_policy(l, LAB_ALLOWS, ACTION_ALLOW, NULL, MODE_ENFORCE, 0);
        lab_set_policy(l, LAB_DENIES, ACTION_DENY, NULL, MODE_ENFORCE, 0);
}

static unsigned n_labs;

void lab_init(Lab *l) {
        char name[32];
        struct stat st;

        bool few_rights = l->few_rights;
        *l = (Lab) { .home_netns = -EBADF, .inside_netns = -EBADF, .outside_netns = -EBADF, .few_rights = few_rights };
        ck_assert_int_eq(make_network(l), 0);
        /* One of its own for each, also where all run in one process: what the last one left unsent is not this one's. */
        (void) snprintf(name, sizeof(name), "%d-%u", (int) getpid(), n_labs++);
        ck_assert(mkdirat(all.fd, name, 0755) == 0 || errno == EEXIST);
        l->top_fd = openat(all.fd, name, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        ck_assert_int_ge(l->top_fd, 0);
        ck_assert_int_eq(fstat(l->top_fd, &st), 0);
        l->top_id = st.st_ino;
}

void lab_done(Lab *l) {
        lab_enter(l, NULL);
        for (size_t i = 0; i < LAB_SCOPES; i++)
                policy_slot_free(l->slots[i]);
        policy_maps_free(l->maps);
        programs_free(l->programs);
        ck_assert_int_eq(setns(l->home_netns, CLONE_NEWNET), 0);
        (void) close(l->home_netns);
        (void) close(l->inside_netns);
        (void) close(l->outside_netns);
        (void) close(l->top_fd);
}

/* ------------------------------------------------------------------ sockets */

int lab_socket(const Lab *l, bool outside, int family, int type) {
        int fd, one = 1;

        if (outside)
                ck_assert_int_eq(setns(l->outside_netns, CLONE_NEWNET), 0);
        fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (outside)
                ck_assert_int_eq(setns(l->inside_netns, CLONE_NEWNET), 0);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
        return fd;
}

int lab_witness(const Lab *l, int family) {
        ck_assert_int_eq(setns(l->outside_netns, CLONE_NEWNET), 0);
        int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
        ck_assert_int_eq(setns(l->inside_netns, CLONE_NEWNET), 0);
        ck_assert_int_ge(fd, 0);
        return fd;
}

static socklen_t sockaddr_of(const char *text, uint16_t port, struct sockaddr_storage *ret) {
        InAddr addr;

        ck_assert_int_eq(in_addr_parse(text, &addr), 0);
        return in_addr_to_sockaddr(&addr, port, ret);
}

void lab_bind(int fd, const char *addr, uint16_t port) {
        struct sockaddr_storage sa;
        socklen_t length = sockaddr_of(addr, port, &sa), size = sizeof(int);
        int type;

        ck_assert_msg(bind(fd, (struct sockaddr *) &sa, length) == 0, "%s: %s", addr, strerror(errno));
        ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size), 0);
        if (type == SOCK_STREAM)
                ck_assert_int_eq(listen(fd, 8), 0);
}

int lab_connect(int fd, const char *addr, uint16_t port) {
        struct sockaddr_storage sa;
        socklen_t length = sockaddr_of(addr, port, &sa);

        return connect(fd, (struct sockaddr *) &sa, length) < 0 ? -errno : 0;
}

int lab_send(int fd, const char *text, const char *addr, uint16_t port) {
        struct sockaddr_storage sa;
        socklen_t length = addr ? sockaddr_of(addr, port, &sa) : 0;
        ssize_t n = sendto(fd, text, strlen(text), MSG_NOSIGNAL, addr ? (struct sockaddr *) &sa : NULL, length);

        return n < 0 ? -errno : 0;
}

bool lab_wait(int fd, short events) {
        struct pollfd p = { .fd = fd, .events = events };

        return poll(&p, 1, LAB_PATIENCE_MSEC) == 1;
}

void lab_expect(int fd, const char *text) {
        char buf[64] = {};

        ck_assert_msg(lab_wait(fd, POLLIN), "waited for \"%s\"", text);
        ck_assert_int_eq(recv(fd, buf, sizeof(buf) - 1, 0), (ssize_t) strlen(text));
        ck_assert_str_eq(buf, text);
}

void lab_expect_nothing(int fd) {
        char buf[64];

        ck_assert_int_eq(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), -1);
        ck_assert_int_eq(errno, EAGAIN);
}

int lab_accept(int fd) {
        ck_assert(lab_wait(fd, POLLIN));
        int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        ck_assert_int_ge(accepted, 0);
        return accepted;
}

int lab_error(int fd) {
        int error;
        socklen_t size = sizeof(error);

        ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), 0);
        return -error;
}

int lab_listen_outside(const Lab *l, int family) {
        int fd = lab_socket(l, true, lab_family[family], SOCK_STREAM);

        lab_bind(fd, lab_outside[family], LAB_PORT);
        return fd;
}

int lab_try_connect(const Lab *l, int family) {
        _cleanup_close_ int fd = lab_socket(l, false, lab_family[family], SOCK_STREAM);
        int r = lab_connect(fd, lab_outside[family], LAB_PORT);

        ck_assert_msg(r == 0 || r == -EPERM || r == -EINPROGRESS, "%s", strerror(-r));
        return r == -EPERM ? -EPERM : 0;
}

int lab_connect_from(Lab *l, const char *cgroup, int family) {
        lab_enter(l, cgroup);
        return lab_try_connect(l, family);
}

int lab_find_client(const Lab *l, int fd, int family, struct cw_dns_client *ret) {
        struct cw_dns_client_key key = { .protocol = IPPROTO_UDP };
        struct sockaddr_storage sa;
        socklen_t size = sizeof(sa);
        InAddr addr;

        ck_assert_int_eq(getsockname(fd, (struct sockaddr *) &sa, &size), 0);
        ck_assert_int_ge(in_addr_from_sockaddr((const struct sockaddr *) &sa, &addr, &key.src_port), 0);
        ck_assert_int_ge(in_addr_parse(family ? "::1" : "127.0.0.1", &addr), 0);
        memcpy(key.src.b, addr.b, sizeof(key.src.b));
        return bpf_map_lookup_elem(programs_map_fd(l->programs, "dns_clients"), &key, ret) < 0 ? -errno : 0;
}

struct cw_dns_client lab_client(const Lab *l, int fd, int family) {
        struct cw_dns_client client;

        ck_assert_int_eq(lab_find_client(l, fd, family, &client), 0);
        return client;
}

uint64_t lab_count(const Lab *l, enum cw_counter c) {
        return programs_counter(l->programs, c);
}

bool lab_wait_count(const Lab *l, enum cw_counter c, uint64_t at_least) {
        for (int i = 0; i < LAB_PATIENCE_MSEC / 10; i++) {
                if (lab_count(l, c) >= at_least)
                        return true;
                (void) usleep(10000);
        }
        return false;
}

/* ------------------------------------------------------------------ the run */

static int open_home(void) {
        const char *end = strrchr(all.path, '/');
        char path[4096];

        (void) snprintf(path, sizeof(path), "./%.*s/cgroup.procs", (int) (end - all.path), all.path);
        home_procs_fd = openat(all.root_fd, path, O_WRONLY | O_CLOEXEC);
        return home_procs_fd < 0 ? -errno : 0;
}

/* In a child, which takes the namespaces along when it ends. */
static int try_all(void) {
        ProgramsOptions o;
        int status;

        pid_t pid = fork();
        if (pid == 0) {
                Lab l = {};
                int r = make_network(&l);

                lab_load_options(&o);
                if (r < 0)
                        (void) printf("# network namespaces or veth: %s\n", strerror(-r));
                else
                        r = lab_load(&l, &o, &l.programs);
                (void) fflush(stdout);
                _exit(r == 0 ? 0 : r == -EPERM || r == -ENOSYS || r == -EOPNOTSUPP ? NOT_POSSIBLE : 1);
        }
        if (pid < 0 || waitpid(pid, &status, 0) < 0)
                return -errno;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

uint32_t lab_hooks_of_kernel(void) {
        Cgroup cgroup = CGROUP_INIT;
        Programs *programs = NULL;
        const char *what = "";
        ProgramsOptions o;

        lab_load_options(&o);
        int r = cgroup_create_below_own(&cgroup, &what);
        if (r >= 0)
                r = programs_load(&o, &programs, &what);
        if (r >= 0)
                r = programs_attach(programs, cgroup.fd, &what);
        uint32_t hooks = r < 0 ? 0 : programs_attached(programs);
        programs_free(programs);
        if (cgroup.fd >= 0 && cgroup_remove(&cgroup) < 0)
                (void) fprintf(stderr, "%s is left behind\n", cgroup.path);
        return hooks;
}

int lab_main(Suite *(*suite)(void)) {
        const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
        const char *what = "";
        int r = cgroup_create_below_own(&all, &what), failed = 1;

        (void) setrlimit(RLIMIT_MEMLOCK, &unlimited); /* as in the service's unit; limits BPF maps before Linux 5.11 */
        if (r < 0) {
                (void) printf("1..0 # SKIP %s\n", what);
                return NOT_POSSIBLE;
        }
        Suite *s = NULL;
        r = open_home();
        if (r >= 0)
                r = try_all();
        if (r == NOT_POSSIBLE)
                (void) printf("1..0 # SKIP network namespaces, veth or BPF programs are not permitted here\n");
        else if (!(s = suite()))
                r = NOT_POSSIBLE;
        else {
                SRunner *runner = srunner_create(s);
                srunner_run_all(runner, CK_ENV);
                failed = srunner_ntests_failed(runner);
                srunner_free(runner);
        }
        if (home_procs_fd >= 0) {
                (void) !write(home_procs_fd, "0", 1); /* a test may have failed elsewhere */
                (void) close(home_procs_fd);
        }
        if (cgroup_remove(&all) < 0)
                (void) fprintf(stderr, "%s is left behind\n", all.path);
        return r == NOT_POSSIBLE ? NOT_POSSIBLE : failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
