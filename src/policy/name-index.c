/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/name-index.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "basic/macro.h"

struct NameIndexEntry {
        uint64_t hash;     /* of the rule's literal tail: a plain name, or what follows a pattern's last wildcard */
        uint32_t rule;
        uint16_t length;   /* of that tail */
        bool is_pattern;
};

/* FNV-1a from the last byte to the first, so that one pass over a name yields the hash of each of its parents. The
 * hash need not be keyed: the entries come from the administrator, and a name chosen to collide costs a bounded
 * search. */
#define HASH_EMPTY 0xcbf29ce484222325ULL

static uint64_t hash_byte(uint64_t hash, char c) {
        return (hash ^ (uint8_t) c) * 0x100000001b3ULL;
}

const char *name_literal_tail(const char *value) {
        assert(value);

        const char *star = strrchr(value, '*');

        if (!star)
                return value;
        return star[1] == '.' ? star + 2 : star + 1;
}

static int compare_entries(const void *a, const void *b) {
        const NameIndexEntry *x = a, *y = b;

        if (x->hash != y->hash)
                return x->hash < y->hash ? -1 : 1;
        return x->rule < y->rule ? -1 : x->rule > y->rule;
}

int name_index_init(NameIndex *x, const RuleList *rules) {
        assert(x);
        assert(rules);

        size_t n = 0;
        for (uint32_t i = 0; i < rules->n; i++)
                n += rules->rules[i].type == RULE_HOSTNAME;
        *x = (NameIndex) { .entries = calloc(n + 1, sizeof(NameIndexEntry)) };
        if (!x->entries)
                return -ENOMEM;

        for (uint32_t i = 0; i < rules->n; i++) {
                const Rule *r = &rules->rules[i];
                uint64_t hash = HASH_EMPTY;

                if (r->type != RULE_HOSTNAME)
                        continue;
                const char *end = name_literal_tail(r->name);
                size_t length = strlen(end);
                for (size_t k = length; k > 0; k--)
                        hash = hash_byte(hash, end[k - 1]);
                x->entries[x->n++] = (NameIndexEntry) {
                        .hash = hash,
                        .rule = i,
                        .length = (uint16_t) length,
                        .is_pattern = pattern_has_wildcard(r->pattern),
                };
        }
        qsort(x->entries, x->n, sizeof(NameIndexEntry), compare_entries);
        return 0;
}

void name_index_done(NameIndex *x) {
        assert(x);

        free(x->entries);
        *x = (NameIndex) {};
}

static const NameIndexEntry *lower_bound(const NameIndex *x, uint64_t hash) {
        size_t low = 0, high = x->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (x->entries[middle].hash < hash)
                        low = middle + 1;
                else
                        high = middle;
        }
        return x->entries + low;
}

/* name: NUL-terminated. parent: a suffix of it that starts at a label (or its terminator), of `length` bytes. */
static bool entry_matches(const NameIndexEntry *e, const Rule *r, const char *name, const char *parent, size_t length,
                          NameMatchLevel *ret) {
        if (e->length != length)
                return false;
        if (e->is_pattern) {
                if (!pattern_matches(r->pattern, name))
                        return false;
                *ret = r->action == ACTION_DENY ? NAME_MATCH_DENY_PATTERN : NAME_MATCH_ALLOW_PATTERN;
                return true;
        }
        if (memcmp(r->name, parent, length) != 0)
                return false;
        *ret = parent == name ? NAME_MATCH_EXACT : NAME_MATCH_PARENT;
        return true;
}

size_t name_index_find(const NameIndex *x, const RuleList *rules, const char *name, size_t length, NameMatch *ret,
                       size_t max) {
        char buf[254];
        uint64_t hash = HASH_EMPTY;
        size_t found = 0;

        assert(x);
        assert(rules);
        assert(name);
        assert(length < sizeof(buf));

        memcpy(buf, name, length);
        buf[length] = '\0';
        for (size_t at = length;; at--) {
                if (at == 0 || at == length || buf[at - 1] == '.') {
                        const NameIndexEntry *e = lower_bound(x, hash), *end = x->entries + x->n;

                        for (; e < end && e->hash == hash; e++) {
                                const Rule *r = &rules->rules[e->rule];
                                NameMatchLevel level;

                                if (!entry_matches(e, r, buf, buf + at, length - at, &level))
                                        continue;
                                if (found < max)
                                        ret[found] = (NameMatch) { .rule = r, .index = e->rule, .level = level };
                                found++;
                        }
                }
                if (at == 0)
                        return found;
                hash = hash_byte(hash, buf[at - 1]);
        }
}
