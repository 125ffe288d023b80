/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Giving capabilities(7) up for good. mask: 1 << CAP_… */

#include <stdint.h>

#define CAPABILITY(cap) (1ULL << (cap))

/* Out of the bounding set they stay out: no set-uid program, file capability or later sudo brings them back. Needs
 * CAP_SETPCAP for those of the mask that are still there. */
int capability_drop_bounding(uint64_t mask);
/* Permitted, effective, inheritable and ambient. Needs nothing. */
int capability_drop(uint64_t mask);
