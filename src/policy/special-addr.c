/* SPDX-License-Identifier: Apache-2.0 */

#include "policy/special-addr.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>

#include "basic/macro.h"

/* IPv4 has a table of its own, in host byte order: every address of an answer is looked up. */
typedef struct SpecialPrefix4 {
        uint32_t value, mask;
        AddrKind kind;
} SpecialPrefix4;

typedef struct SpecialPrefix {
        InPrefix prefix;
        AddrKind kind;
} SpecialPrefix;

#define V4(a, b, c, length) \
        (uint32_t) (a) << 24 | (uint32_t) (b) << 16 | (uint32_t) (c) << 8, UINT32_MAX << (32 - (length))
#define V6(length, ...) { { { __VA_ARGS__ } }, (length) }

/* First match decides. Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, RFC 8190), IPv4 and
 * IPv6 multicast. Documentation (RFC 5737, RFC 3849, RFC 9637) and anycast prefixes that are reachable from anywhere
 * (AS112, RFC 7534 and RFC 7535; AMT, RFC 7450) stay global. */
static const SpecialPrefix4 special_prefixes4[] = {
        { V4(0, 0, 0, 8), ADDR_SPECIAL },        /* this network, RFC 791 */
        { V4(10, 0, 0, 8), ADDR_PRIVATE },       /* RFC 1918 */
        { V4(100, 64, 0, 10), ADDR_PRIVATE },    /* shared, RFC 6598 */
        { V4(127, 0, 0, 8), ADDR_SPECIAL },      /* loopback, RFC 1122 */
        { V4(169, 254, 0, 16), ADDR_SPECIAL },   /* link-local, RFC 3927 */
        { V4(172, 16, 0, 12), ADDR_PRIVATE },    /* RFC 1918 */
        { V4(192, 0, 0, 24), ADDR_SPECIAL },     /* IETF protocol assignments, RFC 6890 */
        { V4(192, 88, 99, 24), ADDR_SPECIAL },   /* 6to4 relays, RFC 7526 */
        { V4(192, 168, 0, 16), ADDR_PRIVATE },   /* RFC 1918 */
        { V4(198, 18, 0, 15), ADDR_SPECIAL },    /* benchmarking, RFC 2544 */
        { V4(224, 0, 0, 4), ADDR_SPECIAL },      /* multicast, RFC 1112 */
        { V4(240, 0, 0, 4), ADDR_SPECIAL },      /* reserved and broadcast, RFC 1112, RFC 919 */
};

static const SpecialPrefix special_prefixes[] = {
        { V6(48, 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01), ADDR_SPECIAL }, /* NAT64 for local use, RFC 8215 */
        { V6(64, 0x01), ADDR_SPECIAL },                               /* discard, RFC 6666 */
        { V6(64, 0x01, [7] = 0x01), ADDR_SPECIAL },                   /* dummy, RFC 9780 */
        { V6(48, 0x20, 0x01, 0x00, 0x04, 0x01, 0x12), ADDR_GLOBAL },  /* AS112, RFC 7535, within 2001::/23 */
        { V6(32, 0x20, 0x01, 0x00, 0x03), ADDR_GLOBAL },              /* AMT, RFC 7450, within 2001::/23 */
        { V6(23, 0x20, 0x01), ADDR_SPECIAL },       /* IETF protocol assignments, RFC 2928; Teredo, RFC 4380; ORCHID */
        { V6(16, 0x5f), ADDR_SPECIAL },             /* segment routing, RFC 9602 */
        { V6(7, 0xfc), ADDR_PRIVATE },              /* unique local, RFC 4193 */
        { V6(10, 0xfe, 0x80), ADDR_SPECIAL },       /* link-local, RFC 4291 */
        { V6(10, 0xfe, 0xc0), ADDR_SPECIAL },       /* site-local, RFC 3879 */
        { V6(8, 0xff), ADDR_SPECIAL },              /* multicast, RFC 4291 */
};

typedef struct EmbeddingPrefix {
        InPrefix prefix;
        size_t offset; /* of the IPv4 address */
} EmbeddingPrefix;

static const EmbeddingPrefix embedding_prefixes[] = {
        { V6(96, 0x00, 0x64, 0xff, 0x9b), 12 },         /* NAT64, RFC 6052 */
        { V6(16, 0x20, 0x02), 2 },                      /* 6to4, RFC 3056 */
        { V6(96, [8] = 0xff, 0xff), 12 },               /* v4-translated, RFC 2765 */
        { V6(96, 0x00), 12 },                           /* v4-compatible, RFC 4291 2.5.5.1; :: and ::1 are 0/8 here */
};

static AddrKind kind_by_prefix4(const uint8_t b[static 4]) {
        uint32_t a = (uint32_t) b[0] << 24 | (uint32_t) b[1] << 16 | (uint32_t) b[2] << 8 | b[3];

        for (size_t i = 0; i < ELEMENTSOF(special_prefixes4); i++)
                if ((a & special_prefixes4[i].mask) == special_prefixes4[i].value)
                        return special_prefixes4[i].kind;
        return ADDR_GLOBAL;
}

static AddrKind kind_by_prefix(const InAddr *a) {
        for (size_t i = 0; i < ELEMENTSOF(special_prefixes); i++)
                if (in_prefix_contains(&special_prefixes[i].prefix, a))
                        return special_prefixes[i].kind;
        return ADDR_GLOBAL;
}

bool addr_embedded_v4(const InAddr *a, InAddr *ret) {
        assert(a);
        assert(ret);

        for (size_t i = 0; i < ELEMENTSOF(embedding_prefixes); i++) {
                const EmbeddingPrefix *e = &embedding_prefixes[i];

                if (in_prefix_contains(&e->prefix, a)) {
                        in_addr_from_v4(a->b + e->offset, ret);
                        return true;
                }
        }
        return false;
}

AddrKind addr_kind(const InAddr *a) {
        InAddr embedded;

        assert(a);

        if (in_addr_is_v4(a))
                return kind_by_prefix4(a->b + 12);
        return addr_embedded_v4(a, &embedded) ? kind_by_prefix4(embedded.b + 12) : kind_by_prefix(a);
}

bool rebinding_check(const Policy *p, const InAddr *a, const NameVerdict *v) {
        AddrKind kind = addr_kind(a);

        return kind == ADDR_GLOBAL || policy_allows_address(p, a) ||
               (kind == ADDR_PRIVATE && policy_name_may_be_private(p, v));
}

const char *rebinding_words(const InAddr *a, char buf[static REBINDING_TEXT_MAX]) {
        char addr[IN_ADDR_TEXT_MAX];

        assert(a);
        assert(buf);

        if (addr_kind(a) == ADDR_PRIVATE)
                (void) snprintf(buf, REBINDING_TEXT_MAX, "private address %s; allowPrivate permits it",
                                in_addr_format(a, addr));
        else
                (void) snprintf(buf, REBINDING_TEXT_MAX, "special address %s; only a cidr rule permits it",
                                in_addr_format(a, addr));
        return buf;
}
