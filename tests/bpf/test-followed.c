/* SPDX-License-Identifier: Apache-2.0 */

/* Users whose processes are judged as their units, wherever they run: attached programs, real cgroups, real sockets of real users.
 * Exit status 77 without the rights to make them. */

#include "scope-lab.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/syscall.h>

#define USER 61001
#define OTHER 61002

/* The host's layer passes all, so that what is refused was refused for the user. */
static void begin(Lab *l, Mode mode) {
        lab_init(l);
        lab_load_all(l);
        lab_set_scopes(l);
        lab_set_policy(l, LAB_HOST, ACTION_ALLOW, NULL, MODE_ENFORCE, 0);
        lab_set_policy(l, LAB_DENIES, ACTION_DENY, NULL, mode, 0);
        lab_attach(l);
        (void) lab_cgroup(l, "slice");
        (void) lab_cgroup(l, "slice/cron");
}

static void follow(const Lab *l, uint32_t chain) {
        const FollowedUser users[] = { { .uid = USER, .chain = chain } };

        ck_assert_int_eq(subjects_follow_users(l->programs, users, 1), 0);
}

/* real and effective: of the process, which keeps the right to come back. */
static void become(uid_t real, uid_t effective) {
        ck_assert_int_eq(syscall(SYS_setresuid, real, effective, 0), 0);
}

static void become_root(void) {
        ck_assert_int_eq(syscall(SYS_setresuid, 0, 0, 0), 0);
}

static int connect_as(const Lab *l, uid_t real, uid_t effective, int family) {
        become(real, effective);
        int r = lab_try_connect(l, family);
        become_root();
        return r;
}

START_TEST(task_is_judged_as_its_user) {
        Lab l = {};
        int family = _i;

        begin(&l, MODE_ENFORCE);
        lab_enter(&l, "slice/cron");
        int listener = lab_listen_outside(&l, family);

        ck_assert_int_eq(connect_as(&l, USER, USER, family), 0); /* nobody is followed */
        follow(&l, LAB_DENIES);
        ck_assert_int_eq(connect_as(&l, USER, USER, family), -EPERM);
        ck_assert_int_eq(connect_as(&l, USER, 0, family), -EPERM); /* of a program with the bit for root */
        ck_assert_int_eq(connect_as(&l, OTHER, OTHER, family), 0);
        ck_assert_int_eq(connect_as(&l, 0, 0, family), 0);
        follow(&l, LAB_ALLOWS); /* what the policy of the user allows works there, too */
        ck_assert_int_eq(connect_as(&l, USER, USER, family), 0);
        ck_assert_int_eq(subjects_follow_users(l.programs, NULL, 0), 0);
        ck_assert_int_eq(connect_as(&l, USER, USER, family), 0);
        (void) close(listener);
        lab_done(&l);
}
END_TEST

START_TEST(root_is_never_followed) {
        const FollowedUser root = { .uid = 0, .chain = LAB_DENIES };
        Lab l = {};

        begin(&l, MODE_ENFORCE);
        ck_assert_int_eq(subjects_follow_users(l.programs, &root, 1), 0);
        ck_assert_int_eq(lab_connect_from(&l, "slice/cron", 0), 0);
        lab_done(&l);
}
END_TEST

/* The user's policy is in the place of the host's layer, and of no other. */
START_TEST(policy_of_the_cgroup_comes_first) {
        Lab l = {};

        begin(&l, MODE_ENFORCE);
        uint64_t cron = lab_cgroup(&l, "slice/cron");
        follow(&l, LAB_DENIES);
        lab_enter(&l, "slice/cron");
        ck_assert_int_eq(subjects_set(l.programs, cron, LAB_ALLOWS, 1, 0), 0);
        ck_assert_int_eq(connect_as(&l, USER, USER, 0), 0);
        ck_assert_int_eq(subjects_set(l.programs, cron, LAB_HOST, 1, 0), 0);
        ck_assert_int_eq(connect_as(&l, USER, USER, 0), -EPERM);
        ck_assert_int_eq(subjects_set(l.programs, cron, LAB_HOST, 1, CW_SUBJECT_CONTAINER), 0); /* another user with that number */
        ck_assert_int_eq(connect_as(&l, USER, USER, 0), 0);
        ck_assert_int_eq(subjects_set(l.programs, cron, LAB_HOST, 1, CW_SUBJECT_FORWARDER | CW_SUBJECT_NETWORK), 0);
        ck_assert_int_eq(connect_as(&l, USER, USER, 0), -EPERM);
        lab_set_layer(&l, LAB_DENIES, LAYER_RESTRICT, ACTION_DENY, NULL, MODE_ENFORCE, 0);
        follow(&l, LAB_ALLOWS);
        ck_assert_int_eq(subjects_set(l.programs, cron, CW_CHAIN(LAB_HOST, LAB_DENIES, 0, 0), 1, 0), 0); /* a job runs there */
        ck_assert_int_eq(connect_as(&l, USER, USER, 0), -EPERM);
        lab_done(&l);
}
END_TEST

