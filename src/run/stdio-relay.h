/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Standard streams of the caller that are network connections, as inetd, socat and socket units pass them. COMMAND could
 * disconnect such a socket and connect it elsewhere, so it gets one end of a unix socket pair in its place, and its
 * data are relayed here, in both directions and with their ends. */

#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "basic/macro.h"

typedef struct StdioRelay StdioRelay;

/* Creates a pair for each connection among descriptors 0 to 2 that is not listed in keep. *ret is NULL if there is
 * none. Negative errno. */
int stdio_relay_new(const int *keep, size_t n_keep, StdioRelay **ret);
/* In COMMAND's process: puts its ends in place of the connections. r may be NULL. Negative errno. */
int stdio_relay_apply(const StdioRelay *r);
/* In ours, after the fork: closes COMMAND's ends and starts to relay. r may be NULL. Negative errno. */
int stdio_relay_start(StdioRelay *r, sd_event *event);
/* After the last process of COMMAND: blocks until the connections have accepted what it wrote, at most timeout_usec.
 * Returns the number of bytes that are lost then. r may be NULL. */
size_t stdio_relay_drain(StdioRelay *r, uint64_t timeout_usec);
void stdio_relay_free(StdioRelay *r);

DEFINE_CLEANUP_FUNC(StdioRelay *, stdio_relay_free)
