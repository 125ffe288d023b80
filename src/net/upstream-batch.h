/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Datagrams of connected sockets, several with each system call. Those to be sent are kept until the current event has
 * been handled; those that have arrived are read together and handed out one by one. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <systemd/sd-event.h>

#include "basic/macro.h"

#define UPSTREAM_BATCH 32U
#define UPSTREAM_BATCH_SIZE_MAX 512U /* bytes of one datagram to be kept */

typedef struct UpstreamBatch UpstreamBatch;

/* A datagram of this socket could not be sent, or one of several. Called from the event loop, never from a function
 * below: the next upstream_batch_receive() of the socket fails. owner is that of the datagram. */
typedef void (*upstream_batch_failed_fn)(int fd, void *owner, void *userdata);

int upstream_batch_new(sd_event *event, upstream_batch_failed_fn fn, void *userdata, UpstreamBatch **ret);
/* What has not been sent is not sent. */
UpstreamBatch *upstream_batch_free(UpstreamBatch *b);
/* Is nothing kept? */
bool upstream_batch_is_empty(const UpstreamBatch *b);
/* Keeps a copy. Otherwise, if that is not possible, sends it at once. Returns its size, or -1 with errno as sendmsg(2).
 * owner is borrowed until upstream_batch_forget(). */
ssize_t upstream_batch_send(UpstreamBatch *b, int fd, const struct iovec *parts, size_t n_parts, void *owner);
/* As recvfrom(2) with MSG_DONTWAIT. To be repeated until it fails: the event loop does not know of datagrams that have
 * been read and not handed out. They are lost if another socket is read first. */
ssize_t upstream_batch_receive(UpstreamBatch *b, int fd, void *buf, size_t size, struct sockaddr *from,
                               socklen_t *from_size);
/* The socket is about to be closed: what is kept of it is dropped. */
void upstream_batch_forget(UpstreamBatch *b, int fd);

DEFINE_CLEANUP_FUNC(UpstreamBatch *, upstream_batch_free)
