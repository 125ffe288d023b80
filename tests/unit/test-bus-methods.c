/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <check.h>

#include "bus-peer.h"
#include "bus/bus-error.h"

#define MANAGER "org.cargowall1.Manager"
#define PATH "/org/cargowall1"
#define SENDER ":1.7"
#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)

static sd_bus_message *call(Peer *p, const char *member) {
        return peer_call(p, SENDER, PATH, MANAGER, member);
}

#define append(m, ...) ck_assert_int_ge(sd_bus_message_append(m, __VA_ARGS__), 0)

static void assert_error(sd_bus_message *reply, const char *name, const char *text) {
        ck_assert_str_eq(peer_error_name(reply), name);
        if (text)
                ck_assert_str_eq(sd_bus_message_get_error(reply)->message, text);
        sd_bus_message_unref(reply);
}

static sd_bus_message *assert_reply(sd_bus_message *reply, const char *signature) {
        const sd_bus_error *e = sd_bus_message_get_error(reply);

        ck_assert_msg(!e, "%s: %s", e ? e->name : "", e ? e->message : "");
        ck_assert_str_eq(sd_bus_message_get_signature(reply, true), signature);
        return reply;
}

/* ------------------------------------------------------------------ policies */

static const char good[] = "{\"rules\":[{\"type\":\"hostname\",\"value\":\"github.com\",\"action\":\"allow\"}]}";
static const char bad[] = "{\"rules\":[\n{\"type\":\"hostname\",\"value\":\"git..hub\",\"action\":\"allow\"},\n"
                          "{\"type\":\"hostname\",\"value\":\"b\",\"action\":\"perhaps\"}]}";

static int new_memfd(const char *text, size_t size, int seals) {
        int fd = memfd_create("policy", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(ftruncate(fd, (off_t) size), 0);
        if (text)
                ck_assert_int_eq(pwrite(fd, text, size, 0), (ssize_t) size);
        if (seals)
                ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
        return fd;
}

static sd_bus_message *load_fd(Peer *p, int fd) {
        sd_bus_message *m = call(p, "LoadPolicy");

        append(m, "ha{sv}", fd, 1, "scope", "s", "runner-a");
        (void) close(fd);
        return peer_send(p, m);
}

START_TEST(a_sealed_memfd_is_loaded) {
        const char *digest;
        Peer p;

        peer_init(&p);
        sd_bus_message *reply = assert_reply(load_fd(&p, new_memfd(good, strlen(good), SEALS)), "s");
        ck_assert_int_gt(sd_bus_message_read(reply, "s", &digest), 0);
        ck_assert_str_eq(digest, "sha256:00");
        sd_bus_message_unref(reply);
        ck_assert_str_eq(p.service->texts[1], good);
        ck_assert_str_eq(p.action, "org.cargowall1.set-policy");
        ck_assert_str_eq(p.detail, "scope=runner-a");
        peer_done(&p);
}
END_TEST

START_TEST(another_file_is_not) {
        int fds[2];
        Peer p;

        peer_init(&p);
        for (int missing = 0; missing < 3; missing++) {
                static const int seals[] = { F_SEAL_WRITE, F_SEAL_SHRINK, F_SEAL_GROW };
                int fd = new_memfd(good, strlen(good), SEALS & ~seals[missing]);
                assert_error(load_fd(&p, fd), SD_BUS_ERROR_INVALID_ARGS, NULL);
        }
        assert_error(load_fd(&p, open("/proc/self/exe", O_RDONLY | O_CLOEXEC)), SD_BUS_ERROR_INVALID_ARGS, NULL);
        assert_error(load_fd(&p, open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)), SD_BUS_ERROR_INVALID_ARGS, NULL);
        assert_error(load_fd(&p, open("/", O_PATH | O_CLOEXEC)), SD_BUS_ERROR_INVALID_ARGS, NULL);
        ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
        (void) close(fds[1]);
        assert_error(load_fd(&p, fds[0]), SD_BUS_ERROR_INVALID_ARGS, NULL);
        assert_error(load_fd(&p, new_memfd(NULL, POLICY_TEXT_MAX + 1, SEALS)), SD_BUS_ERROR_INVALID_ARGS,
                     "The policy is too large.");
        ck_assert_uint_eq(p.n_asked, 0);
        ck_assert_ptr_null(p.service->texts[1]);
        assert_error(load_fd(&p, new_memfd("", 0, SEALS)), BUS_ERROR_INVALID_POLICY, NULL);
        peer_done(&p);
}
END_TEST

