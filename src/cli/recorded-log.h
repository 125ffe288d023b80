/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reads an event log line by line, in bounded memory, also one that gzip(1) has compressed. */

#include "cli/recorded-event.h"

/* e: of the kinds of lines for which recorded_event_read() writes it, borrowed. A negative return stops the reading. */
typedef int (*recorded_line_fn)(RecordedLine line, const RecordedEvent *e, void *userdata);

/* path: "-" is standard input. Returns 0, what fn returned, or a negative errno. -EBADMSG: damaged archive; what could be
 * read was passed to fn. -ENOPKG: gzip is missing. -EPROTONOSUPPORT: compressed otherwise. */
int recorded_log_read(const char *path, recorded_line_fn fn, void *userdata);
/* A negative return in words. */
const char *recorded_log_error(int error);
