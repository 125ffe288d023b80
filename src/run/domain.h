/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A Landlock domain keeps COMMAND away from processes outside, also from those of the same user: ptrace(2),
 * pidfd_getfd(2), and root, fd, mem of their /proc directories, which lead to sockets and mounts that are not
 * COMMAND's. Processes of the domain can do all this to each other. */

#include <stdbool.h>

/* The first ABI whose domains can do without rules for files, which would prohibit mounts inside (Linux 6.7). */
#define DOMAIN_ABI_MIN 4

/* The kernel's ABI of Landlock; 0 if there is none, or a container's filter refuses the system calls. */
int domain_abi(void);
/* Moves the calling process into a domain of its own, permanently and with all its descendants. Needs CAP_SYS_ADMIN or
 * no_new_privs. abi: as returned, at least DOMAIN_ABI_MIN. Negative errno. */
int domain_enter(int abi);
