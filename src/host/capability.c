/* SPDX-License-Identifier: Apache-2.0 */
#include "host/capability.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "basic/macro.h"

int capability_drop_bounding(uint64_t mask) {
        for (unsigned cap = 0; cap < 64; cap++) {
                /* Negative: this kernel does not know the capability. */
                if (!(mask & CAPABILITY(cap)) || prctl(PR_CAPBSET_READ, cap) <= 0)
                        continue;
                if (prctl(PR_CAPBSET_DROP, cap) < 0)
                        return -errno;
        }
        return 0;
}

int capability_drop(uint64_t mask) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

        /* glibc has no wrapper, and libcap would add nothing here. */
        if (syscall(SYS_capget, &header, data) < 0)
                return -errno;
        for (unsigned cap = 0; cap < 64; cap++) {
                struct __user_cap_data_struct *d = &data[CAP_TO_INDEX(cap)];

                if (!(mask & CAPABILITY(cap)))
                        continue;
                d->effective &= ~CAP_TO_MASK(cap);
                d->permitted &= ~CAP_TO_MASK(cap);
                d->inheritable &= ~CAP_TO_MASK(cap);
        }
        /* The kernel also removes from the ambient set what is no longer permitted or inheritable. */
        if (syscall(SYS_capset, &header, data) < 0)
                return -errno;
        return 0;
}

bool capability_effective(unsigned cap) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

        return syscall(SYS_capget, &header, data) >= 0 && (data[CAP_TO_INDEX(cap)].effective & CAP_TO_MASK(cap));
}
