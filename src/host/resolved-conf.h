/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* resolved.conf(5): does systemd-resolved have servers of its own for some domains (Domains=~consul)? */

#include <stdbool.h>

/* Pure. Does a line Domains= have a domain that is only for routing, other than the root? Lines of any section count. */
bool resolved_conf_has_domains(const char *text);
/* The same of resolved.conf and resolved.conf.d in the directory. What hides a file is not considered, and one that
 * cannot be read counts as if it had: then nothing is asked of the wrong server. */
bool resolved_conf_dir_has_domains(const char *path);
