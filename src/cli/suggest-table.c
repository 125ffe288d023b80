/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/suggest-table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "policy/metadata.h"
#include "policy/rule.h"
#include "policy/shared-domain.h"
#include "policy/special-addr.h"

#define DNS_PORT 53

_Static_assert(offsetof(SuggestEntry, base) == 0, "an entry's address is its base's");
_Static_assert(_SUGGEST_GROUP_MAX <= DESTINATION_GROUPS_MAX, "a group for each");

int suggest_table_init(SuggestTable *t, const SuggestOptions *options, size_t n_max, const uint8_t key[static 16]) {
        assert(t);
        assert(options);

        *t = (SuggestTable) { .options = *options };
        return destination_table_init(&t->destinations, _SUGGEST_GROUP_MAX, n_max, sizeof(SuggestEntry), key);
}

void suggest_table_done(SuggestTable *t) {
        assert(t);

        destination_table_done(&t->destinations);
        *t = (SuggestTable) {};
}

SuggestEntry *suggest_table_entry(const SuggestTable *t, SuggestGroup group, size_t i) {
        assert(t);
        assert(group >= 0 && group < _SUGGEST_GROUP_MAX);
        assert(i < t->destinations.n[group]);

        return (SuggestEntry *) t->destinations.entries[group][i];
}

/* ------------------------------------------------------------------ classes */

static bool is_multicast(const InAddr *a) {
        static const uint8_t broadcast[] = { 255, 255, 255, 255 };

        if (!in_addr_is_v4(a))
                return a->b[0] == 0xff;
        return (a->b[12] & 0xf0) == 0xe0 || memcmp(a->b + 12, broadcast, sizeof(broadcast)) == 0;
}

static bool has_port(const Destination *d) {
        return (d->protocol == PROTOCOL_TCP || d->protocol == PROTOCOL_UDP) && d->port > 0;
}

static SuggestGroup classify_name(const SuggestOptions *options, const char *name) {
        RuleValue value;
        const char *reason;

        if (name_is_metadata(name))
                return SUGGEST_METADATA;
        if (rule_value_parse(RULE_HOSTNAME, name, &value, &reason) < 0)
                return SUGGEST_NO_RULE;
        if (name_is_registry(name))
                return SUGGEST_REGISTRY;
        if (!options->shared_domains && name_shared_domain(name))
                return SUGGEST_SHARED;
        return SUGGEST_KEPT;
}

static SuggestGroup classify_connection(const RecordedEvent *e) {
        const Destination *d = &e->destination;

        if (addr_is_metadata(&d->addr))
                return SUGGEST_METADATA;
        if (is_multicast(&d->addr))
                return SUGGEST_MULTICAST;
        if (!has_port(d))
                return SUGGEST_NO_PORT;
        if (d->port == DNS_PORT)
                return SUGGEST_NO_RULE;
        if (e->n_names > 0 && addr_kind(&d->addr) == ADDR_SPECIAL)
                return SUGGEST_SPECIAL;
        return SUGGEST_KEPT;
}

static SuggestGroup classify(const SuggestOptions *options, RecordedLine line, const RecordedEvent *e) {
        bool allowed = e->verdict == RECORDED_ALLOWED, query = e->kind == RECORDED_QUERY;
        SuggestGroup group = SUGGEST_KEPT;

        if (line == RECORDED_LINE_FIXED)
                return allowed ? SUGGEST_AUTOMATIC : SUGGEST_NO_RULE;
        if ((allowed && e->automatic) || (!query && in_addr_is_loopback(&e->destination.addr)))
                return SUGGEST_AUTOMATIC;
        if (e->verdict == RECORDED_DENIED && !options->denied)
                return SUGGEST_REFUSED;
        if (!query)
                group = classify_connection(e);
        if (group == SUGGEST_KEPT && e->n_names > 0)
                group = classify_name(options, e->names[0]);
        return group == SUGGEST_KEPT && query ? SUGGEST_LOOKUP : group;
}

/* ------------------------------------------------------------------ events */

static void note(SuggestEntry *entry, const RecordedEvent *e, bool is_new) {
        SuggestAddr kind = addr_kind(&e->destination.addr) == ADDR_PRIVATE ? SUGGEST_ADDR_PRIVATE : SUGGEST_ADDR_GLOBAL;

        entry->has_verdict[e->verdict] = true;
        entry->for_addresses = is_new ? e->for_addresses : entry->for_addresses || e->for_addresses;
        if (!entry->has_address[kind]) {
                entry->addresses[kind] = e->destination.addr;
                entry->has_address[kind] = true;
        }
        if (is_new) {
                entry->allowed_by = RULE_NONE;
                memcpy(entry->reason, e->reason, sizeof(entry->reason));
        } else if (strcmp(entry->reason, e->reason) != 0)
                (void) strcpy(entry->reason, "several reasons");
}

