/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* TCP connections of this network namespace of which the packet hook dropped something. The kernel keeps what was dropped,
 * and would send it as soon as the programs are detached. */

#include "kernel/programs.h"

/* Ends those that still have something to send, also if no process has them any more. Others are left alone. *ret_n: how
 * many. Needs CAP_NET_ADMIN. -ENOENT: the kernel lacks tcp_diag; -EOPNOTSUPP: it lacks CONFIG_INET_DIAG_DESTROY. */
int refused_sockets_end(const Programs *p, size_t *ret_n);
#define REFUSED_LOOKS_MAX 256

/* Connections whose packets have other ends than their socket (NAT), or that are only found with the device that their socket
 * is bound to: they are searched for among all, several at a time. */
typedef struct RefusedLooks {
        uint64_t cookies[REFUSED_LOOKS_MAX];
        size_t n_cookies;
        uint64_t next_nsec; /* CLOCK_MONOTONIC */
} RefusedLooks;

/* Ends the connection of a denial, or has refused_sockets_look() do it later. If the socket hooks did not see it, because there was no entry yet or the policy has
 * changed, TCP gets no error: a process in connect(2) or waiting for data would keep waiting. Best effort: a socket in
 * another network namespace is not found, and times out. Other records are ignored. */
void refused_socket_abort(RefusedLooks *l, const struct cw_record *r, uint64_t now_nsec);
/* Call some time after that. */
void refused_sockets_look(RefusedLooks *l);
