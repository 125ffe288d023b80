/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An address with a port, and the "HOST:PORT" notation: splitting, parsing and formatting in one place. */

#include <stddef.h>

#include "basic/in-addr.h"

typedef struct Endpoint {
        InAddr addr;
        uint16_t port; /* host byte order */
} Endpoint;

#define ENDPOINT_TEXT_MAX (IN_ADDR_TEXT_MAX + 8)

/* The text between the brackets, or before the colon, and the text after it. */
typedef struct EndpointText {
        char *host;
        char *port;     /* NULL: none */
        bool bracketed; /* the host can only be an IPv6 address (RFC 3986 3.2.2) */
} EndpointText;

/* "1" to "65535": digits only, no leading zero. -EINVAL. */
int port_parse(const char *s, uint16_t *ret);

/* Splits "HOST", "HOST:PORT", "[HOST]" or "[HOST]:PORT" in place. Two colons without brackets mean an IPv6 address
 * without a port. Returns -EINVAL if the brackets do not close or are followed by anything but a port. */
int endpoint_split(char *s, EndpointText *ret);

/* "192.0.2.1", "192.0.2.1:5353", "[2001:db8::1]:53", "2001:db8::1". -EINVAL. */
int endpoint_parse(const char *s, uint16_t default_port, Endpoint *ret);

/* "192.0.2.1:53", "[2001:db8::1]:53". Returns buf. */
const char *endpoint_format(const Endpoint *e, char buf[static ENDPOINT_TEXT_MAX]);
/* The same for a host name or the text of an address. Returns the length as snprintf() does. */
int endpoint_format_host(const char *host, uint16_t port, char *buf, size_t size);
