/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A seccomp(2) filter for what no other hook sees: sockets of families other than IP, io_uring, which creates sockets
 * without a system call that a filter can see, input typed into the caller's terminal, kernel keyrings, whose upcalls
 * look names up as root, and socket options of 32-bit programs on a 64-bit kernel. It applies to all entries of the
 * kernel. Refused calls fail as on a kernel without the feature. Families leave an event if there is a listener (see
 * socket-refusals.h), the others never. */

#include <seccomp.h>
#include <stdbool.h>

typedef struct SyscallFilterOptions {
        bool enforce;    /* false: families and options are not refused */
        bool listener;   /* the listener decides about families, and no other one can be made; needs Linux 5.0 */
        bool socketcall; /* permit it to 32-bit x86 programs, for sockets of every family and all options; its arguments
                          * are in memory, where a filter cannot see them */
} SyscallFilterOptions;

/* Release *ret with seccomp_release(3). Negative errno. */
int syscall_filter_new(const SyscallFilterOptions *o, scmp_filter_ctx *ret);
/* Loads the filter into the calling process, permanently and for all its descendants. Needs CAP_SYS_ADMIN or
 * no_new_privs. *ret_listener_fd: owned by the caller, CLOEXEC; -EBADF without a listener. Who has it decides what the
 * filter refuses, so it must not stay in a process to which the filter applies. Negative errno: nothing is loaded. With a
 * listener this also fails if the process has one already, of an outer container for instance. */
int syscall_filter_load(const SyscallFilterOptions *o, int *ret_listener_fd);
