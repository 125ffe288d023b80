/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the proxy itself answers a client, no longer than the client can receive. buf: DNS_MESSAGE_MAX bytes, in which the
 * reply is built. Ends the client. */

#include "dns/dns-message.h"
#include "net/dns-stub.h"

/* answer, ptr_name: for a reply with records, at most one of them; otherwise NULL. */
void client_reply(uint8_t *buf, DnsClient *client, const DnsQuery *q, uint8_t rcode, const DnsAnswer *answer,
                  const char *ptr_name);
/* Without records, but with an SOA record, which lets clients keep the reply for some seconds. */
void client_reply_negative(uint8_t *buf, DnsClient *client, const DnsQuery *q, uint8_t rcode, DnsExtendedError error);
/* To a query that was not parsed. */
void client_reply_error(uint8_t *buf, DnsClient *client, const DnsQuery *q, uint8_t rcode);
