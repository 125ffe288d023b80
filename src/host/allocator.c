/* SPDX-License-Identifier: Apache-2.0 */
#include "host/allocator.h"

#include <malloc.h>

#define MMAP_THRESHOLD (128 * 1024) /* the default, before it adapts; mallopt(3) */

void allocator_init(void) {
        /* Tables in mappings of their own cost only the pages that are used. Without this, the first large block that is
         * freed raises the threshold, and later tables are put on the heap. */
        (void) mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
        /* Threads that load the programs or read a policy would each leave a heap behind. */
        (void) mallopt(M_ARENA_MAX, 1);
}

void allocator_trim(void) {
        (void) malloc_trim(0);
}
