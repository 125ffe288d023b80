/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Random ids of queries in flight, and random bytes for their case and channel. */

#include <stddef.h>
#include <stdint.h>

#define UPSTREAM_RANDOM_SIZE 256 /* getrandom(2): requests of up to 256 bytes are never cut short */

/* All zero at first. */
typedef struct UpstreamIds {
        uint8_t used[(UINT16_MAX + 1) / 8]; /* bitmap */
        uint8_t random[UPSTREAM_RANDOM_SIZE];
        size_t n_random; /* left */
} UpstreamIds;

/* At most UPSTREAM_RANDOM_SIZE bytes. */
int upstream_ids_random(UpstreamIds *ids, void *buf, size_t size);
/* One that is not in flight: c-ares 1.18 uses the id in our bytes without looking for others. */
int upstream_ids_take(UpstreamIds *ids, uint16_t *ret);
void upstream_ids_release(UpstreamIds *ids, uint16_t id);
