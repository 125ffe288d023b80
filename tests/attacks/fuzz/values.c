/* SPDX-License-Identifier: Apache-2.0 */
#include "values.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "token.h"

/* ------------------------------------------------------------------ numbers */

/* splitmix64 */
uint64_t rng_next(Rng *r) {
        uint64_t z = r->state += 0x9e3779b97f4a7c15;

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
}

void rng_init(Rng *r, const Where *w, uint32_t stream) {
        r->state = w->seed;
        r->state = rng_next(r) ^ w->sequence;
        r->state = rng_next(r) ^ ((uint64_t) w->call << 32 | stream);
}

/* ------------------------------------------------------------------ destinations */

/* The lab's plan; the compiler gets it from there. */
static const char *const allowed[] = {ADDR4, ADDR6}, *const named[] = {NAME4, NAME6};
static const char *const others[] = {
        EVIL4,
        EVIL6,
        NAMELESS4,
        NAMELESS6,
        "0.0.0.0",
        "::",
        "127.0.0.1",
        "::1",
        "127.9.9.9",
        CLIENT4,
        CLIENT6,
        GATEWAY4,
        GATEWAY6,
        "10.77.0.255",
        "10.77.0.77",
        "fd77::77",
        "fe80::77",
        "255.255.255.255",
        "169.254.169.254",
        "224.0.0.251",
        "ff02::fb",
        "ff02::1",
        "224.0.0.1",
        "ff05::2",
        "2002:cb00:714d::1",
        "64:ff9b::cb00:714d",
        "::203.0.113.77",
        "240.0.0.1",
        "::ffff:0.0.0.0",
        "::fffe:cb00:714d",
        "fec0::77",
        "ff01::77",
        "ff0e::77",
        "198.51.100.67",
};
static const char *const resolvers[] = {RESOLVER4, RESOLVER6,   FOREIGN4, FOREIGN6, EVIL4,
                                        EVIL6,     "127.0.0.1", "::1",    ADDR4};
static const uint16_t ports[] = {7, 22, 53, 80, 443, 853, 5353, 67, 547, 0, 65535, PORT_CIDR, PORT_NAME};

static void addr_parse(const char *text, struct in6_addr *ret) {
        static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

        if (strchr(text, ':')) {
                if (inet_pton(AF_INET6, text, ret) != 1)
                        abort();
                return;
        }
        memcpy(ret, mapped, sizeof(mapped));
        if (inet_pton(AF_INET, text, &ret->s6_addr32[3]) != 1)
                abort();
}

/* Denied addresses that contain the number of the sequence: a packet without a payload identifies it too. */
static void addr_numbered(Rng *r, const Where *w, struct in6_addr *ret) {
        switch (below(r, 6)) {
        case 0:
        case 1: /* the lower half is in the port */
                addr_parse("203.0.113.128", ret);
                ret->s6_addr[15] |= (uint8_t) below(r, 64);
                return;
        case 2:
                addr_parse("239.0.0.0", ret);
                ret->s6_addr[13] = (uint8_t) (w->sequence >> 16);
                break;
        case 3:
                addr_parse(chance(r, 50) ? "ff15::" : "ff02::77:0:0", ret);
                ret->s6_addr32[3] = htonl(w->sequence);
                return;
        default:
                addr_parse("2001:db8:113:f::", ret);
                ret->s6_addr32[3] = htonl(w->sequence);
                ret->s6_addr16[5] = htons(w->call);
                return;
        }
        ret->s6_addr[14] = (uint8_t) (w->sequence >> 8);
        ret->s6_addr[15] = (uint8_t) w->sequence;
}

