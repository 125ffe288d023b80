/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>

#include "event/event-journal.h"
#include "event/event-message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define N_TEXTS 8
#define TEXT_MAX 1200

static void check_line(const char *line, size_t n) {
        size_t key = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

        assert(key > 0 && key <= 64 && key < n && line[key] == '=' && line[0] != '_');
        for (size_t i = 0; i < n; i++)
                assert((uint8_t) line[i] >= 0x20 && line[i] != 0x7f);
}

/* Type, mode, reason and flags, then strings separated by NUL. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char texts[N_TEXTS][TEXT_MAX] = {}, record[EVENT_JOURNAL_MAX], message[EVENT_MESSAGE_MAX];
        const char *labels[] = { texts[6], texts[7] };

        if (size < 4)
                return 0;
        Event e = {
                .type = (EventType) (data[0] % _EVENT_TYPE_MAX),
                .mode = (Mode) (data[1] % 4),
                .reason = (Reason) (data[2] % (_CW_REASON_MAX + 1)),
                .has_verdict = data[3] & 1,
                .verdict = (Action) (data[3] >> 1 & 1),
                .has_dst = data[3] & 4,
                .has_src = data[3] & 8,
                .protocol = data[1],
                .dst_port = data[2],
                .pid = data[3] >> 4,
                .labels = labels,
                .n_labels = 2,
        };
        data += 4;
        size -= 4;
        for (size_t i = 0; i < N_TEXTS && size > 0; i++) {
                size_t n = strnlen((const char *) data, size), skip = n + (n < size);
                memcpy(texts[i], data, n < TEXT_MAX - 1 ? n : TEXT_MAX - 1);
                data += skip;
                size -= skip;
        }
        e.hostname = e.query_type = texts[0];
        e.process = e.scope = texts[1];
        e.unit = e.executable = texts[2];
        e.matched_rule = e.dns_reason = texts[3];
        e.cgroup = e.policy_digest = texts[4];
        e.detail = e.automatic = texts[5];

        assert(strlen(event_message_write(&e, message)) < sizeof(message));
        size_t length = event_journal_write(&e, record);
        assert(length < sizeof(record) && length == strlen(record) && record[length - 1] == '\n');
        for (const char *p = record, *end; *p; p = end + 1) {
                end = strchr(p, '\n');
                check_line(p, (size_t) (end - p));
        }
        return 0;
}
