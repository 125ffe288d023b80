/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The number by which BPF programs know a network namespace (bpf_get_netns_cookie()). 0 is no namespace's. */

#include <stdint.h>

/* That of the calling thread. cgroup_fd: a cgroup (its directory, also O_PATH) that the caller is in or below, for kernels
 * before 5.14. 0: not known, as in a filter of system calls or without the rights to attach a program. */
uint64_t netns_cookie_own(int cgroup_fd);
/* The same, from a program that is attached to the cgroup during one connect(2) of a datagram socket, which sends nothing and whose
 * success is not needed. Linux 5.7. */
uint64_t netns_cookie_from_program(int cgroup_fd);
