/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Events in the vocabularies of others: the Open Cybersecurity Schema Framework (OCSF 1.3, schema.ocsf.io: Network Activity 4001,
 * DNS Activity 4003, and Base Event 0 for what is about the firewall itself) and the Elastic Common Schema (ECS 8.11). What they
 * have no field for is kept under its own name, below "unmapped" (OCSF) and "cargowall" (ECS). docs/siem.md is the table. Pure. */

#include <json-c/json.h>
#include <sys/types.h>

typedef enum EventFormat {
        EVENT_FORMAT_NDJSON, /* docs/events.md */
        EVENT_FORMAT_OCSF,
        EVENT_FORMAT_ECS,
        _EVENT_FORMAT_MAX,
} EventFormat;

const char *event_format_to_string(EventFormat f);
int event_format_from_string(const char *s, EventFormat *ret); /* -EINVAL */

/* event: an object with the fields of docs/events.md, which stays the caller's; values of another type than there are left out.
 * host: the name of this machine; NULL: unknown. The caller puts *ret. -EINVAL: not an object, or without time or type; -ENOMEM. */
int event_format_convert(json_object *event, EventFormat f, const char *host, json_object **ret);

#define EVENT_CONVERTED_MAX 49152 /* bytes of a line */

/* The same from text to text: a line of the log without its line feed -> one with it. Returns its length; -EINVAL: also if it is
 * longer than EVENT_CONVERTED_MAX; -ENOMEM. */
ssize_t event_format_line(const char *line, size_t length, EventFormat f, const char *host, char buf[static EVENT_CONVERTED_MAX]);
