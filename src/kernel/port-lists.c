/* SPDX-License-Identifier: Apache-2.0 */

#include "kernel/port-lists.h"

#include <assert.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

#include "basic/hash-index.h"
#include "basic/macro.h"

/* Sizes are powers of two, so that a freed range fits the next list of its class. */
#define N_CLASSES 7 /* 1, 2, 4 … 64 */
_Static_assert(1 << (N_CLASSES - 1) == CW_PORT_RULES_MAX, "largest class holds the longest list");

typedef struct Run {
        HashItem item; /* by content, while referenced */
        STAILQ_ENTRY(Run) entry; /* free list */
        uint32_t first;
        uint32_t count;
        uint32_t n_refs;
        uint8_t class;
        bool allows;
} Run;

typedef STAILQ_HEAD(RunList, Run) RunList;

struct PortLists {
        struct cw_port_rule *array; /* borrowed */
        uint32_t n_array;
        uint32_t n_taken;  /* entries of the array used so far */
        uint32_t n_used;
        HashIndex by_content;
        Run **by_first;    /* owned; index: first */
        RunList free[N_CLASSES]; /* oldest first */
};

static uint8_t class_of(uint32_t n) {
        uint8_t c = 0;

        while (1U << c < n)
                c++;
        return c;
}

int port_lists_new(struct cw_port_rule *array, uint32_t n_array, PortLists **ret) {
        _cleanup_(port_lists_freep) PortLists *s = calloc(1, sizeof(*s));
        uint8_t key[16];
        int r;

        if (!s)
                return -ENOMEM;
        if (getrandom(key, sizeof(key), 0) != sizeof(key))
                return -EIO;
        /* Sized for the lists of one policy: the array has room for twice the rules of two. Slots are random, so
         * every page becomes resident. */
        r = hash_index_init(&s->by_content, n_array / 4 + 1, key);
        if (r < 0)
                return r;
        s->by_first = calloc(n_array, sizeof(*s->by_first));
        if (!s->by_first)
                return -ENOMEM;
        s->array = array;
        s->n_array = n_array;
        for (size_t i = 0; i < N_CLASSES; i++)
                STAILQ_INIT(&s->free[i]);
        *ret = TAKE_PTR(s);
        return 0;
}

PortLists *port_lists_free(PortLists *s) {
        if (!s)
                return NULL;
        for (uint32_t i = 0; s->by_first && i < s->n_taken; i++)
                free(s->by_first[i]);
        free(s->by_first);
        hash_index_done(&s->by_content);
        free(s);
        return NULL;
}

static Run *find_content(const PortLists *s, const PortSet *set, uint64_t hash) {
        size_t size = set->n * sizeof(set->rules[0]);

        for (HashItem *i = hash_index_next(&s->by_content, hash, NULL); i;
             i = hash_index_next(&s->by_content, hash, i)) {
                Run *run = (Run *) i; /* item is the first member */
                if (run->count == set->n && memcmp(s->array + run->first, set->rules, size) == 0)
                        return run;
        }
        return NULL;
}

static int take_run(PortLists *s, uint8_t class, Run **ret) {
        uint32_t length = 1U << class;
        Run *run = STAILQ_FIRST(&s->free[class]);

        /* Unused space first: freed ranges stay untouched for longer. */
        if (length <= s->n_array - s->n_taken) {
                run = calloc(1, sizeof(*run));
                if (!run)
                        return -ENOMEM;
                run->class = class;
                run->first = s->n_taken;
                s->by_first[run->first] = run;
                s->n_taken += length;
        } else if (run)
                STAILQ_REMOVE_HEAD(&s->free[class], entry);
        else
                return -ENOSPC;
        *ret = run;
        return 0;
}

int port_lists_get(PortLists *s, const PortSet *set, struct cw_port_list *ret) {
        uint64_t hash = hash_index_hash(&s->by_content, set->rules, set->n * sizeof(set->rules[0]));
        Run *run;

        assert(set->n <= CW_PORT_RULES_MAX);
        run = find_content(s, set, hash);
        if (!run) {
                int r = take_run(s, class_of(MAX(set->n, 1U)), &run);
                if (r < 0)
                        return r;
                memcpy(s->array + run->first, set->rules, set->n * sizeof(set->rules[0]));
                run->count = set->n;
                run->allows = false;
                for (uint32_t i = 0; i < set->n; i++)
                        run->allows |= set->rules[i].action == CW_ALLOW;
                hash_index_insert(&s->by_content, &run->item, hash);
                s->n_used++;
        }
        run->n_refs++;
        *ret = (struct cw_port_list) { .first = run->first, .count = run->count, .allows = run->allows };
        return 0;
}

void port_lists_put(PortLists *s, const struct cw_port_list *list) {
        Run *run = s->by_first[list->first];

        assert(run && run->n_refs > 0);
        if (--run->n_refs > 0)
                return;
        hash_index_remove(&s->by_content, &run->item);
        s->n_used--;
        STAILQ_INSERT_TAIL(&s->free[run->class], run, entry);
}

uint32_t port_lists_n_used(const PortLists *s) {
        return s->n_used;
}
