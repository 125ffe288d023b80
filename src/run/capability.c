/* SPDX-License-Identifier: Apache-2.0 */
#include "run/capability.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "basic/macro.h"

static const unsigned forbidden[] = { CAP_NET_ADMIN, CAP_NET_RAW, CAP_PERFMON, CAP_BPF };

int capability_drop_bounding(void) {
        for (size_t i = 0; i < ELEMENTSOF(forbidden); i++) {
                /* Negative: a kernel that does not know this one. */
                if (prctl(PR_CAPBSET_READ, forbidden[i]) <= 0)
                        continue;
                if (prctl(PR_CAPBSET_DROP, forbidden[i]) < 0)
                        return -errno;
        }
        return 0;
}

int capability_drop_own(void) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

        /* glibc has no wrapper; libcap's adds nothing here. */
        if (syscall(SYS_capget, &header, data) < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(forbidden); i++) {
                struct __user_cap_data_struct *d = &data[CAP_TO_INDEX(forbidden[i])];

                d->effective &= ~CAP_TO_MASK(forbidden[i]);
                d->permitted &= ~CAP_TO_MASK(forbidden[i]);
                d->inheritable &= ~CAP_TO_MASK(forbidden[i]);
        }
        /* The kernel takes what is no longer permitted or inheritable out of the ambient set too. */
        if (syscall(SYS_capset, &header, data) < 0)
                return -errno;
        return 0;
}
