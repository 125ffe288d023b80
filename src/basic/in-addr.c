/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/in-addr.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"

/* ::ffff:0:0/96 (RFC 4291 2.5.5.2) */
static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

#define V4_OFFSET sizeof(mapped_prefix)
#define V4_BITS (8 * V4_OFFSET)

bool in_addr_is_v4(const InAddr *a) {
        assert(a);

        return memcmp(a->b, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

bool in_addr_equal(const InAddr *a, const InAddr *b) {
        assert(a);
        assert(b);

        return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool in_addr_is_loopback(const InAddr *a) {
        static const InAddr v6 = { .b = { [15] = 1 } };

        assert(a);

        return in_addr_is_v4(a) ? a->b[V4_OFFSET] == 127 : in_addr_equal(a, &v6);
}

bool in_addr_is_link_local(const InAddr *a) {
        assert(a);

        return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

void in_addr_from_v4(const uint8_t v4[static 4], InAddr *ret) {
        assert(ret);

        memcpy(ret->b, mapped_prefix, sizeof(mapped_prefix));
        memcpy(ret->b + V4_OFFSET, v4, 4);
}

void in_addr_from_v6(const uint8_t v6[static 16], InAddr *ret) {
        assert(ret);

        memcpy(ret->b, v6, sizeof(ret->b));
}

int in_addr_parse(const char *s, InAddr *ret) {
        uint8_t v4[4], v6[16];

        assert(s);
        assert(ret);

        if (inet_pton(AF_INET, s, v4) == 1)
                in_addr_from_v4(v4, ret);
        else if (inet_pton(AF_INET6, s, v6) == 1)
                in_addr_from_v6(v6, ret);
        else
                return -EINVAL;
        return 0;
}

const char *in_addr_format(const InAddr *a, char buf[static IN_ADDR_TEXT_MAX]) {
        assert(a);

        const char *s = in_addr_is_v4(a) ? inet_ntop(AF_INET, a->b + V4_OFFSET, buf, IN_ADDR_TEXT_MAX)
                                         : inet_ntop(AF_INET6, a->b, buf, IN_ADDR_TEXT_MAX);
        assert(s); /* cannot fail: family and size are valid */
        return buf;
}

/* Decimal, at most three digits, no leading zero. */
static int parse_length(const char *s, unsigned max, unsigned *ret) {
        unsigned value = 0;
        size_t n = strspn(s, "0123456789");

        if (n == 0 || n > 3 || s[n] != '\0' || (n > 1 && s[0] == '0'))
                return -EINVAL;
        for (size_t i = 0; i < n; i++)
                value = value * 10 + (unsigned) (s[i] - '0');
        if (value > max)
                return -EINVAL;

        *ret = value;
        return 0;
}

static void clear_host_bits(InAddr *a, unsigned length) {
        unsigned n = length / 8;

        if (length % 8 > 0)
                a->b[n++] &= (uint8_t) (0xff00U >> length % 8);
        memset(a->b + n, 0, sizeof(a->b) - n);
}

int in_prefix_parse(const char *s, InPrefix *ret) {
        char text[IN_ADDR_TEXT_MAX];
        InPrefix p = { .length = 128 };
        unsigned length;
        int r;

        assert(s);
        assert(ret);

        size_t n = strcspn(s, "/");
        if (n >= sizeof(text))
                return -EINVAL;
        memcpy(text, s, n);
        text[n] = '\0';

        r = in_addr_parse(text, &p.addr);
        if (r < 0)
                return r;

        if (s[n] == '/') {
                bool dotted = !strchr(text, ':');

                r = parse_length(s + n + 1, dotted ? 32 : 128, &length);
                if (r < 0)
                        return r;
                if (dotted)
                        length += V4_BITS;
                /* A length shorter than the IPv4-mapped prefix would belong to neither family. */
                if (in_addr_is_v4(&p.addr) && length < V4_BITS)
                        return -EINVAL;
                p.length = (uint8_t) length;
        }
        clear_host_bits(&p.addr, p.length);
        *ret = p;
        return 0;
}

const char *in_prefix_format(const InPrefix *p, char buf[static IN_PREFIX_TEXT_MAX]) {
        char text[IN_ADDR_TEXT_MAX];

        assert(p);

        (void) snprintf(buf, IN_PREFIX_TEXT_MAX, "%s/%u", in_addr_format(&p->addr, text),
                        in_prefix_is_v4(p) ? p->length - (unsigned) V4_BITS : p->length);
        return buf;
}

bool in_prefix_is_v4(const InPrefix *p) {
        assert(p);

        return p->length >= V4_BITS && in_addr_is_v4(&p->addr);
}

bool in_prefix_contains(const InPrefix *p, const InAddr *a) {
        assert(p);
        assert(a);

        unsigned bytes = p->length / 8, bits = p->length % 8;

        if (in_prefix_is_v4(p) != in_addr_is_v4(a) || memcmp(p->addr.b, a->b, bytes) != 0)
                return false;
        return bits == 0 || ((p->addr.b[bytes] ^ a->b[bytes]) & (0xff00U >> bits) & 0xff) == 0;
}

int in_addr_from_sockaddr(const struct sockaddr *sa, InAddr *ret, uint16_t *ret_port) {
        assert(sa);
        assert(ret);
        assert(ret_port);

        if (sa->sa_family == AF_INET) {
                struct sockaddr_in in;
                uint8_t v4[4];

                memcpy(&in, sa, sizeof(in));
                memcpy(v4, &in.sin_addr, sizeof(v4));
                in_addr_from_v4(v4, ret);
                *ret_port = ntohs(in.sin_port);
                return 0;
        }
        if (sa->sa_family == AF_INET6) {
                struct sockaddr_in6 in6;

                memcpy(&in6, sa, sizeof(in6));
                in_addr_from_v6(in6.sin6_addr.s6_addr, ret);
                *ret_port = ntohs(in6.sin6_port);
                return 0;
        }
        return -EAFNOSUPPORT;
}

socklen_t in_addr_to_sockaddr(const InAddr *a, uint16_t port, struct sockaddr_storage *ret) {
        assert(a);
        assert(ret);

        memset(ret, 0, sizeof(*ret));
        if (in_addr_is_v4(a)) {
                struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };

                memcpy(&in.sin_addr, a->b + V4_OFFSET, sizeof(in.sin_addr));
                memcpy(ret, &in, sizeof(in));
                return sizeof(in);
        }

        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
        memcpy(&in6.sin6_addr, a->b, sizeof(in6.sin6_addr));
        memcpy(ret, &in6, sizeof(in6));
        return sizeof(in6);
}