START_TEST(the_fault_is_named) {
        Peer p;

        peer_init(&p);
        assert_error(load_fd(&p, new_memfd(bad, strlen(bad), SEALS)), BUS_ERROR_INVALID_POLICY,
                     "$.rules[0].value: the name has an empty label (line 2), and 1 more");
        ck_assert_ptr_null(p.service->texts[1]);
        ck_assert(strncmp(peer_last_note(&p)->result, "error: $.rules[0].value", 23) == 0);

        /* No document; full maps: whatever the error, the fault says which document it is. */
        for (size_t i = 0; i < 2; i++) {
                p.service->reload_error = i == 0 ? -ENOENT : -ENOSPC;
                assert_error(peer_send(&p, call(&p, "Reload")), BUS_ERROR_INVALID_POLICY, "ci: the reason");
        }
        p.service->reload_error = 0;
        p.service->reload_fails = true; /* with bytes that are no UTF-8 */
        assert_error(peer_send(&p, call(&p, "Reload")), BUS_ERROR_INVALID_POLICY,
                     "/etc/policy.json: $.r\\xc3: an unknown key (line 7), and 2 more");
        peer_done(&p);
}
END_TEST

START_TEST(a_string_is_loaded) {
        Peer p;

        peer_init(&p);
        sd_bus_message *m = call(&p, "LoadPolicyString");
        append(m, "sa{sv}", good, 0);
        sd_bus_message_unref(assert_reply(peer_send(&p, m), "s"));
        ck_assert_str_eq(p.service->texts[0], good);
        peer_done(&p);
}
END_TEST

START_TEST(options_are_strict) {
        Peer p;

        peer_init(&p);
        sd_bus_message *m = call(&p, "LoadPolicyString");
        append(m, "sa{sv}", good, 1, "scop", "s", "host");
        assert_error(peer_send(&p, m), SD_BUS_ERROR_INVALID_ARGS, "There is no option \"scop\".");
        m = call(&p, "LoadPolicyString");
        append(m, "sa{sv}", good, 1, "scope", "u", 1U);
        assert_error(peer_send(&p, m), SD_BUS_ERROR_INVALID_ARGS, NULL);
        m = call(&p, "LoadPolicyString");
        append(m, "sa{sv}", good, 1, "scope", "s", "nobody");
        assert_error(peer_send(&p, m), BUS_ERROR_NO_SUCH_SCOPE, "There is no scope \"nobody\".");
        m = call(&p, "LoadPolicyString");
        append(m, "s", good);
        assert_error(peer_send(&p, m), SD_BUS_ERROR_INVALID_ARGS, NULL);
        ck_assert_uint_eq(p.n_asked, 0);
        peer_done(&p);
}
END_TEST

START_TEST(a_giant_string_is_refused) {
        char *text = malloc(1024 * 1024 + 2);
        Peer p;

        ck_assert_ptr_nonnull(text);
        peer_init(&p);
        for (size_t size = 1024 * 1024; size <= 1024 * 1024 + 1; size++) {
                memset(text, ' ', size);
                text[size] = '\0';
                sd_bus_message *m = call(&p, "LoadPolicyString");
                append(m, "sa{sv}", text, 0);
                assert_error(peer_send(&p, m),
                             size > 1024 * 1024 ? SD_BUS_ERROR_INVALID_ARGS : BUS_ERROR_INVALID_POLICY, NULL);
                ck_assert_uint_eq(p.n_asked, 1);
        }
        free(text);
        peer_done(&p);
}
END_TEST

static size_t count_faults(sd_bus_message *reply) {
        const char *path, *reason;
        uint32_t line;
        size_t n = 0;

        (void) assert_reply(reply, "a(sus)");
        ck_assert_int_gt(sd_bus_message_enter_container(reply, 'a', "(sus)"), 0);
        while (sd_bus_message_read(reply, "(sus)", &path, &line, &reason) > 0) {
                if (n == 1) {
                        ck_assert_str_eq(path, "$.rules[1].action");
                        ck_assert_uint_eq(line, 3);
                }
                n++;
        }
        sd_bus_message_unref(reply);
        return n;
}

