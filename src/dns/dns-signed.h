/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Answers with signatures, which are relayed as they came: whoever validates them needs the same bytes. */

#include "dns/dns-message.h"

/* Does the whole answer consist of the records that dns_answer_parse() has read from it for this name, none left out or
 * changed, of their signatures, and of proofs of what does not exist? Then the additional section, which may have more
 * addresses, is cut off, and our OPT record with DO put in its place, in the size bytes of the message and not beyond. Returns
 * the new length; -EBADMSG: it has more or other records, with the message unchanged. */
int dns_signed_limit(uint8_t *message, size_t size, const char *name, const DnsAnswer *a);
