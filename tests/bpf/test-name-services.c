/* SPDX-License-Identifier: Apache-2.0 */

/* Connections to the sockets of local name services: attached programs, real cgroups, real sockets, at the services' paths in a
 * mount namespace of the test. Skipped where the kernel does not ask BPF programs about them; exit status 77 without the rights
 * for the rest. */

#include "scope-lab.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "basic/macro.h"

#define RESOLVED "/run/systemd/resolve/io.systemd.Resolve"

/* With a /run of the test's own. One unit that is allowed everything, one that is denied everything, and the host. */
static void start(Lab *l) {
        *l = (Lab) {};
        lab_init(l);
        ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
        ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
        ck_assert_int_eq(mount("run", "/run", "tmpfs", 0, NULL), 0);
        ck_assert_int_eq(mkdir("/run/systemd", 0755), 0);
        ck_assert_int_eq(mkdir("/run/systemd/resolve", 0755), 0);
        ck_assert_int_eq(mkdir("/run/nscd", 0755), 0);
        ck_assert_int_eq(mkdir("/run/avahi-daemon", 0755), 0);
        lab_load_all(l);
        lab_set_scopes(l);
        lab_attach(l);
        ck_assert_int_eq(subjects_set(l->programs, lab_cgroup(l, "allowed"), LAB_ALLOWS, 1, 0), 0);
        ck_assert_int_eq(subjects_set(l->programs, lab_cgroup(l, "denied"), LAB_DENIES, 2, 0), 0);
        (void) lab_cgroup(l, "host");
}

static struct sockaddr_un address_of(const char *path) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };

        (void) snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
        return a;
}

/* Of the cgroup that the test is in. */
static int listen_at(const char *path) {
        const struct sockaddr_un a = address_of(path);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(bind(fd, (const struct sockaddr *) &a, sizeof(a)), 0);
        ck_assert_int_eq(listen(fd, 64), 0);
        return fd;
}

static int try_connect(const char *path) {
        const struct sockaddr_un a = address_of(path);
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        ck_assert_int_ge(fd, 0);
        return connect(fd, (const struct sockaddr *) &a, sizeof(a)) < 0 ? -errno : 0;
}

static const struct {
        const char *path;
        bool is_refused;
} sockets[] = {
        { RESOLVED, true },
        { RESOLVED ".Monitor", true },
        { "/run/nscd/socket", true },
        { "/var/run/nscd/socket", true }, /* a link to /run */
        { "/run/avahi-daemon/socket", true },
        { "/run/nscd/socket2", false },
        { "/run/systemd/resolve/io.systemd.Resolv", false },
        { "/run/systemd/private", false },
};

START_TEST(sockets_of_name_services) {
        static const char *const units[] = { "allowed", "denied" };
        Lab l;

        start(&l);
        int fd = listen_at(sockets[_i].path);
        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                lab_enter(&l, units[i]);
                ck_assert_int_eq(try_connect(sockets[_i].path), sockets[_i].is_refused ? -ECONNREFUSED : 0);
        }
        lab_enter(&l, "host");
        ck_assert_int_eq(try_connect(sockets[_i].path), 0);
        lab_enter(&l, NULL);
        ck_assert_int_eq(try_connect(sockets[_i].path), 0);
        (void) close(fd);
        lab_done(&l);
}
END_TEST

/* The socket has one name, and many paths lead to it. The hook of the cgroup is asked about the path. */
START_TEST(other_paths) {
        Lab l;

        start(&l);
        int expected = programs_attached(l.programs) & 1U << CW_HOOK_BIT_unix_stream_connect ? -ECONNREFUSED : 0;
        int fd = listen_at(RESOLVED);
        ck_assert_int_eq(symlink(RESOLVED, "/run/link"), 0);
        ck_assert_int_eq(link(RESOLVED, "/run/hard"), 0);
        ck_assert_int_eq(mkdir("/run/there", 0755), 0);
        ck_assert_int_eq(mount("/run/systemd/resolve", "/run/there", NULL, MS_BIND, NULL), 0);
        ck_assert_int_eq(chdir("/run/systemd"), 0);
        lab_enter(&l, "allowed");
        ck_assert_int_eq(try_connect("/run/link"), expected);
        ck_assert_int_eq(try_connect("/run/hard"), expected);
        ck_assert_int_eq(try_connect("/run/there/io.systemd.Resolve"), expected);
        ck_assert_int_eq(try_connect("resolve/../resolve/io.systemd.Resolve"), expected);
        ck_assert_int_eq(try_connect("/proc/self/root" RESOLVED), expected);
        ck_assert_int_eq(try_connect(RESOLVED), -ECONNREFUSED);
        lab_enter(&l, NULL);
        ck_assert_int_eq(try_connect("/run/link"), 0);
        ck_assert_int_eq(chdir("/"), 0);
        (void) close(fd);
        lab_done(&l);
}
END_TEST