static void pick_any(Rng *r, const Where *w, Target *t) {
        uint32_t n = below(r, 100);

        t->allowed = false;
        t->port = (uint16_t) w->sequence;
        if (n < 40) {
                t->allowed = true;
                t->port = n < 30 ? PORT_CIDR : PORT_NAME;
                addr_parse(n < 30 ? PICK(r, allowed) : PICK(r, named), &t->addr);
        } else if (n < 60)
                addr_numbered(r, w, &t->addr);
        else if (n < 70) { /* another port of an allowed host */
                addr_parse(chance(r, 50) ? PICK(r, allowed) : PICK(r, named), &t->addr);
                if (chance(r, 50))
                        t->port = PICK(r, ports);
        } else if (n < 74) {
                addr_parse(PICK(r, resolvers), &t->addr);
                t->port = 53;
        } else if (n < 78) { /* where the job itself may listen */
                addr_parse(chance(r, 50) ? "127.0.0.1" : "::1", &t->addr);
                t->port = (uint16_t) (PORT_INSIDE + below(r, PORTS_INSIDE));
        } else {
                addr_parse(PICK(r, others), &t->addr);
                t->port = chance(r, 30) ? PICK(r, ports) : chance(r, 70) ? PORT_CIDR : (uint16_t) w->sequence;
        }
}

void target_pick(Rng *r, const Where *w, int family, Target *ret) {
        for (int i = 0; i < 50; i++) {
                pick_any(r, w, ret);
                if (family != AF_INET || IN6_IS_ADDR_V4MAPPED(&ret->addr))
                        return;
        }
}

void target_pick_local(Rng *r, const Where *w, Target *ret) {
        static const char *const local[] = {"0.0.0.0", "::", "0.0.0.0", "::", CLIENT4, CLIENT6, "127.0.0.1", "::1"};

        if (chance(r, 25)) {
                target_pick(r, w, AF_UNSPEC, ret);
        } else
                addr_parse(PICK(r, local), &ret->addr);
        ret->allowed = false;
        ret->port = chance(r, 50)   ? 0
                    : chance(r, 80) ? (uint16_t) (PORT_INSIDE + below(r, PORTS_INSIDE))
                                    : PICK(r, ports);
}

socklen_t target_sockaddr(Rng *r, const Target *t, int family, struct sockaddr_storage *ret) {
        bool v4 = IN6_IS_ADDR_V4MAPPED(&t->addr);

        memset(ret, 0, sizeof(*ret));
        if (v4 && (family != AF_INET6 || chance(r, 10))) {
                struct sockaddr_in *in = (struct sockaddr_in *) ret;

                in->sin_family = chance(r, 4) ? AF_UNSPEC : AF_INET;
                in->sin_port = htons(t->port);
                in->sin_addr.s_addr = t->addr.s6_addr32[3];
                return sizeof(*in);
        }
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) ret;
        in6->sin6_family = chance(r, 2) ? AF_UNSPEC : AF_INET6;
        in6->sin6_port = htons(t->port);
        in6->sin6_addr = t->addr;
        if (IN6_IS_ADDR_LINKLOCAL(&t->addr) || IN6_IS_ADDR_MULTICAST(&t->addr) || chance(r, 3))
                in6->sin6_scope_id = below(r, 4);
        if (chance(r, 5))
                in6->sin6_flowinfo = (uint32_t) rng_next(r);
        return chance(r, 3) ? 24 : sizeof(*in6); /* 24: without the scope (RFC 2133) */
}

const char *target_text(const Target *t) {
        static char text[INET6_ADDRSTRLEN + 8];
        char addr[INET6_ADDRSTRLEN];

        inet_ntop(AF_INET6, &t->addr, addr, sizeof(addr));
        snprintf(text, sizeof(text), "[%s]:%u", addr, t->port);
        return text;
}

/* ------------------------------------------------------------------ payloads */

static size_t put_name(uint8_t *at, const char *name) {
        size_t n = 0;

        while (*name) {
                size_t length = strcspn(name, ".");

                at[n++] = (uint8_t) length;
                memcpy(at + n, name, length);
                n += length;
                name += length + (name[length] == '.');
        }
        at[n++] = 0;
        return n;
}

