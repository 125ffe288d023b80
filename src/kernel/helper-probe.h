/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which helper functions this kernel lets us call: some are newer than the oldest supported kernel, some need
 * capabilities that the service does not have. Probed by loading a minimal program. */

#include <linux/bpf.h>
#include <stdbool.h>

/* In programs of all types that are loaded. */
bool helper_has_coarse_clock(void); /* bpf_ktime_get_coarse_ns(), Linux 5.11 */
bool helper_has_comm(void);         /* bpf_get_current_comm() in socket hooks: with CAP_PERFMON only since 6.x */
bool helper_has_ns_pid(void);       /* bpf_get_ns_current_pid_tgid() in socket hooks, Linux 6.10 */