START_TEST(everybody_may_validate) {
        Peer p;

        peer_init(&p);
        p.answer = POLKIT_NO;
        sd_bus_message *m = call(&p, "ValidatePolicyString");
        append(m, "s", bad);
        ck_assert_uint_eq(count_faults(peer_send(&p, m)), 2);
        m = call(&p, "ValidatePolicyString");
        append(m, "s", good);
        ck_assert_uint_eq(count_faults(peer_send(&p, m)), 0);

        int fd = new_memfd(bad, strlen(bad), SEALS);
        m = call(&p, "ValidatePolicy");
        append(m, "h", fd);
        (void) close(fd);
        ck_assert_uint_eq(count_faults(peer_send(&p, m)), 2);
        ck_assert_uint_eq(p.n_asked, 0);

        for (size_t size = 256 * 1024; size <= 256 * 1024 + 1; size++) { /* more is for those who may load it */
                fd = new_memfd(NULL, size, SEALS);
                m = call(&p, "ValidatePolicy");
                append(m, "h", fd);
                (void) close(fd);
                assert_error(peer_send(&p, m), size > 256 * 1024 ? SD_BUS_ERROR_ACCESS_DENIED : "", NULL);
        }
        ck_assert_uint_eq(p.n_asked, 1);
        ck_assert_str_eq(p.action, "org.cargowall1.set-policy");
        peer_done(&p);
}
END_TEST

static void post_validation(Peer *p, const char *sender, sd_bus_slot **ret_slot, sd_bus_message_handler_t fn,
                            void *userdata) {
        sd_bus_message *m = peer_call(p, sender, PATH, MANAGER, "ValidatePolicyString");

        append(m, "s", good);
        ck_assert_int_ge(sd_bus_call_async(p->client, ret_slot, m, fn, userdata, 20 * USEC_PER_SEC), 0);
        sd_bus_message_unref(m);
        peer_settle(p);
}

static int on_validation(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error) {
        unsigned *n = userdata;

        ck_assert_str_eq(peer_error_name(m), "");
        (*n)++;
        return 1;
}

START_TEST(a_validation_holds_up_nobody_else) {
        sd_bus_slot *slots[2];
        unsigned n = 0;
        int gate[2];
        Peer p;

        peer_init(&p);
        ck_assert_int_eq(pipe2(gate, O_CLOEXEC), 0);
        fake_validate_gate = gate[0];
        post_validation(&p, ":1.7", &slots[0], on_validation, &n);

        sd_bus_message_unref(assert_reply(peer_send(&p, call(&p, "GetDNSStatus")), "a{sv}"));
        sd_bus_message *m = peer_call(&p, ":1.8", PATH, MANAGER, "ValidatePolicyString");
        append(m, "s", good);
        assert_error(peer_send(&p, m), SD_BUS_ERROR_LIMITS_EXCEEDED, NULL); /* of the same user */
        p.uid = 1001;
        post_validation(&p, ":1.9", &slots[1], on_validation, &n);
        ck_assert_uint_eq(n, 0);

        ck_assert_int_eq(write(gate[1], "..", 2), 2);
        while (n < 2)
                ck_assert_int_ge(sd_event_run(p.event, UINT64_MAX), 0);
        for (size_t i = 0; i < ELEMENTSOF(slots); i++)
                sd_bus_slot_unref(slots[i]);
        fake_validate_gate = -1;
        (void) close(gate[0]);
        (void) close(gate[1]);
        peer_done(&p);
}
END_TEST

START_TEST(the_policy_is_read_back) {
        const char *text, *source, *digest;
        Peer p;

        peer_init(&p);
        p.service->source = "/etc/\xff";
        sd_bus_message *m = call(&p, "GetPolicy");
        append(m, "s", "host");
        sd_bus_message *reply = assert_reply(peer_send(&p, m), "sss");
        ck_assert_int_gt(sd_bus_message_read(reply, "sss", &text, &source, &digest), 0);
        ck_assert_str_eq(text, "{\"rules\":[]}");
        ck_assert_str_eq(source, "/etc/\\xff");
        sd_bus_message_unref(reply);
        ck_assert_str_eq(p.action, "org.cargowall1.view-events");

        m = call(&p, "GetPolicy");
        append(m, "s", "off");
        assert_error(peer_send(&p, m), BUS_ERROR_NO_SUCH_SCOPE, "The scope \"off\" has no policy.");
        peer_done(&p);
}
END_TEST

/* ------------------------------------------------------------------ explain, lists */

