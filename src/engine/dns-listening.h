/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The sockets of the DNS proxy: passed ones, and free ports of the loopback for a family that has none. */

#include "basic/endpoint.h"
#include "net/dns-server.h"
#include "net/dns-stub.h"

typedef struct DnsListening {
        InAddr addr4;   /* in 127.0.0.0/8 */
        uint16_t port4;
        uint16_t port6; /* on ::1; 0: none, the machine has no IPv6 loopback address */
} DnsListening;

/* Takes ownership of the fds, even on failure. */
int dns_listening_start(DnsStub *stub, const int *fds, size_t n_fds, DnsListening *ret);
/* Did a client that addressed this resolver address the proxy itself? A forwarder does with the usual address of the service
 * too: while the proxy listens on a free port, whoever is there instead must not be asked. */
bool dns_listening_is_at(const DnsListening *l, const DnsServer *asked, bool by_forwarder);