int suggest_table_add(SuggestTable *t, RecordedLine line, const RecordedEvent *e) {
        DestinationEntry *entry;
        bool is_new;

        assert(t);
        assert(!t->finished);
        assert(line >= 0 && line < _RECORDED_LINE_MAX);
        assert(e || line > RECORDED_LINE_FIXED);

        line_counts_add(&t->lines, line, e);
        if (line != RECORDED_LINE_EVENT && line != RECORDED_LINE_FIXED)
                return 0;
        int r = destination_table_add(&t->destinations, classify(&t->options, line, e), e, &entry, &is_new);
        if (r >= 0 && entry)
                note((SuggestEntry *) entry, e, is_new);
        return r;
}

/* ------------------------------------------------------------------ the end */

int suggest_entry_compare(const SuggestEntry *a, const SuggestEntry *b) {
        assert(a);
        assert(b);

        const Destination *x = &a->base.destination, *y = &b->base.destination;
        if ((x->name[0] == '\0') != (y->name[0] == '\0'))
                return x->name[0] == '\0' ? 1 : -1;
        int r = x->name[0] != '\0' ? strcmp(x->name, y->name) : memcmp(&x->addr, &y->addr, sizeof(InAddr));
        if (r == 0)
                r = (int) x->protocol - (int) y->protocol;
        if (r == 0)
                r = (int) x->port - (int) y->port;
        return r != 0 ? r : (int) a->base.kind - (int) b->base.kind;
}

static int compare(const void *a, const void *b) {
        return suggest_entry_compare(*(SuggestEntry *const *) a, *(SuggestEntry *const *) b);
}

/* The group is full at no time: it is empty until now, and both have the same limit. */
static void leave_out_rare(SuggestTable *t) {
        DestinationTable *d = &t->destinations;
        size_t n = 0;

        for (size_t i = 0; i < d->n[SUGGEST_KEPT]; i++) {
                DestinationEntry *entry = d->entries[SUGGEST_KEPT][i];

                if (entry->count >= t->options.at_least)
                        d->entries[SUGGEST_KEPT][n++] = entry;
                else
                        d->entries[SUGGEST_RARE][d->n[SUGGEST_RARE]++] = entry;
        }
        d->n[SUGGEST_KEPT] = n;
}

static int compare_name(const void *name, const void *entry) {
        return strcmp(name, (*(SuggestEntry *const *) entry)->base.destination.name);
}

/* KEPT is sorted, with its names first. */
static bool name_is_kept(const SuggestTable *t, size_t n_names, const char *name) {
        return n_names > 0 && bsearch(name, t->destinations.entries[SUGGEST_KEPT], n_names, sizeof(DestinationEntry *), compare_name);
}

/* A query for a name that is kept for its connections is no destination of its own. */
static void merge_lookups(SuggestTable *t) {
        DestinationTable *d = &t->destinations;
        size_t n = 0, n_names = 0;

        while (n_names < d->n[SUGGEST_KEPT] && d->entries[SUGGEST_KEPT][n_names]->destination.name[0] != '\0')
                n_names++;
        for (size_t i = 0; i < d->n[SUGGEST_LOOKUP]; i++) {
                DestinationEntry *entry = d->entries[SUGGEST_LOOKUP][i];

                if (name_is_kept(t, n_names, entry->destination.name)) {
                        count_add(&t->n_looked_up, entry->count);
                        free(entry);
                } else
                        d->entries[SUGGEST_LOOKUP][n++] = entry;
        }
        d->n[SUGGEST_LOOKUP] = n;
}

void suggest_table_finish(SuggestTable *t) {
        assert(t);
        assert(!t->finished);

        hash_index_done(&t->destinations.index); /* entries leave their groups */
        t->finished = true;
        leave_out_rare(t);
        for (size_t i = 0; i < _SUGGEST_GROUP_MAX; i++) {
                if (t->destinations.n[i] > 1)
                        qsort(t->destinations.entries[i], t->destinations.n[i], sizeof(DestinationEntry *), compare);
        }
        merge_lookups(t);
}
