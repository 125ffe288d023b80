/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Append-only NDJSON log. Lines are buffered and written together; a full or failing disk loses lines, which are
 * counted, but never affects enforcement. Readers see whole lines only: a partial line left by a failed write is
 * removed, completed, or ended before the next one. */

#include <stdint.h>
#include <sys/types.h>

#include "basic/macro.h"
#include "event/event-format.h"
#include "event/event.h"
#include "sink/sink.h"

typedef struct NdjsonFile NdjsonFile;

/* Opens for appending. A new file is owned by our user and gets exactly this mode, whatever the umask. Fails as
 * guarded_open_append() does. Negative errno. */
int ndjson_file_open_mode(const char *path, mode_t mode, NdjsonFile **ret);
/* Only for a file opened by its path: it never grows beyond max_size bytes. A full one is kept as file_rotate() names
 * it, keep of them at most; 0: it begins again empty. If that fails, lines are lost until there is space again, and the
 * first time counts as a failure to reopen. */
void ndjson_file_limit(NdjsonFile *f, uint64_t max_size, unsigned keep);
/* From here on, lines are in this format, as a machine of this name has them (borrowed, and not NULL; not used for
 * EVENT_FORMAT_NDJSON). One that there is no memory to convert is lost. */
void ndjson_file_set_format(NdjsonFile *f, EventFormat format, const char *host);
/* fd: owned by the caller (a pipe in tests, stderr), borrowed. The caller ignores SIGPIPE. */
int ndjson_file_new_fd(int fd, NdjsonFile **ret);
/* fd: from guarded_open_append(); owned, closed even on failure. */
int ndjson_file_take_fd(int fd, NdjsonFile **ret);
NdjsonFile *ndjson_file_free(NdjsonFile *f); /* flushes */
/* Borrows f. A line is written after at most NDJSON_FILE_DELAY_NSEC, so that readers need not wait for a full
 * buffer. */
Sink ndjson_file_as_sink(NdjsonFile *f);
#define NDJSON_FILE_DELAY_NSEC (200 * NSEC_PER_MSEC)
/* Buffers the line; writes when the buffer is nearly full. */
void ndjson_file_write(NdjsonFile *f, const Event *e);
void ndjson_file_flush(NdjsonFile *f);
/* Writes the buffer, then reopens the path as it was opened first, after log rotation. On failure the old file stays
 * in use. -EBADF: there is no path. */
int ndjson_file_reopen(NdjsonFile *f);
/* Writes the buffer and waits for the disk: at the end of a job or of the service only. Negative errno, also if
 * lines were lost in this write. */
int ndjson_file_sync(NdjsonFile *f);
uint64_t ndjson_file_n_written(const NdjsonFile *f);
uint64_t ndjson_file_n_lost(const NdjsonFile *f); /* lines that could not be written */
uint64_t ndjson_file_n_reopen_failures(const NdjsonFile *f);
int ndjson_file_last_error(const NdjsonFile *f);  /* negative errno of the last failed write or reopen, or 0 */
