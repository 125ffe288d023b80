/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Answers of the kernel on a netlink(7) socket. */

#include <stddef.h>
#include <sys/types.h>

/* The next message of the kernel; what other processes sent to the socket is dropped. Never waits: the kernel answers
 * within the call that asked. Returns the length, -EAGAIN when there is no message, -EBADMSG when it is longer than
 * size or empty, -ECONNABORTED when others send more than the kernel, or another errno. */
ssize_t netlink_receive(int fd, void *buf, size_t size);
