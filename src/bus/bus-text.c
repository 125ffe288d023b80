/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/bus-text.h"

#include <assert.h>
#include <string.h>

#include "event/escape.h"

/* The JSON encoder escapes exactly what should not be displayed, and quotes and backslashes. */
bool bus_text_is_clean(const char *s) {
        char json[BUS_TEXT_MAX * ESCAPE_JSON_MAX + ESCAPE_JSON_MAX];

        assert(s);

        size_t n = strnlen(s, BUS_TEXT_MAX + 1);
        if (n > BUS_TEXT_MAX)
                return false;
        size_t length = escape_json(s, n, json, sizeof(json));
        for (size_t i = 0; i < length; i++)
                if (json[i] == '\\') {
                        i++;
                        if (i == length || !strchr("\"\\", json[i]))
                                return false;
                }
        return true;
}

const char *bus_text(const char *s, char buf[static BUS_TEXT_MAX]) {
        return bus_text_is_clean(s) ? s : escape_terminal(s, buf, BUS_TEXT_MAX);
}

int bus_append_text(sd_bus_message *m, const char *s) {
        char buf[BUS_TEXT_MAX];

        return sd_bus_message_append_basic(m, SD_BUS_TYPE_STRING, bus_text(s ?: "", buf));
}

int bus_append_texts(sd_bus_message *m, const char *const *texts, size_t n) {
        int r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "s");
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = bus_append_text(m, texts[i]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int bus_append_entry_text(sd_bus_message *m, const char *key, const char *value) {
        char buf[BUS_TEXT_MAX];

        return sd_bus_message_append(m, "{sv}", key, "s", bus_text(value ?: "", buf));
}
