/* SPDX-License-Identifier: Apache-2.0 */
#include "event/socket-family.h"

#include <stdio.h>
#include <string.h>

#include "basic/macro.h"

/* linux/socket.h */
enum {
        FAMILY_UNIX = 1,
        FAMILY_INET = 2,
        FAMILY_APPLETALK = 5,
        FAMILY_INET6 = 10,
        FAMILY_KEY = 15,
        FAMILY_NETLINK = 16,
        FAMILY_PACKET = 17,
        FAMILY_PPPOX = 24,
        FAMILY_LLC = 26,
        FAMILY_CAN = 29,
        FAMILY_PHONET = 35,
        FAMILY_IEEE802154 = 36,
        FAMILY_ALG = 38,
        FAMILY_XDP = 44,
};

static const char *const names[] = {
        [1] = "AF_UNIX",         [2] = "AF_INET",         [3] = "AF_AX25",         [4] = "AF_IPX",
        [5] = "AF_APPLETALK",    [6] = "AF_NETROM",       [8] = "AF_ATMPVC",       [9] = "AF_X25",
        [10] = "AF_INET6",       [11] = "AF_ROSE",        [15] = "AF_KEY",         [16] = "AF_NETLINK",
        [17] = "AF_PACKET",      [20] = "AF_ATMSVC",      [21] = "AF_RDS",         [24] = "AF_PPPOX",
        [26] = "AF_LLC",         [28] = "AF_MPLS",        [29] = "AF_CAN",         [30] = "AF_TIPC",
        [31] = "AF_BLUETOOTH",   [32] = "AF_IUCV",        [33] = "AF_RXRPC",       [34] = "AF_ISDN",
        [35] = "AF_PHONET",      [36] = "AF_IEEE802154",  [37] = "AF_CAIF",        [38] = "AF_ALG",
        [39] = "AF_NFC",         [40] = "AF_VSOCK",       [41] = "AF_KCM",         [42] = "AF_QIPCRTR",
        [43] = "AF_SMC",         [44] = "AF_XDP",         [45] = "AF_MCTP",
};

const char *socket_family_to_string(unsigned family, char buf[static SOCKET_FAMILY_TEXT_MAX]) {
        if (family < ELEMENTSOF(names) && names[family])
                return strcpy(buf, names[family]);
        (void) snprintf(buf, SOCKET_FAMILY_TEXT_MAX, "AF_%u", family);
        return buf;
}

bool socket_family_is_judged(unsigned family) {
        return family == FAMILY_UNIX || family == FAMILY_INET || family == FAMILY_INET6 || family == FAMILY_NETLINK ||
               family == FAMILY_ALG;
}

bool socket_family_is_privileged(unsigned family) {
        return family == FAMILY_PACKET || family == FAMILY_KEY || family == FAMILY_LLC || family == FAMILY_XDP;
}

bool socket_family_is_filtered(unsigned family) {
        return family == FAMILY_PPPOX || family == FAMILY_CAN || family == FAMILY_PHONET || family == FAMILY_IEEE802154 ||
               family == FAMILY_APPLETALK;
}
