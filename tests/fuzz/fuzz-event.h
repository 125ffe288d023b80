/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An event of fuzzed bytes: type, mode, reason and flags, then strings separated by NUL. */

#include <stdint.h>
#include <string.h>

#include "event/event.h"

#define FUZZ_TEXTS 8
#define FUZZ_TEXT_MAX 2400

typedef struct FuzzEvent {
        Event event;
        char texts[FUZZ_TEXTS][FUZZ_TEXT_MAX];
        const char *labels[2];
} FuzzEvent;

static inline bool fuzz_event(const uint8_t *data, size_t size, FuzzEvent *ret) {
        if (size < 4)
                return false;

        memset(ret, 0, sizeof(*ret));
        ret->event = (Event) {
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
                .labels = ret->labels,
                .n_labels = 2,
                .n_parents = data[0] % (EVENT_PARENTS_MAX + 1),
        };
        data += 4;
        size -= 4;
        for (size_t i = 0; i < FUZZ_TEXTS && size > 0; i++) {
                size_t n = strnlen((const char *) data, size), skip = n + (n < size);
                memcpy(ret->texts[i], data, n < FUZZ_TEXT_MAX - 1 ? n : FUZZ_TEXT_MAX - 1);
                data += skip;
                size -= skip;
        }

        Event *e = &ret->event;
        e->hostname = e->query_type = ret->texts[0];
        e->process = e->scope = e->parents[0].comm = ret->texts[1];
        e->unit = e->executable = ret->texts[2];
        e->matched_rule = e->dns_reason = ret->texts[3];
        e->cgroup = e->policy_digest = ret->texts[4];
        e->detail = e->automatic = ret->texts[5];
        e->cname_chain = ret->texts[6];
        ret->labels[0] = ret->texts[6];
        ret->labels[1] = ret->texts[7];
        return true;
}
