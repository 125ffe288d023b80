/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The other side of a Bus over a socket pair: any number of clients, a bus driver and a polkit in one, without a
 * message bus. What a bus would stamp on messages, the sender, is put there by the test. */

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "bus/bus.h"
#include "fake-service.h"

typedef enum PolkitAnswer {
        POLKIT_YES,
        POLKIT_NO,
        POLKIT_CHALLENGE,
        POLKIT_SILENCE,
        POLKIT_ABSENT,
        POLKIT_NONSENSE,
} PolkitAnswer;

typedef struct Peer {
        sd_event *event;
        sd_bus *client;
        Bus *bus;
        Service *service;
        PolkitAnswer answer;
        uint32_t uid, pid;    /* of every sender */
        int pidfd;            /* likewise; -EBADF: the bus knows none */
        bool driver_silent;   /* GetConnectionCredentials is never answered */
        bool driver_refuses;  /* … answered with an error */
        bool driver_impostor; /* … answered by somebody else */
        size_t n_asked, n_cancelled;
        uint32_t flags;       /* of the last CheckAuthorization */
        char action[64];
        char detail[64];      /* "key=value" of the first */
        char subject[64];
        sd_bus_message *last_signal;
        size_t n_signals;
} Peer;

void peer_init(Peer *p);
void peer_done(Peer *p);

/* A call to path, sender as given, interface may be NULL. */
sd_bus_message *peer_call(Peer *p, const char *sender, const char *path, const char *interface, const char *member);
/* Sends m (taken), runs the loop until there is a reply; owned by the caller. */
sd_bus_message *peer_send(Peer *p, sd_bus_message *m);
/* Sends m (taken) without waiting. */
void peer_post(Peer *p, sd_bus_message *m);
/* Signals to the service that a name has left the bus. */
void peer_leave(Peer *p, const char *name);
/* The service reports a denial. */
void peer_deny(Peer *p, const Event *e);
/* Runs the loop until nothing happens any more for some milliseconds. */
void peer_settle(Peer *p);
const FakeNote *peer_last_note(const Peer *p);
const char *peer_error_name(sd_bus_message *reply); /* "" where it is no error */
