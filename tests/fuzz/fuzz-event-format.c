/* SPDX-License-Identifier: Apache-2.0 */

/* Events from anywhere, in the vocabularies of others: what is converted is JSON with a time and a class. */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "event/event-format-internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(json_object *event, EventFormat format, const char *host) {
        static const char *const needed[_EVENT_FORMAT_MAX] = { "event_type", "type_uid", "@timestamp" };
        _cleanup_(json_object_putp) json_object *converted = NULL;

        int r = event_format_convert(event, format, host, &converted);
        assert(r == 0 || r == -EINVAL);
        if (r < 0)
                return;
        assert(json_object_object_get_ex(converted, needed[format], NULL));
        const char *text = json_object_to_json_string_ext(converted, JSON_C_TO_STRING_PLAIN);
        json_object *again = json_tokener_parse(text);
        assert(again);
        json_object_put(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        json_tokener *tokener = json_tokener_new();

        if (!tokener)
                abort();
        json_object *event = size < 65536 ? json_tokener_parse_ex(tokener, (const char *) data, (int) size) : NULL;
        for (EventFormat f = 0; f < _EVENT_FORMAT_MAX; f++) {
                check(event, f, NULL);
                check(event, f, "runner-1");
        }
        json_object_put(event);
        json_tokener_free(tokener);
        return 0;
}
