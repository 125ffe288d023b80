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

/* Reads the whole rdata. Returns 1 and fills *ret; 0 if it is well-formed but not to be passed on: alias mode, a
 * target other than the owner, or a mandatory parameter that is dropped; -EBADMSG if malformed. */
int dns_service_read(DnsCursor *rdata, const char *owner, DnsService *ret);