static size_t query_make(Rng *r, const Where *w, uint8_t *ret) {
        static const uint16_t types[] = {1, 28, 1, 28, 5, 16, 12, 65, 64, 255, 33, 2, 6};
        static const char *const parents[] = {NAME, "evil.example", "example.org", "", "arpa"};
        const char *parent = PICK(r, parents);
        char name[256];
        size_t n = 12;

        if (chance(r, 50)) /* that one is allowed */
                snprintf(name, sizeof(name), "%s", NAME);
        else
                snprintf(name, sizeof(name), TOKEN_LABEL "%x.%s", w->sequence, parent);
        memset(ret, 0, n);
        ret[0] = (uint8_t) rng_next(r);
        ret[1] = (uint8_t) rng_next(r);
        ret[2] = chance(r, 90) ? 1 : (uint8_t) rng_next(r);
        ret[5] = 1;
        n += put_name(ret + n, name);
        ret[n++] = 0;
        ret[n++] = (uint8_t) PICK(r, types);
        ret[n++] = 0;
        ret[n++] = chance(r, 95) ? 1 : 3;
        if (chance(r, 20)) { /* EDNS with a token as an unknown option */
                static const uint8_t opt[] = {
                        0, 0, 41, 16, 0, 0, 0, 0, 0, 0, TOKEN_MAGIC_SIZE + 4, 0xfd, 0xe9, 0, TOKEN_MAGIC_SIZE};

                ret[11] = 1;
                memcpy(ret + n, opt, sizeof(opt));
                memcpy(ret + n + sizeof(opt), TOKEN_MAGIC, TOKEN_MAGIC_SIZE);
                n += sizeof(opt) + TOKEN_MAGIC_SIZE;
        }
        return n;
}

size_t payload_make(Rng *r, const Where *w, const Target *t, void *ret) {
        static const uint16_t sizes[] = {0, 1, 20, 36, 36, 36, 72, 512, 1200, 1472, 3000, 9000, 20000, PAYLOAD_MAX};
        size_t size = sizes[below(r, chance(r, 90) ? 8 : sizeof(sizes) / sizeof(sizes[0]))];
        const Token token = {.magic = TOKEN_MAGIC, .seed = w->seed, .sequence = w->sequence, .call = w->call};

        if (t->port == 53 && chance(r, 85))
                return query_make(r, w, ret);
        for (size_t at = 0; at < size; at += sizeof(token)) {
                Token *copy = (Token *) (void *) ((char *) ret + at); /* the buffer has room for one more */

                *copy = token;
                copy->port_be = htons(t->port);
                memcpy(copy->addr, &t->addr, sizeof(copy->addr));
        }
        return size;
}

/* ------------------------------------------------------------------ options */

enum kind {
        FLAG,
        SMALL, /* 0..15 */
        NUMBER,
        SIZE,
        INTERFACE,
        INTERFACE_BE,
        DEVICE,
        BYTES,
        ADDR,
        LINGER,
        TIME,
        ULP,
        CONGESTION,
        MEMBER4,
        MEMBER4_SOURCE,
        MEMBER6,
        GROUP,
        GROUP_SOURCE,
        OPTIONS4,
        ROUTING6,
        EXTENSION6,
        PKTINFO4,
        PKTINFO6,
        ANCILLARY6, /* a list of control messages (RFC 2292) */
        FILTER,
        FLOW_LABEL,
        ENCAP,
        KEY,
};

