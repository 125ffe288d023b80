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
#define ALIASES_MAX 32768 /* with the domains above them */

_Static_assert(offsetof(SuggestEntry, base) == 0, "an entry's address is its base's");
_Static_assert(_SUGGEST_GROUP_MAX <= DESTINATION_GROUPS_MAX, "a group for each");

int suggest_table_init(SuggestTable *t, const SuggestOptions *options, size_t n_max, const uint8_t key[static 16]) {
        assert(t);
        assert(options);

        *t = (SuggestTable) { .options = *options };
        int r = name_set_init(&t->aliases, ALIASES_MAX, key);
        if (r >= 0)
                r = destination_table_init(&t->destinations, _SUGGEST_GROUP_MAX, n_max, sizeof(SuggestEntry), key);
        if (r < 0)
                name_set_done(&t->aliases);
        else
                t->destinations.by_address = 1U << SUGGEST_METADATA; /* each has a rule, if it needs one */
        return r;
}

void suggest_table_done(SuggestTable *t) {
        assert(t);

        destination_table_done(&t->destinations);
        name_set_done(&t->aliases);
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
        if (!allowed && e->by_rule && !options->denied)
                return SUGGEST_RULE;
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
                memcpy(entry->scope, e->scope, sizeof(entry->scope));
        } else if (strcmp(entry->reason, e->reason) != 0)
                (void) strcpy(entry->reason, "several reasons");
        entry->other_scopes |= strcmp(entry->scope, e->scope) != 0;
}

static int note_aliases(SuggestTable *t, const RecordedEvent *e) {
        int r = 0;

        for (size_t i = 1; i < e->n_names && r >= 0; i++)
                r = name_set_add(&t->aliases, e->names[i]);
        return r;
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
        SuggestGroup group = classify(&t->options, line, e);
        int r = destination_table_add(&t->destinations, group, e, &entry, &is_new);
        if (r < 0 || !entry)
                return r;
        note((SuggestEntry *) entry, e, is_new);
        return group == SUGGEST_KEPT ? note_aliases(t, e) : 0;
}

/* ------------------------------------------------------------------ the end */

static int compare_places(const Destination *x, RecordedKind x_kind, const Destination *y, RecordedKind y_kind) {
        if ((x->name[0] == '\0') != (y->name[0] == '\0'))
                return x->name[0] == '\0' ? 1 : -1;
        int r = x->name[0] != '\0' ? strcmp(x->name, y->name) : memcmp(&x->addr, &y->addr, sizeof(InAddr));
        if (r == 0)
                r = (int) x->protocol - (int) y->protocol;
        if (r == 0)
                r = (int) x->port - (int) y->port;
        return r != 0 ? r : (int) x_kind - (int) y_kind;
}

int suggest_entry_compare(const SuggestEntry *a, const SuggestEntry *b) {
        assert(a);
        assert(b);

        return compare_places(&a->base.destination, a->base.kind, &b->base.destination, b->base.kind);
}

static int compare(const void *a, const void *b) {
        const SuggestEntry *x = *(SuggestEntry *const *) a, *y = *(SuggestEntry *const *) b;
        int r = suggest_entry_compare(x, y);

        return r != 0 ? r : memcmp(&x->base.destination.addr, &y->base.destination.addr, sizeof(InAddr));
}

/* Moves to a group that is empty so far: it has room, since all groups have the same limit. Keeps the order. */
static void leave_out(SuggestTable *t, SuggestGroup group, bool (*pick)(const SuggestTable *t, const SuggestEntry *e)) {
        DestinationTable *d = &t->destinations;
        size_t n = 0, n_before = d->n[SUGGEST_KEPT];

        for (size_t i = 0; i < n_before; i++) {
                DestinationEntry *entry = d->entries[SUGGEST_KEPT][i];

                if (pick(t, (SuggestEntry *) entry) && d->n[group] < d->n_max)
                        d->entries[group][d->n[group]++] = entry;
                else
                        d->entries[SUGGEST_KEPT][n++] = entry;
        }
        d->n[SUGGEST_KEPT] = n;
}

