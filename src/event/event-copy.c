/* SPDX-License-Identifier: Apache-2.0 */
#include "event/event-copy.h"

#include <assert.h>
#include <string.h>

#include "basic/macro.h"
#include "event/event-fields.h"

/* Outputs truncate between characters: with this many extra bytes they truncate a copy where they would the
 * original. */
#define CHARACTER_MAX 4

typedef struct Copy {
        Event event;
        const char *labels[EVENT_LABELS_MAX];
        char text[];
} Copy;

_Static_assert(offsetof(Copy, event) == 0, "an event's address is its copy's");

#define TEXT(member, id) { offsetof(Event, member), EVENT_FIELD_ID_##id }

static const struct {
        size_t offset;
        EventFieldId id;
} texts[] = {
        TEXT(hostname, DST_HOSTNAME), TEXT(cname_chain, CNAME_CHAIN), TEXT(query_type, QUERY_TYPE),
        TEXT(dns_reason, DNS_REASON), TEXT(matched_rule, MATCHED_RULE), TEXT(automatic, AUTO_ALLOWED_TYPE),
        TEXT(scope, SCOPE), TEXT(policy_digest, POLICY_DIGEST), TEXT(process, PROCESS), TEXT(executable, EXECUTABLE),
        TEXT(cgroup, CGROUP), TEXT(unit, UNIT), TEXT(detail, DETAIL),
};

static const char **text_of(Event *e, size_t i) {
        return (const char **) ((char *) e + texts[i].offset);
}

static size_t share_of(size_t i) {
        return texts[i].id == EVENT_FIELD_ID_CNAME_CHAIN ? EVENT_NAMES_SHARE : event_field_infos[texts[i].id].share;
}

/* Calls fn for each string of the event; fn may replace it. */
static void for_each_text(Event *e, const char **labels, void (*fn)(const char **text, size_t max, void *userdata),
                          void *userdata) {
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                fn(text_of(e, i), share_of(i) + CHARACTER_MAX, userdata);
        for (size_t i = 0; i < e->n_parents; i++)
                fn(&e->parents[i].comm, EVENT_COMM_SHARE + CHARACTER_MAX, userdata);
        for (size_t i = 0; i < e->n_labels; i++)
                fn(&labels[i], EVENT_LABEL_KEY_MAX + 1 + EVENT_LABEL_VALUE_SHARE + CHARACTER_MAX, userdata);
}

static void add_size(const char **text, size_t max, void *userdata) {
        size_t *size = userdata;

        if (*text)
                *size += strnlen(*text, max) + 1;
}

static void move_text(const char **text, size_t max, void *userdata) {
        char **p = userdata, *begin = *p;

        if (!*text)
                return;
        *p = mempcpy(begin, *text, strnlen(*text, max));
        *(*p)++ = '\0';
        *text = begin;
}

int event_copy(const Event *e, Event **ret, size_t *ret_size) {
        const char *labels[EVENT_LABELS_MAX];
        size_t size = sizeof(Copy);

        assert(e);
        assert(ret);
        assert(ret_size);

        Event bounded = *e;
        bounded.n_parents = MIN(e->n_parents, (size_t) EVENT_PARENTS_MAX);
        bounded.n_labels = MIN(e->n_labels, (size_t) EVENT_LABELS_MAX);
        for (size_t i = 0; i < bounded.n_labels; i++)
                labels[i] = e->labels[i];
        for_each_text(&bounded, labels, add_size, &size);

        Copy *c = malloc(size);
        if (!c)
                return -ENOMEM;
        char *p = c->text;
        c->event = bounded;
        for (size_t i = 0; i < bounded.n_labels; i++)
                c->labels[i] = labels[i];
        for_each_text(&c->event, c->labels, move_text, &p);
        c->event.labels = c->labels;

        *ret = &c->event;
        *ret_size = size;
        return 0;
}
