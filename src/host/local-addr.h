/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Follows the addresses of this network namespace as they change. */

#include <systemd/sd-event.h>

#include "basic/in-addr.h"

typedef struct LocalAddrs LocalAddrs;

/* added: true if the address appeared, false if it was removed. Loopback addresses are left out. */
typedef void (*local_addr_fn)(const InAddr *addr, bool added, void *userdata);

/* Calls fn for every existing address before it returns, then on changes. */
int local_addrs_new(sd_event *event, local_addr_fn fn, void *userdata, LocalAddrs **ret);
LocalAddrs *local_addrs_free(LocalAddrs *l);