static bool is_rare(const SuggestTable *t, const SuggestEntry *e) {
        return e->base.count < t->options.at_least;
}

const SuggestEntry *suggest_table_find(const SuggestTable *t, SuggestGroup group, RecordedKind kind, const Destination *d) {
        size_t low = 0, high;

        assert(t && t->finished);
        assert(d);

        for (high = t->destinations.n[group]; low < high;) {
                size_t middle = low + (high - low) / 2;
                const SuggestEntry *e = suggest_table_entry(t, group, middle);
                int r = compare_places(d, kind, &e->base.destination, e->base.kind);

                if (r == 0)
                        return e;
                if (r < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return NULL;
}

/* In the same scope, what was allowed later than it was denied has been decided by a person. */
static bool contradicts(const SuggestEntry *denied, const SuggestEntry *e) {
        return denied && (denied->other_scopes || e->other_scopes || strcmp(denied->scope, e->scope) != 0 ||
                          strcmp(denied->base.last, e->base.last) > 0);
}

/* The destination itself, or the query for its name. */
static bool is_denied_elsewhere(const SuggestTable *t, const SuggestEntry *e) {
        static const SuggestGroup groups[] = { SUGGEST_REFUSED, SUGGEST_RULE };
        Destination query = {};

        memcpy(query.name, e->base.destination.name, sizeof(query.name));
        for (size_t i = 0; i < ELEMENTSOF(groups); i++)
                if (contradicts(suggest_table_find(t, groups[i], e->base.kind, &e->base.destination), e) ||
                    (query.name[0] != '\0' && contradicts(suggest_table_find(t, groups[i], RECORDED_QUERY, &query), e)))
                        return true;
        return false;
}

static bool is_wrong(_unused_ const SuggestTable *t, const SuggestEntry *e) {
        return e->is_wrong;
}

void suggest_table_leave_out_wrong(SuggestTable *t) {
        assert(t && t->finished);

        leave_out(t, SUGGEST_TOO_DEEP, is_wrong);
        /* The next ones follow these, if there are any. */
        if (t->destinations.n[SUGGEST_TOO_DEEP] > 1)
                qsort(t->destinations.entries[SUGGEST_TOO_DEEP], t->destinations.n[SUGGEST_TOO_DEEP], sizeof(DestinationEntry *),
                      compare);
}

bool suggest_table_keeps_name(const SuggestTable *t, const char *name) {
        size_t low = 0, high;

        assert(t && t->finished);
        assert(name);

        for (high = t->destinations.n[SUGGEST_KEPT]; low < high;) {
                size_t middle = low + (high - low) / 2;
                const char *other = suggest_table_entry(t, SUGGEST_KEPT, middle)->base.destination.name;
                int r = other[0] == '\0' ? -1 : strcmp(name, other); /* names precede addresses */

                if (r == 0)
                        return true;
                if (r < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return false;
}

/* A query for a name that is kept for its connections is no destination of its own. */
static void merge_lookups(SuggestTable *t) {
        DestinationTable *d = &t->destinations;
        size_t n = 0;

        for (size_t i = 0; i < d->n[SUGGEST_LOOKUP]; i++) {
                DestinationEntry *entry = d->entries[SUGGEST_LOOKUP][i];

                if (suggest_table_keeps_name(t, entry->destination.name)) {
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
        for (size_t i = 0; i < _SUGGEST_GROUP_MAX; i++) {
                if (t->destinations.n[i] > 1)
                        qsort(t->destinations.entries[i], t->destinations.n[i], sizeof(DestinationEntry *), compare);
        }
        leave_out(t, SUGGEST_RARE, is_rare);
        leave_out(t, SUGGEST_ELSEWHERE, is_denied_elsewhere);
        merge_lookups(t);
}
