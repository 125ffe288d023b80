/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/journal-record.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event/event-json.h"

#define SERVICE_UNIT "cargowalld.service"
#define LABEL_PREFIX "CARGOWALL_JOB_"

/* "" if there is none; journalctl(1) prints null or an array for what is too long or no text. */
static const char *get_text(JsonObject *record, const char *key) {
        JsonObject *value;

        return json_object_object_get_ex(record, key, &value) && json_object_is_type(value, json_type_string) && json_is_text(value)
                       ? json_object_get_string(value) : "";
}

/* Takes over value. */
static int add(JsonObject *o, const char *key, JsonObject *value) {
        if (value && json_object_object_add(o, key, value) >= 0)
                return 0;
        json_object_put(value);
        return -ENOMEM;
}

static int parse_number(const char *text, uint64_t *ret) {
        char *end;

        errno = 0;
        uint64_t n = strtoull(text, &end, 10);
        if (!isdigit((unsigned char) text[0]) || *end != '\0' || errno != 0 || n > INT64_MAX)
                return -EINVAL;
        *ret = n;
        return 0;
}

static int add_field(JsonObject *event, const EventFieldInfo *info, const char *text) {
        uint64_t n;

        if (info->type != EVENT_FIELD_NUMBER)
                return add(event, info->name, json_object_new_string(text));
        int r = parse_number(text, &n);
        return r < 0 ? r : add(event, info->name, json_object_new_uint64(n));
}

/* The verdict of audit mode is a word of its own there. */
static int add_verdict(JsonObject *event, JsonObject *record) {
        const char *verdict = get_text(record, event_field_infos[EVENT_FIELD_ID_VERDICT].journal);
        bool would_deny = strcmp(verdict, "would_deny") == 0, blocked = strcmp(verdict, "deny") == 0;

        int r = verdict[0] == '\0' ? 0 : add(event, event_field_infos[EVENT_FIELD_ID_VERDICT].name,
                                             json_object_new_string(would_deny ? "deny" : verdict));
        if (r >= 0)
                r = add(event, event_field_infos[EVENT_FIELD_ID_BLOCKED].name, json_object_new_boolean(blocked));
        if (r >= 0)
                r = add(event, event_field_infos[EVENT_FIELD_ID_WOULD_DENY].name, json_object_new_boolean(would_deny));
        return r;
}

static int add_time(JsonObject *event, JsonObject *record) {
        EventField time = { .id = EVENT_FIELD_ID_TIMESTAMP };
        char text[EVENT_LINE_MAX];

        int r = parse_number(get_text(record, "__REALTIME_TIMESTAMP"), &time.number);
        if (r < 0)
                return r;
        size_t n = event_json_write_value(&time, text); /* with its quotes */
        return add(event, event_field_infos[EVENT_FIELD_ID_TIMESTAMP].name, json_object_new_string_len(text + 1, (int) n - 2));
}

/* CARGOWALL_JOB_RUN_ID=7 becomes "run_id":"7". */
static int add_label(JsonObject *labels, const char *key, const char *value) {
        char name[64];
        size_t n = strlen(key);

        if (n >= sizeof(name))
                return 0;
        for (size_t i = 0; i <= n; i++)
                name[i] = (char) tolower((unsigned char) key[i]);
        return add(labels, name, json_object_new_string(value));
}

static int add_labels(JsonObject *event, JsonObject *record) {
        _cleanup_(json_object_putp) JsonObject *labels = json_object_new_object();
        int r = labels ? 0 : -ENOMEM;

        json_object_object_foreach(record, key, value) {
                if (r < 0)
                        return r;
                if (strncmp(key, LABEL_PREFIX, strlen(LABEL_PREFIX)) == 0 && json_object_is_type(value, json_type_string))
                        r = add_label(labels, key + strlen(LABEL_PREFIX), get_text(record, key));
        }
        return r < 0 ? r : add(event, event_field_infos[EVENT_FIELD_ID_JOB].name, json_object_get(labels));
}

static int add_fields(JsonObject *event, JsonObject *record) {
        int r = 0;

        for (EventFieldId id = 0; id < _EVENT_FIELD_ID_MAX && r >= 0; id++) {
                const EventFieldInfo *info = &event_field_infos[id];
                const char *text = info->journal && id != EVENT_FIELD_ID_VERDICT ? get_text(record, info->journal) : "";

                if (text[0] != '\0')
                        r = add_field(event, info, text);
        }
        return r;
}

bool journal_record_is_event(JsonObject *record) {
        return get_text(record, event_field_infos[EVENT_FIELD_ID_EVENT_TYPE].journal)[0] != '\0';
}

int journal_record_to_event(JsonObject *record, JsonObject **ret) {
        _cleanup_(json_object_putp) JsonObject *event = json_object_new_object();

        assert(record);
        assert(ret);

        if (strcmp(get_text(record, "_SYSTEMD_UNIT"), SERVICE_UNIT) != 0)
                return -EPERM;
        int r = event ? add(event, event_field_infos[EVENT_FIELD_ID_SCHEMA_VERSION].name, json_object_new_int(EVENT_SCHEMA_VERSION))
                      : -ENOMEM;
        if (r >= 0)
                r = add_time(event, record);
        if (r >= 0)
                r = add_verdict(event, record);
        if (r >= 0)
                r = add_fields(event, record);
        if (r >= 0)
                r = add_labels(event, record);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(event);
        return 0;
}
