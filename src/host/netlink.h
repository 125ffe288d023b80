/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Messages of the kernel on a netlink(7) socket. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The next message from the kernel; messages from other processes are dropped. Never waits: the kernel answers
 * within the request's system call. Returns the length; -EAGAIN if there is no message; -EBADMSG if it is longer
 * than size or empty; -ECONNABORTED if other processes send more than the kernel does; or another errno. */
ssize_t netlink_receive(int fd, void *buf, size_t size);

/* One message without its header. data has no particular alignment. Returns a negative errno to stop. */
typedef int (*netlink_message_fn)(uint16_t type, const void *data, size_t size, void *userdata);

/* Calls fn for each message of what was received. Returns 1: the answer ends here; 0: more of it follows; the error
 * that the kernel reports, or what fn returned; -EBADMSG: not a sequence of messages. */
int netlink_parse(const void *data, size_t size, netlink_message_fn fn, void *userdata);

/* The first attribute of this type in a sequence of them, *ret borrowed. false: there is none, or the sequence breaks
 * off before. */
bool netlink_find(const void *attributes, size_t size, unsigned type, const void **ret, size_t *ret_size);

/* Sends a request that begins with a struct nlmsghdr to rtnetlink(7), and calls fn for each message of the answer until
 * its end. The flags must include NLM_F_ACK or NLM_F_DUMP. fn: NULL, or as above. Returns 0, or a negative errno as
 * above. */
int netlink_route_ask(const void *request, size_t size, netlink_message_fn fn, void *userdata);
