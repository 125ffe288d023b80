/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Places of a bounded resource, shared by groups of users. A group that has a quarter of them gets more only as long as
 * others do not need what is kept for those with less. If there is no place for such a newcomer, the group with the most
 * has to give up its oldest. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

typedef struct FairGroup FairGroup;

/* One place; embedded in what uses it. */
typedef struct FairItem {
        FairGroup *group;    /* borrowed; NULL: no place */
        uint64_t since_nsec;
        TAILQ_ENTRY(FairItem) items;
} FairItem;

typedef struct FairShare {
        size_t max;             /* these three are set by the owner */
        size_t kept;            /* of max: for groups with less than a quarter; 0 if there is one group only */
        uint64_t patience_nsec; /* once only the kept ones are left, a group above its quarter gives up what it has had for
                                   so long; 0: never */
        size_t n;               /* taken, by all */
        LIST_HEAD(, FairGroup) groups;
} FairShare;

bool fair_share_has_place(const FairShare *f, int64_t group);
/* False: there is no place for this group, or no memory. */
bool fair_share_take(FairShare *f, int64_t group, uint64_t now_nsec, FairItem *item);
void fair_share_put(FairShare *f, FairItem *item); /* does nothing without a place */
/* The place now belongs to another group, whatever that has. On failure (no memory) it keeps its group. */
void fair_share_move(FairShare *f, FairItem *item, int64_t group);
/* Passes a place on to another item of the same group, as a new one. */
void fair_share_pass(FairItem *item, uint64_t now_nsec, FairItem *to);
/* The place to give up before fair_share_take() can succeed for this group, or NULL: nobody has to give it one. The owner
 * puts or moves it, and asks again. */
FairItem *fair_share_displaced(const FairShare *f, int64_t group, uint64_t now_nsec);
/* Has the group a quarter of all, or more? */
bool fair_share_is_used_up(const FairShare *f, int64_t group);
size_t fair_share_n(const FairShare *f, int64_t group);
int64_t fair_share_group(const FairItem *item); /* which has a place */
