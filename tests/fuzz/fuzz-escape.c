/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "event/escape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte is the room for the output, the rest the text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char in[512] = "", out[sizeof(in) * ESCAPE_MARKDOWN_MAX];

        if (size < 1 || size > sizeof(in))
                return 0;
        size_t room = data[0], n = size - 1;
        memcpy(in, data + 1, n);

        size_t written = escape_json(in, n, out, sizeof(out));
        assert(written <= n * ESCAPE_JSON_MAX);
        for (size_t i = 0; i < written; i++)
                assert((uint8_t) out[i] >= 0x20 && (out[i] != '"' || (i > 0 && out[i - 1] == '\\')));
        assert(escape_json(in, n, out, room) <= room);

        n = strlen(in);
        assert(strlen(escape_terminal(in, out, sizeof(out))) <= n * ESCAPE_TERMINAL_MAX);
        for (const char *p = out; *p; p++)
                assert((uint8_t) *p >= 0x20 && *p != 0x7f);
        assert(!strstr(out, "##") && !strstr(out, "\xe2\x80\xae"));
        assert(strlen(escape_terminal(in, out, room + 1)) <= room);

        assert(strlen(escape_markdown(in, out, sizeof(out))) <= n * ESCAPE_MARKDOWN_MAX);
        assert(!strpbrk(out, "|`*_<>[]\\!~@:$\n\033"));
        for (const char *p = out; (p = strchr(p, '&')); p++)
                assert(p[1] == '#' && strchr(p, ';'));
        return 0;
}
