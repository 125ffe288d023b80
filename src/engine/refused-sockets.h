/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* TCP connections of this network namespace of which the packet hook dropped something. The kernel keeps what was dropped,
 * and would send it as soon as the programs are detached. */

#include "kernel/programs.h"

/* Ends those that still have something to send, also if no process has them any more. Others are left alone. *ret_n: how
 * many. Needs CAP_NET_ADMIN. -ENOENT: the kernel lacks tcp_diag; -EOPNOTSUPP: it lacks CONFIG_INET_DIAG_DESTROY. */
int refused_sockets_end(const Programs *p, size_t *ret_n);