START_TEST(modes_of_host_and_user) {
        Lab l = {};

        begin(&l, MODE_AUDIT);
        follow(&l, LAB_DENIES);
        lab_enter(&l, "slice/cron");
        ck_assert_int_eq(connect_as(&l, USER, USER, 0), 0);
        ck_assert_uint_ge(lab_count(&l, CW_COUNT_DENIED), 1); /* observed */
        lab_set_policy(&l, LAB_DENIES, ACTION_DENY, NULL, MODE_ENFORCE, 0);
        lab_set_policy(&l, LAB_HOST, ACTION_DENY, NULL, MODE_OFF, 0);
        ck_assert_int_eq(connect_as(&l, USER, USER, 0), -EPERM);
        ck_assert_int_eq(connect_as(&l, 0, 0, 0), 0);
        lab_set_policy(&l, LAB_HOST, ACTION_DENY, NULL, MODE_AUDIT, 0);
        ck_assert_int_eq(connect_as(&l, USER, USER, 0), -EPERM);
        ck_assert_int_eq(connect_as(&l, 0, 0, 0), 0);
        lab_set_policy(&l, LAB_DENIES, ACTION_DENY, NULL, MODE_OFF, 0);
        lab_set_policy(&l, LAB_HOST, ACTION_DENY, NULL, MODE_ENFORCE, 0);
        ck_assert_int_eq(connect_as(&l, USER, USER, 0), 0); /* as the unit, whose policy is off */
        lab_done(&l);
}
END_TEST

/* A socket of the user, or root, of which the other sends. With the mark of the proxy, so that the namespace is known. */
typedef struct Shared {
        Lab lab;
        int family, proxy, server, of_user, of_root;
} Shared;

static void shared_init(Shared *s, int family) {
        Lab *l = &s->lab;

        *s = (Shared) { .family = family };
        begin(l, MODE_ENFORCE);
        s->proxy = lab_socket(l, false, AF_INET, SOCK_STREAM);
        lab_bind(s->proxy, "127.0.0.1", LAB_PROXY_PORT4);
        ck_assert_int_eq(exemptions_set_proxy_socket(l->programs, s->proxy), 0);
        s->server = lab_socket(l, true, lab_family[family], SOCK_DGRAM);
        lab_bind(s->server, lab_outside[family], LAB_PORT);
        lab_enter(l, "slice/cron");
        s->of_root = lab_socket(l, false, lab_family[family], SOCK_DGRAM);
        become(USER, USER);
        s->of_user = lab_socket(l, false, lab_family[family], SOCK_DGRAM);
        become_root();
}

static void shared_done(Shared *s) {
        (void) close(s->proxy);
        (void) close(s->server);
        (void) close(s->of_user);
        (void) close(s->of_root);
        lab_done(&s->lab);
}

START_TEST(socket_is_judged_as_its_owner) {
        Shared s;

        shared_init(&s, _i);
        ck_assert_int_eq(lab_send(s.of_user, "before", lab_outside[s.family], LAB_PORT), 0);
        lab_expect(s.server, "before");
        follow(&s.lab, LAB_DENIES);
        (void) lab_send(s.of_user, "after", lab_outside[s.family], LAB_PORT); /* root may, the socket may not */
        ck_assert_int_eq(lab_send(s.of_root, "root", lab_outside[s.family], LAB_PORT), 0);
        lab_expect(s.server, "root"); /* the next that arrives */
        follow(&s.lab, LAB_ALLOWS);
        ck_assert_int_eq(lab_send(s.of_user, "again", lab_outside[s.family], LAB_PORT), 0);
        lab_expect(s.server, "again");
        shared_done(&s);
}
END_TEST

/* Of the same cgroup as the socket, so that only the user differs. */
START_TEST(user_of_a_socket_of_root) {
        Shared s;

        shared_init(&s, _i);
        follow(&s.lab, LAB_DENIES);
        become(USER, USER);
        ck_assert_int_eq(lab_send(s.of_root, "user", lab_outside[s.family], LAB_PORT), -EPERM);
        become_root();
        ck_assert_int_eq(lab_send(s.of_root, "root", lab_outside[s.family], LAB_PORT), 0);
        lab_expect(s.server, "root");
        shared_done(&s);
}
END_TEST

#define OPEN_PORT 9

