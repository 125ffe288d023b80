/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The server side of DNS over one TCP connection (RFC 7766): pipelined queries in, replies out in any order, both
 * bounded. */

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "net/dns-frame.h"

typedef struct DnsStream DnsStream;

#define DNS_STREAM_OUT_MAX DNS_FRAME_MAX /* bytes a slow reader may leave unsent before it is closed */

/* One query; each must be ended with dns_stream_reply(), now or later. data is valid during the call. */
typedef void (*dns_stream_query_fn)(DnsStream *s, const uint8_t *data, size_t size, void *userdata);
/* The connection is over. Called at most once, from the loop only; the callee frees the stream. */
typedef void (*dns_stream_closed_fn)(DnsStream *s, void *userdata);

/* Takes the connected fd, also on failure. idle_usec: closed after so long without a whole query. pipeline_max:
 * queries in flight; further ones are left unread. */
int dns_stream_new(sd_event *event, int fd, uint64_t idle_usec, unsigned pipeline_max, dns_stream_query_fn query,
                   dns_stream_closed_fn closed, void *userdata, DnsStream **ret);
/* Not from within a query callback. */
DnsStream *dns_stream_free(DnsStream *s);
/* Ends one query in flight; size 0: without a reply. -ENOBUFS or the error of the socket: not sent, the connection will
 * be closed from the loop. */
int dns_stream_reply(DnsStream *s, const uint8_t *data, size_t size);
