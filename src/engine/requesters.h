/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Finds out who sent a query: what the kernel recorded of the sender, the front end's view of it, and the layers that
 * judge it. */

#include "engine/dns-proxy.h"
#include "engine/engine.h"
#include "kernel/programs.h"

typedef struct Requesters {
        const LayerTable *layers; /* borrowed */
        bool many_layers;
        int dns_clients_fd;       /* borrowed; negative: the kernel has recorded nobody yet */
        engine_client_fn on_client; /* may be NULL */
        void *userdata;
        uint64_t looks_sec;       /* CLOCK_BOOTTIME, whole seconds */
        unsigned n_looks_left;    /* process look-ups left in that second */
        uint64_t last_batch;      /* 0: none; of the last sender that was looked up and found, with the following */
        InAddr last_addr;
        uint16_t last_port;
        struct cw_dns_client last_client;
} Requesters;

/* As recorded by the kernel. False: it has no record. */
bool requesters_client(Requesters *r, const DnsPeer *peer, struct cw_dns_client *ret);
/* Returns true if the sender's process is to be looked at while it waits; *ret_client has it. */
bool requesters_find(Requesters *r, const DnsPeer *peer, DnsRequester *ret, struct cw_dns_client *ret_client);
