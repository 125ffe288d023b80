/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Memory that outlives the process in the service manager's fd store: a region written in place, and immutable
 * texts. memfd_create(2), sealed, so that a mapped file can never shrink (SIGBUS), neither here nor in a successor. */

#include <stddef.h>

#include "basic/macro.h"

/* Fits two halves of handover/state-log.h. This is address space: pages are allocated when reserved. */
#define STATE_MEMORY_SIZE (32UL * 1024 * 1024)

typedef struct StateMemory {
        int fd;
        void *region; /* STATE_MEMORY_SIZE bytes, initially zero; shared with every holder of the descriptor */
} StateMemory;

#define STATE_MEMORY_NONE ((StateMemory) { .fd = -EBADF })

int state_memory_new(StateMemory *ret);
/* Takes ownership of fd on success only. -EBADMSG: not a region made here; any other errno: it could not be mapped. */
int state_memory_open(int fd, StateMemory *ret);
/* Unmaps the region and closes this descriptor; the one in the fd store keeps the region alive. */
void state_memory_done(StateMemory *m);

/* For StateLogOwner; userdata is the StateMemory. Allocates the pages of a range now, since a lack of memory would
 * otherwise raise SIGBUS at the first write; -ENOSPC, -ENOMEM. */
int state_memory_reserve(size_t offset, size_t size, void *userdata);
/* Frees the pages that lie entirely in the range; they then read as zero. */
void state_memory_release(size_t offset, size_t size, void *userdata);

/* Copies text into a memfd that can no longer be changed. name only appears in /proc. Returns the descriptor. */
int memfd_seal_copy(const char *name, const char *text, size_t size);
/* The text of such a memfd, terminated; the caller frees it. -EBADMSG: not fully sealed, or contains a NUL; -EFBIG:
 * longer than max. The caller keeps fd. */
int memfd_read_sealed(int fd, size_t max, char **ret, size_t *ret_size);
