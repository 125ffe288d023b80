/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/preflight.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/macro.h"
#include "ctl/unit-helpers.h"
#include "policy/policy-document.h"

/* Addresses in /proc/net are printed as the CPU reads them: 127.0.0.53 and 127.0.0.155. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define STUB "3500007F"
#define OURS "9B00007F"
#define LOOPBACK6 "00000000000000000000000001000000"
#else
#define STUB "7F000035"
#define OURS "7F00009B"
#define LOOPBACK6 "00000000000000000000000000000001"
#endif
#define UDP_HEADER "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
#define SOCKET_AT(address, port, any, state) \
        "  12: " address ":" port " " any ":0000 " state " 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0\n"
#define SOCKET(address, state) SOCKET_AT(address, "0035", "00000000", state)
#define SOCKET6(address, port, state) SOCKET_AT(address, port, ANY6, state)
#define ANY6 "00000000000000000000000000000000"

static const PreflightFacts good_facts = {
        .kernel = "6.1.0-28-amd64", .bpf_error = EINVAL, .systemd = "252 (252.39)"
};

/* A host where all is well. */
static const struct {
        const char *path, *text;
} good_files[] = {
        { "/proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n" },
        { "/proc/sys/kernel/unprivileged_bpf_disabled", "2\n" },
        { "/proc/net/udp", UDP_HEADER SOCKET(STUB, "07") },
        { "/proc/net/tcp", UDP_HEADER SOCKET(STUB, "0A") SOCKET(OURS, "01") },
        { "/run/systemd/system/x", "" },
        { "/run/systemd/resolve/stub-resolv.conf", "" },
        { "/run/systemd/resolve/resolv.conf", "nameserver 192.0.2.53\n" },
        { "/etc/resolv.conf", "nameserver 127.0.0.53\n" },
        { "/etc/nsswitch.conf", "passwd: files resolve\nhosts: files resolve [!UNAVAIL=return] dns\n" },
        { "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service", "" },
        { "/sys/kernel/btf/vmlinux", "" },
        { "/sys/kernel/security/lsm", "capability,landlock,bpf\n" },
        { "/proc/sys/kernel/modules_disabled", "0\n" },
        { "/lib/modules/6.1.0-28-amd64/modules.alias", "alias net-pf-24-proto-1 l2tp_ppp\nalias net-pf-21 rds\n" },
};

/* What one thing being otherwise does. text NULL: the file is not there. */
static const struct {
        const char *path, *text;
        const char *row;
        CheckState state;
} changes[] = {
        { "/proc/self/mountinfo", "30 23 0:26 / /sys rw - sysfs sysfs rw\n", "cgroup2", CHECK_FAIL },
        { "/proc/self/mountinfo", NULL, "cgroup2", CHECK_FAIL },
        { "/proc/cgroups", "net_cls\t3\t1\t1\n", "sockets", CHECK_OK }, /* Linux 6.1 */
        { "/proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup/unified rw - cgroup2 c rw\n", "cgroup2", CHECK_WARN },
        { "/proc/sys/kernel/unprivileged_bpf_disabled", "0\n", "unprivileged bpf", CHECK_WARN },
        { "/proc/sys/kernel/unprivileged_bpf_disabled", NULL, "unprivileged bpf", CHECK_OK },
        { "/proc/net/udp", UDP_HEADER SOCKET(OURS, "07"), "dns port", CHECK_WARN },
        { "/proc/net/udp", UDP_HEADER SOCKET("00000000", "07"), "dns port", CHECK_WARN },
        { "/proc/net/udp6", UDP_HEADER SOCKET6(ANY6, "0035", "07"), "dns port", CHECK_WARN },
        { "/proc/net/tcp6", UDP_HEADER SOCKET6(LOOPBACK6, "00FD", "0A"), "dns port", CHECK_WARN },
        { "/proc/net/tcp6", UDP_HEADER SOCKET6(LOOPBACK6, "0035", "0A"), "dns port", CHECK_OK },
        { "/proc/net/tcp", UDP_HEADER SOCKET("00000000", "0A"), "dns port", CHECK_WARN },
        { "/proc/net/tcp", UDP_HEADER SOCKET(OURS, "06"), "dns port", CHECK_OK },
        { "/proc/net/tcp", NULL, "dns port", CHECK_WARN },
        { "/run/systemd/system/x", NULL, "systemd", CHECK_FAIL },
        { "/run/systemd/resolve/stub-resolv.conf", NULL, "resolved", CHECK_WARN },
        { "/etc/nsswitch.conf", "hosts: files dns\n", "resolved", CHECK_OK },
        { "/run/systemd/resolve/resolv.conf", "nameserver x\n", "upstream", CHECK_WARN },
        { "/etc/resolv.conf", "nameserver 2001:db8::53\n", "upstream", CHECK_OK },
        { "/etc/resolv.conf", NULL, "upstream", CHECK_WARN },
        { "/etc/resolv.conf", "nameserver 127.0.0.1\n", "upstream", CHECK_WARN },
        { "/etc/cargowall/cargowall.conf", "[DNS]\nUpstream=127.0.0.1:5353\n", "upstream", CHECK_OK },
        { "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service", NULL, "polkit", CHECK_WARN },
        { "/sys/kernel/security/lsm", "capability,bpf", "socket families", CHECK_OK },
        { "/sys/kernel/security/lsm", "bpfilter,landlock\n", "socket families", CHECK_WARN },
        { "/sys/kernel/security/lsm", NULL, "socket families", CHECK_WARN },
        { "/sys/kernel/btf/vmlinux", NULL, "socket families", CHECK_WARN },
};

