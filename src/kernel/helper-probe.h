/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which helper functions this kernel lets us call: some are newer than the oldest supported kernel, some need
 * capabilities that the service does not have. Probed by loading a minimal program. */

#include <linux/bpf.h>
#include <stdbool.h>

/* In programs of all types that are loaded. */
bool helper_has_coarse_clock(void); /* bpf_ktime_get_coarse_ns(), Linux 5.11 */

typedef enum HelperHooks {
        HELPER_SOCKET_HOOKS, /* those for addresses and for new sockets */
        HELPER_OPTION_HOOK,  /* setsockopt */
} HelperHooks;

bool helper_has_comm(HelperHooks hooks);   /* bpf_get_current_comm(): with CAP_PERFMON only since 6.x */
bool helper_has_ns_pid(HelperHooks hooks); /* bpf_get_ns_current_pid_tgid(), Linux 6.10 */
bool helper_has_task(HelperHooks hooks);   /* bpf_get_current_ancestor_cgroup_id() and bpf_get_current_pid_tgid(): in the
                                            * option hook since Linux 6.1 */
bool helper_has_netns(HelperHooks hooks);  /* bpf_get_netns_cookie(): in the option hook since Linux 5.14 */

/* false: the kernel's list of security modules is without "bpf", so programs for them are never called. */
bool helper_has_security_hooks(void);