static sd_bus_message *explain(Peer *p, const char *host, uint16_t port, const char *protocol, const char *scope) {
        sd_bus_message *m = call(p, "Explain");

        append(m, "sqsa{sv}", host, port, protocol, 1, "scope", "s", scope);
        return peer_send(p, m);
}

static void add_policy(Peer *p) {
        PolicySource source = { .default_action = ACTION_DENY };
        _cleanup_(fault_list_done) FaultList faults = {};

        ck_assert_int_ge(policy_source_from_json(&source, good, strlen(good), &faults), 0);
        ck_assert_int_ge(policy_new(&source, &p->service->policy), 0);
        policy_source_done(&source);
}

static const struct {
        const char *host;
        uint16_t port;
        const char *protocol, *scope, *error, *verdict, *rule;
} explain_cases[] = {
        { "github.com", 443, "tcp", "host", "", "allow", "allow github.com" },
        { "GitHub.com.", 443, "tcp", "host", "", "allow", "allow github.com" },
        { "other.example", 443, "udp", "host", "", "deny", "" },
        { "192.0.2.1", 443, "tcp", "host", "", "deny", "" },
        { "2001:db8::1", 0, "icmp", "host", "", "deny", "" },
        { "127.0.0.1", 80, "tcp", "host", "", "allow", "" },
        { "other.example", 443, "tcp", "off", "", "allow", "" },
        { "github.com", 0, "tcp", "host", SD_BUS_ERROR_INVALID_ARGS, NULL, NULL },
        { "github.com", 443, "icmp", "host", SD_BUS_ERROR_INVALID_ARGS, NULL, NULL },
        { "github.com", 443, "dccp", "host", SD_BUS_ERROR_INVALID_ARGS, NULL, NULL },
        { "github.com:443", 443, "tcp", "host", SD_BUS_ERROR_INVALID_ARGS, NULL, NULL },
        { "*.github.com", 443, "tcp", "host", SD_BUS_ERROR_INVALID_ARGS, NULL, NULL },
        { "", 443, "tcp", "host", SD_BUS_ERROR_INVALID_ARGS, NULL, NULL },
        { "github.com", 443, "tcp", "nobody", BUS_ERROR_NO_SUCH_SCOPE, NULL, NULL },
};

START_TEST(a_destination_is_explained) {
        const char *verdict, *rule;
        Peer p;

        peer_init(&p);
        add_policy(&p);
        sd_bus_message *reply = explain(&p, explain_cases[_i].host, explain_cases[_i].port, explain_cases[_i].protocol,
                                        explain_cases[_i].scope);
        if (explain_cases[_i].error[0] != '\0')
                assert_error(reply, explain_cases[_i].error, NULL);
        else {
                (void) assert_reply(reply, "ssa{sv}");
                ck_assert_int_gt(sd_bus_message_read(reply, "ss", &verdict, &rule), 0);
                ck_assert_str_eq(verdict, explain_cases[_i].verdict);
                ck_assert_int_eq(rule[0] == '\0', explain_cases[_i].rule[0] == '\0');
                ck_assert_int_gt(sd_bus_message_skip(reply, "a{sv}"), 0);
                sd_bus_message_unref(reply);
        }
        ck_assert_uint_eq(p.n_asked, 0);
        policy_free(p.service->policy);
        peer_done(&p);
}
END_TEST

START_TEST(only_who_may_see_events_asks_about_others) {
        Peer p;

        peer_init(&p);
        add_policy(&p);
        p.answer = POLKIT_NO;
        sd_bus_message_unref(assert_reply(explain(&p, "github.com", 443, "tcp", "host"), "ssa{sv}"));
        ck_assert_uint_eq(p.n_asked, 0);
        ck_assert_uint_eq(p.service->n_notes, 0);

        assert_error(explain(&p, "github.com", 443, "tcp", "runner-a"), SD_BUS_ERROR_ACCESS_DENIED, NULL);
        ck_assert_str_eq(p.action, "org.cargowall1.view-events");
        ck_assert_str_eq(p.detail, "scope=runner-a");
        ck_assert_str_eq(peer_last_note(&p)->result, "denied");
        p.pid = 1; /* in no unit: no scope is its own */
        assert_error(explain(&p, "github.com", 443, "tcp", "host"), SD_BUS_ERROR_ACCESS_DENIED, NULL);

        p.answer = POLKIT_YES;
        size_t n_notes = p.service->n_notes;
        sd_bus_message_unref(assert_reply(explain(&p, "github.com", 443, "tcp", "runner-a"), "ssa{sv}"));
        ck_assert_uint_eq(p.service->n_notes, n_notes); /* looking is no event */
        policy_free(p.service->policy);
        peer_done(&p);
}
END_TEST