static char root[] = "/tmp/test-ctl-preflight-XXXXXX";

static int remove_one(const char *path, _unused_ const struct stat *st, _unused_ int type, _unused_ struct FTW *ftw) {
        return remove(path);
}

static void put(const char *path, const char *text) {
        char whole[512];

        (void) snprintf(whole, sizeof(whole), "%s%s", root, path);
        for (char *p = whole + strlen(root) + 1; (p = strchr(p, '/')); *p++ = '/') {
                *p = '\0';
                ck_assert(mkdir(whole, 0700) == 0 || errno == EEXIST);
        }
        if (!text) { /* with its folder, for those that are looked for by it */
                (void) unlink(whole);
                *strrchr(whole, '/') = '\0';
                (void) rmdir(whole);
                return;
        }
        FILE *f = fopen(whole, "we");
        ck_assert_ptr_nonnull(f);
        ck_assert_int_ge(fputs(text, f), 0);
        (void) fclose(f);
}

static void setup(void) {
        strcpy(root + strlen(root) - 6, "XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(root));
        for (size_t i = 0; i < ELEMENTSOF(good_files); i++)
                put(good_files[i].path, good_files[i].text);
}

static void teardown(void) {
        (void) nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static const CheckRow *find(const CheckRow *rows, size_t n, const char *name) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(rows[i].name, name) == 0)
                        return &rows[i];
        ck_abort_msg("no row %s", name);
        return NULL;
}

START_TEST(test_good) {
        CheckRow rows[CHECK_ROWS_MAX];

        size_t n = preflight_check(&good_facts, root, rows);
        for (size_t i = 0; i < n; i++) {
                ck_assert_msg(rows[i].state == CHECK_OK, "%s: %s", rows[i].name, rows[i].detail);
                ck_assert_uint_gt(strlen(rows[i].detail), 0);
                ck_assert_str_eq(rows[i].advice, "");
        }
        ck_assert_str_eq(find(rows, n, "upstream")->detail, "127.0.0.53:53, and others");
}
END_TEST

/* One row changes, the others stay as they were. */
START_TEST(test_changes) {
        CheckRow rows[CHECK_ROWS_MAX];

        put(changes[_i].path, changes[_i].text);
        size_t n = preflight_check(&good_facts, root, rows);
        const CheckRow *row = find(rows, n, changes[_i].row);
        ck_assert_msg(row->state == changes[_i].state, "%s: %s", row->name, row->detail);
        ck_assert(row->state != CHECK_FAIL || row->advice[0] != '\0');
        for (size_t i = 0; i < n; i++)
                ck_assert_msg(&rows[i] == row || rows[i].state == CHECK_OK, "%s: %s", rows[i].name, rows[i].detail);
}
END_TEST

static const struct {
        PreflightFacts facts;
        const char *row;
        CheckState state;
} facts[] = {
        { { .kernel = "5.9.16", .systemd = "252" }, "kernel", CHECK_FAIL },
        { { .kernel = "4.19.0", .systemd = "252" }, "kernel", CHECK_FAIL },
        { { .kernel = "6.1.0", .systemd = "252" }, "kernel", CHECK_OK },
        { { .kernel = "", .systemd = "252" }, "kernel", CHECK_FAIL },
        { { .kernel = "5.10.0", .systemd = "252", .bpf_error = ENOSYS }, "bpf", CHECK_FAIL },
        { { .kernel = "5.10.0", .systemd = "252", .bpf_error = EPERM }, "bpf", CHECK_OK },
        { { .kernel = "5.10.0", .systemd = "249.11" }, "systemd", CHECK_WARN },
        { { .kernel = "5.10.0", .systemd = "" }, "systemd", CHECK_WARN },
        { { .kernel = "5.10.0", .connections_error = EOPNOTSUPP }, "connections", CHECK_WARN },
        { { .kernel = "5.10.0", .connections_error = ENOENT }, "connections", CHECK_WARN },
        { { .kernel = "5.10.0" }, "sockets", CHECK_OK },
        { { .kernel = "5.10.0", .sockets_lost = true }, "sockets", CHECK_FAIL },
        { { .kernel = "6.1.0", .sockets_lost = true }, "sockets", CHECK_FAIL },
};

