/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the formats share: where each field goes is a table. */

#include "basic/macro.h"
#include "event/event-format.h"

typedef enum FieldForm {
        FIELD_AS_IT_IS,
        FIELD_AS_TEXT,   /* a number, as a string */
        FIELD_LOWERED,   /* a word, in lower case */
        FIELD_IN_MSEC,   /* a number of microseconds */
        FIELD_IN_NSEC,   /* likewise */
} FieldForm;

typedef struct FieldPlace {
        const char *field; /* docs/events.md */
        const char *path;  /* keys joined by '.' */
        FieldForm form;
} FieldPlace;

DEFINE_CLEANUP_FUNC(json_object *, json_object_put)

/* "" and 0 where there is none, or of another type. */
const char *event_text(json_object *event, const char *field);
uint64_t event_number(json_object *event, const char *field);
bool event_flag(json_object *event, const char *field);

/* Puts a value at a path below root, and takes it; NULL: an allocation that failed. -ENOMEM. */
int event_put(json_object *root, const char *path, json_object *value);
int event_put_text(json_object *root, const char *path, const char *text);
int event_put_number(json_object *root, const char *path, uint64_t number);
/* Each field that the event has, at its place. Those that no place names go below rest, but those of skipped (NULL at its end). */
int event_put_fields(json_object *root, json_object *event, const FieldPlace *places, size_t n_places, const char *const *skipped,
                     const char *rest);
/* Appends a string to an array. -ENOMEM, also for array == NULL. */
int event_append_text(json_object *array, const char *text);
/* The number that IANA gave to the event's protocol, of those that policies know; 0: none of them. */
unsigned event_protocol_number(json_object *event);
/* RFC 3339 as the log has it -> milliseconds since 1970. -EINVAL. */
int event_time_msec(json_object *event, uint64_t *ret);

/* type: the event's, "connection_blocked". */
int event_to_ocsf(json_object *event, const char *type, const char *host, json_object *root);
int event_to_ecs(json_object *event, const char *type, const char *host, json_object *root);
