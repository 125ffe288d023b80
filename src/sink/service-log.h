/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The service's own messages, for its administrator: to the journal with their level when stderr leads there, else as
 * plain lines to stderr. */

#include <stdint.h>

#include "basic/macro.h"

typedef struct ServiceLog ServiceLog;

/* fd: stderr, borrowed. stream: $JOURNAL_STREAM, or NULL; it says which socket leads to the journal (systemd.exec(5)).
 * path: of the journal's socket, NULL for its own. name: SYSLOG_IDENTIFIER and the beginning of plain lines; constant.
 * Negative errno. The maximum level is LOG_INFO. */
int service_log_new(int fd, const char *stream, const char *path, const char *name, ServiceLog **ret);
ServiceLog *service_log_free(ServiceLog *l); /* waits a tenth of a second at most for a journal that is busy */
DEFINE_CLEANUP_FUNC(ServiceLog *, service_log_free)

/* level: of syslog(3), LOG_ERR to LOG_DEBUG. What is less urgent is not said. */
void service_log_set_level(ServiceLog *l, int level);
int service_log_level(const ServiceLog *l);

/* One line, without its end; control characters of its arguments are escaped, since names come from files and clients.
 * Never waits for the journal: what it does not take yet is queued, what finds no room there is counted, and said when
 * there is room. errno is left as it was. */
_printf_(3, 4) void log_message(ServiceLog *l, int level, const char *format, ...);
/* Sends what is queued, as the next message would; from a timer. True: nothing is. */
bool service_log_flush(ServiceLog *l);
uint64_t service_log_n_lost(const ServiceLog *l);