START_TEST(test_facts) {
        CheckRow rows[CHECK_ROWS_MAX];

        size_t n = preflight_check(&facts[_i].facts, root, rows);
        ck_assert_int_eq(find(rows, n, facts[_i].row)->state, facts[_i].state);
}
END_TEST

/* Before Linux 5.15, mounted controllers may come into use. */
START_TEST(test_socket_controllers) {
        const PreflightFacts old = { .kernel = "5.14.0-70.el9", .systemd = "252" };
        CheckRow rows[CHECK_ROWS_MAX];

        put("/proc/cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\nnet_prio\t4\t1\t1\n");
        size_t n = preflight_check(&old, root, rows);
        ck_assert_int_eq(find(rows, n, "sockets")->state, CHECK_WARN);
        ck_assert_str_ne(find(rows, n, "sockets")->advice, "");
        put("/proc/cgroups", "net_prio\t0\t1\t1\n");
        n = preflight_check(&old, root, rows);
        ck_assert_int_eq(find(rows, n, "sockets")->state, CHECK_OK);
}
END_TEST

/* A port that our own socket unit holds is no conflict. */
START_TEST(test_own_socket) {
        PreflightFacts own = good_facts;
        CheckRow rows[CHECK_ROWS_MAX];

        put("/proc/net/udp", UDP_HEADER SOCKET(OURS, "07"));
        own.dns_socket_active = true;
        size_t n = preflight_check(&own, root, rows);
        ck_assert_int_eq(find(rows, n, "dns port")->state, CHECK_OK);
}
END_TEST

/* Where no program refuses other families. */
static const struct {
        const char *path, *text;
        uint64_t families;
        const char *detail; /* NULL: all is well */
} offers[] = {
        { NULL, NULL, 0, "no hook for l2tp_ppp and rds, which any user can have loaded" },
        { "/etc/modprobe.d/x.conf", "blacklist rds\n", 0, "no hook for l2tp_ppp, which any user can have loaded" },
        { "/etc/modprobe.d/x.conf~", "blacklist rds\n", 0, "no hook for l2tp_ppp and rds, which any user can have loaded" },
        { "/lib/modprobe.d/x.conf", "blacklist rds\ninstall l2tp-ppp /bin/false\n", 0, NULL },
        { "/lib/modules/6.1.0-28-amd64/modules.alias", NULL, 0, NULL },
        { "/proc/sys/kernel/modules_disabled", "1\n", 0, NULL },
        { "/proc/sys/kernel/modules_disabled", "1\n", 1ULL << 40, "no hook for AF_VSOCK" },
        { "/proc/sys/kernel/modules_disabled", NULL, 1ULL << 40 | 1ULL << 24, "no hook for AF_PPPOX and AF_VSOCK" },
        { "/proc/sys/kernel/modules_disabled", NULL, 1ULL << 40 | 1ULL << 24 | 7ULL << 41,
          "no hook for AF_PPPOX, AF_VSOCK and 3 more" },
};

START_TEST(test_families) {
        PreflightFacts open = good_facts;
        CheckRow rows[CHECK_ROWS_MAX];

        put("/sys/kernel/security/lsm", "capability,landlock\n");
        if (offers[_i].path)
                put(offers[_i].path, offers[_i].text);
        open.families = offers[_i].families;
        size_t n = preflight_check(&open, root, rows);
        const CheckRow *row = find(rows, n, "socket families");
        ck_assert_int_eq(row->state, offers[_i].detail ? CHECK_WARN : CHECK_OK);
        ck_assert_str_eq(row->detail, offers[_i].detail ?: "the kernel offers users none without hooks");
        ck_assert_uint_lt(strlen(row->advice), sizeof(row->advice) - 1);
}
END_TEST

static const struct {
        OpenUnits units;
        CheckState state;
        const char *detail;
} unit_cases[] = {
        { {}, CHECK_OK, "0 running units have a policy" },
        { { .n_policy = 3 }, CHECK_OK, "3 running units have a policy" },
        { { .n_policy = 3, .n_open = 2, .first = "a.service" }, CHECK_WARN, "2 of 3 running units with a policy may use any family, such as a.service" },
        { { .error = EACCES }, CHECK_WARN, "not known: Permission denied" },
};