#define GROUPS true
static const Option table[] = {
        /* SOL_SOCKET */
        {1, 2, FLAG, 0},
        {1, 5, FLAG, 0},
        {1, 6, FLAG, 0},
        {1, 7, SIZE, 0},
        {1, 9, FLAG, 0},
        {1, 12, SMALL, 0},
        {1, 13, LINGER, 0},
        {1, 15, FLAG, 0},
        {1, 21, TIME, 0},
        {1, 25, DEVICE, 0},
        {1, 26, FILTER, 0},
        {1, 36, NUMBER, 0},
        {1, 41, FLAG, 0},
        {1, 46, SIZE, 0},
        {1, 47, SIZE, 0},
        {1, 51, FILTER, 0},
        {1, 60, FLAG, 0},
        {1, 61, BYTES, 0},
        {1, 62, INTERFACE, 0},
        {1, 74, SMALL, 0},
        /* SOL_IP */
        {0, 1, NUMBER, 0},
        {0, 2, NUMBER, 0},
        {0, 3, FLAG, 0},
        {0, 4, OPTIONS4, 0},
        {0, 4, OPTIONS4, 0},
        {0, 6, FLAG, 0},
        {0, 10, SMALL, 0},
        {0, 11, FLAG, 0},
        {0, 15, FLAG, 0},
        {0, 19, FLAG, 0},
        {0, 20, FLAG, 0},
        {0, 22, FLAG, 0},
        {0, 24, FLAG, 0},
        {0, 32, MEMBER4, 0},
        {0, 33, SMALL, 0},
        {0, 34, FLAG, 0},
        {0, 35, MEMBER4, 1},
        {0, 36, MEMBER4, 1},
        {0, 37, MEMBER4_SOURCE, 1},
        {0, 38, MEMBER4_SOURCE, 1},
        {0, 39, MEMBER4_SOURCE, 1},
        {0, 40, MEMBER4_SOURCE, 1},
        {0, 41, MEMBER4_SOURCE, 1},
        {0, 42, GROUP, 1},
        {0, 43, GROUP_SOURCE, 1},
        {0, 44, GROUP_SOURCE, 1},
        {0, 45, GROUP, 1},
        {0, 46, GROUP_SOURCE, 1},
        {0, 47, GROUP_SOURCE, 1},
        {0, 48, GROUP_SOURCE, 1},
        {0, 50, INTERFACE_BE, 0},
        {0, 51, NUMBER, 0},
        /* SOL_IPV6 */
        {41, 1, FLAG, 0},
        {41, 2, PKTINFO6, 0},
        {41, 3, EXTENSION6, 0},
        {41, 4, EXTENSION6, 0},
        {41, 5, ROUTING6, 0},
        {41, 6, ANCILLARY6, 0},
        {41, 11, FLAG, 0},
        {41, 16, NUMBER, 0},
        {41, 17, INTERFACE, 0},
        {41, 18, SMALL, 0},
        {41, 19, FLAG, 0},
        {41, 20, MEMBER6, 1},
        {41, 21, MEMBER6, 1},
        {41, 22, FLAG, 0},
        {41, 23, SMALL, 0},
        {41, 24, SIZE, 0},
        {41, 26, FLAG, 0},
        {41, 27, MEMBER6, 1},
        {41, 28, MEMBER6, 1},
        {41, 32, FLOW_LABEL, 0},
        {41, 33, FLAG, 0},
        {41, 34, BYTES, 0},
        {41, 42, GROUP, 1},
        {41, 43, GROUP_SOURCE, 1},
        {41, 44, GROUP_SOURCE, 1},
        {41, 45, GROUP, 1},
        {41, 46, GROUP_SOURCE, 1},
        {41, 47, GROUP_SOURCE, 1},
        {41, 48, GROUP_SOURCE, 1},
        {41, 1, FLAG, 0},
        {41, 49, FLAG, 0},
        {41, 50, PKTINFO6, 0},
        {41, 52, SMALL, 0},
        {41, 54, EXTENSION6, 0},
        {41, 55, EXTENSION6, 0},
        {41, 57, ROUTING6, 0},
        {41, 57, ROUTING6, 0},
        {41, 59, EXTENSION6, 0},
        {41, 62, FLAG, 0},
        {41, 67, NUMBER, 0},
        {41, 70, FLAG, 0},
        {41, 72, SMALL, 0},
        {41, 73, SMALL, 0},
        {41, 75, FLAG, 0},
        {41, 76, INTERFACE_BE, 0},
        {41, 78, FLAG, 0},
        {41, 78, FLAG, 0},
        /* SOL_TCP */
        {6, 1, FLAG, 0},
        {6, 2, SIZE, 0},
        {6, 3, FLAG, 0},
        {6, 8, SMALL, 0},
        {6, 9, SMALL, 0},
        {6, 10, SIZE, 0},
        {6, 13, CONGESTION, 0},
        {6, 14, KEY, 0},
        {6, 18, SIZE, 0},
        {6, 19, FLAG, 0},
        {6, 23, SMALL, 0},
        {6, 25, SIZE, 0},
        {6, 30, FLAG, 0},
        {6, 31, ULP, 0},
        {6, 32, KEY, 0},
        {6, 33, BYTES, 0},
        {6, 34, FLAG, 0},
        {6, 36, FLAG, 0},
        {6, 38, KEY, 0},
        /* SOL_UDP, SOL_UDPLITE, SOL_ICMPV6, SOL_RAW, SOL_MPTCP, SOL_TLS */
        {17, 1, FLAG, 0},
        {17, 100, ENCAP, 0},
        {17, 101, FLAG, 0},
        {17, 102, FLAG, 0},
        {17, 103, SIZE, 0},
        {17, 104, FLAG, 0},
        {136, 10, SIZE, 0},
        {58, 1, BYTES, 0},
        {255, 1, BYTES, 0},
        {284, 1, BYTES, 0},
        {282, 1, BYTES, 0},
        {282, 2, BYTES, 0},
};

