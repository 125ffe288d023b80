/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "event/event-copy.h"
#include "event/event-journal.h"
#include "event/event-json.h"
#include "event/event-message.h"
#include "fuzz-event.h"
#include "strict-json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const char *line, size_t n) {
        size_t key = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

        assert(key > 0 && key <= 64 && key < n && line[key] == '=' && line[0] != '_');
        for (size_t i = 0; i < n; i++)
                assert((uint8_t) line[i] >= 0x20 && line[i] != 0x7f);
}

static void check_journal(const Event *e) {
        char record[EVENT_JOURNAL_MAX];

        size_t length = event_journal_write(e, record);
        assert(length < sizeof(record) && length == strlen(record) && record[length - 1] == '\n');
        assert(strict_json_is_utf8(record, length));
        for (const char *p = record, *end; *p; p = end + 1) {
                end = strchr(p, '\n');
                check_line(p, (size_t) (end - p));
        }
}

/* A copy is shown as what it was made of. */
static void check_json(const Event *e) {
        char line[EVENT_LINE_MAX], of_copy[EVENT_LINE_MAX];
        size_t n = event_json_write(e, line), copied;
        Event *copy;

        assert(n <= sizeof(line) && line[n - 1] == '\n' && strict_json_is_valid(line, n - 1));
        if (event_copy(e, &copy, &copied) < 0)
                abort();
        assert(event_json_write(copy, of_copy) == n && memcmp(line, of_copy, n) == 0);
        free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char message[EVENT_MESSAGE_MAX];
        FuzzEvent f;

        if (!fuzz_event(data, size, &f))
                return 0;
        assert(strlen(event_message_write(&f.event, message)) < sizeof(message));
        assert(strict_json_is_utf8(message, strlen(message)));
        check_journal(&f.event);
        check_json(&f.event);
        return 0;
}
