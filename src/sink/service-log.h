/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The service's own messages to its administrator: sent to the journal with their level if stderr leads there,
 * otherwise plain lines on stderr. */

#include <stdint.h>

#include "basic/macro.h"

typedef struct ServiceLog ServiceLog;

/* fd: stderr, borrowed. stream: $JOURNAL_STREAM, or NULL; it identifies a stderr that leads to the journal
 * (systemd.exec(5)). path: the journal's socket, NULL for its own. name: SYSLOG_IDENTIFIER and the prefix of plain
 * lines; constant. Negative errno. The maximum level is LOG_INFO. */
int service_log_new(int fd, const char *stream, const char *path, const char *name, ServiceLog **ret);
ServiceLog *service_log_free(ServiceLog *l); /* waits at most a tenth of a second for a busy journal */
DEFINE_CLEANUP_FUNC(ServiceLog *, service_log_free)

/* level: as in syslog(3), LOG_ERR to LOG_DEBUG. Less urgent messages are dropped. */
void service_log_set_level(ServiceLog *l, int level);
int service_log_level(const ServiceLog *l);

/* Logs one line, without its newline; control characters in the arguments are escaped, since names come from files
 * and clients. Never waits for the journal: what it does not accept yet is queued; what does not fit is counted, and
 * reported once there is space. Preserves errno. */
_printf_(3, 4) void log_message(ServiceLog *l, int level, const char *format, ...);
/* Sends the queue, as the next message would; for a timer. Returns true if nothing is left. */
bool service_log_flush(ServiceLog *l);
uint64_t service_log_n_lost(const ServiceLog *l);
