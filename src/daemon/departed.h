/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Cgroups that were removed. Their sockets may still have bytes to send, and records of them are still to be read: for a
 * while they keep their scope and their name. */

#include <stdint.h>

#include "basic/macro.h"

typedef struct Departed Departed;

#define DEPARTED_MAX 16384U
#define DEPARTED_NSEC (180 * NSEC_PER_SEC) /* longer than TCP tries to get rid of its last bytes */

typedef void (*departed_fn)(const char *path, uint64_t id, void *userdata);

/* fn: called when the time of one is over, or when it must make room. */
int departed_new(const uint8_t key[static 16], departed_fn fn, void *userdata, Departed **ret); /* -ENOMEM */
Departed *departed_free(Departed *d); /* calls nothing */
/* Copies path. -ENOMEM: fn is called for it at once. */
int departed_add(Departed *d, const char *path, uint64_t id, uint64_t now_nsec);
const char *departed_path(const Departed *d, uint64_t id); /* NULL */
void departed_expire(Departed *d, uint64_t now_nsec);
void departed_for_each(const Departed *d, departed_fn fn, void *userdata);

DEFINE_CLEANUP_FUNC(Departed *, departed_free)
