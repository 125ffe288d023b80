/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Formats one event of the service as a line for people. Pure. Events are JSON objects with the keys of
 * docs/events.md. */

#include "ctl/json-value.h"
#include "ctl/output.h"

#define EVENT_TEXT_MAX 2048

/* Denied, or would be if not for audit mode. */
bool event_line_is_denial(JsonObject *event);
/* "denied", "audit" (passed, but the policy denies it), "allowed", or "note" for what is no verdict. */
const char *event_line_verdict(JsonObject *event, Color *ret_color);
/* Microseconds of CLOCK_REALTIME; 0 when the event has no time. */
uint64_t event_line_time(JsonObject *event);
/* "curl[123] runner.service -> evil.example [203.0.113.66]:443/tcp: no rule allows it". Not escaped for a terminal yet;
 * names hold neither blanks nor controls here, so none can pretend to be another part. Returns buf. */
const char *event_line_text(JsonObject *event, bool with_pid, char buf[static EVENT_TEXT_MAX]);
/* The same for a line of this width, so that the end can be cut and the destination is still whole: as far as necessary, without
 * pid, without the address behind a name, and with the unit cut. */
const char *event_line_fit(JsonObject *event, bool with_pid, size_t columns, char buf[static EVENT_TEXT_MAX]);

typedef enum EventPart {
        EVENT_PART_ALL,
        EVENT_PART_DESTINATION, /* without the address if there is a name */
        EVENT_PART_PROCESS,     /* and its unit */
        EVENT_PART_RULE,        /* or the reason, if no rule decided */
        _EVENT_PART_MAX,
} EventPart;

/* "dest", "process", "rule". -EINVAL. */
int event_part_parse(const char *text, EventPart *ret);
/* Of an event with a verdict. Like event_line_text(), without pid. */
const char *event_line_part(JsonObject *event, EventPart part, char buf[static EVENT_TEXT_MAX]);
/* How many events the line stands for, at least 1. */
uint64_t event_line_count(JsonObject *event);
