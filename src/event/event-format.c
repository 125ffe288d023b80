/* SPDX-License-Identifier: Apache-2.0 */
#include "event/event-format.h"

#include <assert.h>
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "event/event-format-internal.h"
#include "event/json-print.h"
#include "policy/port.h"

static const char *const names[_EVENT_FORMAT_MAX] = {
        [EVENT_FORMAT_NDJSON] = "ndjson",
        [EVENT_FORMAT_OCSF] = "ocsf",
        [EVENT_FORMAT_ECS] = "ecs",
};

const char *event_format_to_string(EventFormat f) {
        assert(f < _EVENT_FORMAT_MAX);
        return names[f];
}

int event_format_from_string(const char *s, EventFormat *ret) {
        assert(s);
        assert(ret);

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcmp(s, names[i]) == 0) {
                        *ret = (EventFormat) i;
                        return 0;
                }
        return -EINVAL;
}

/* ------------------------------------------------------------------ reading */

const char *event_text(json_object *event, const char *field) {
        json_object *value;

        return json_object_object_get_ex(event, field, &value) && json_object_is_type(value, json_type_string)
                               ? json_object_get_string(value)
                               : "";
}

uint64_t event_number(json_object *event, const char *field) {
        json_object *value;

        return json_object_object_get_ex(event, field, &value) && json_object_is_type(value, json_type_int)
                               ? json_object_get_uint64(value)
                               : 0;
}

bool event_flag(json_object *event, const char *field) {
        json_object *value;

        return json_object_object_get_ex(event, field, &value) && json_object_is_type(value, json_type_boolean) &&
               json_object_get_boolean(value);
}