START_TEST(explanations_are_not_to_be_had_in_a_flood) {
        size_t n_answers = 0;
        Peer p;

        peer_init(&p);
        add_policy(&p);
        for (int i = 0; i < 1000; i++) {
                sd_bus_message *reply = explain(&p, "github.com", 443, "tcp", "host");
                if (peer_error_name(reply)[0] == '\0')
                        n_answers++;
                else
                        ck_assert_str_eq(peer_error_name(reply), SD_BUS_ERROR_LIMITS_EXCEEDED);
                sd_bus_message_unref(reply);
        }
        ck_assert_uint_ge(n_answers, 100);
        ck_assert_uint_lt(n_answers, 1000);
        p.uid = 1001;
        sd_bus_message_unref(assert_reply(explain(&p, "github.com", 443, "tcp", "host"), "ssa{sv}"));
        policy_free(p.service->policy);
        peer_done(&p);
}
END_TEST

static size_t list_length(sd_bus_message *reply, const char *element) {
        size_t n = 0;

        ck_assert_int_gt(sd_bus_message_enter_container(reply, 'a', element), 0);
        while (sd_bus_message_at_end(reply, false) == 0) {
                ck_assert_int_gt(sd_bus_message_skip(reply, element), 0);
                n++;
        }
        sd_bus_message_unref(reply);
        return n;
}

static size_t list_events(Peer *p, uint32_t max) {
        sd_bus_message *m = call(p, "ListEvents");

        append(m, "tu", UINT64_C(0), max);
        return list_length(assert_reply(peer_send(p, m), "aa{sv}"), "a{sv}");
}

static size_t list_leases(Peer *p, uint32_t max) {
        sd_bus_message *m = call(p, "ListLeases");

        append(m, "su", "", max);
        return list_length(assert_reply(peer_send(p, m), "a(ssst)"), "(ssst)");
}

START_TEST(lists_are_bounded) {
        Peer p;

        peer_init(&p);
        p.service->event = (Event) { .type = EVENT_DNS_BLOCKED, .has_verdict = true, .process = "\xc3\xa9\xff" };
        p.service->n_events = 5000;
        p.service->n_leases = 20000;
        ck_assert_uint_eq(list_events(&p, 3), 3);
        ck_assert_uint_eq(list_events(&p, 0), 1000);
        ck_assert_uint_eq(list_events(&p, UINT32_MAX), 1000);
        ck_assert_str_eq(p.action, "org.cargowall1.view-events");
        ck_assert_uint_eq(list_leases(&p, 3), 3);
        ck_assert_uint_eq(list_leases(&p, UINT32_MAX), 10000);

        sd_bus_message *m = call(&p, "ListLeases");
        append(m, "su", "nobody", 1U);
        assert_error(peer_send(&p, m), BUS_ERROR_NO_SUCH_SCOPE, NULL);
        p.answer = POLKIT_NO;
        m = call(&p, "ListEvents");
        append(m, "tu", UINT64_C(0), 1U);
        assert_error(peer_send(&p, m), SD_BUS_ERROR_ACCESS_DENIED, NULL);
        peer_done(&p);
}
END_TEST

START_TEST(the_dns_status_is_open) {
        Peer p;

        peer_init(&p);
        p.answer = POLKIT_NO;
        sd_bus_message_unref(assert_reply(peer_send(&p, call(&p, "GetDNSStatus")), "a{sv}"));
        peer_done(&p);
}
END_TEST

/* ------------------------------------------------------------------ objects */

