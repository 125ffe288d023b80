/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The fields of an event, common to all outputs. Encoders read the fields and never the Event, so a new field is
 * added here and in event-fields.c only. docs/events.md describes them. */

#include <stddef.h>

#include "event/event.h"
#include "event/socket-family.h"
#include "policy/port.h"

#define EVENT_SCHEMA_VERSION 1

typedef enum EventFieldType {
        EVENT_FIELD_TIME,    /* number: microseconds of CLOCK_REALTIME */
        EVENT_FIELD_NUMBER,  /* number */
        EVENT_FIELD_BOOLEAN, /* number: 0 or 1 */
        EVENT_FIELD_WORD,    /* text: one of our own words, plain ASCII */
        EVENT_FIELD_TEXT,    /* text: from outside, may hold any byte */
        EVENT_FIELD_ADDRESS, /* addr */
        EVENT_FIELD_NAMES,   /* event: read it with event_names_next() */
        EVENT_FIELD_PARENTS, /* event: its parents, at most EVENT_PARENTS_MAX */
        EVENT_FIELD_LABELS,  /* event: read it with event_labels_next() */
} EventFieldType;

/* Bytes needed by a command name of 15 bytes if each is escaped for JSON. */
#define EVENT_COMM_SHARE 90
#define EVENT_NAMES_SHARE 2048      /* all names together, with quotes and commas */
#define EVENT_LABEL_VALUE_SHARE 256 /* per label */

/* X(id, name, name in the journal or NULL, type, share): all fields in output order. share: the most bytes that a
 * text may take in an output, including escapes; 0 if it is bounded anyway. In the journal, labels are fields of
 * their own, and a field with several values is left out. */
#define EVENT_FIELDS(X)                                                              \
        X(TIMESTAMP, "timestamp", NULL, TIME, 0)                                     \
        X(SCHEMA_VERSION, "schema_version", NULL, NUMBER, 0)                         \
        X(SEQUENCE, "sequence", "CARGOWALL_SEQUENCE", NUMBER, 0)                     \
        X(EVENT_TYPE, "event_type", "CARGOWALL_EVENT", WORD, 0)                      \
        X(VERDICT, "verdict", "CARGOWALL_VERDICT", WORD, 0)                          \
        X(BLOCKED, "blocked", NULL, BOOLEAN, 0)                                      \
        X(WOULD_DENY, "would_deny", NULL, BOOLEAN, 0)                                \
        X(MODE, "mode", "CARGOWALL_MODE", WORD, 0)                                   \
        X(REASON, "reason", "CARGOWALL_REASON", WORD, 0)                             \
        X(SRC_IP, "src_ip", "CARGOWALL_SRC_IP", ADDRESS, 0)                          \
        X(SRC_PORT, "src_port", "CARGOWALL_SRC_PORT", NUMBER, 0)                     \
        X(DST_IP, "dst_ip", "CARGOWALL_DST_IP", ADDRESS, 0)                          \
        X(DST_HOSTNAME, "dst_hostname", "CARGOWALL_DST_HOST", TEXT, 1024)            \
        X(DST_PORT, "dst_port", "CARGOWALL_DST_PORT", NUMBER, 0)                     \
        X(PROTOCOL, "protocol", "CARGOWALL_PROTOCOL", WORD, 0)                       \
        X(SOCKET_FAMILY, "socket_family", "CARGOWALL_SOCKET_FAMILY", WORD, 0)        \
        X(CNAME_CHAIN, "cname_chain", NULL, NAMES, 0)                                \
        X(QUERY_TYPE, "query_type", "CARGOWALL_QTYPE", TEXT, 96)                     \
        X(DNS_REASON, "dns_reason", "CARGOWALL_DNS_REASON", TEXT, 96)                \
        X(MID_STREAM, "mid_stream", NULL, BOOLEAN, 0)                                \
        X(MATCHED_RULE, "matched_rule", "CARGOWALL_RULE", TEXT, 512)                 \
        X(RULE, "rule", NULL, NUMBER, 0)                                             \
        X(AUTO_ALLOWED_TYPE, "auto_allowed_type", "CARGOWALL_AUTO_ALLOWED", TEXT, 96) \
        X(SCOPE, "scope", "CARGOWALL_SCOPE", TEXT, 96)                               \
        X(POLICY_DIGEST, "policy_digest", "CARGOWALL_POLICY_DIGEST", TEXT, 96)       \
        X(PROCESS, "process", "CARGOWALL_COMM", TEXT, EVENT_COMM_SHARE)              \
        X(PID, "pid", "CARGOWALL_PID", NUMBER, 0)                                    \
        X(TID, "tid", "CARGOWALL_TID", NUMBER, 0)                                    \
        X(UID, "uid", "CARGOWALL_UID", NUMBER, 0)                                    \
        X(GID, "gid", NULL, NUMBER, 0)                                               \
        X(EXECUTABLE, "executable", "CARGOWALL_EXE", TEXT, 1024)                     \
        X(PARENTS, "parents", NULL, PARENTS, 0)                                      \
        X(UNIT, "unit", "CARGOWALL_UNIT", TEXT, 512)                                 \
        X(CGROUP, "cgroup", "CARGOWALL_CGROUP", TEXT, 768)                           \
        X(CGROUP_ID, "cgroup_id", NULL, NUMBER, 0)                                   \
        X(JOB, "job", NULL, LABELS, 0)                                               \
        X(BYTES_OUT, "bytes_out", "CARGOWALL_BYTES_OUT", NUMBER, 0)                  \
        X(BYTES_IN, "bytes_in", "CARGOWALL_BYTES_IN", NUMBER, 0)                     \
        X(DURATION_USEC, "duration_usec", "CARGOWALL_DURATION_USEC", NUMBER, 0)      \
        X(COUNT, "count", "CARGOWALL_COUNT", NUMBER, 0)                              \
        X(DETAIL, "detail", "CARGOWALL_DETAIL", TEXT, 512)

typedef enum EventFieldId {
#define X(id, name, journal, type, share) EVENT_FIELD_ID_##id,
        EVENT_FIELDS(X)
#undef X
        _EVENT_FIELD_ID_MAX,
} EventFieldId;

typedef struct EventFieldInfo {
        const char *name;    /* in the log and on the bus */
        const char *journal; /* NULL: none */
        EventFieldType type;
        size_t share;
} EventFieldInfo;

extern const EventFieldInfo event_field_infos[_EVENT_FIELD_ID_MAX];

typedef struct EventField {
        EventFieldId id;
        union { /* selected by the type */
                uint64_t number;
                const char *text;
                const InAddr *addr;
                const Event *event;
        };
} EventField;

typedef struct EventFields {
        EventField fields[_EVENT_FIELD_ID_MAX];
        size_t n;
        char protocol[PORT_TEXT_MAX];
        char socket_family[SOCKET_FAMILY_TEXT_MAX];
} EventFields;

/* The fields that are known, in the order of EVENT_FIELDS. The event is borrowed for as long as *ret is in use. */
void event_fields(const Event *e, EventFields *ret);

/* Iterates over the names of EVENT_FIELD_NAMES in order: the host name, then the target of each alias. Start with
 * {.event = e}. */
typedef struct EventNames {
        const Event *event;
        const char *rest;
        const char *name; /* not terminated */
        size_t length;    /* > 0 */
} EventNames;

bool event_names_next(EventNames *names);

/* The labels that are valid for every output, each key once. *i starts at 0. NULL: no more labels. */
const char *event_labels_next(const Event *e, size_t *i, size_t *ret_key_length);
