/* SPDX-License-Identifier: Apache-2.0 */

/* Lines of event logs: what is accepted is in range, can be judged, and is printed without control characters. */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cli/replay-format.h"
#include "strict-json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_event(const RecordedEvent *e) {
        char canonical[HOST_NAME_TEXT_MAX];
        const char *reason;

        assert(e->count > 0 && strlen(e->time) == RECORDED_TIME_SIZE - 1);
        assert(e->n_names <= RECORDED_NAMES_MAX && (e->n_names > 0 || e->kind == RECORDED_CONNECTION));
        assert(e->kind == RECORDED_QUERY || protocol_is_judged(e->destination.protocol));
        for (size_t i = 0; i < e->n_names; i++)
                assert(hostname_canonical(e->names[i], false, canonical, &reason) == 0 &&
                       strcmp(canonical, e->names[i]) == 0);
}

static void check_output(ReplayTable *t) {
        char *text = NULL;
        size_t size = 0;

        for (int json = 0; json < 2; json++) {
                FILE *f = open_memstream(&text, &size);

                if (!f)
                        abort();
                if (json)
                        assert(replay_write_json(f, t) == 0);
                else
                        replay_write_text(f, t, "policy.json");
                fclose(f);
                for (size_t i = 0; i < size; i++)
                        assert(((uint8_t) text[i] >= 0x20 && text[i] != 0x7f) || text[i] == '\n');
                assert(!json || strict_json_is_valid(text, size - 1));
                free(text);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const uint8_t key[16] = {};
        PolicySource source = {};
        Policy *p = NULL;
        RecordedEvent e;
        ReplayTable t;

        if (size > RECORDED_LINE_MAX)
                return 0;
        int line = recorded_event_read((const char *) data, size, &e);
        assert(line >= 0 && line < _RECORDED_LINE_MAX);
        if (line == RECORDED_LINE_EVENT)
                check_event(&e);
        if (policy_new(&source, &p) < 0 || replay_table_init(&t, p, 2, key) < 0)
                abort();
        assert(replay_table_add(&t, (RecordedLine) line, &e) == 0);
        replay_table_sort(&t);
        check_output(&t);
        replay_table_done(&t);
        policy_free(p);
        return 0;
}
