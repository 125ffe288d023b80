/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An event that outlives the strings it borrowed: one allocation, freed with free(). */

#include <stddef.h>

#include "event/event.h"

/* Strings and labels are cut behind what any output can show (EVENT_FIELDS), so a copy has a bound. ret_size: bytes of
 * the allocation. -ENOMEM. */
int event_copy(const Event *e, Event **ret, size_t *ret_size);
