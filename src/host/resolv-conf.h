/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Upstream resolvers of this machine, from the text of a resolv.conf(5). */

#include "net/dns-upstream.h"

/* Pure: nameserver lines in order, duplicates and malformed ones dropped, IPv6 zones not supported (dropped). */
size_t resolv_conf_parse(const char *text, DnsServer *ret, size_t max);
/* /etc/resolv.conf; when all its servers are the local stub of systemd-resolved (127.0.0.53), that resolver's own
 * upstream list is taken instead. -ENOENT: no server found: the caller refuses to start, none is invented. */
int resolv_conf_read(DnsServer *ret, size_t max, size_t *ret_n);
/* The same with other files in the place of /etc/resolv.conf and of systemd-resolved's list. */
int resolv_conf_read_files(const char *path, const char *resolved_path, DnsServer *ret, size_t max, size_t *ret_n);
