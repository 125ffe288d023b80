/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Kills the processes that hold sockets at the proxy's endpoints, before the socket units bind them. Runs as root in
 * a process of its own, because it blocks. */

#include "net/dns-endpoint.h"

/* Logs one line with a priority of syslog(3). */
typedef void (*socket_holder_log_fn)(int priority, const char *line);

/* Sends SIGKILL to each process that has a socket bound to such an address and port and runs only as the socket's
 * owner, unless that is root. Sockets bound to the wildcard address are left alone. A process of another user was passed the socket and is left alone. Waits until the killed processes have
 * ended. Logs what it did and which processes it left alone. Returns the number of sockets that still exist, or a
 * negative errno. */
int socket_holders_end(const DnsEndpoint *endpoints, size_t n, socket_holder_log_fn log);

/* Pure: the user of a process, if real, effective, saved and file system user are the same, from the text of
 * /proc/PID/status. -ENXIO: they differ; -EBADMSG. */
int process_status_user(const char *text, uint32_t *ret);