START_TEST(test_units) {
        PreflightFacts open = good_facts;
        CheckRow rows[CHECK_ROWS_MAX];

        put("/sys/kernel/security/lsm", "capability,landlock\n");
        open.units = unit_cases[_i].units;
        size_t n = preflight_check(&open, root, rows);
        const CheckRow *row = find(rows, n, "families in units");
        ck_assert_int_eq(row->state, unit_cases[_i].state);
        ck_assert_ptr_eq(strstr(row->detail, unit_cases[_i].detail), row->detail);
        ck_assert(row->state == CHECK_OK || row->advice[0] != '\0');
}
END_TEST

static const struct {
        OpenUnits units;
        bool runs;
        const char *detail; /* NULL: no such row */
        CheckState state;
        bool is_refused;
        const char *nsswitch; /* NULL: as it is */
        const char *advice;
} resolved_cases[] = {
        { {}, true, NULL, .state = CHECK_OK },
        { { .error = EACCES }, true, NULL, .state = CHECK_OK },
        { { .n_policy = 3, .n_resolved = 3 }, false, NULL, .state = CHECK_OK },
        { { .n_policy = 3 }, true, "3 running units have a policy, and do not reach its sockets", .state = CHECK_OK },
        { { .n_policy = 3, .n_resolved = 2, .first_resolved = "a.service" }, true,
          "2 of 3 running units with a policy reach its sockets, such as a.service", CHECK_WARN, .advice = "NAME SERVICES" },
        { { .n_policy = 3, .n_resolved = 2 }, true, "its sockets are closed to units whose policy is enforced", CHECK_OK,
          .is_refused = true },
        { { .error = EACCES }, true, "its sockets are closed to units whose policy is enforced", CHECK_OK, .is_refused = true },
        { { .n_policy = 3 }, false, NULL, CHECK_OK, .is_refused = true },
        { {}, true, "its sockets are closed to units whose policy is enforced, and nsswitch.conf has nothing else", CHECK_WARN,
          .is_refused = true, .nsswitch = "hosts: files resolve [!UNAVAIL=return] myhostname\n", .advice = "add \"dns\"" },
        { {}, true, "its sockets are closed to units whose policy is enforced", CHECK_OK, .is_refused = true,
          .nsswitch = "hosts: files resolve [!UNAVAIL=return] dns\n" },
};

START_TEST(test_resolved_in_units) {
        PreflightFacts open = good_facts;
        CheckRow rows[CHECK_ROWS_MAX];
        const CheckRow *row = NULL;

        if (!resolved_cases[_i].runs)
                put("/run/systemd/resolve/stub-resolv.conf", NULL);
        if (resolved_cases[_i].nsswitch)
                put("/etc/nsswitch.conf", resolved_cases[_i].nsswitch);
        open.units = resolved_cases[_i].units;
        open.name_services_refused = resolved_cases[_i].is_refused;
        size_t n = preflight_check(&open, root, rows);
        for (size_t i = 0; i < n; i++)
                if (strcmp(rows[i].name, "resolved in units") == 0)
                        row = &rows[i];
        ck_assert_int_eq(row != NULL, resolved_cases[_i].detail != NULL);
        if (!row)
                return;
        ck_assert_str_eq(row->detail, resolved_cases[_i].detail);
        ck_assert_int_eq(row->state, resolved_cases[_i].state);
        ck_assert(row->state == CHECK_OK || strstr(row->advice, resolved_cases[_i].advice));
        ck_assert_uint_lt(strlen(row->advice), sizeof(row->advice) - 1);
}
END_TEST

#define ZONE "/etc/unbound/unbound.conf.d/forward.conf"

/* Of a running unbound. */
static const struct {
        const char *path, *text;
        bool has_host;
        CheckState state;
        const char *detail;
} unbound_cases[] = {
        { ZONE, "forward-zone:\n  name: \".\"\n  forward-addr: 192.0.2.1\n", true, CHECK_OK, "forwards" },
        { "/etc/unbound/unbound.conf", "server:\n interface: ::1\nforward-zone: name: .\n", true, CHECK_OK, "forwards" },
        { ZONE "~", "forward-zone:\n  name: \".\"\n", true, CHECK_WARN, "asks the servers of the root itself, in whose place" },
        { ZONE, "#forward-zone:\n#  name: \".\"\n", true, CHECK_WARN, "asks the servers of the root itself, in whose place" },
        { ZONE, "stub-zone:\n  name: \".\"\nforward-zone:\n name: example.\n", true, CHECK_WARN, "asks the servers of the root" },
        { ZONE, "", false, CHECK_OK, "asks the servers of the root itself; its queries are not judged" },
        { "/etc/cargowall/cargowall.conf", "[DNS]\nForwarders=unbound.service\n", false, CHECK_WARN, "asks the servers of the root itself, in" },
};

