/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The names of hosts(5): the C library reads the file itself, so no query shows that a program looks one up. Where a rule
 * names one, its addresses are open as long as the file has them: from the start on, and soon after each change. */

#include <systemd/sd-event.h>

#include "basic/macro.h"
#include "engine/dns-judge.h"
#include "engine/layer-table.h"

typedef struct HostsNames HostsNames;

#define HOSTS_NAMES_MAX 1024 /* of the file, without those of loopback addresses; the rest is left out */

/* layers: borrowed. fn (may be NULL) is called for each lease that is new or renewed. Nothing is opened yet. */
int hosts_names_new(sd_event *event, const char *path, const LayerTable *layers, dns_lease_fn fn, void *userdata,
                    HostsNames **ret);
HostsNames *hosts_names_free(HostsNames *h);
DEFINE_CLEANUP_FUNC(HostsNames *, hosts_names_free)
/* Opens them in all layers: call when layers or their policies have changed. */
void hosts_names_open(HostsNames *h);
