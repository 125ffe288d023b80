/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Descriptors that the service manager hands to us and keeps for a successor: sd_listen_fds(3), FDSTORE=1 in
 * sd_notify(3).
 *
 * Two things come by the same way: the sockets of our socket units, and what a predecessor stored. They are told apart
 * by name and by what they are, never by their order: UDP and TCP sockets of a unit share a name, and the order of the
 * store is arbitrary (newest first, until a reload of the manager turns it round).
 *
 * The store may hold several descriptors of one name, removing one of that name removes them all, and it drops, without
 * a word, what it holds already (the same open file, whatever the name). So each name is stored with a generation
 * ("link-egress" as "link-egress.3"): a new object is stored under the next one before the old is removed, and of two
 * that a crash between left behind the higher one is the newer. At every instant the manager has one or the other. */

#include <stddef.h>
#include <stdint.h>

#include "basic/macro.h"

/* FileDescriptorStoreMax= of the unit must be this: beyond its own limit the manager drops what we send. */
#define FD_STORE_MAX 128U
#define FD_STORE_NAME_MAX 240U /* 255 with the generation, sd_notify(3) */

typedef struct FdStore FdStore;

/* What was handed to us: CLOEXEC, sockets non-blocking. Takes $LISTEN_* out of the environment. Names that are known:
 * "dns-host" for sockets (IPv4 or IPv6; UDP, or TCP that listens); "state", "link-X", "map-X" and "policy-X" for what
 * is no socket. The others are left over. None at all is no error. -EINVAL: $LISTEN_* contradict each other;
 * -ENOMEM. */
int fd_store_collect(FdStore **ret);
/* Closes what nobody took. What the manager keeps it keeps. */
FdStore *fd_store_free(FdStore *s);
DEFINE_CLEANUP_FUNC(FdStore *, fd_store_free)

/* The next socket of this name; *ret_type is SOCK_DGRAM or SOCK_STREAM, *ret_family AF_INET or AF_INET6. Returns its
 * descriptor, the caller's from here on, or -ENOENT when there is no more. */
int fd_store_take_socket(FdStore *s, const char *name, int *ret_family, int *ret_type);
/* The newest stored under this name, the caller's from here on; the manager keeps its own. The caller checks what it
 * is: whoever can write to the store may have put anything there. -ENOENT. */
int fd_store_take(FdStore *s, const char *name);
/* The i-th stored name that begins with prefix and was not taken; NULL behind the last. Taking one moves the others
 * down. Valid until the next call. */
const char *fd_store_name(const FdStore *s, const char *prefix, size_t i);

/* Has the manager keep fd, which stays the caller's, as name; what it kept under that name goes. fd must be an object
 * the store does not hold: one that was taken is there already. 1; 0: no manager listens, so nothing will outlive the
 * process; -EINVAL: no name for the store; -ENOSPC: FD_STORE_MAX or the manager's own limit; another errno from
 * sending: the old one, if any, is still kept. That the manager took it cannot be seen from here. */
int fd_store_push(FdStore *s, const char *name, int fd);
/* 0; -ENOENT: not kept. */
int fd_store_remove(FdStore *s, const char *name);

/* What was handed to us and nobody took, with generations that were replaced and descriptors of no known name: the
 * i-th full name, NULL behind the last. */
const char *fd_store_left_over(const FdStore *s, size_t i);
/* Closes these and has the manager drop them. At the end of a start: the new link must be in place before the one it
 * replaces goes. */
void fd_store_drop_left_over(FdStore *s);

/* Waits until the manager has read all that was sent: once, before READY=1, so that READY means that a crash from here
 * on loses nothing. Later pushes do without: what was sent lies in the manager's queue, from which it reads before it
 * looks at who died. -ETIMEDOUT. 0: no manager. */
int fd_store_sync(uint64_t timeout_usec);
