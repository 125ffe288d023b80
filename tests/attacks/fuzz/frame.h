/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Whether a frame that left the client is for an allowed destination, or one that its kernel or CargoWall itself sends.
 * Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* IPv4: mapped addresses. Whom the client may look for as neighbors comes first. */
typedef struct Plan {
        uint8_t client4[16], client6[16], link_local[16], router_link_local[16], router4[16], router6[16];
        uint8_t allowed[2][16], named[2][16], resolvers[2][16], mark[16];
        uint8_t strangers[2][16];
} Plan;

enum frame_class {
        FRAME_ALLOWED,  /* for an allowed destination */
        FRAME_QUERY,    /* the proxy's own */
        FRAME_NEIGHBOR, /* ARP, neighbor discovery, the kernel's own group memberships */
        FRAME_REFUSAL,  /* RST or ICMP error without a payload of the job: the kernel's answer to a stranger */
        FRAME_MARK,
        FRAME_VIOLATION,
        FRAME_CLASSES,
};

/* ret_why: for a violation, and always a constant. */
enum frame_class frame_judge(const Plan *p, const uint8_t *frame, size_t size, const char **ret_why);

/* A token in it, or NULL. */
const void *frame_token(const uint8_t *frame, size_t size);