START_TEST(the_object_manager_knows_all) {
        Peer p;

        peer_init(&p);
        p.service->cgroup = "/system.slice/\xff.service";
        sd_bus_message *m = peer_call(&p, SENDER, PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects");
        sd_bus_message *reply = assert_reply(peer_send(&p, m), "a{oa{sa{sv}}}");
        ck_assert_uint_eq(list_length(reply, "{oa{sa{sv}}}"), 3); /* the scopes; not the manager itself */
        ck_assert_uint_eq(p.n_asked, 0);
        peer_done(&p);
}
END_TEST

static const char *const absent[] = {
        "/org/cargowall1/scope/nobody", "/org/cargowall1/scope", "/org/cargowall1/scope/host/host",
        "/org/cargowall1/job/1", "/org/cargowall1/job/x", "/org/cargowall1/job/00", "/org/cargowall1/job",
};

static sd_bus_message *read_call(Peer *p, const char *sender, size_t i) {
        static const struct {
                const char *interface, *member;
        } calls[] = {
                { "org.freedesktop.DBus.ObjectManager", "GetManagedObjects" },
                { "org.freedesktop.DBus.Properties", "GetAll" },
                { "org.freedesktop.DBus.Introspectable", "Introspect" },
                { MANAGER, "GetDNSStatus" },
                { MANAGER, "Unsubscribe" },
        };

        i %= ELEMENTSOF(calls);
        sd_bus_message *m = peer_call(p, sender, PATH, calls[i].interface, calls[i].member);
        if (strcmp(calls[i].member, "GetAll") == 0)
                append(m, "s", MANAGER);
        return m;
}

/* Of how many connections it is made. */
START_TEST(reads_are_not_to_be_had_in_a_flood) {
        size_t n = 0;
        Peer p;

        peer_init(&p);
        for (bool refused = false; !refused; n++) {
                char sender[32];

                (void) snprintf(sender, sizeof(sender), ":1.%zu", 100 + n % 300);
                sd_bus_message *reply = peer_send(&p, read_call(&p, sender, (size_t) _i));
                refused = strcmp(peer_error_name(reply), SD_BUS_ERROR_LIMITS_EXCEEDED) == 0;
                ck_assert(refused || peer_error_name(reply)[0] == '\0');
                sd_bus_message_unref(reply);
                ck_assert_uint_lt(n, 100000);
        }
        ck_assert_uint_ge(n, 100);

        p.uid = 0;
        for (int i = 0; i < 5; i++) {
                sd_bus_message *reply = peer_send(&p, read_call(&p, ":1.1", (size_t) i));
                ck_assert_str_eq(peer_error_name(reply), "");
                sd_bus_message_unref(reply);
        }
        ck_assert_uint_eq(p.n_asked, 0);
        peer_done(&p);
}
END_TEST

START_TEST(held_reads_are_short) {
        char name[300];
        Peer p;

        memset(name, 'x', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        peer_init(&p);
        p.driver_silent = true;
        sd_bus_message *m = peer_call(&p, SENDER, PATH, "org.freedesktop.DBus.Properties", "Get");
        append(m, "ss", MANAGER, name);
        assert_error(peer_send(&p, m), SD_BUS_ERROR_INVALID_ARGS, NULL);
        peer_done(&p);
}
END_TEST

START_TEST(other_objects_are_not_there) {
        Peer p;

        peer_init(&p);
        sd_bus_message *m = peer_call(&p, SENDER, absent[_i], "org.freedesktop.DBus.Properties", "Get");
        append(m, "ss", strstr(absent[_i], "job") ? "org.cargowall1.Job" : "org.cargowall1.Scope", "Unit");
        sd_bus_message *reply = peer_send(&p, m);
        ck_assert(sd_bus_message_is_method_error(reply, NULL));
        sd_bus_message_unref(reply);
        peer_done(&p);
}
END_TEST

START_TEST(properties_cannot_be_set) {
        Peer p;

        peer_init(&p);
        sd_bus_message *m = peer_call(&p, SENDER, PATH, "org.freedesktop.DBus.Properties", "Set");
        append(m, "ssv", MANAGER, "Mode", "s", "off");
        assert_error(peer_send(&p, m), SD_BUS_ERROR_PROPERTY_READ_ONLY, NULL);
        peer_done(&p);
}
END_TEST

static sd_bus_message *set_log_level(Peer *p, const char *property, const char *level) {
        sd_bus_message *m = peer_call(p, SENDER, "/org/freedesktop/LogControl1", "org.freedesktop.DBus.Properties",
                                      "Set");
        append(m, "ssv", "org.freedesktop.LogControl1", property, "s", level);
        return peer_send(p, m);
}

START_TEST(root_sets_the_log_level) {
        Peer p;

        peer_init(&p);
        assert_error(set_log_level(&p, "LogLevel", "debug"), SD_BUS_ERROR_ACCESS_DENIED, NULL);
        ck_assert_uint_eq(p.n_asked, 0);
        p.uid = 0;
        assert_error(set_log_level(&p, "LogLevel", "loud"), SD_BUS_ERROR_INVALID_ARGS, NULL);
        assert_error(set_log_level(&p, "LogTarget", "debug"), SD_BUS_ERROR_PROPERTY_READ_ONLY, NULL);
        ck_assert_int_eq(p.service->log_level, 6);
        sd_bus_message_unref(assert_reply(set_log_level(&p, "LogLevel", "debug"), ""));
        ck_assert_int_eq(p.service->log_level, 7);
        peer_done(&p);
}
END_TEST

/* ------------------------------------------------------------------ signals */

START_TEST(events_go_to_subscribers_only) {
        static const Event denial = { .type = EVENT_DNS_BLOCKED, .has_verdict = true, .process = "\xc3\xa9\xff" };
        BusStats stats;
        Peer p;

        peer_init(&p);
        peer_deny(&p, &denial);
        peer_settle(&p);
        ck_assert_uint_eq(p.n_signals, 0);

        for (int i = 0; i < 2; i++)
                sd_bus_message_unref(assert_reply(peer_send(&p, call(&p, "Subscribe")), ""));
        bus_stats(p.bus, &stats);
        ck_assert_uint_eq(stats.subscribers, 1);
        peer_deny(&p, &denial);
        peer_settle(&p);
        ck_assert_uint_eq(p.n_signals, 1);
        ck_assert(sd_bus_message_is_signal(p.last_signal, MANAGER, "ConnectionDenied"));
        ck_assert_str_eq(sd_bus_message_get_destination(p.last_signal), SENDER);

        for (int i = 0; i < 1000; i++)
                peer_deny(&p, &denial);
        peer_settle(&p);
        bus_stats(p.bus, &stats);
        ck_assert_uint_ge(p.n_signals, 50);
        ck_assert_uint_le(p.n_signals, 1000);
        ck_assert_uint_eq(stats.events_sent, p.n_signals);
        ck_assert_uint_eq(stats.events_dropped, 1001 - p.n_signals);

        for (unsigned n = p.n_signals, i = 0; i < 400; i++) { /* each its first, more than all together may have */
                char unit[32];

                (void) snprintf(unit, sizeof(unit), "u%u.service", i);
                peer_deny(&p, &(Event) { .type = EVENT_DNS_BLOCKED, .has_verdict = true, .unit = unit });
                peer_settle(&p);
                ck_assert_uint_eq(p.n_signals, n + i + 1);
        }

        peer_leave(&p, SENDER);
        bus_stats(p.bus, &stats);
        ck_assert_uint_eq(stats.subscribers, 0);
        peer_done(&p);
}
END_TEST

START_TEST(subscribers_are_bounded) {
        Peer p;

        peer_init(&p);
        for (int i = 0; i < 33; i++) {
                char sender[16];

                (void) snprintf(sender, sizeof(sender), ":1.%d", 100 + i);
                sd_bus_message *reply = peer_send(&p, peer_call(&p, sender, PATH, MANAGER, "Subscribe"));
                ck_assert_str_eq(peer_error_name(reply), i < 32 ? "" : SD_BUS_ERROR_LIMITS_EXCEEDED);
                sd_bus_message_unref(reply);
        }
        sd_bus_message_unref(peer_send(&p, peer_call(&p, ":1.100", PATH, MANAGER, "Unsubscribe")));
        sd_bus_message_unref(assert_reply(peer_send(&p, call(&p, "Subscribe")), ""));
        p.answer = POLKIT_NO;
        assert_error(peer_send(&p, call(&p, "Subscribe")), SD_BUS_ERROR_ACCESS_DENIED, NULL);
        peer_done(&p);
}
END_TEST

START_TEST(changes_are_signalled) {
        const char *old_mode, *new_mode;
        Peer p;

        peer_init(&p);
        (void) service_set_mode(p.service, NULL, MODE_SETTING_AUDIT, false);
        peer_settle(&p);
        ck_assert(sd_bus_message_is_signal(p.last_signal, MANAGER, "ModeChanged"));
        ck_assert_int_gt(sd_bus_message_read(p.last_signal, "ss", &old_mode, &new_mode), 0);
        ck_assert_str_eq(old_mode, "enforce");
        ck_assert_str_eq(new_mode, "audit");

        sd_bus_message_unref(assert_reply(peer_send(&p, call(&p, "Reload")), ""));
        peer_settle(&p);
        ck_assert(sd_bus_message_is_signal(p.last_signal, MANAGER, "PolicyReloaded"));

        peer_done(&p);
}
END_TEST

START_TEST(changes_without_a_bus_are_ignored) {
        Service *m = fake_service_new();
        sd_event *event;
        Bus *b;

        ck_assert_int_ge(sd_event_new(&event), 0);
        ck_assert_int_ge(bus_new(event, NULL, m, &b), 0); /* the service is never ready */
        m->observer.mode_changed(MODE_SETTING_OFF, MODE_SETTING_AUDIT, m->observer.userdata);
        m->observer.policy_reloaded(m->observer.userdata);
        m->observer.scopes_changed(m->observer.userdata);
        m->observer.jobs_changed(m->observer.userdata);
        m->observer.hooks_changed(m->observer.userdata);
        m->observer.upstreams_changed(m->observer.userdata);
        m->observer.denial(&(Event) { .type = EVENT_DNS_BLOCKED }, m->observer.userdata);
        bus_free(b);
        ck_assert_ptr_null(m->observer.denial);
        fake_service_free(m);
        sd_event_unref(event);
}
END_TEST

static void on_log(int priority, const char *text, void *userdata) {
        if (priority <= 5)
                (void) snprintf(userdata, 256, "%s", text);
}

static void lose_name(Peer *p, const char *sender, const char *name) {
        sd_bus_message *m;

        ck_assert_int_ge(sd_bus_message_new_signal(p->client, &m, "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                                   "NameLost"), 0);
        ck_assert_int_ge(sd_bus_message_set_sender(m, sender), 0);
        append(m, "s", name);
        ck_assert_int_ge(sd_bus_send(p->client, m, NULL), 0);
        sd_bus_message_unref(m);
        peer_settle(p);
}

START_TEST(a_lost_name_is_logged) {
        char text[256] = "";
        Peer p;

        peer_init(&p);
        bus_set_options(p.bus, &(BusOptions) { .log = on_log, .userdata = text });
        lose_name(&p, ":1.66", "org.cargowall1");
        lose_name(&p, "org.freedesktop.DBus", ":1.7");
        ck_assert_str_eq(text, "");
        lose_name(&p, "org.freedesktop.DBus", "org.cargowall1");
        ck_assert_ptr_nonnull(strstr(text, "lost bus name org.cargowall1"));
        text[0] = '\0';
        lose_name(&p, "org.freedesktop.DBus", "org.cargowall1"); /* once for each reason */
        ck_assert_str_eq(text, "");
        peer_done(&p);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("bus-methods");
        TCase *c = tcase_create("bus-methods");

        tcase_set_timeout(c, 60);
        tcase_add_test(c, a_sealed_memfd_is_loaded);
        tcase_add_test(c, another_file_is_not);
        tcase_add_test(c, the_fault_is_named);
        tcase_add_test(c, a_string_is_loaded);
        tcase_add_test(c, options_are_strict);
        tcase_add_test(c, a_giant_string_is_refused);
        tcase_add_test(c, everybody_may_validate);
        tcase_add_test(c, a_validation_holds_up_nobody_else);
        tcase_add_test(c, the_policy_is_read_back);
        tcase_add_loop_test(c, a_destination_is_explained, 0, ELEMENTSOF(explain_cases));
        tcase_add_test(c, only_who_may_see_events_asks_about_others);
        tcase_add_test(c, explanations_are_not_to_be_had_in_a_flood);
        tcase_add_test(c, lists_are_bounded);
        tcase_add_test(c, the_dns_status_is_open);
        tcase_add_test(c, the_object_manager_knows_all);
        tcase_add_loop_test(c, reads_are_not_to_be_had_in_a_flood, 0, 5);
        tcase_add_test(c, held_reads_are_short);
        tcase_add_loop_test(c, other_objects_are_not_there, 0, ELEMENTSOF(absent));
        tcase_add_test(c, properties_cannot_be_set);
        tcase_add_test(c, root_sets_the_log_level);
        tcase_add_test(c, events_go_to_subscribers_only);
        tcase_add_test(c, subscribers_are_bounded);
        tcase_add_test(c, changes_are_signalled);
        tcase_add_test(c, changes_without_a_bus_are_ignored);
        tcase_add_test(c, a_lost_name_is_logged);
        suite_add_tcase(s, c);
        return s;
}

#include "check-main.h"
