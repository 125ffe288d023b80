/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/bus-event.h"

#include <assert.h>
#include <string.h>

#include "basic/macro.h"
#include "event/escape.h"
#include "event/event-fields.h"
#include "event/event-json.h"

/* A single invalid byte would make the whole message fail. */
static int append_text(sd_bus_message *m, const char *s, size_t n, size_t share) {
        char text[EVENT_NAMES_SHARE + 1];

        text[escape_utf8(s, n, text, MIN(share, sizeof(text) - 1))] = '\0';
        return sd_bus_message_append_basic(m, SD_BUS_TYPE_STRING, text);
}

static int append_names(sd_bus_message *m, const Event *e) {
        EventNames names = { .event = e };
        size_t room = EVENT_NAMES_SHARE;

        int r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "s");
        while (r >= 0 && event_names_next(&names) && names.length <= room / ESCAPE_UTF8_MAX) {
                room -= ESCAPE_UTF8_MAX * names.length;
                r = append_text(m, names.name, names.length, EVENT_NAMES_SHARE);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* The value as in the log, without the quotes of a string. */
static int append_json(sd_bus_message *m, const EventField *f, bool quoted) {
        char text[EVENT_LINE_MAX];
        size_t n = event_json_write_value(f, text);

        text[quoted ? n - 1 : n] = '\0';
        return sd_bus_message_append_basic(m, SD_BUS_TYPE_STRING, quoted ? text + 1 : text);
}

static const char *signature_of(const EventField *f) {
        switch (event_field_infos[f->id].type) {
        case EVENT_FIELD_NUMBER:
                return "x";
        case EVENT_FIELD_BOOLEAN:
                return "b";
        case EVENT_FIELD_NAMES:
                return "as";
        default:
                return "s";
        }
}

static int append_value(sd_bus_message *m, const EventField *f) {
        const EventFieldInfo *info = &event_field_infos[f->id];

        switch (info->type) {
        case EVENT_FIELD_NUMBER: {
                int64_t number = (int64_t) MIN(f->number, (uint64_t) INT64_MAX);
                return sd_bus_message_append_basic(m, SD_BUS_TYPE_INT64, &number);
        }
        case EVENT_FIELD_BOOLEAN: {
                int boolean = f->number != 0;
                return sd_bus_message_append_basic(m, SD_BUS_TYPE_BOOLEAN, &boolean);
        }
        case EVENT_FIELD_WORD:
                return sd_bus_message_append_basic(m, SD_BUS_TYPE_STRING, f->text);
        case EVENT_FIELD_TEXT:
                return append_text(m, f->text, strlen(f->text), info->share);
        case EVENT_FIELD_TIME:
        case EVENT_FIELD_ADDRESS:
                return append_json(m, f, true);
        case EVENT_FIELD_NAMES:
                return append_names(m, f->event);
        default:
                return append_json(m, f, false);
        }
}

static int append_field(sd_bus_message *m, const EventField *f) {
        int r = sd_bus_message_open_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv");
        if (r >= 0)
                r = sd_bus_message_append_basic(m, SD_BUS_TYPE_STRING, event_field_infos[f->id].name);
        if (r >= 0)
                r = sd_bus_message_open_container(m, SD_BUS_TYPE_VARIANT, signature_of(f));
        if (r >= 0)
                r = append_value(m, f);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int bus_event_append(sd_bus_message *m, const Event *e, uint64_t n_dropped) {
        EventFields fields;

        assert(m);
        assert(e);

        int r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        event_fields(e, &fields);
        for (size_t i = 0; r >= 0 && i < fields.n; i++)
                r = append_field(m, &fields.fields[i]);
        if (r >= 0 && n_dropped > 0)
                r = sd_bus_message_append(m, "{sv}", "bus_events_dropped", "x",
                                          (int64_t) MIN(n_dropped, (uint64_t) INT64_MAX));
        return r < 0 ? r : sd_bus_message_close_container(m);
}