START_TEST(modes_of_a_unit) {
        Lab l;

        start(&l);
        int fd = listen_at(RESOLVED);
        lab_enter(&l, "allowed");
        ck_assert_int_eq(try_connect(RESOLVED), -ECONNREFUSED);
        policy_slot_set_mode(l.slots[LAB_ALLOWS], MODE_AUDIT);
        ck_assert_int_eq(try_connect(RESOLVED), 0);
        policy_slot_set_mode(l.slots[LAB_ALLOWS], MODE_OFF);
        ck_assert_int_eq(try_connect(RESOLVED), 0);
        policy_slot_set_mode(l.slots[LAB_ALLOWS], MODE_ENFORCE);
        ck_assert_int_eq(try_connect(RESOLVED), -ECONNREFUSED);
        (void) close(fd);
        lab_done(&l);
}
END_TEST

/* A job in a unit of the host's scope, a unit without a policy, a cgroup that is not assigned yet, one below a unit. */
START_TEST(other_cgroups) {
        Lab l;

        start(&l);
        int fd = listen_at(RESOLVED);
        lab_set_layer(&l, LAB_DENIES, LAYER_RESTRICT, ACTION_ALLOW, NULL, MODE_ENFORCE, 0);
        ck_assert_int_eq(subjects_set(l.programs, lab_cgroup(&l, "job"), CW_CHAIN(LAB_HOST, LAB_DENIES, 0, 0), 3, 0), 0);
        ck_assert_int_eq(subjects_set(l.programs, lab_cgroup(&l, "fault"), LAB_NO_POLICY, 4, 0), 0);
        ck_assert_int_eq(subjects_set(l.programs, lab_cgroup(&l, "slice"), LAB_HOST, 5, CW_SUBJECT_SLICE), 0);
        static const char *const refused[] = { "job", "fault", "slice/new", "allowed/a/b" };
        (void) lab_cgroup(&l, "slice/new");
        (void) lab_cgroup(&l, "allowed/a");
        (void) lab_cgroup(&l, "allowed/a/b");
        for (size_t i = 0; i < ELEMENTSOF(refused); i++) {
                lab_enter(&l, refused[i]);
                ck_assert_msg(try_connect(RESOLVED) == -ECONNREFUSED, "%s", refused[i]);
        }
        /* What is not assigned yet loses nothing where no unit's policy is in force. */
        policy_slot_set_mode(l.slots[LAB_ALLOWS], MODE_AUDIT);
        policy_slot_set_mode(l.slots[LAB_DENIES], MODE_OFF);
        lab_enter(&l, "slice/new");
        ck_assert_int_eq(try_connect(RESOLVED), 0);
        policy_slot_set_mode(l.slots[LAB_ALLOWS], MODE_ENFORCE);
        ck_assert_int_eq(try_connect(RESOLVED), -ECONNREFUSED);
        lab_enter(&l, NULL);
        ck_assert_int_eq(subjects_set(l.programs, lab_cgroup(&l, "slice/new"), LAB_HOST, 6, 0), 0);
        lab_enter(&l, "slice/new");
        ck_assert_int_eq(try_connect(RESOLVED), 0);
        lab_enter(&l, NULL);
        (void) close(fd);
        lab_done(&l);
}
END_TEST

/* Of the program, or of the service. */
START_TEST(another_network_namespace) {
        Lab l;

        start(&l);
        int fd = listen_at(RESOLVED);
        ck_assert_int_eq(setns(l.outside_netns, CLONE_NEWNET), 0);
        lab_enter(&l, "allowed");
        ck_assert_int_eq(try_connect(RESOLVED), -ECONNREFUSED);
        lab_enter(&l, NULL);
        ck_assert_int_eq(try_connect(RESOLVED), 0);
        ck_assert_int_eq(setns(l.inside_netns, CLONE_NEWNET), 0);
        (void) close(fd);
        lab_done(&l);
}
END_TEST

START_TEST(not_wanted) {
        Programs *programs = NULL;
        ProgramsOptions o;
        Lab l;

        start(&l);
        lab_load_options(&o);
        o.unused_hooks = CW_HOOKS_NAME_SERVICE;
        ck_assert_int_eq(lab_load(&l, &o, &programs), 0);
        const char *what = "";
        ck_assert_int_eq(programs_attach(programs, l.top_fd, &what), 0);
        ck_assert_uint_eq(programs_attached(programs) & CW_HOOKS_NAME_SERVICE, 0);
        programs_free(programs);
        lab_done(&l);
}
END_TEST

/* ------------------------------------------------------------------ */

static Suite *suite(void) {
        if (!(lab_hooks_of_kernel() & CW_HOOKS_NAME_SERVICE)) {
                (void) printf("1..0 # SKIP this kernel does not ask BPF programs about AF_UNIX sockets\n");
                return NULL;
        }
        Suite *s = suite_create("name-services");
        TCase *t = tcase_create("name-services");

        suite_add_tcase(s, t);
        tcase_set_timeout(t, 120);
        tcase_add_loop_test(t, sockets_of_name_services, 0, ELEMENTSOF(sockets));
        tcase_add_test(t, other_paths);
        tcase_add_test(t, modes_of_a_unit);
        tcase_add_test(t, other_cgroups);
        tcase_add_test(t, another_network_namespace);
        tcase_add_test(t, not_wanted);
        return s;
}

int main(void) {
        return lab_main(suite);
}