START_TEST(test_unbound) {
        PreflightFacts running = good_facts;
        CheckRow rows[CHECK_ROWS_MAX];

        put(unbound_cases[_i].path, unbound_cases[_i].text);
        size_t n = preflight_check(&running, root, rows);
        for (size_t i = 0; i < n; i++)
                ck_assert_str_ne(rows[i].name, "unbound");
        running.unbound_active = true;
        running.containers.has_host = unbound_cases[_i].has_host;
        n = preflight_check(&running, root, rows);
        const CheckRow *row = find(rows, n, "unbound");
        ck_assert_int_eq(row->state, unbound_cases[_i].state);
        ck_assert_ptr_eq(strstr(row->detail, unbound_cases[_i].detail), row->detail);
        ck_assert(!row->opens && (row->state == CHECK_OK || strstr(row->advice, "forward-zone:")));
        ck_assert_uint_lt(strlen(row->advice), sizeof(row->advice) - 1);
}
END_TEST

static const struct {
        const char *a, *b; /* documents; NULL: none */
        CheckState state;
        const char *detail, *advice;
} document_cases[] = {
        { NULL, NULL, CHECK_OK, "0, without errors; no two match the same", "" },
        { "{\"match\": {\"units\": [\"x.service\"]}}", "{\"match\": {\"units\": [\"y.service\", \"x*.service\"]}}", CHECK_OK,
          "2, without errors; no two match the same", "" },
        { "{\"match\": {\"units\": [\"x.service\"]}}", "{\"match\": {\"units\": [\"y.service\", \"x.service\"]}}", CHECK_WARN,
          "a and b both match \"x.service\"", "only a applies there, since its file name sorts first: remove the match from one of them" },
        { "{\"match\": {\"containers\": [\"*\"]}}", "{\"match\": {\"units\": [\"*\"]}}", CHECK_OK,
          "2, without errors; no two match the same", "" },
        { "{\"match\": {\"units\": [\"x.service\"]}}", "{\"match\": 7}", CHECK_FAIL, "/etc/cargowall/policy.d/b.json:1: $.match: ",
          "repair it, and run \"cargowallctl reload\": until then, no changed document is taken" },
};

START_TEST(test_documents) {
        CheckRow rows[CHECK_ROWS_MAX];

        if (document_cases[_i].a)
                put("/etc/cargowall/policy.d/a.json", document_cases[_i].a);
        if (document_cases[_i].b)
                put("/etc/cargowall/policy.d/b.json", document_cases[_i].b);
        size_t n = preflight_check(&good_facts, root, rows);
        const CheckRow *row = find(rows, n, "documents");
        ck_assert_int_eq(row->state, document_cases[_i].state);
        ck_assert_msg(strstr(row->detail, document_cases[_i].detail) == row->detail, "%s", row->detail);
        ck_assert_str_eq(row->advice, document_cases[_i].advice);
        ck_assert(!row->opens);
}
END_TEST

/* What lets traffic past a policy, told apart from what is only advised. */
START_TEST(test_opens) {
        PreflightFacts open = good_facts;
        CheckRow rows[CHECK_ROWS_MAX];

        open.connections_error = ENOENT;
        open.units = (OpenUnits) { .n_policy = 1, .n_resolved = 1, .n_enforced = 1, .n_helped = 1, .helpers = UNIT_HELPER_SUDO,
                                   .n_open = 1 };
        open.containers = (OpenContainers) { .n = 2, .n_open = 1 };
        put("/sys/kernel/security/lsm", "capability\n");
        size_t n = preflight_check(&open, root, rows);
        static const char *const names[] = { "resolved in units", "helpers", "containers", "families in units" };
        for (size_t i = 0; i < n; i++) {
                bool opens = false;

                for (size_t k = 0; k < ELEMENTSOF(names); k++)
                        opens = opens || strcmp(rows[i].name, names[k]) == 0;
                ck_assert_msg(rows[i].opens == opens, "%s", rows[i].name);
        }
        for (size_t k = 0; k < ELEMENTSOF(names); k++)
                ck_assert_str_ne(find(rows, n, names[k])->advice, "");
}
END_TEST

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ROOTLESS "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope"

static void put_cgroup(const char *path) {
        char file[512];

        (void) snprintf(file, sizeof(file), "/sys/fs/cgroup%s/cgroup.procs", path);
        put(file, "");
}

