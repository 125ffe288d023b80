/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Ends the processes that hold sockets at the proxy's endpoints, before the socket units bind them. Runs as root in a
 * process of its own: it waits. */

#include "net/dns-endpoint.h"

/* One line for the log, of this priority of syslog(3). */
typedef void (*socket_holder_log_fn)(int priority, const char *line);

/* SIGKILL for each process that has such a socket open and runs as the socket's owner alone, who is not root: a process of
 * somebody else got the socket handed and is no culprit. Waits until they have ended. Says what it did and whom it left
 * alone. Returns the number of sockets that nobody gave up, or a negative errno. */
int socket_holders_end(const DnsEndpoint *endpoints, size_t n, socket_holder_log_fn log);

/* Pure: the one user of a process, from the text of /proc/PID/status: real, effective, saved and file system user.
 * -ENXIO: they are not the same; -EBADMSG. */
int process_status_user(const char *text, uint32_t *ret);
