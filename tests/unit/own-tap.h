/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A network device for tests in a network namespace of their own. */

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>

#include "own-network.h"

/* A tap device, which exists until the descriptor is closed. Without the rights or the driver, the child ends as
 * skipped. */
static inline int tap_new(const char *name) {
        struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
        int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

        (void) snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
        if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0)
                _exit(OWN_NETWORK_NOT_ALLOWED);
        return fd;
}
