/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Drops capabilities(7) permanently. mask: bits 1 << CAP_… */

#include <stdbool.h>
#include <stdint.h>

#define CAPABILITY(cap) (1ULL << (cap))

/* Removes them from the bounding set, so that no set-uid program, file capability or later sudo brings them back.
 * Needs CAP_SETPCAP if any of them is still set. */
int capability_drop_bounding(uint64_t mask);
/* Drops them from the permitted, effective, inheritable and ambient sets. Needs no privilege. */
int capability_drop(uint64_t mask);
/* Does the calling thread have it now? */
bool capability_effective(unsigned cap);
