/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Memory that outlives the process in the service manager's fd store: a region that is written in place, and texts that
 * never change. memfd_create(2), sealed, so that neither we nor a successor can meet a file that shrinks under its
 * mapping (SIGBUS). */

#include <stddef.h>

#include "basic/macro.h"

/* Room for two halves of handover/state-log.h. Address space: pages are allocated when they are reserved. */
#define STATE_MEMORY_SIZE (32UL * 1024 * 1024)

typedef struct StateMemory {
        int fd;
        void *region; /* STATE_MEMORY_SIZE bytes, zeroes at first; shared with whoever holds the descriptor */
} StateMemory;

#define STATE_MEMORY_NONE ((StateMemory) { .fd = -EBADF })

int state_memory_new(StateMemory *ret);
/* Takes over fd, on success only. -EBADMSG: not a region of ours; another errno: it could not be mapped. */
int state_memory_open(int fd, StateMemory *ret);
/* Drops the mapping and this descriptor; the fd store's keeps the region. */
void state_memory_done(StateMemory *m);

/* For StateLogOwner; userdata is the StateMemory. Allocates the pages of a range now, since the lack of one would
 * otherwise be a SIGBUS at the first write; -ENOSPC, -ENOMEM. */
int state_memory_reserve(size_t offset, size_t size, void *userdata);
/* Gives back the pages that lie wholly in the range; they read as zeroes then. */
void state_memory_release(size_t offset, size_t size, void *userdata);

/* A memfd of this text that nobody can change any more. name is for /proc only. Returns the descriptor. */
int memfd_seal_copy(const char *name, const char *text, size_t size);
/* The text of such a memfd, terminated; the caller frees it. -EBADMSG: not sealed against every change, or it holds a
 * NUL; -EFBIG: longer than max. fd stays the caller's. */
int memfd_read_sealed(int fd, size_t max, char **ret, size_t *ret_size);
