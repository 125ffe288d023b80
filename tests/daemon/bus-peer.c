/* SPDX-License-Identifier: Apache-2.0 */
#include "bus-peer.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "host/peer-process.h"

#define DRIVER "org.freedesktop.DBus"

static void reply(sd_bus_message *m, sd_bus_message *r, const char *sender) {
        ck_assert_int_ge(sd_bus_message_set_sender(r, sender), 0);
        ck_assert_int_ge(sd_bus_send(sd_bus_message_get_bus(m), r, NULL), 0);
        sd_bus_message_unref(r);
}

static void answer_credentials(const Peer *p, sd_bus_message *m) {
        sd_bus_message *r;

        if (p->driver_silent)
                return;
        if (p->driver_refuses) {
                ck_assert_int_ge(sd_bus_message_new_method_errorf(m, &r, SD_BUS_ERROR_NAME_HAS_NO_OWNER, "Gone"), 0);
                reply(m, r, DRIVER);
                return;
        }
        ck_assert_int_ge(sd_bus_message_new_method_return(m, &r), 0);
        ck_assert_int_ge(sd_bus_message_open_container(r, 'a', "{sv}"), 0);
        ck_assert_int_ge(sd_bus_message_append(r, "{sv}{sv}{sv}", "LinuxSecurityLabel", "ay", 1, 0, "UnixUserID", "u",
                                               p->uid, "ProcessID", "u", p->pid), 0);
        if (p->pidfd >= 0)
                ck_assert_int_ge(sd_bus_message_append(r, "{sv}", "ProcessFD", "h", p->pidfd), 0);
        ck_assert_int_ge(sd_bus_message_close_container(r), 0);
        reply(m, r, p->driver_impostor ? ":1.666" : DRIVER);
}

static void note_question(Peer *p, sd_bus_message *m) {
        const char *kind, *key, *name, *action, *detail, *value;

        p->n_asked++;
        ck_assert_int_ge(sd_bus_message_read(m, "(sa{sv})s", &kind, 1, &key, "s", &name, &action), 0);
        ck_assert_str_eq(kind, "system-bus-name");
        ck_assert_str_eq(key, "name");
        (void) snprintf(p->subject, sizeof(p->subject), "%s", name);
        (void) snprintf(p->action, sizeof(p->action), "%s", action);
        p->detail[0] = '\0';
        ck_assert_int_ge(sd_bus_message_enter_container(m, 'a', "{ss}"), 0);
        while (sd_bus_message_read(m, "{ss}", &detail, &value) > 0)
                (void) snprintf(p->detail, sizeof(p->detail), "%s=%s", detail, value);
        ck_assert_int_ge(sd_bus_message_exit_container(m), 0);
        ck_assert_int_ge(sd_bus_message_read(m, "u", &p->flags), 0);
}

static void answer_question(Peer *p, sd_bus_message *m) {
        sd_bus_message *r = NULL;

        note_question(p, m);
        switch (p->answer) {

        case POLKIT_SILENCE:
                return;

        case POLKIT_ABSENT:
                ck_assert_int_ge(sd_bus_message_new_method_errorf(m, &r, SD_BUS_ERROR_SERVICE_UNKNOWN, "None"), 0);
                break;

        case POLKIT_NONSENSE:
                ck_assert_int_ge(sd_bus_message_new_method_return(m, &r), 0);
                ck_assert_int_ge(sd_bus_message_append(r, "s", "yes"), 0);
                break;

        default:
                ck_assert_int_ge(sd_bus_message_new_method_return(m, &r), 0);
                ck_assert_int_ge(sd_bus_message_append(r, "(bba{ss})", p->answer == POLKIT_YES,
                                                       p->answer == POLKIT_CHALLENGE, 0), 0);
        }
        reply(m, r, ":1.2");
}

static int on_message(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error) {
        Peer *p = userdata;

        if (sd_bus_message_is_signal(m, "org.cargowall1.Manager", NULL)) {
                sd_bus_message_unref(p->last_signal);
                p->last_signal = sd_bus_message_ref(m);
                p->n_signals++;
                return 0;
        }
        if (sd_bus_message_is_method_call(m, DRIVER, "GetConnectionCredentials")) {
                answer_credentials(p, m);
                return 1;
        }
        if (sd_bus_message_is_method_call(m, "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization")) {
                answer_question(p, m);
                return 1;
        }
        if (sd_bus_message_is_method_call(m, "org.freedesktop.PolicyKit1.Authority", "CancelCheckAuthorization")) {
                p->n_cancelled++;
                return 1;
        }
        return 0;
}

static int fixed_unit(uint32_t pid, char **ret_unit, char **ret_cgroup) {
        if (pid <= 1)
                return -ENODATA;
        if (asprintf(ret_unit, "unit-%u.service", pid) < 0 || asprintf(ret_cgroup, "/system.slice/%s", *ret_unit) < 0)
                abort();
        return 0;
}

