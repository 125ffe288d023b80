/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The name under which an address was last reported. A flow may outlive the lease that opened it, and its end should
 * be reported under the same name as its start. For reports only. Bounded, evicts the least recently used. Pure. */

#include "basic/in-addr.h"
#include "basic/macro.h"

typedef struct NameHistory NameHistory;

int name_history_new(size_t max, const uint8_t key[static 16], NameHistory **ret); /* -ENOMEM */
NameHistory *name_history_free(NameHistory *h);
/* chain may be NULL. -ENOMEM: the previous name is kept. */
int name_history_put(NameHistory *h, const InAddr *addr, const char *name, const char *chain);
/* The name, or NULL; *ret_chain may be NULL. Valid until the next put. */
const char *name_history_get(const NameHistory *h, const InAddr *addr, const char **ret_chain);
size_t name_history_n(const NameHistory *h);

DEFINE_CLEANUP_FUNC(NameHistory *, name_history_free)
