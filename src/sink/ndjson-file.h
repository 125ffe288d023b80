/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Append-only NDJSON log. Lines are gathered and written with one call; a full or failing disk costs lines, which are
 * counted, never enforcement. Readers see whole lines only: half a line that a failed write left is taken back,
 * completed or ended before the next. */

#include <stdint.h>
#include <sys/types.h>

#include "basic/macro.h"
#include "event/event.h"
#include "sink/sink.h"

typedef struct NdjsonFile NdjsonFile;

/* Appends; owned by who runs us, with exactly this mode when it is created, whatever the umask. Refuses what
 * guarded_open_append() refuses. Negative errno. */
int ndjson_file_open_mode(const char *path, mode_t mode, NdjsonFile **ret);
/* An fd the caller owns (a pipe in tests, stderr): borrowed. The caller ignores SIGPIPE. */
int ndjson_file_new_fd(int fd, NdjsonFile **ret);
/* What guarded_open_append() returned: owned, closed also on failure. */
int ndjson_file_take_fd(int fd, NdjsonFile **ret);
NdjsonFile *ndjson_file_free(NdjsonFile *f); /* flushes */
/* Borrows it. A line is in the file after NDJSON_FILE_DELAY_NSEC at most, so that readers need not wait for a full
 * buffer. */
Sink ndjson_file_as_sink(NdjsonFile *f);
#define NDJSON_FILE_DELAY_NSEC (200 * NSEC_PER_MSEC)
/* Buffers the line; writes when the buffer is nearly full. */
void ndjson_file_write(NdjsonFile *f, const Event *e);
void ndjson_file_flush(NdjsonFile *f);
/* Writes out, then opens the path anew as it was opened first: after log rotation. On failure the old file stays in
 * use. -EBADF: there is no path. */
int ndjson_file_reopen(NdjsonFile *f);
/* Writes out and waits for the disk: at the end of a job or of the service, not in between. Negative errno, also when
 * lines were lost while it wrote. */
int ndjson_file_sync(NdjsonFile *f);
uint64_t ndjson_file_n_written(const NdjsonFile *f);
uint64_t ndjson_file_n_lost(const NdjsonFile *f); /* lines that could not be written */
uint64_t ndjson_file_n_reopen_failures(const NdjsonFile *f);
int ndjson_file_last_error(const NdjsonFile *f);  /* negative errno of the last failed write or reopening, 0 */
