/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/recorded-event.h"

#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "cli/journal-record.h"
#include "event/event-fields.h"
#include "policy/json-reader.h"

#define DEPTH_MAX 8

typedef json_tokener JsonTokener;
DEFINE_CLEANUP_FUNC(JsonTokener *, json_tokener_free)

static JsonObject *get(JsonObject *event, EventFieldId id, enum json_type type) {
        JsonObject *value;

        if (!json_object_object_get_ex(event, event_field_infos[id].name, &value) || !json_object_is_type(value, type))
                return NULL;
        return value;
}

/* "" if there is none, or one with an embedded NUL. */
static const char *get_text(JsonObject *event, EventFieldId id) {
        JsonObject *value = get(event, id, json_type_string);

        return value && json_is_text(value) ? json_object_get_string(value) : "";
}

/* Cut to fit. */
static void copy_text(JsonObject *event, EventFieldId id, char *buf, size_t size) {
        (void) snprintf(buf, size, "%s", get_text(event, id));
}

static bool has_text(JsonObject *event, EventFieldId id, const char *text) {
        return strcmp(get_text(event, id), text) == 0;
}

/* Zero also for what is not a number, or negative. */
static uint64_t get_number(JsonObject *event, EventFieldId id) {
        JsonObject *value = get(event, id, json_type_int);

        return value ? json_object_get_uint64(value) : 0;
}

static bool get_bool(JsonObject *event, EventFieldId id) {
        return json_object_get_boolean(get(event, id, json_type_boolean));
}

/* The whole line must be one object. */
static int parse_line(const char *line, size_t length, JsonObject **ret) {
        _cleanup_(json_tokener_freep) JsonTokener *tokener = json_tokener_new_ex(DEPTH_MAX);
        _cleanup_(json_object_putp) JsonObject *event = NULL;

        if (!tokener)
                return -ENOMEM;
        if (length == 0 || line[0] != '{') /* the encoder writes no blanks */
                return RECORDED_LINE_NOT_JSON;
        event = json_tokener_parse_ex(tokener, line, (int) length);
        enum json_tokener_error error = json_tokener_get_error(tokener);
        size_t end = json_tokener_get_parse_end(tokener);

        if (error == json_tokener_continue)
                return end >= length ? RECORDED_LINE_CUT : RECORDED_LINE_NOT_JSON; /* an embedded NUL ends it early */
        if (error != json_tokener_success || !json_object_is_type(event, json_type_object))
                return RECORDED_LINE_NOT_JSON;
        while (end < length && strchr(" \t\r", line[end]) && line[end] != '\0')
                end++;
        if (end < length)
                return RECORDED_LINE_NOT_JSON;

        *ret = TAKE_PTR(event);
        return RECORDED_LINE_EVENT;
}

