/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Descriptors that the service manager passes to us and keeps for a successor: sd_listen_fds(3), FDSTORE=1 in
 * sd_notify(3).
 *
 * Two kinds arrive together: the sockets of our socket units, and what a predecessor stored. They are distinguished
 * by name and type, never by order: the UDP and TCP sockets of a unit share a name, and the order of the store is
 * arbitrary (newest first, until a reload of the manager reverses it).
 *
 * The store may hold several descriptors under one name, removing a name removes them all, and it silently drops a
 * descriptor it already holds (the same open file, whatever the name). So each name is stored with a generation
 * ("link-egress" as "link-egress.3"): a new object is stored under the next generation before the old one is
 * removed, and if a crash leaves two, the higher one is newer. At every instant the manager holds one or the other. */

#include <stddef.h>
#include <stdint.h>

#include "basic/macro.h"

/* Must equal FileDescriptorStoreMax= of the unit: beyond its own limit the manager drops what we send. */
#define FD_STORE_MAX 128U
#define FD_STORE_NAME_MAX 240U /* 255 with the generation, sd_notify(3) */

typedef struct FdStore FdStore;

#define FD_STORE_SOCKET_PREFIX "dns-free-"

/* Collects what was passed to us, with CLOEXEC set and sockets non-blocking. Removes $LISTEN_* from the environment.
 * Known names: "dns-host" for the socket units' sockets and "dns-free-X" for stored ones (IPv4 or IPv6; UDP, or
 * listening TCP); "state", "link-X", "map-X" and "policy-X" for anything but sockets. All others are left over. None
 * at all is not an error. -EINVAL: $LISTEN_* are inconsistent; -ENOMEM. */
int fd_store_collect(FdStore **ret);
/* Closes what was not taken. The manager's copies stay. */
FdStore *fd_store_free(FdStore *s);
DEFINE_CLEANUP_FUNC(FdStore *, fd_store_free)

/* The next socket of this name; *ret_type is SOCK_DGRAM or SOCK_STREAM, *ret_family AF_INET or AF_INET6. Returns a
 * descriptor that the caller owns, or -ENOENT if there are no more. */
int fd_store_take_socket(FdStore *s, const char *name, int *ret_family, int *ret_type);
/* The newest descriptor stored under this name, owned by the caller; the manager keeps its own. The caller must
 * check what it is: whoever can write to the store may have put anything there. -ENOENT. */
int fd_store_take(FdStore *s, const char *name);
/* Asks the manager to keep fd, which stays the caller's, under name, in place of what it kept under that name. fd
 * must be an object that is not in the store: one that was taken is there already. Returns 1; 0: there is no
 * manager, so nothing will outlive the process; -EINVAL: not a valid name for the store; -ENOSPC: FD_STORE_MAX or
 * the manager's own limit; any other errno from sending: the old one, if any, is still kept. Whether the manager
 * accepted it cannot be determined here. */
int fd_store_push(FdStore *s, const char *name, int fd);
/* 0; -ENOENT: not kept. */
int fd_store_remove(FdStore *s, const char *name);

/* Closes what was passed to us and not taken, including replaced generations and descriptors with unknown names, and
 * has the manager drop it. Call at the end of a start: the new link must be in place before the one it replaces is
 * removed. */
void fd_store_drop_left_over(FdStore *s);

/* Waits until the manager has read everything sent: once, before READY=1, so that after READY a crash loses nothing.
 * Later pushes need not wait: what was sent is in the manager's queue, which it reads before it handles exits.
 * -ETIMEDOUT. 0: there is no manager. */
int fd_store_sync(uint64_t timeout_usec);
