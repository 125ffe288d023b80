/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A seccomp(2) filter for what no other hook sees: sockets of families other than IP, io_uring, which creates sockets
 * without a system call that a filter can see, input typed into the caller's terminal, and kernel keyrings, whose
 * upcalls look names up as root. It applies to all entries of the kernel, also those for 32-bit programs. Refused
 * calls fail as on a kernel without the feature, and leave no event. */

#include <seccomp.h>
#include <stdbool.h>

/* socketcall: permit it to 32-bit x86 programs, for sockets of every family; its arguments are in memory, where a
 * filter cannot see them. Release *ret with seccomp_release(3). Negative errno. */
int syscall_filter_new(bool socketcall, scmp_filter_ctx *ret);
/* Loads the filter into the calling process, permanently and for all its descendants. Needs CAP_SYS_ADMIN or
 * no_new_privs. Negative errno. */
int syscall_filter_load(bool socketcall);
