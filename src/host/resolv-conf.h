/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The upstream resolvers of this machine, from the text of resolv.conf(5). */

#include "net/dns-upstream.h"

/* The nameserver lines in order, without duplicates, malformed lines, and zones without an interface. */
size_t resolv_conf_parse(const char *text, DnsServer *ret, size_t max);
/* Pure: is it 127.0.0.53 or 127.0.0.54, the addresses of the stub of systemd-resolved.service(8)? */
bool resolv_conf_is_stub(const InAddr *addr);
/* Pure: removes every server whose address is this machine: 127.0.0.0/8, ::1, and the unspecified addresses, which
 * mean loopback. Returns the number of those left, in order. */
size_t resolv_conf_drop_local(DnsServer *servers, size_t n);

/* All servers of one file. -ENOENT: no such file, or it names none. */
int resolv_conf_read_file(const char *path, DnsServer *ret, size_t max, size_t *ret_n);
