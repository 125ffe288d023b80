/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A resolver that the machine uses, and for whom. */

#include "basic/endpoint.h"

#define DNS_SERVER_PORT 53 /* default port */
#define DNS_SERVERS_MAX 32 /* that one list may have */

enum dns_server_flags {
        DNS_SERVER_NOT_FOR_CLIENTS = 1U << 0,    /* only for who addresses it */
        DNS_SERVER_NOT_FOR_FORWARDERS = 1U << 1, /* it is a forwarder itself, so that a query of one would return to it */
};

typedef struct DnsServer {
        InAddr addr;
        uint16_t port;  /* host byte order */
        uint8_t flags;
        uint8_t group;  /* Servers of group 0 are interchangeable; those of another one are asked for who addresses one
                         * of them, since other servers may have other answers (split DNS). */
        uint32_t zone;  /* interface index of a link-local address, 0: none */
} DnsServer;

#define DNS_SERVER_TEXT_MAX (ENDPOINT_TEXT_MAX + 17) /* with the name of an interface */

/* "192.0.2.1", "192.0.2.1:5353", "[2001:db8::1]:53", "fe80::1%eth0", "[fe80::1%2]:53"; a zone of a name needs an
 * interface of this machine. -EINVAL; -ENODEV: there is no such interface. */
int dns_server_parse(const char *s, uint16_t default_port, DnsServer *ret);
/* "192.0.2.1:53", "[fe80::1%eth0]:53". Returns buf. */
const char *dns_server_format(const DnsServer *s, char buf[static DNS_SERVER_TEXT_MAX]);
/* Same address, zone, port, use and group. */
bool dns_server_equal(const DnsServer *a, const DnsServer *b);
/* Is this the one that was asked? Same address and port; same zone, unless that of the one that was asked is unknown
 * (0). */
bool dns_server_is_asked(const DnsServer *s, const DnsServer *asked);
