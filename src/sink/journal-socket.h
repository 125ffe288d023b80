/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Records to the journal in its native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/), never waiting.
 *
 * sd_journal_sendv(3) uses a socket that blocks: with a journal that hangs it stops its caller as soon as that socket's
 * queue is full, which has room for 11 records where nobody raised net.unix.max_dgram_qlen. Here what the journal does
 * not take at once waits in a bounded queue, and what does not fit there is the caller's to count as lost. */

#include <stdbool.h>
#include <stddef.h>

#define JOURNAL_SOCKET_PATH "/run/systemd/journal/socket"
#define JOURNAL_QUEUE_MAX (256U * 1024)
#define JOURNAL_QUEUE_RESERVE (64U * 1024) /* of it, for urgent records only */

typedef struct JournalSocket JournalSocket;

/* path: NULL for the journal's own; borrowed for the call. The journal need not be there yet. Negative errno. */
int journal_socket_new(const char *path, JournalSocket **ret);
/* Tries to get rid of the queue first, for a tenth of a second at most: the one place that waits. */
JournalSocket *journal_socket_free(JournalSocket *s);

/* One record of "KEY=value\n" lines; sent, or queued behind others. -ENOBUFS: the queue is full. Other negative errno:
 * a record that the journal will never take. */
int journal_socket_send(JournalSocket *s, const char *record, size_t size, bool urgent);
/* Sends what is queued, as far as the journal takes it. True: nothing is queued any more. */
bool journal_socket_flush(JournalSocket *s);
size_t journal_socket_n_queued(const JournalSocket *s); /* records */