START_TEST(test_containers) {
        static const char *const paths[] = {
                "/system.slice/docker-" ID ".scope", "/docker/" ID, "/docker/" ID "/docker/" ID, ROOTLESS,
                "/system.slice/system.slice:docker:z9yx8", "/system.slice/a.service/cafe", "/machine.slice/libpod-conmon-" ID ".scope",
        };
        PreflightFacts found = good_facts;
        CheckRow rows[CHECK_ROWS_MAX];

        open_containers_find(root, &found.containers);
        ck_assert(found.containers.n == 0 && found.containers.error == 0 && !found.containers.has_host);
        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                put_cgroup(paths[i]);
        open_containers_find(root, &found.containers);
        ck_assert_uint_eq(found.containers.n, 4);
        ck_assert_uint_eq(found.containers.n_open, 4);

        put("/etc/cargowall/policy.d/containers.json", "{\"match\": {\"containers\": [\"*\"]}}");
        open_containers_find(root, &found.containers);
        ck_assert_uint_eq(found.containers.n_open, 1);
        ck_assert_str_eq(found.containers.first, ROOTLESS);
        size_t n = preflight_check(&found, root, rows);
        const CheckRow *row = find(rows, n, "containers");
        ck_assert_int_eq(row->state, CHECK_WARN);
        ck_assert_ptr_nonnull(strstr(row->detail, "1 of 4 belong to no document and are not judged, such as " ROOTLESS));
        ck_assert_ptr_nonnull(strstr(row->advice, "user@UID.service"));

        put("/etc/cargowall/policy.d/users.json", "{\"match\": {\"units\": [\"user@*.service\"]}}");
        open_containers_find(root, &found.containers);
        ck_assert_uint_eq(found.containers.n_open, 0);
        n = preflight_check(&found, root, rows);
        ck_assert_str_eq(find(rows, n, "containers")->detail, "4 exist; documents match 4 of them");
        put("/etc/cargowall/policy.d/users.json", "{");
        open_containers_find(root, &found.containers);
        ck_assert_int_eq(found.containers.error, EACCES);
}
END_TEST

/* ------------------------------------------------------------------ helpers */

static const gid_t docker_group[] = { 1000, 998 };
static const char *const group_names[] = { "runner", "docker" };

static const struct {
        const char *files[3];      /* that exist besides those of helpers */
        const char *texts[3];
        uid_t uid;
        const char *document;      /* matches; NULL: none */
        bool judged_elsewhere;
        const char *expected;
} helper_cases[] = {
        { .uid = 0, .expected = "runs as root" },
        { .uid = 0, .judged_elsewhere = true, .expected = "runs as root" },
        { .uid = 1000, .expected = "cron" },
        { .uid = 1000, .judged_elsewhere = true, .expected = "" },
        { .uid = 1000, .document = "\"units\": [\"cron.service\"]", .expected = "" },
        { .uid = 1000, .files = { "/etc/cron.deny" }, .texts = { "other\nrunner\n" }, .expected = "" },
        { .uid = 1000, .files = { "/etc/cron.allow" }, .texts = { "# none\nrunner2\n" }, .expected = "" },
        { .uid = 1000, .files = { "/etc/at.deny" }, .texts = { "" }, .expected = "at, cron" },
        { .uid = 1000, .files = { "/etc/at.deny" }, .texts = { "runner" }, .expected = "cron" },
        { .uid = 1000, .files = { "/var/lib/systemd/linger/runner" }, .texts = { "" }, .expected = "user manager, cron" },
        { .uid = 1000, .files = { "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/x" }, .texts = { "" },
          .expected = "user manager, cron" },
        { .uid = 1000, .files = { "/var/lib/systemd/linger/runner" }, .texts = { "" },
          .document = "\"units\": [\"user@*.service\", \"cron.service\"]", .expected = "" },
        { .uid = 1000, .files = { "/etc/at.deny", "/var/lib/systemd/linger/runner", "/run/docker.sock" },
          .texts = { "", "", "docker" }, .document = "\"units\": [\"a.service\"], \"follow\": true", .expected = "docker" },
        { .uid = 0, .document = "\"units\": [\"a.service\"], \"follow\": true", .expected = "runs as root" },
        { .uid = 1000, .files = { "/etc/sudoers", "/usr/bin/sudo" }, .texts = { "root ALL=(ALL) ALL\n%docker ALL=NOPASSWD: ALL\n", "" },
          .expected = "sudo, cron" },
        { .uid = 1000, .files = { "/etc/sudoers.d/90-ci", "/usr/bin/sudo" }, .texts = { "  runner\tALL=(ALL) NOPASSWD: ALL\n", "" },
          .judged_elsewhere = true, .expected = "sudo" },
        { .uid = 1000, .files = { "/etc/sudoers", "/usr/bin/sudo" }, .texts = { "deploy, \\\n\tbuild ,runner ALL=(ALL) ALL\n", "" },
          .expected = "sudo, cron" },
        { .uid = 1000, .files = { "/etc/sudoers", "/usr/bin/sudo" }, .texts = { "build ALL = runner, ALL\n# runner\nx \\\nrunner ALL\n", "" },
          .expected = "cron" },
        { .uid = 1000, .files = { "/etc/sudoers", "/usr/bin/sudo" }, .texts = { "build,#1000 ALL=(ALL) ALL\n", "" },
          .expected = "sudo, cron" },
        { .uid = 1000, .files = { "/etc/sudoers", "/usr/bin/sudo" }, .texts = { "%#998 ALL=(ALL) ALL\n", "" },
          .expected = "sudo, cron" },
        { .uid = 1000, .files = { "/etc/sudoers", "/usr/bin/sudo" }, .texts = { "#10001 ALL=(ALL) ALL\n!runner ALL=ALL", "" },
          .expected = "cron" },
        { .uid = 1000, .files = { "/etc/sudoers.d/90-ci.bak", "/usr/bin/sudo" }, .texts = { "runner ALL=(ALL) ALL\n", "" },
          .expected = "cron" },
        { .uid = 1000, .files = { "/etc/sudoers" }, .texts = { "runner ALL=(ALL) ALL\n" }, .expected = "cron" }, /* no sudo */
        { .uid = 1000, .files = { "/run/docker.sock" }, .texts = { "docker" }, .expected = "docker, cron" },
        { .uid = 1000, .files = { "/run/docker.sock" }, .texts = { "docker" },
          .document = "\"containers\": [\"*\"], \"units\": [\"cron.service\"]", .expected = "" },
        { .uid = 1000, .files = { "/run/docker.sock" }, .texts = { "root" }, .expected = "cron" },
};