/* connect() of a datagram socket waits for the packet where another port of the address is allowed. */
START_TEST(waiting_request_of_the_user) {
        const PortRange port = { .low = OPEN_PORT, .high = OPEN_PORT, .protocol = PROTOCOL_UDP };
        PolicySource source = { .default_action = ACTION_DENY };
        const char *why = "";
        Policy *policy = NULL;
        Shared s;

        shared_init(&s, _i);
        ck_assert_int_ge(rule_list_add(&source.rules, RULE_CIDR, lab_outside_net[s.family], ACTION_ALLOW, TIER_USER, &port, 1,
                                       false, &why), 0);
        ck_assert_int_eq(policy_new(&source, &policy), 0);
        ck_assert_int_eq(policy_slot_stage(s.lab.slots[LAB_DENIES], policy, NULL, 0), 0);
        policy_slot_commit(s.lab.slots[LAB_DENIES], LAYER_BASE, MODE_ENFORCE, 0);
        policy_free(policy);
        follow(&s.lab, LAB_DENIES);
        become(USER, USER);
        ck_assert_int_eq(lab_connect(s.of_root, lab_outside[s.family], LAB_PORT), 0);
        (void) lab_send(s.of_root, "user", NULL, 0);
        become_root();
        lab_expect_nothing(s.server);
        int fd = lab_socket(&s.lab, false, lab_family[s.family], SOCK_DGRAM);
        ck_assert_int_eq(lab_send(fd, "root", lab_outside[s.family], LAB_PORT), 0);
        lab_expect(s.server, "root"); /* the next that arrives */
        (void) close(fd);
        shared_done(&s);
}
END_TEST

START_TEST(chains_join) {
        ck_assert_uint_eq(cw_chain_followed(CW_CHAIN(0, 0, 0, 0), CW_CHAIN(7, 0, 0, 0)), CW_CHAIN(7, 0, 0, 0));
        ck_assert_uint_eq(cw_chain_followed(CW_CHAIN(0, 0, 0, 0), CW_CHAIN(7, 8, 9, 10)), CW_CHAIN(7, 8, 9, 10));
        ck_assert_uint_eq(cw_chain_followed(CW_CHAIN(0, 2, 3, 0), CW_CHAIN(7, 0, 0, 0)), CW_CHAIN(7, 2, 3, 0));
        ck_assert_uint_eq(cw_chain_followed(CW_CHAIN(0, 2, 0, 0), CW_CHAIN(7, 8, 9, 0)), CW_CHAIN(7, 8, 9, 2));
        ck_assert_uint_eq(cw_chain_followed(CW_CHAIN(0, 2, 3, 0), CW_CHAIN(7, 8, 9, 0)), CW_CHAIN_UNASSIGNED);
        ck_assert_uint_eq(cw_chain_followed(CW_CHAIN(0, 2, 0, 0), CW_CHAIN(7, 8, 9, 10)), CW_CHAIN_UNASSIGNED);
}
END_TEST

START_TEST(sets_replace_each_other) {
        FollowedUser users[CW_FOLLOWED_USERS_MAX], found[CW_FOLLOWED_USERS_MAX];
        Lab l = {};

        lab_init(&l);
        lab_load_all(&l);
        for (uint32_t i = 0; i < CW_FOLLOWED_USERS_MAX; i++)
                users[i] = (FollowedUser) { .uid = i + 1, .chain = LAB_ALLOWS };
        ck_assert_int_eq(subjects_follow_users(l.programs, users, CW_FOLLOWED_USERS_MAX), 0);
        ck_assert_uint_eq(subjects_followed_users(l.programs, found), CW_FOLLOWED_USERS_MAX);
        users[0] = (FollowedUser) { .uid = USER, .chain = LAB_DENIES };
        ck_assert_int_eq(subjects_follow_users(l.programs, users, CW_FOLLOWED_USERS_MAX), 0); /* there is room for no other */
        ck_assert_int_eq(subjects_follow_users(l.programs, users, 1), 0);
        ck_assert_uint_eq(subjects_followed_users(l.programs, found), 1);
        ck_assert_uint_eq(found[0].uid, USER);
        ck_assert_uint_eq(found[0].chain, LAB_DENIES);
        bool used[CW_LAYERS_MAX];
        ck_assert_int_eq(subjects_layers(l.programs, used), 0);
        ck_assert(used[LAB_DENIES]);
        ck_assert(!used[LAB_ALLOWS]);
        lab_done(&l);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("followed");
        TCase *t = tcase_create("followed");

        tcase_set_timeout(t, 120);
        tcase_add_loop_test(t, task_is_judged_as_its_user, 0, 2);
        tcase_add_test(t, root_is_never_followed);
        tcase_add_test(t, policy_of_the_cgroup_comes_first);
        tcase_add_test(t, modes_of_host_and_user);
        tcase_add_loop_test(t, socket_is_judged_as_its_owner, 0, 2);
        tcase_add_loop_test(t, user_of_a_socket_of_root, 0, 2);
        tcase_add_loop_test(t, waiting_request_of_the_user, 0, 2);
        tcase_add_test(t, chains_join);
        tcase_add_test(t, sets_replace_each_other);
        suite_add_tcase(s, t);
        return s;
}

int main(void) {
        return lab_main(suite);
}
