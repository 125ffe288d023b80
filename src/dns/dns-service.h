/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* SVCB and HTTPS rdata (RFC 9460). */

#include "dns/dns-cursor.h"
#include "dns/dns-message.h"

enum {
        DNS_SVC_MANDATORY = 0,
        DNS_SVC_ALPN = 1,
        DNS_SVC_NO_DEFAULT_ALPN = 2,
        DNS_SVC_PORT = 3,
};

/* Reads the whole of rdata. 1 and *ret filled; 0 when well-formed but not for us to pass on: alias mode, another
 * target than its owner, or in need of a parameter we drop; -EBADMSG when malformed. */
int dns_service_read(DnsCursor *rdata, const char *owner, DnsService *ret);
