/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The addresses of this network namespace, followed as they change. */

#include <systemd/sd-event.h>

#include "basic/in-addr.h"

typedef struct LocalAddrs LocalAddrs;

/* added: true when the address appeared, false when it went. Loopback addresses are left out. */
typedef void (*local_addr_fn)(const InAddr *addr, bool added, void *userdata);

/* Calls fn for every address there is before it returns, then on changes. */
int local_addrs_new(sd_event *event, local_addr_fn fn, void *userdata, LocalAddrs **ret);
LocalAddrs *local_addrs_free(LocalAddrs *l);