static const Option ancillary[] = {
        {1, 36, NUMBER, 0},      {1, 37, NUMBER, 0},     {1, 61, BYTES, 0},       {1, 2, BYTES, 0},
        {0, 8, PKTINFO4, 0},     {0, 8, PKTINFO4, 0},    {0, 7, OPTIONS4, 0},     {0, 7, OPTIONS4, 0},
        {0, 2, SMALL, 0},        {0, 1, NUMBER, 0},      {0, 52, SMALL, 0},       {41, 50, PKTINFO6, 0},
        {41, 50, PKTINFO6, 0},   {41, 2, PKTINFO6, 0},   {41, 52, SMALL, 0},      {41, 8, SMALL, 0},
        {41, 54, EXTENSION6, 0}, {41, 3, EXTENSION6, 0}, {41, 55, EXTENSION6, 0}, {41, 57, ROUTING6, 0},
        {41, 57, ROUTING6, 0},   {41, 5, ROUTING6, 0},   {41, 59, EXTENSION6, 0}, {41, 4, EXTENSION6, 0},
        {41, 67, SMALL, 0},      {41, 62, FLAG, 0},      {41, 11, NUMBER, 0},     {17, 103, SIZE, 0},
        {284, 1, BYTES, 0},      {282, 1, SMALL, 0},
};

static size_t put(void *value, const void *data, size_t size) {
        memcpy(value, data, size);
        return size;
}

static size_t put_int(void *value, int n) {
        return put(value, &n, sizeof(n));
}

static size_t put_text(void *value, const char *text) {
        return put(value, text, strlen(text) + 1);
}

static void pick4(Rng *r, const Where *w, void *ret) {
        Target t;

        target_pick(r, w, AF_INET, &t);
        memcpy(ret, &t.addr.s6_addr32[3], 4);
}

static void pick6(Rng *r, const Where *w, void *ret) {
        Target t;

        do
                target_pick(r, w, AF_INET6, &t);
        while (IN6_IS_ADDR_V4MAPPED(&t.addr) && !chance(r, 5));
        memcpy(ret, &t.addr, 16);
}

