/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Event -> one journal record in the native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): lines of
 * KEY=value. No allocation, no printf. docs/events.md lists the fields. */

#include <stddef.h>

#include "event/event.h"

#define EVENT_JOURNAL_MAX 16384

/* Writes the record and returns its length; every event fits. Values are truncated to their share and hold no
 * control characters, so each takes one line and none can start another field. */
size_t event_journal_write(const Event *e, char buf[static EVENT_JOURNAL_MAX]);

int event_journal_priority(const Event *e);            /* as in syslog(3): 2 (critical) to 6 (informational) */
const char *event_journal_message_id(const Event *e);  /* one of event/message-id.h */
