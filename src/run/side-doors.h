/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Local name services that resolve on behalf of others: a look-up through their sockets would be made outside COMMAND's
 * cgroup, unseen by the proxy. With the socket covered, libc falls back to DNS, which is judged. */

/* Gives the calling process a mount namespace of its own in which those sockets are covered, where there are any.
 * Negative errno: one is there and cannot be covered. */
int side_doors_close(void);