/* With the number of the sequence. */
static void group4(Rng *r, const Where *w, uint8_t *ret) {
        static const uint8_t others4[][4] = {{224, 0, 0, 251}, {224, 0, 0, 2}, {224, 0, 1, 1}, {232, 1, 1, 1}};

        if (chance(r, 20)) {
                memcpy(ret, PICK(r, others4), 4);
                return;
        }
        ret[0] = 239;
        ret[1] = (uint8_t) (w->sequence >> 16);
        ret[2] = (uint8_t) (w->sequence >> 8);
        ret[3] = (uint8_t) w->sequence;
}

static void group6(Rng *r, const Where *w, uint8_t *ret) {
        struct in6_addr addr;
        static const char *const groups[] = {"ff02::77:0:0", "ff15::", "ff02::1:ff00:0", "ff0e::"};

        if (chance(r, 10)) { /* one of its own networks, for anycast */
                addr_parse(chance(r, 50) ? "fd77::" : "2001:db8:113:f::", &addr);
        } else
                addr_parse(PICK(r, groups), &addr);
        addr.s6_addr32[3] |= htonl(w->sequence);
        memcpy(ret, &addr, 16);
}

static size_t make_group(Rng *r, const Where *w, int family, bool with_source, uint8_t *value) {
        struct {
                uint32_t interface;
                struct sockaddr_storage group, source;
        } request = {.interface = below(r, 3)};

        if (family == AF_INET) {
                struct sockaddr_in *in = (struct sockaddr_in *) &request.group;

                in->sin_family = AF_INET;
                group4(r, w, (uint8_t *) &in->sin_addr);
                in = (struct sockaddr_in *) &request.source;
                in->sin_family = AF_INET;
                pick4(r, w, &in->sin_addr);
        } else {
                struct sockaddr_in6 *in = (struct sockaddr_in6 *) &request.group;

                in->sin6_family = AF_INET6;
                group6(r, w, (uint8_t *) &in->sin6_addr);
                in = (struct sockaddr_in6 *) &request.source;
                in->sin6_family = AF_INET6;
                pick6(r, w, &in->sin6_addr);
        }
        return put(value, &request, with_source ? sizeof(request) : offsetof(__typeof__(request), source));
}

/* Loose and strict source routes, record route, time stamps that name hosts, and what does not parse. */
static size_t make_options4(Rng *r, const Where *w, uint8_t *value) {
        static const uint8_t kinds[] = {0x83, 0x89, 7, 0x44, 0x94, 0x86};
        uint8_t hops = (uint8_t) (1 + below(r, 2)), kind = PICK(r, kinds), n = 0;

        if (chance(r, 20))
                return 0;
        for (uint32_t nops = below(r, 3); nops; nops--)
                value[n++] = 1;
        value[n++] = kind;
        value[n++] = (uint8_t) (3 + 4 * hops + (kind == 0x44));
        value[n++] = (uint8_t) (4 + (kind == 0x44));
        if (kind == 0x44)
                value[n++] = 3; /* prespecified */
        for (int i = 0; i < hops; i++, n = (uint8_t) (n + 4))
                pick4(r, w, value + n);
        while (n % 4)
                value[n++] = 0;
        return n;
}

static size_t make_routing6(Rng *r, const Where *w, uint8_t *value) {
        static const uint8_t types[] = {4, 4, 2, 0, 3};
        uint8_t n = (uint8_t) (1 + below(r, 2));

        if (chance(r, 20))
                return 0;
        memset(value, 0, 8);
        value[1] = (uint8_t) (2 * n);
        value[2] = PICK(r, types);
        value[3] = value[4] = (uint8_t) (n - below(r, 2));
        if (value[2] == 4 && value[4])
                value[4]--;
        for (uint8_t i = 0; i < n; i++)
                pick6(r, w, value + 8 + 16 * i);
        return 8 + (size_t) 16 * n;
}

static size_t make_extension6(Rng *r, const Where *w, uint8_t *value) {
        if (chance(r, 20))
                return 0;
        memset(value, 0, 24);
        value[1] = 2;
        value[2] = chance(r, 40) ? 0xc9 : chance(r, 50) ? 0x1e : (uint8_t) below(r, 64); /* home address (RFC 6275) */
        value[3] = 16;
        pick6(r, w, value + 4);
        value[20] = 1;
        value[21] = 2;
        return 24;
}

