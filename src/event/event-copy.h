/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A copy of an event that owns its strings: one allocation, freed with free(). */

#include <stddef.h>

#include "event/event.h"

/* Strings and labels are truncated beyond what any output can show (EVENT_FIELDS), so the size is bounded. ret_size:
 * bytes allocated. -ENOMEM. */
int event_copy(const Event *e, Event **ret, size_t *ret_size);
