/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The rdata of all served types but addresses, CNAME, SVCB and HTTPS. Each type is described by its fields, which
 * are read one by one and kept in plain form: as in the message, with names uncompressed and in lower case. */

#include "dns/dns-cursor.h"
#include "dns/dns-writer.h"

/* Can rdata of this type be read? */
bool dns_record_is_known(uint16_t type);
/* Reads the whole rdata. Returns the length of the plain form, in buf; 0: well-formed, but not to be passed on, since it
 * has a name with characters that no host name has; -ENOBUFS: longer than size; -EBADMSG: malformed. */
int dns_record_read(DnsCursor *rdata, uint16_t type, uint8_t *buf, size_t size);
/* Writes what dns_record_read() returned. */
void dns_record_write(DnsWriter *w, uint16_t type, const uint8_t *plain, size_t size);
