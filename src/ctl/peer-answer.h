/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Proves to the service which process makes a call: the socket "proof" of org.cargowall1(5). */

#include <systemd/sd-bus.h>

typedef struct PeerAnswer PeerAnswer;

int peer_answer_new(PeerAnswer **ret);
/* Appends the entry {sv} "proof" to an open a{sv}. */
int peer_answer_append(const PeerAnswer *a, sd_bus_message *m);
/* After the call. */
PeerAnswer *peer_answer_free(PeerAnswer *a);
