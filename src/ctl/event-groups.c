/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/event-groups.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool has_verdict(JsonObject *event) {
        return json_value_text(event, "verdict")[0] != '\0';
}

/* One group for each event. */
static int add(EventGroups *g, JsonObject *event, EventPart part) {
        EventGroup *group = &g->groups[g->n];
        char text[EVENT_TEXT_MAX];

        *group = (EventGroup) { .text = strdup(event_line_part(event, part, text)) };
        if (!group->text)
                return -ENOMEM;
        group->verdict = event_line_verdict(event, &group->color);
        group->count = event_line_count(event);
        group->first_usec = group->last_usec = event_line_time(event);
        g->n++;
        return 0;
}

static int compare_keys(const void *a, const void *b) {
        const EventGroup *x = a, *y = b;
        int r = strcmp(x->text, y->text);

        return r != 0 ? r : strcmp(x->verdict, y->verdict);
}

static int compare_counts(const void *a, const void *b) {
        const EventGroup *x = a, *y = b;

        return x->count != y->count ? (x->count > y->count ? -1 : 1) : compare_keys(a, b);
}

/* Into the first of two with the same key; b gives up its text. */
static void merge(EventGroup *a, EventGroup *b) {
        if (__builtin_add_overflow(a->count, b->count, &a->count))
                a->count = UINT64_MAX;
        if (b->first_usec > 0 && (a->first_usec == 0 || b->first_usec < a->first_usec))
                a->first_usec = b->first_usec;
        a->last_usec = MAX(a->last_usec, b->last_usec);
        free(b->text);
}

int event_groups_make(JsonObject *events, EventPart part, EventGroups *ret) {
        _cleanup_(event_groups_done) EventGroups g = {};
        size_t n_events = json_value_length(events), n = 0;

        assert(ret);

        g.groups = calloc(MAX(n_events, 1U), sizeof(EventGroup));
        if (!g.groups)
                return -ENOMEM;
        for (size_t i = 0; i < n_events; i++) {
                JsonObject *event = json_object_array_get_idx(events, i);
                int r = has_verdict(event) ? add(&g, event, part) : 0;

                if (r < 0)
                        return r;
        }
        qsort(g.groups, g.n, sizeof(EventGroup), compare_keys);
        for (size_t i = 0; i < g.n; i++)
                if (n > 0 && compare_keys(&g.groups[n - 1], &g.groups[i]) == 0)
                        merge(&g.groups[n - 1], &g.groups[i]);
                else
                        g.groups[n++] = g.groups[i];
        g.n = n;
        qsort(g.groups, g.n, sizeof(EventGroup), compare_counts);

        *ret = g;
        g = (EventGroups) {};
        return 0;
}

void event_groups_done(EventGroups *g) {
        assert(g);

        for (size_t i = 0; i < g->n; i++)
                free(g->groups[i].text);
        free(g->groups);
        *g = (EventGroups) {};
}
