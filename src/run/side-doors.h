/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Local name services that resolve for their clients: a lookup through their sockets would be made outside COMMAND's
 * cgroup, unseen by the proxy. With these sockets hidden, libc falls back to DNS, which is judged. */

#include <stdbool.h>

/* Gives the calling process its own mount namespace, with all such sockets that exist hidden. Negative errno: one
 * exists and cannot be hidden. */
int side_doors_close(void);
/* Is there one? Then COMMAND gets its own mount namespace. */
bool side_doors_exist(void);
