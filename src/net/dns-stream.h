/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The server side of DNS over one TCP connection (RFC 7766): pipelined queries, replies in any order, both bounded. */

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "net/dns-frame.h"

typedef struct DnsStream DnsStream;

#define DNS_STREAM_OUT_MAX DNS_FRAME_MAX /* unsent bytes allowed to a slow reader before its connection is closed */

/* One query; end each with dns_stream_reply(), now or later. data is valid during the call. */
typedef void (*dns_stream_query_fn)(DnsStream *s, const uint8_t *data, size_t size, void *userdata);
/* The connection has ended. Called at most once, from the loop only; the callee frees the stream. */
typedef void (*dns_stream_closed_fn)(DnsStream *s, void *userdata);

/* Takes ownership of the connected fd, even on failure. idle_usec: the connection is closed after this time without
 * a complete query. pipeline_max: queries in flight; more are left unread. */
int dns_stream_new(sd_event *event, int fd, uint64_t idle_usec, unsigned pipeline_max, dns_stream_query_fn query,
                   dns_stream_closed_fn closed, void *userdata, DnsStream **ret);
/* Must not be called from a query callback. */
DnsStream *dns_stream_free(DnsStream *s);
/* Ends one query in flight; size 0: without a reply. -ENOBUFS or the error of the socket: not sent, and the loop
 * will close the connection. */
int dns_stream_reply(DnsStream *s, const uint8_t *data, size_t size);
