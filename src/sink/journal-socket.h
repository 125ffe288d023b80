/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Sends records to the journal in its native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/) without ever
 * blocking.
 *
 * sd_journal_sendv(3) uses a blocking socket: when the journal hangs, the caller blocks as soon as the socket's
 * queue is full, which takes 11 records with the default net.unix.max_dgram_qlen. Here, records that the journal
 * does not accept at once wait in a bounded queue; the caller counts those that do not fit as lost. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_SOCKET_PATH "/run/systemd/journal/socket"
#define JOURNAL_QUEUE_MAX (256U * 1024)
#define JOURNAL_QUEUE_RESERVE (64U * 1024) /* part of the queue reserved for urgent records */

typedef struct JournalSocket JournalSocket;

/* path: NULL for the journal's own; borrowed for the call. The journal need not be running yet. Negative errno. */
int journal_socket_new(const char *path, JournalSocket **ret);
/* First tries to send the queue, for a tenth of a second at most: the only place that waits. */
JournalSocket *journal_socket_free(JournalSocket *s);

/* Sends one record of "KEY=value\n" lines, or queues it. -ENOBUFS: the queue is full. Other negative errno: the
 * journal will never accept this record. */
int journal_socket_send(JournalSocket *s, const char *record, size_t size, bool urgent);
/* Sends as much of the queue as the journal accepts, and drops what it refuses permanently. Returns true if nothing is
 * left. */
bool journal_socket_flush(JournalSocket *s);
size_t journal_socket_n_queued(const JournalSocket *s); /* in records */
uint64_t journal_socket_n_refused(const JournalSocket *s); /* records dropped from the queue */
