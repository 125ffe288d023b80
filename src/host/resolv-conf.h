/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Upstream resolvers of this machine, from the text of a resolv.conf(5). */

#include "net/dns-upstream.h"

/* Pure: nameserver lines in order, duplicates and malformed ones dropped, IPv6 zones not supported (dropped). */
size_t resolv_conf_parse(const char *text, DnsServer *ret, size_t max);
/* Pure: 127.0.0.53 or 127.0.0.54, where systemd-resolved listens for this machine: systemd-resolved.service(8). */
bool resolv_conf_is_stub(const InAddr *addr);
/* Pure: takes out every server that is this machine by its address: 127.0.0.0/8, ::1 and the unspecified addresses,
 * which stand for loopback. Returns how many are left, in order. */
size_t resolv_conf_drop_local(DnsServer *servers, size_t n);

/* The servers of one file, all of them. -ENOENT: no such file or none in it. */
int resolv_conf_read_file(const char *path, DnsServer *ret, size_t max, size_t *ret_n);
/* /etc/resolv.conf; when all its servers are the local stub of systemd-resolved (127.0.0.53), that resolver's own
 * upstream list is taken instead. -ENOENT: no server found: the caller refuses to start, none is invented. */
int resolv_conf_read(DnsServer *ret, size_t max, size_t *ret_n);
/* The same with other files in the place of /etc/resolv.conf and of systemd-resolved's list. */
int resolv_conf_read_files(const char *path, const char *resolved_path, DnsServer *ret, size_t max, size_t *ret_n);