START_TEST(test_helpers) {
        const HelperUser user = { .uid = helper_cases[_i].uid, .name = helper_cases[_i].uid == 0 ? "root" : "runner",
                                  .groups = docker_group, .group_names = group_names, .n_groups = ELEMENTSOF(docker_group) };
        const MatchList *list = NULL;
        char path[512], text[512], names[128];
        PolicyDocument document = {};
        FaultList faults = {};

        put("/sys/fs/cgroup/system.slice/cron.service/x", "");
        put("/sys/fs/cgroup/system.slice/atd.service/x", "");
        for (size_t i = 0; i < 3 && helper_cases[_i].files[i]; i++) {
                put(helper_cases[_i].files[i], helper_cases[_i].texts[i]);
                (void) snprintf(path, sizeof(path), "%s%s", root, helper_cases[_i].files[i]);
                ck_assert_int_eq(chmod(path, 0660), 0);
                if (strstr(path, "docker.sock"))
                        ck_assert_int_eq(chown(path, 0, strcmp(helper_cases[_i].texts[i], "docker") == 0 ? 998 : 0), 0);
        }
        if (helper_cases[_i].document) {
                int n = snprintf(text, sizeof(text), "{\"match\": {%s}}", helper_cases[_i].document);
                ck_assert_int_eq(policy_document_from_json(&document, text, (size_t) n, "a", &faults), 0);
                list = &document.match;
        }
        unsigned mask = unit_helpers_find(root, &list, list != NULL, helper_cases[_i].judged_elsewhere, document.follow,
                                          &user);
        ck_assert_str_eq(unit_helpers_format(mask, names, sizeof(names)), helper_cases[_i].expected);
        policy_document_done(&document);
        fault_list_done(&faults);
}
END_TEST

START_TEST(test_helpers_row) {
        PreflightFacts found = good_facts;
        CheckRow rows[CHECK_ROWS_MAX];

        found.units = (OpenUnits) { .n_policy = 3, .n_enforced = 2 };
        size_t n = preflight_check(&found, root, rows);
        ck_assert_int_eq(find(rows, n, "helpers")->state, CHECK_OK);
        found.units = (OpenUnits) { .n_policy = 3, .n_enforced = 2, .n_helped = 1, .first_helped = "ci.service",
                                    .helpers = UNIT_HELPER_DOCKER | UNIT_HELPER_SUDO };
        n = preflight_check(&found, root, rows);
        const CheckRow *row = find(rows, n, "helpers");
        ck_assert_int_eq(row->state, CHECK_WARN);
        ck_assert_str_eq(row->detail, "1 of 2 running units with an enforced policy can have others act, such as ci.service (sudo, docker)");
        ck_assert_ptr_nonnull(strstr(row->advice, "HELPERS"));
}
END_TEST