void peer_init(Peer *p) {
        sd_id128_t id;
        sd_bus *server;
        int fds[2];

        *p = (Peer) { .answer = POLKIT_YES, .uid = 1000, .pid = 77, .pidfd = peer_process_open((uint32_t) getpid()) };
        ck_assert_int_ge(p->pidfd, 0);
        p->service = fake_service_new();
        ck_assert_int_ge(sd_id128_randomize(&id), 0);
        ck_assert_int_ge(sd_event_new(&p->event), 0);
        ck_assert_int_ge(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);

        ck_assert_int_ge(sd_bus_new(&server), 0);
        ck_assert_int_ge(sd_bus_set_fd(server, fds[0], fds[0]), 0);
        ck_assert_int_ge(sd_bus_set_server(server, true, id), 0);
        ck_assert_int_ge(sd_bus_negotiate_fds(server, true), 0);
        ck_assert_int_ge(sd_bus_start(server), 0);

        ck_assert_int_ge(sd_bus_new(&p->client), 0);
        ck_assert_int_ge(sd_bus_set_fd(p->client, fds[1], fds[1]), 0);
        ck_assert_int_ge(sd_bus_negotiate_fds(p->client, true), 0);
        ck_assert_int_ge(sd_bus_start(p->client), 0);
        ck_assert_int_ge(sd_bus_attach_event(p->client, p->event, 0), 0);
        ck_assert_int_ge(sd_bus_add_filter(p->client, NULL, on_message, p), 0);

        ck_assert_int_ge(bus_new(p->event, server, p->service, &p->bus), 0);
        bus_set_options(p->bus, &(BusOptions) { .polkit_timeout_usec = 100 * USEC_PER_MSEC, .unit_of = fixed_unit });
        while (sd_bus_is_ready(p->client) == 0) /* sd_bus_send() would wait for it where a message has descriptors */
                ck_assert_int_ge(sd_event_run(p->event, UINT64_MAX), 0);
        peer_settle(p);
}

void peer_done(Peer *p) {
        sd_bus_message_unref(p->last_signal);
        bus_free(p->bus);
        sd_bus_close_unref(p->client);
        fake_service_free(p->service);
        if (p->pidfd >= 0)
                (void) close(p->pidfd);
        sd_event_unref(p->event);
}

sd_bus_message *peer_call(Peer *p, const char *sender, const char *path, const char *interface, const char *member) {
        sd_bus_message *m;

        ck_assert_int_ge(sd_bus_message_new_method_call(p->client, &m, NULL, path, interface, member), 0);
        if (sender)
                ck_assert_int_ge(sd_bus_message_set_sender(m, sender), 0);
        return m;
}

static int on_reply(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error) {
        sd_bus_message **ret = userdata;

        *ret = sd_bus_message_ref(m);
        return 1;
}

sd_bus_message *peer_send(Peer *p, sd_bus_message *m) {
        sd_bus_message *answer = NULL;
        sd_bus_slot *slot = NULL;

        ck_assert_int_ge(sd_bus_call_async(p->client, &slot, m, on_reply, &answer, 20 * USEC_PER_SEC), 0);
        sd_bus_message_unref(m);
        while (!answer)
                ck_assert_int_ge(sd_event_run(p->event, UINT64_MAX), 0);
        sd_bus_slot_unref(slot);
        return answer;
}

static int ignore_reply(_unused_ sd_bus_message *m, _unused_ void *userdata, _unused_ sd_bus_error *error) {
        return 1;
}

void peer_post(Peer *p, sd_bus_message *m) {
        ck_assert_int_ge(sd_bus_call_async(p->client, NULL, m, ignore_reply, NULL, 20 * USEC_PER_SEC), 0);
        sd_bus_message_unref(m);
}

void peer_leave(Peer *p, const char *name) {
        sd_bus_message *m;

        ck_assert_int_ge(sd_bus_message_new_signal(p->client, &m, "/org/freedesktop/DBus", DRIVER,
                                                   "NameOwnerChanged"), 0);
        ck_assert_int_ge(sd_bus_message_set_sender(m, DRIVER), 0);
        ck_assert_int_ge(sd_bus_message_append(m, "sss", name, name, ""), 0);
        ck_assert_int_ge(sd_bus_send(p->client, m, NULL), 0);
        sd_bus_message_unref(m);
        peer_settle(p);
}

void peer_deny(Peer *p, const Event *e) {
        p->service->observer.denial(e, p->service->observer.userdata);
}

void peer_settle(Peer *p) {
        int r;

        /* Both ends are in this process: when the loop has nothing to do, nothing is under way. */
        do {
                r = sd_event_run(p->event, 0);
                ck_assert_int_ge(r, 0);
        } while (r > 0);
}

const FakeNote *peer_last_note(const Peer *p) {
        ck_assert_uint_gt(p->service->n_notes, 0);
        return &p->service->notes[(p->service->n_notes - 1) % FAKE_NOTES_MAX];
}

const char *peer_error_name(sd_bus_message *m) {
        const sd_bus_error *e = sd_bus_message_get_error(m);
        return e && e->name ? e->name : "";
}
