/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where clients reach the proxy: address, port and protocol of each of its sockets.
 *
 * The service's own endpoints are those of units/cargowalld-dns.socket and units/cargowalld-dns6.socket; a test
 * compares them. Both ports are privileged. Only this project uses 127.0.0.155, so port 53 is free there; ::1 is
 * shared with the local resolvers, which listen on its port 53. 253 is in a range that IANA keeps reserved
 * (249-255), below the ports that bindresvport(3) hands out (512-1023). */

#include <stdbool.h>
#include <stddef.h>

#include "basic/in-addr.h"

#define DNS_ENDPOINT_ADDR4 "127.0.0.155"
#define DNS_ENDPOINT_PORT4 53
#define DNS_ENDPOINT_ADDR6 "::1"
#define DNS_ENDPOINT_PORT6 253

typedef struct DnsEndpoint {
        InAddr addr;
        uint16_t port;    /* host byte order */
        uint8_t protocol; /* IPPROTO_UDP or IPPROTO_TCP */
        uint64_t cookie;  /* SO_COOKIE; 0: no socket */
} DnsEndpoint;

#define DNS_ENDPOINTS_MAX 8
#define DNS_ENDPOINTS_SERVICE 4
#define DNS_ENDPOINT_TEXT_MAX 64

/* The endpoints of the socket units, with cookie 0. */
void dns_endpoints_of_service(DnsEndpoint ret[static DNS_ENDPOINTS_SERVICE]);
/* Is this an address of the service's proxy, at whatever port it listens now? 127.0.0.155 with any port, ::1 with its own. */
bool dns_endpoint_is_of_service(const InAddr *addr, uint16_t port);
/* fd: a bound UDP or TCP socket. Negative errno. */
int dns_endpoint_of_socket(int fd, DnsEndpoint *ret);
/* Clears SO_REUSEADDR, which systemd sets on every socket it makes, and SO_REUSEPORT on a bound socket: from now on
 * nobody else can bind its address and port. A socket bound earlier still shares them. */
int dns_endpoint_claim(int fd);
/* New sockets, UDP and listening TCP, bound to one free port of 127.0.0.1 (AF_INET) or ::1 (AF_INET6), which nobody
 * else can bind. The caller owns them. -ENETUNREACH or -EADDRNOTAVAIL: there is no such address (lo is down);
 * -EAFNOSUPPORT. */
int dns_endpoint_bind_free(int family, int ret_fds[static 2]);
/* "UDP [::1]:253" */
const char *dns_endpoint_format(const DnsEndpoint *e, char buf[static DNS_ENDPOINT_TEXT_MAX]);