static size_t make_pktinfo6(Rng *r, const Where *w, uint8_t *value) {
        int interface = (int) below(r, 4);

        if (chance(r, 30))
                memset(value, 0, 16);
        else if (chance(r, 30)) {
                struct in6_addr own;

                addr_parse(CLIENT6, &own);
                memcpy(value, &own, 16);
        } else
                pick6(r, w, value);
        memcpy(value + 16, &interface, sizeof(interface));
        return 20;
}

static size_t make_ancillary6(Rng *r, const Where *w, uint8_t *value) {
        uint8_t data[VALUE_MAX / 2];
        size_t n = chance(r, 60) ? make_routing6(r, w, data) : make_pktinfo6(r, w, data);
        struct cmsghdr head = {.cmsg_len = CMSG_LEN(n), .cmsg_level = IPPROTO_IPV6, .cmsg_type = n == 20 ? 2 : 5};

        memset(value, 0, CMSG_SPACE(n));
        memcpy(value, &head, sizeof(head));
        memcpy(value + CMSG_LEN(0), data, n);
        return CMSG_SPACE(n);
}

static size_t make_flow_label(Rng *r, const Where *w, uint8_t *value) {
        memset(value, 0, 32);
        pick6(r, w, value); /* struct in6_flowlabel_req */
        value[17] = (uint8_t) below(r, 16);
        value[20] = (uint8_t) below(r, 3);
        value[21] = (uint8_t) below(r, 4);
        value[22] = 1;
        return 32;
}

static size_t make_bytes(Rng *r, uint8_t *value, size_t max) {
        size_t n = below(r, (uint32_t) max);

        for (size_t i = 0; i < n; i++)
                value[i] = chance(r, 40) ? 0 : (uint8_t) rng_next(r);
        return n;
}

static size_t make_filter(Rng *r, uint8_t *value) {
        static struct sock_filter pass[] = {{.code = BPF_RET | BPF_K, .k = 0xffff}};
        const struct sock_fprog program = {.len = 1, .filter = pass};

        (void) r;
        return put(value, &program, sizeof(program));
}

static size_t make_key(Rng *r, const Where *w, uint8_t *value) {
        Target t;
        struct sockaddr_storage sa;

        memset(value, 0, 216); /* struct tcp_md5sig: the address, then flags, prefix, length, interface, key */
        target_pick(r, w, AF_UNSPEC, &t);
        (void) target_sockaddr(r, &t, AF_INET6, &sa);
        memcpy(value, &sa, sizeof(sa));
        value[130] = 8;
        return 216;
}

/* What a kind of value is the same for all families. */
static size_t make_scalar(Rng *r, int kind, uint8_t *value) {
        static const int numbers[] = {0, 1, 2, 3, -1, 64, 255, 256, 1280, 1500, 65535, 0x7fffffff};
        static const int sizes[] = {0, 1, 8, 100, 500, 536, 1280, 1400, 4096, 65536, 1 << 20};
        static const char *const devices[] = {"eth0", "lo", "eth0", "", "eth1"};
        static const char *const ulps[] = {"tls", "mptcp", "espintcp", "smc", "x"};
        static const char *const congestion[] = {"reno", "cubic", "bbr", "dctcp", "cdg"};
        static const int encap[] = {0, 1, 2, 3, 4, 5, 6, 7};

        switch (kind) {
        case FLAG:
                return put_int(value, chance(r, 75));
        case SMALL:
                return put_int(value, (int) below(r, 16));
        case NUMBER:
                return put_int(value, PICK(r, numbers));
        case SIZE:
                return put_int(value, PICK(r, sizes));
        case INTERFACE:
                return put_int(value, (int) below(r, 4));
        case INTERFACE_BE:
                return put_int(value, (int) htonl(below(r, 4)));
        case DEVICE:
                return put_text(value, PICK(r, devices));
        case ULP:
                return put_text(value, PICK(r, ulps));
        case CONGESTION:
                return put_text(value, PICK(r, congestion));
        case ENCAP:
                return put_int(value, PICK(r, encap));
        case LINGER:
                return put(value, &(struct linger){.l_onoff = chance(r, 70), .l_linger = 0}, sizeof(struct linger));
        case TIME:
                return put(value, &(struct timeval){.tv_usec = 1000}, sizeof(struct timeval));
        default:
                return make_bytes(r, value, 64);
        }
}