static const struct {
        const char *network;
        size_t size;
        uint32_t prefix_length;
        int family;
        bool covers;
} network_cases[] = {
        { "\0\0\0\0", 4, 0, AF_INET, true },
        { "\177\0\0\0", 4, 8, AF_INET, true },
        { "\177\0\0\233", 4, 32, AF_INET, true },
        { "\177\0\0\232", 4, 31, AF_INET, true },
        { "\177\0\0\232", 4, 32, AF_INET, false },
        { "\177\0\0\1", 4, 32, AF_INET, false },
        { "\12\0\0\0", 4, 8, AF_INET, false },
        { "\177\0\0\233", 4, 33, AF_INET, false },
        { "\177\0", 2, 8, AF_INET, false },
        { "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16, 0, AF_INET6, false },
};

START_TEST(test_networks) {
        ck_assert_int_eq(unit_firewall_covers(network_cases[_i].family, network_cases[_i].network, network_cases[_i].size,
                                              network_cases[_i].prefix_length), network_cases[_i].covers);
}
END_TEST

/* Units whose queries systemd drops. */
START_TEST(test_closed_units) {
        PreflightFacts closed = good_facts;
        CheckRow rows[CHECK_ROWS_MAX];

        closed.units = (OpenUnits) { .n_policy = 3, .n_closed = 1, .first_closed = "a.service", .closed_by = UNIT_FIREWALL_ADDRESS };
        size_t n = preflight_check(&closed, root, rows);
        const CheckRow *row = find(rows, n, "queries of units");
        ck_assert_int_eq(row->state, CHECK_WARN);
        ck_assert_str_eq(row->detail, "1 of 3 running units with a policy cannot reach the DNS proxy (IPAddressDeny=), such as a.service");
        ck_assert_ptr_nonnull(strstr(row->advice, "IPAddressAllow=127.0.0.155"));
        closed.units.closed_by = UNIT_FIREWALL_INTERFACE;
        n = preflight_check(&closed, root, rows);
        ck_assert_ptr_nonnull(strstr(find(rows, n, "queries of units")->advice, "RestrictNetworkInterfaces=lo"));
}
END_TEST

static const struct {
        unsigned n_devices, n_filtered;
        uint64_t families;
        CheckState devices, state;
        const char *detail;
} filter_cases[] = {
        { 3, 3, 1ULL << 24 | 1ULL << 29, CHECK_OK, CHECK_OK, "what others than IP send is dropped at network devices" },
        { 3, 2, 1ULL << 24, CHECK_WARN, CHECK_OK, "what others than IP send is dropped at network devices" },
        { 3, 3, 1ULL << 24 | 1ULL << 40, CHECK_OK, CHECK_WARN, "no hook or filter for AF_VSOCK" },
};

/* Where the service has filters on network devices instead. */
START_TEST(test_filters) {
        PreflightFacts open = good_facts;
        CheckRow rows[CHECK_ROWS_MAX];

        put("/sys/kernel/security/lsm", "capability,landlock\n");
        put("/proc/sys/kernel/modules_disabled", "1\n");
        open.families = filter_cases[_i].families;
        open.n_devices = filter_cases[_i].n_devices;
        open.n_filtered = filter_cases[_i].n_filtered;
        memcpy(open.unfiltered, "eth7", sizeof("eth7"));
        size_t n = preflight_check(&open, root, rows);
        const CheckRow *row = find(rows, n, "network devices");
        ck_assert_int_eq(row->state, filter_cases[_i].devices);
        ck_assert(row->state == CHECK_OK || (strstr(row->detail, "1 of 3 ") && strstr(row->detail, "such as eth7")));
        row = find(rows, n, "socket families");
        ck_assert_int_eq(row->state, filter_cases[_i].state);
        ck_assert_ptr_eq(strstr(row->detail, filter_cases[_i].detail), row->detail);
        ck_assert_uint_lt(strlen(row->detail), sizeof(row->detail) - 1);
        /* Modules that are loaded on demand are judged alike. */
        put("/proc/sys/kernel/modules_disabled", "0\n");
        n = preflight_check(&open, root, rows);
        ck_assert_str_eq(find(rows, n, "socket families")->detail, "no hook or filter for rds, which any user can have loaded");
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("ctl-preflight");
        TCase *t = tcase_create("ctl-preflight");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, test_good);
        tcase_add_loop_test(t, test_changes, 0, ELEMENTSOF(changes));
        tcase_add_loop_test(t, test_facts, 0, ELEMENTSOF(facts));
        tcase_add_test(t, test_socket_controllers);
        tcase_add_test(t, test_own_socket);
        tcase_add_loop_test(t, test_families, 0, ELEMENTSOF(offers));
        tcase_add_loop_test(t, test_filters, 0, ELEMENTSOF(filter_cases));
        tcase_add_loop_test(t, test_resolved_in_units, 0, ELEMENTSOF(resolved_cases));
        tcase_add_loop_test(t, test_unbound, 0, ELEMENTSOF(unbound_cases));
        tcase_add_loop_test(t, test_documents, 0, ELEMENTSOF(document_cases));
        tcase_add_test(t, test_opens);
        tcase_add_test(t, test_containers);
        tcase_add_loop_test(t, test_helpers, 0, ELEMENTSOF(helper_cases));
        tcase_add_test(t, test_helpers_row);
        tcase_add_loop_test(t, test_units, 0, ELEMENTSOF(unit_cases));
        tcase_add_loop_test(t, test_networks, 0, ELEMENTSOF(network_cases));
        tcase_add_test(t, test_closed_units);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
