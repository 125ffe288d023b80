/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/lease-entry.h"

#include <string.h>

/* Layout of blob: the address, 4 bytes for IPv4 or 16; then for each binding: its end, if is_many; a BindingHead;
 * the rules of the verdict up to the last that is not RULE_NONE; the name and, if there is one, the chain, each
 * NUL-terminated. */
typedef struct BindingHead {
        uint8_t n_rules : 4;
        uint8_t has_chain : 1;
        uint8_t search : 1;
        uint8_t overflow : 1;
        uint8_t n_deny : 4, n_allow : 4;
        uint8_t n_late;
} BindingHead;
_Static_assert(sizeof(BindingHead) == 3 && NAME_RULES_MAX < 16 && LEASE_BINDINGS_MAX <= UINT8_MAX, "layout");

#define V4_OFFSET 12 /* offset of the four bytes in an InAddr */

LeaseEntry *lease_entry_free(LeaseEntry *e) {
        if (e)
                free(e->is_many ? (void *) lease_entry_many(e) : e);
        return NULL;
}

size_t lease_chain_length(const char *chain) {
        size_t length = chain ? strnlen(chain, LEASE_CHAIN_TEXT_MAX) : 0;

        if (length < LEASE_CHAIN_TEXT_MAX)
                return length;
        do
                length--;
        while (length > 0 && chain[length] != ' ');
        return length;
}

static size_t verdict_n_rules(const NameVerdict *v) {
        size_t n = NAME_RULES_MAX;

        while (n > 0 && v->rules[n - 1] == RULE_NONE)
                n--;
        return n;
}

static size_t lease_size(const Lease *l, bool is_many) {
        size_t size = in_addr_is_v4(&l->addr) ? sizeof(l->addr.b) - V4_OFFSET : sizeof(l->addr.b);

        for (size_t i = 0; i < l->n_bindings; i++) {
                const LeaseBinding *b = &l->bindings[i];
                size_t chain = lease_chain_length(b->chain);

                size += (is_many ? sizeof(b->expires_nsec) : 0) + sizeof(BindingHead);
                size += verdict_n_rules(&b->verdict) * sizeof(b->verdict.rules[0]);
                size += strlen(b->name) + 1 + (chain > 0 ? chain + 1 : 0);
        }
        return size;
}

static uint8_t *put(uint8_t *p, const void *data, size_t size) {
        memmove(p, data, size);
        return p + size;
}

/* When bindings were removed, the remaining ones move towards the front. */
static void write_blob(LeaseEntry *e, const Lease *l, bool is_many) {
        e->is_v4 = in_addr_is_v4(&l->addr);
        e->is_many = is_many;
        e->has_rules = lease_has_rules(l);
        if (is_many) {
                lease_entry_many(e)->n_bindings = (uint8_t) l->n_bindings;
                lease_entry_many(e)->latest = (uint8_t) l->latest;
        }

        size_t skip = e->is_v4 ? V4_OFFSET : 0;
        uint8_t *p = put(e->blob, l->addr.b + skip, sizeof(l->addr.b) - skip);

        for (size_t i = 0; i < l->n_bindings; i++) {
                const LeaseBinding *b = &l->bindings[i];
                const NameVerdict *v = &b->verdict;
                size_t chain = lease_chain_length(b->chain), name_size = strlen(b->name) + 1;
                BindingHead head = {
                        .n_rules = (uint8_t) verdict_n_rules(v) & 15,
                        .has_chain = chain > 0,
                        .search = v->search,
                        .overflow = v->overflow,
                        .n_deny = v->n_deny & 15, .n_allow = v->n_allow & 15,
                        .n_late = v->n_late,
                };

                if (is_many)
                        p = put(p, &b->expires_nsec, sizeof(b->expires_nsec));
                p = put(p, &head, sizeof(head));
                p = put(p, v->rules, head.n_rules * sizeof(v->rules[0]));
                p = put(p, b->name, name_size);
                if (chain > 0) {
                        p = put(p, b->chain, chain);
                        *p++ = '\0';
                }
        }
}

void lease_entry_write(LeaseEntry *e, const Lease *l) {
        write_blob(e, l, e->is_many);
}

static const uint8_t *get(const uint8_t *p, void *ret, size_t size) {
        memcpy(ret, p, size);
        return p + size;
}

static const uint8_t *read_addr(const LeaseEntry *e, InAddr *ret) {
        size_t skip = e->is_v4 ? V4_OFFSET : 0;

        *ret = (InAddr) { .b = { [10] = 0xff, [11] = 0xff } }; /* v4-mapped */
        return get(e->blob, ret->b + skip, sizeof(ret->b) - skip);
}

void lease_entry_addr(const LeaseEntry *e, InAddr *ret) {
        (void) read_addr(e, ret);
}

void lease_entry_read(const LeaseEntry *e, LeaseView *ret) {
        Lease *l = &ret->lease;
        const uint8_t *p = read_addr(e, &l->addr);

        l->expires_nsec = e->end.time_nsec;
        l->bindings = ret->bindings;
        l->n_bindings = e->is_many ? lease_entry_many(e)->n_bindings : 1;
        l->latest = e->is_many ? lease_entry_many(e)->latest : 0;
        for (size_t i = 0; i < l->n_bindings; i++) {
                LeaseBinding *b = &l->bindings[i];
                NameVerdict *v = &b->verdict;
                BindingHead head;

                b->expires_nsec = e->end.time_nsec;
                if (e->is_many)
                        p = get(p, &b->expires_nsec, sizeof(b->expires_nsec));
                p = get(p, &head, sizeof(head));
                *v = (NameVerdict) {
                        .n_deny = head.n_deny, .n_allow = head.n_allow, .n_late = head.n_late,
                        .search = head.search, .overflow = head.overflow,
                };
                memset(v->rules, 0xff, sizeof(v->rules)); /* RULE_NONE */
                p = get(p, v->rules, head.n_rules * sizeof(v->rules[0]));
                b->name = (char *) p;
                p += strlen(b->name) + 1;
                b->chain = head.has_chain ? (char *) p : NULL;
                if (b->chain)
                        p += strlen(b->chain) + 1;
        }
}

LeaseEntry *lease_entry_new(const Lease *l) {
        bool is_many = l->n_bindings > 1;
        size_t size = lease_size(l, is_many);
        LeaseEntry *e;

        if (is_many) {
                LeaseManyEntry *m = malloc(offsetof(LeaseManyEntry, entry.blob) + size);
                e = m ? &m->entry : NULL;
        } else
                e = malloc(offsetof(LeaseEntry, blob) + size);
        if (!e)
                return NULL;
        e->written_nsec = 0;
        write_blob(e, l, is_many);
        return e;
}
