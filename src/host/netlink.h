/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Receives the kernel's answers on a netlink(7) socket. */

#include <stddef.h>
#include <sys/types.h>

/* The next message from the kernel; messages from other processes are dropped. Never waits: the kernel answers
 * within the request's system call. Returns the length; -EAGAIN if there is no message; -EBADMSG if it is longer
 * than size or empty; -ECONNABORTED if other processes send more than the kernel does; or another errno. */
ssize_t netlink_receive(int fd, void *buf, size_t size);