static size_t make_value(Rng *r, const Where *w, const Option *o, uint8_t *value) {
        static const int interfaces[] = {0, 1, 2};
        int family = o->level == 0 ? AF_INET : AF_INET6;

        switch (o->kind) {
        case ADDR:
                pick6(r, w, value);
                return 16;
        case MEMBER4: /* struct ip_mreqn */
                group4(r, w, value);
                memset(value + 4, 0, 4);
                return 8 + put_int(value + 8, PICK(r, interfaces));
        case MEMBER4_SOURCE: /* struct ip_mreq_source */
                group4(r, w, value);
                memset(value + 4, 0, 4);
                pick4(r, w, value + 8);
                return 12;
        case MEMBER6:
                group6(r, w, value);
                return 16 + put_int(value + 16, PICK(r, interfaces));
        case GROUP:
        case GROUP_SOURCE:
                return make_group(r, w, family, o->kind == GROUP_SOURCE, value);
        case OPTIONS4:
                return make_options4(r, w, value);
        case ROUTING6:
                return make_routing6(r, w, value);
        case EXTENSION6:
                return make_extension6(r, w, value);
        case PKTINFO4:
                put_int(value, PICK(r, interfaces));
                pick4(r, w, value + 4);
                pick4(r, w, value + 8);
                return 12;
        case PKTINFO6:
                return make_pktinfo6(r, w, value);
        case ANCILLARY6:
                return make_ancillary6(r, w, value);
        case FLOW_LABEL:
                return make_flow_label(r, w, value);
        case FILTER:
                return make_filter(r, value);
        case KEY:
                return make_key(r, w, value);
        default:
                return make_scalar(r, o->kind, value);
        }
}

/* Options of the other family are only useful on IPv6 sockets, which have both. */
static bool fits(const Option *o, int family) {
        return !(family == AF_INET && (o->level == 41 || o->level == 58)) && !(family == AF_INET6 && o->level == 0);
}

static size_t pick_of(Rng *r, const Where *w, int family, const Option *list, size_t n, Option *ret, uint8_t *value) {
        do
                *ret = list[below(r, (uint32_t) n)];
        while (!fits(ret, family) && !chance(r, 10));
        return make_value(r, w, ret, value);
}

size_t option_pick(Rng *r, const Where *w, int family, Option *ret, void *ret_value) {
        return pick_of(r, w, family, table, sizeof(table) / sizeof(table[0]), ret, ret_value);
}

size_t ancillary_pick(Rng *r, const Where *w, int family, Option *ret, void *ret_value) {
        return pick_of(r, w, family, ancillary, sizeof(ancillary) / sizeof(ancillary[0]), ret, ret_value);
}

size_t option_pick_random(Rng *r, Option *ret, void *ret_value) {
        static const int levels[] = {0, 1, 6, 17, 41, 58, 132, 136, 255, 263, 270, 273, 275, 279, 282, 284, 286};

        *ret = (Option){
                .level = chance(r, 95) ? PICK(r, levels) : (int) rng_next(r),
                .name = chance(r, 95) ? (int) below(r, 128) : (int) rng_next(r),
                .kind = BYTES,
                .group = true, /* may be one */
        };
        return chance(r, 50) ? put_int(ret_value, (int) below(r, 4)) : make_bytes(r, ret_value, 160);
}