/* In this form, times are in the order of their texts. */
static bool read_time(JsonObject *event, RecordedEvent *e) {
        static const char form[RECORDED_TIME_SIZE] = "0000-00-00T00:00:00.000000Z";
        const char *text = get_text(event, EVENT_FIELD_ID_TIMESTAMP);

        if (strlen(text) != sizeof(form) - 1)
                return false;
        for (size_t i = 0; i < sizeof(form) - 1; i++)
                if (form[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
                        return false;
        memcpy(e->time, text, sizeof(form));
        return true;
}

static bool read_verdict(JsonObject *event, RecordedEvent *e) {
        if (has_text(event, EVENT_FIELD_ID_VERDICT, "allow"))
                e->verdict = RECORDED_ALLOWED;
        else if (!has_text(event, EVENT_FIELD_ID_VERDICT, "deny"))
                return false;
        else if (get_bool(event, EVENT_FIELD_ID_BLOCKED))
                e->verdict = RECORDED_DENIED;
        else if (get_bool(event, EVENT_FIELD_ID_WOULD_DENY))
                e->verdict = RECORDED_WOULD_DENY;
        else
                return false;
        return true;
}

static bool read_protocol(JsonObject *event, uint8_t *ret) {
        static const uint8_t protocols[] = { PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP, PROTOCOL_ICMP6 };
        char text[PORT_TEXT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(protocols); i++)
                if (has_text(event, EVENT_FIELD_ID_PROTOCOL, protocol_to_string(protocols[i], text))) {
                        *ret = protocols[i];
                        return true;
                }
        return false;
}

static bool add_name(RecordedEvent *e, const char *text) {
        const char *reason;

        if (e->n_names == RECORDED_NAMES_MAX || hostname_canonical(text, false, e->names[e->n_names], &reason) < 0)
                return false;
        e->n_names++;
        return true;
}

static bool read_name(JsonObject *event, RecordedEvent *e) {
        const char *name = get_text(event, EVENT_FIELD_ID_DST_HOSTNAME);

        return name[0] != '\0' && add_name(e, name);
}

/* The first of the chain is the name itself. No rule is about an alias that is not a host name. */
static bool read_names(JsonObject *event, RecordedEvent *e) {
        JsonObject *chain = get(event, EVENT_FIELD_ID_CNAME_CHAIN, json_type_array);
        size_t n = chain ? json_object_array_length(chain) : 0;

        if (!get(event, EVENT_FIELD_ID_DST_HOSTNAME, json_type_string))
                return true;
        if (!read_name(event, e) || n > RECORDED_NAMES_MAX)
                return false;
        for (size_t i = 1; i < n; i++) {
                JsonObject *alias = json_object_array_get_idx(chain, i);

                if (alias && json_is_text(alias))
                        (void) add_name(e, json_object_get_string(alias));
        }
        return true;
}

/* What no policy changes is judged by nothing, but shown: as much of its destination as is there. */
static RecordedLine read_fixed(JsonObject *event, RecordedEvent *e) {
        uint64_t port = get_number(event, EVENT_FIELD_ID_DST_PORT);
        Destination *d = &e->destination;

        if (e->kind == RECORDED_CONNECTION && in_addr_parse(get_text(event, EVENT_FIELD_ID_DST_IP), &d->addr) == 0 &&
            read_protocol(event, &d->protocol) && port <= UINT16_MAX)
                d->port = (uint16_t) port;
        if (e->kind == RECORDED_QUERY || d->protocol != 0)
                (void) read_name(event, e);
        return RECORDED_LINE_FIXED;
}

static RecordedLine read_connection(JsonObject *event, RecordedEvent *e) {
        uint64_t port = get_number(event, EVENT_FIELD_ID_DST_PORT);

        if (!read_protocol(event, &e->destination.protocol))
                return get(event, EVENT_FIELD_ID_PROTOCOL, json_type_string) ? read_fixed(event, e) : RECORDED_LINE_INVALID;
        if (port > UINT16_MAX || in_addr_parse(get_text(event, EVENT_FIELD_ID_DST_IP), &e->destination.addr) < 0)
                return RECORDED_LINE_INVALID;
        e->destination.port = (uint16_t) port; /* 0: ICMP, or a later fragment */
        return read_names(event, e) ? RECORDED_LINE_EVENT : RECORDED_LINE_INVALID;
}

/* What else a query was refused for depends on the answer, or on what no policy changes. */
static RecordedLine read_query(JsonObject *event, RecordedEvent *e) {
        e->kind = RECORDED_QUERY;
        copy_text(event, EVENT_FIELD_ID_DNS_REASON, e->reason, sizeof(e->reason));
        e->for_addresses = has_text(event, EVENT_FIELD_ID_QUERY_TYPE, "A") ||
                           has_text(event, EVENT_FIELD_ID_QUERY_TYPE, "AAAA");
        if (!has_text(event, EVENT_FIELD_ID_DNS_REASON, "policy"))
                return read_fixed(event, e);
        return read_name(event, e) ? RECORDED_LINE_EVENT : RECORDED_LINE_INVALID;
}

static bool read_count(JsonObject *event, RecordedEvent *e) {
        JsonObject *count;

        e->count = 1;
        if (!json_object_object_get_ex(event, event_field_infos[EVENT_FIELD_ID_COUNT].name, &count))
                return true;
        e->count = get_number(event, EVENT_FIELD_ID_COUNT);
        return e->count > 0;
}

/* Labels that the encoder does not write are left out. */
static void read_labels(JsonObject *event, RecordedEvent *e) {
        JsonObject *job = get(event, EVENT_FIELD_ID_JOB, json_type_object);

        if (!job)
                return;
        json_object_object_foreach(job, key, value) {
                const char *text = json_object_is_type(value, json_type_string) && json_is_text(value)
                                           ? json_object_get_string(value) : NULL;

                if (!text || strlen(key) >= RECORDED_LABEL_KEY_SIZE || strlen(text) >= RECORDED_LABEL_VALUE_SIZE)
                        continue;
                if (e->n_labels == RECORDED_LABELS_MAX)
                        return;
                (void) strcpy(e->labels[e->n_labels].key, key);
                (void) strcpy(e->labels[e->n_labels].value, text);
                e->n_labels++;
        }
}

static void read_origin(JsonObject *event, RecordedEvent *e) {
        (void) read_time(event, e);
        copy_text(event, EVENT_FIELD_ID_SCOPE, e->scope, sizeof(e->scope));
        copy_text(event, EVENT_FIELD_ID_UNIT, e->unit, sizeof(e->unit));
        read_labels(event, e);
}

static RecordedLine read_decision(JsonObject *event, EventType type, RecordedEvent *e) {
        if (e->time[0] == '\0' || !read_verdict(event, e))
                return RECORDED_LINE_INVALID;
        copy_text(event, EVENT_FIELD_ID_PROCESS, e->process, sizeof(e->process));
        copy_text(event, EVENT_FIELD_ID_REASON, e->reason, sizeof(e->reason));
        e->automatic = get_text(event, EVENT_FIELD_ID_AUTO_ALLOWED_TYPE)[0] != '\0';
        e->by_rule = has_text(event, EVENT_FIELD_ID_REASON, reason_to_string(CW_REASON_RULE));
        if (type == EVENT_DNS_BLOCKED)
                return read_query(event, e);
        e->kind = RECORDED_CONNECTION;
        if (type == EVENT_PROTOCOL_BLOCKED)
                return read_fixed(event, e);
        if (get_text(event, EVENT_FIELD_ID_REASON)[0] == '\0')
                return RECORDED_LINE_INVALID;
        if (!has_text(event, EVENT_FIELD_ID_REASON, reason_to_string(CW_REASON_RULE)) &&
            !has_text(event, EVENT_FIELD_ID_REASON, reason_to_string(CW_REASON_DEFAULT)))
                return read_fixed(event, e);
        return read_connection(event, e);
}

static RecordedLine read_event(JsonObject *event, RecordedEvent *e) {
        const char *type = get_text(event, EVENT_FIELD_ID_EVENT_TYPE);
        EventType t = 0;

        uint64_t version = get_number(event, EVENT_FIELD_ID_SCHEMA_VERSION);
        if (version > EVENT_SCHEMA_VERSION)
                return RECORDED_LINE_NEWER;
        if (version == 0 || type[0] == '\0' || !read_count(event, e))
                return RECORDED_LINE_INVALID;
        read_origin(event, e);
        while (t < _EVENT_TYPE_MAX && strcmp(event_type_to_string(t), type) != 0)
                t++;
        switch (t) {
        case EVENT_CONNECTION_ALLOWED:
        case EVENT_CONNECTION_BLOCKED:
        case EVENT_DNS_BLOCKED:
        case EVENT_PROTOCOL_BLOCKED:
                return read_decision(event, t, e);
        case EVENT_EVENTS_LOST:
                return RECORDED_LINE_LOST;
        case EVENT_CONNECTIONS_SUPPRESSED:
        case EVENT_QUERIES_SUPPRESSED:
                return RECORDED_LINE_SUPPRESSED;
        default:
                return RECORDED_LINE_OTHER;
        }
}

/* A record that somebody else wrote is no event, whatever it says. */
static int parse_event(const char *line, size_t length, JsonObject **ret) {
        _cleanup_(json_object_putp) JsonObject *o = NULL;

        int r = parse_line(line, length, &o);
        if (r != RECORDED_LINE_EVENT)
                return r;
        if (!journal_record_is_event(o)) {
                *ret = TAKE_PTR(o);
                return r;
        }
        int k = journal_record_to_event(o, ret);
        return k == -EPERM || k == -EINVAL ? (int) RECORDED_LINE_INVALID : k < 0 ? k : r;
}

int recorded_event_read(const char *line, size_t length, RecordedEvent *ret) {
        _cleanup_(json_object_putp) JsonObject *event = NULL;
        RecordedEvent e = {};

        assert(line || length == 0);
        assert(length <= RECORDED_LINE_MAX);
        assert(ret);

        int r = parse_event(line, length, &event);
        if (r != RECORDED_LINE_EVENT)
                return r;

        RecordedLine kind = read_event(event, &e);
        if (kind <= RECORDED_LINE_FIXED)
                *ret = e;
        return kind;
}