unsigned event_protocol_number(json_object *event) {
        static const uint8_t known[] = { PROTOCOL_ICMP, PROTOCOL_IGMP, PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP6 };
        const char *name = event_text(event, "protocol");
        char text[PORT_TEXT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (strcmp(name, protocol_to_string(known[i], text)) == 0)
                        return known[i];
        return 0;
}

/* Since 1970, of the Gregorian calendar; years are counted from March, as in event-json.c. */
static int64_t days_of(unsigned year, unsigned month, unsigned day) {
        int64_t y = (int64_t) year - (month <= 2);
        int64_t era = y / 400, of_era = y % 400;
        int64_t of_year = (153 * (month > 2 ? (int64_t) month - 3 : (int64_t) month + 9) + 2) / 5 + (int64_t) day - 1;

        return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

int event_time_msec(json_object *event, uint64_t *ret) {
        const char *text = event_text(event, "timestamp");
        unsigned year, month, day, hour, minute, second, msec;
        int end = 0;

        if (sscanf(text, "%4u-%2u-%2uT%2u:%2u:%2u.%3u%*3uZ%n", &year, &month, &day, &hour, &minute, &second, &msec,
                   &end) != 7 ||
            end != 27 || text[end] != '\0' || year < 1970 || month < 1 || month > 12)
                return -EINVAL;
        *ret = (((uint64_t) days_of(year, month, day) * 24 + hour) * 60 + minute) * 60000 + (uint64_t) second * 1000 + msec;
        return 0;
}

/* ------------------------------------------------------------------ writing */

int event_put(json_object *root, const char *path, json_object *value) {
        _cleanup_(json_object_putp) json_object *owned = value;
        json_object *next;
        char key[64];

        if (!value)
                return -ENOMEM;
        for (const char *dot; (dot = strchr(path, '.')); path = dot + 1) {
                assert((size_t) (dot - path) < sizeof(key));
                *(char *) mempcpy(key, path, (size_t) (dot - path)) = '\0';
                if (!json_object_object_get_ex(root, key, &next)) {
                        next = json_object_new_object();
                        if (!next || json_object_object_add(root, key, next) < 0) {
                                json_object_put(next);
                                return -ENOMEM;
                        }
                }
                root = next;
        }
        if (json_object_object_add(root, path, owned) < 0)
                return -ENOMEM;
        (void) TAKE_PTR(owned);
        return 0;
}

int event_put_text(json_object *root, const char *path, const char *text) {
        return event_put(root, path, json_object_new_string(text));
}

int event_put_number(json_object *root, const char *path, uint64_t number) {
        return event_put(root, path, json_object_new_uint64(number));
}

int event_append_text(json_object *array, const char *text) {
        json_object *value = array ? json_object_new_string(text) : NULL;

        if (!value || json_object_array_add(array, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

static json_object *lowered(const char *text) {
        char word[64];
        size_t i = 0;

        for (; text[i] && i < sizeof(word) - 1; i++)
                word[i] = (char) tolower((unsigned char) text[i]);
        word[i] = '\0';
        return json_object_new_string(word);
}

static json_object *in_form(json_object *value, FieldForm form) {
        switch (form) {
        case FIELD_AS_TEXT:
                return json_object_new_string(json_object_get_string(value));
        case FIELD_LOWERED:
                return lowered(json_object_get_string(value));
        case FIELD_IN_MSEC:
                return json_object_new_uint64(json_object_get_uint64(value) / USEC_PER_MSEC);
        case FIELD_IN_NSEC:
                return json_object_new_uint64(json_object_get_uint64(value) * 1000);
        default:
                return json_object_get(value);
        }
}

static bool has_form(json_object *value, FieldForm form) {
        switch (form) {
        case FIELD_AS_IT_IS:
                return value != NULL;
        case FIELD_LOWERED:
                return json_object_is_type(value, json_type_string);
        default:
                return json_object_is_type(value, json_type_int);
        }
}

static bool is_skipped(const char *const *skipped, const char *field) {
        for (; *skipped; skipped++)
                if (strcmp(*skipped, field) == 0)
                        return true;
        return false;
}

static int put_rest(json_object *root, const char *rest, const char *field, json_object *value) {
        json_object *below;

        if (!value)
                return 0;
        if (!json_object_object_get_ex(root, rest, &below)) {
                int r = event_put(root, rest, json_object_new_object());
                if (r < 0)
                        return r;
                (void) json_object_object_get_ex(root, rest, &below);
        }
        if (json_object_object_add(below, field, json_object_get(value)) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

int event_put_fields(json_object *root, json_object *event, const FieldPlace *places, size_t n_places, const char *const *skipped,
                     const char *rest) {
        json_object_object_foreach(event, field, value) {
                bool placed = is_skipped(skipped, field);
                int r = 0;

                for (size_t i = 0; i < n_places && !placed && r >= 0; i++) {
                        if (strcmp(places[i].field, field) != 0)
                                continue;
                        placed = true;
                        if (has_form(value, places[i].form))
                                r = event_put(root, places[i].path, in_form(value, places[i].form));
                }
                if (!placed)
                        r = put_rest(root, rest, field, value);
                if (r < 0)
                        return r;
        }
        return 0;
}

int event_format_convert(json_object *event, EventFormat f, const char *host, json_object **ret) {
        static int (*const convert[_EVENT_FORMAT_MAX])(json_object *, const char *, const char *, json_object *) = {
                [EVENT_FORMAT_OCSF] = event_to_ocsf,
                [EVENT_FORMAT_ECS] = event_to_ecs,
        };
        const char *type;

        assert(f < _EVENT_FORMAT_MAX);
        assert(ret);

        if (!json_object_is_type(event, json_type_object) || !*(type = event_text(event, "event_type")))
                return -EINVAL;
        if (!convert[f]) {
                *ret = json_object_get(event);
                return 0;
        }
        _cleanup_(json_object_putp) json_object *root = json_object_new_object();
        if (!root)
                return -ENOMEM;
        int r = convert[f](event, type, host, root);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(root);
        return 0;
}

static int parse(const char *line, size_t length, json_object **ret) {
        json_tokener *tokener = json_tokener_new();

        if (!tokener)
                return -ENOMEM;
        *ret = length <= INT_MAX ? json_tokener_parse_ex(tokener, line, (int) length) : NULL;
        json_tokener_free(tokener);
        return *ret ? 0 : -EINVAL;
}

ssize_t event_format_line(const char *line, size_t length, EventFormat f, const char *host, char buf[static EVENT_CONVERTED_MAX]) {
        _cleanup_(json_object_putp) json_object *event = NULL, *converted = NULL;

        assert(line);

        int r = parse(line, length, &event);
        if (r >= 0)
                r = event_format_convert(event, f, host, &converted);
        if (r < 0)
                return r;
        FILE *stream = fmemopen(buf, EVENT_CONVERTED_MAX, "w");
        if (!stream)
                return -ENOMEM;
        r = json_print(stream, converted, false);
        (void) putc('\n', stream);
        long n = fflush(stream) == 0 && !ferror(stream) ? ftell(stream) : -1;
        (void) fclose(stream);
        return r < 0 ? r : n > 0 && n < EVENT_CONVERTED_MAX ? n : -EINVAL;
}
