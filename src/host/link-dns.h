/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The DNS settings of network links: which server is asked for which domains. systemd-resolved and systemd-networkd keep
 * a file for each link, with lines KEY=VALUE, which everybody may read. What a line means is not interpreted here. */

#include <stddef.h>
#include <stdint.h>

/* Of a file's lines that have an effect on answers: servers, domains, default route, DNS over TLS. 0: there is none. */
uint64_t link_dns_hash(const char *text);
/* Of all files of the directory, whatever their order; 0: no file has such a line. Files that cannot be read count as
 * if they had none. Of a directory that must not be read, when an entry of it last changed. */
uint64_t link_dns_hash_dir(const char *path);
