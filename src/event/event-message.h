/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Event -> one sentence for the user: who did what, to which destination, and why it was allowed or denied. */

#include <stddef.h>

#include "event/event.h"

#define EVENT_MESSAGE_MAX 1024

/* "Denied: curl[123] (runner.service) to evil.example [203.0.113.66]:443/tcp, no rule allows it". One line;
 * untrusted parts are escaped as by escape_terminal() and truncated to fit. Returns buf. */
const char *event_message_write(const Event *e, char buf[static EVENT_MESSAGE_MAX]);
/* The reason for refusing a query (dns_reason of the log) or a connection (reason), in words. An unknown one is
 * returned unchanged. */
const char *event_denial_words(const char *reason);
const char *event_reason_words(Reason reason, Action verdict);
