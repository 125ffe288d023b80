/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One address type for both families: 16 bytes in network byte order, IPv4 as IPv4-mapped IPv6 (RFC 4291 2.5.5.2). A
 * mapped address that arrives as IPv6 is therefore treated as the IPv4 address everywhere. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

typedef struct InAddr {
        uint8_t b[16];
} InAddr;

/* length counts bits of the 16-byte form: 10.0.0.0/8 has length 104, 2001:db8::/32 has 32. Host bits are zero. A
 * prefix belongs to one family: ::/0 does not contain IPv4. */
typedef struct InPrefix {
        InAddr addr;
        uint8_t length;
} InPrefix;

#define IN_ADDR_TEXT_MAX 46   /* INET6_ADDRSTRLEN */
#define IN_PREFIX_TEXT_MAX 50

bool in_addr_is_v4(const InAddr *a);
bool in_addr_equal(const InAddr *a, const InAddr *b);
/* 127.0.0.0/8, ::1 */
bool in_addr_is_loopback(const InAddr *a);
/* fe80::/10: has a meaning on a link only */
bool in_addr_is_link_local(const InAddr *a);
void in_addr_from_v4(const uint8_t v4[static 4], InAddr *ret);
void in_addr_from_v6(const uint8_t v6[static 16], InAddr *ret);

/* Text of one address, v4 dotted or v6, without brackets, zone or prefix length. -EINVAL otherwise. */
int in_addr_parse(const char *s, InAddr *ret);
/* RFC 5952 text; IPv4 dotted. Returns buf. */
const char *in_addr_format(const InAddr *a, char buf[static IN_ADDR_TEXT_MAX]);

/* "10.0.0.0/8", "2001:db8::/32" or a bare address (all bits). Host bits are cleared. -EINVAL otherwise. */
int in_prefix_parse(const char *s, InPrefix *ret);
/* With the length of its own family: "10.0.0.0/8". Returns buf. */
const char *in_prefix_format(const InPrefix *p, char buf[static IN_PREFIX_TEXT_MAX]);
bool in_prefix_is_v4(const InPrefix *p);
bool in_prefix_contains(const InPrefix *p, const InAddr *a);

/* *ret_port is in host byte order. -EAFNOSUPPORT for other families. */
int in_addr_from_sockaddr(const struct sockaddr *sa, InAddr *ret, uint16_t *ret_port);
/* port: host byte order. Returns the length of the address written to *ret. */
socklen_t in_addr_to_sockaddr(const InAddr *a, uint16_t port, struct sockaddr_storage *ret);
