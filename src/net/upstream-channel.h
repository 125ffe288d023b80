/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A channel of c-ares, with its sockets in the event loop: one UDP socket for each server, or TCP connections. */

#include <sys/queue.h>

#include "basic/macro.h"
#include "net/dns-upstream.h"
#include "net/upstream-sockets.h"

#define UPSTREAM_CHANNEL_TRIES 2 /* over UDP: rounds over all servers, each with twice the timeout of the one before */
#define UPSTREAM_CHANNEL_SOCKETS (2 * DNS_UPSTREAM_SERVERS_MAX)

typedef struct UpstreamChannelOptions {
        sd_event *event;               /* borrowed, as all pointers here, while the channel exists */
        const DnsUpstreamHooks *hooks;
        sd_event_io_handler_t on_socket; /* gets the channel; calls ares_process_fd() */
        UpstreamGuesses *guesses;
        UpstreamBatch *batch;          /* its function gets the channel as owner */
        const DnsServer *servers;
        size_t n_servers;
        size_t first;                  /* index of the server that is asked first */
        uint64_t try_usec;             /* timeout of the first round */
        bool tcp;
        void *owner;
} UpstreamChannelOptions;

typedef struct UpstreamChannelSocket {
        int fd;              /* borrowed from c-ares */
        sd_event_source *io; /* NULL: free slot */
} UpstreamChannelSocket;

typedef struct UpstreamChannel {
        ares_channel ares;
        UpstreamSockets rules; /* of its sockets */
        void *owner;           /* borrowed; the rest up to channels is kept by the owner */
        unsigned n_sent;
        unsigned n_in_flight;
        bool draining;         /* removed from the pool, freed once empty */
        LIST_ENTRY(UpstreamChannel) channels;
        sd_event *event;       /* borrowed, as the next two */
        const DnsUpstreamHooks *hooks;
        sd_event_io_handler_t on_socket;
        UpstreamChannelSocket sockets[UPSTREAM_CHANNEL_SOCKETS];
} UpstreamChannel;

int upstream_channel_new(const UpstreamChannelOptions *o, UpstreamChannel **ret);
/* Ends its queries: c-ares calls back for each of them. */
UpstreamChannel *upstream_channel_free(UpstreamChannel *c);

DEFINE_CLEANUP_FUNC(UpstreamChannel *, upstream_channel_free)
