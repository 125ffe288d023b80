/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* SipHash-2-4 (Aumasson, Bernstein 2012): a keyed hash, so that an attacker who chooses the names cannot force
 * collisions. */

#include <stddef.h>
#include <stdint.h>

uint64_t siphash24(const void *data, size_t size, const uint8_t key[static 16]);
