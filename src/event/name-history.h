/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Names under which addresses were looked up or reported, one for each owner: who looked it up, or which flow. For
 * reports only. Bounded, evicts the least recently used. Pure. */

#include "basic/in-addr.h"
#include "basic/macro.h"

typedef struct NameHistory NameHistory;

typedef enum NameChange {
        NAME_KEPT,     /* it has this name and chain */
        NAME_NEW,      /* it has no name, or another chain */
        NAME_REPLACED, /* it has another name */
} NameChange;

int name_history_new(size_t max, const uint8_t key[static 16], NameHistory **ret); /* -ENOMEM */
NameHistory *name_history_free(NameHistory *h);
/* owner: a number of the caller's choice. chain may be NULL. -ENOMEM: the previous name is kept. */
int name_history_put(NameHistory *h, const InAddr *addr, uint64_t owner, const char *name, const char *chain);
/* What would name_history_put() change? A name that is kept counts as used now. */
NameChange name_history_renew(NameHistory *h, const InAddr *addr, uint64_t owner, const char *name, const char *chain);
/* The name, or NULL; *ret_chain may be NULL. Valid until the next call that changes the history. */
const char *name_history_get(const NameHistory *h, const InAddr *addr, uint64_t owner, const char **ret_chain);
size_t name_history_n(const NameHistory *h);

DEFINE_CLEANUP_FUNC(NameHistory *, name_history_free)
