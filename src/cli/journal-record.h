/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A record of the journal, as `journalctl -o json` prints it, as an event of the log. Pure. */

#include "policy/json-reader.h"

/* Has the record an event? Whoever can write to the journal can make one up. */
bool journal_record_is_event(JsonObject *record);
/* The event with the keys of docs/events.md: those that the record has. The caller releases it. -EPERM: not written by the
 * service, which journald says in a field that no sender can set. -EINVAL: a field is missing or wrong. -ENOMEM. */
int journal_record_to_event(JsonObject *record, JsonObject **ret);
