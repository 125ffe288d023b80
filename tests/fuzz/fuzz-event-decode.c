/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>

#include "event/event-decode.h"
#include "event/event-json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 8 bytes of clock offset, a record, and the rest as the strings that the caller adds. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char comm[CW_COMM_MAX], line[EVENT_LINE_MAX], text[4096] = "";
        struct cw_record record;
        int64_t offset;
        Event e;

        if (size < sizeof(offset))
                return 0;
        memcpy(&offset, data, sizeof(offset));
        data += sizeof(offset);
        size -= sizeof(offset);

        size_t n = size < sizeof(record) ? size : sizeof(record);
        if (event_decode(data, n, offset, comm, &e, &record) < 0)
                return 0;
        memcpy(text, data + n, size - n < sizeof(text) - 1 ? size - n : sizeof(text) - 1);
        assert(e.type < _EVENT_TYPE_MAX && e.has_verdict && memchr(comm, '\0', sizeof(comm)));
        assert(!event_is_denial(&e) || e.verdict == ACTION_DENY);

        e.hostname = e.cname_chain = e.matched_rule = e.executable = e.cgroup = e.dns_reason = text;
        e.parents[0] = (EventParent) { .pid = 1, .comm = text };
        e.n_parents = 1;
        size_t length = event_json_write(&e, line);
        assert(length <= sizeof(line));
        assert(memchr(line, '\n', length) == line + length - 1);
        for (size_t i = 0; i + 1 < length; i++)
                assert((uint8_t) line[i] >= 0x20 && line[i] != 0x7f);
        return 0;
}
