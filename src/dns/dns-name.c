/* SPDX-License-Identifier: Apache-2.0 */

#include "dns/dns-name.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

bool dns_name_is_canonical(const char *name) {
        assert(name);

        size_t label = 0;
        const char *p = name;

        for (; *p; p++) {
                if (p - name >= DNS_NAME_MAX)
                        return false;
                if (*p == '.') {
                        if (label == 0)
                                return false;
                        label = 0;
                } else if (!dns_name_char_is_valid(*p) || ++label > DNS_LABEL_MAX)
                        return false;
        }
        return label > 0 || p == name;
}

bool dns_name_is_in_zone(const char *name, const char *zone) {
        size_t n = strlen(name), z = strlen(zone);

        return z == 0 || (n >= z && strcmp(name + n - z, zone) == 0 && (n == z || name[n - z - 1] == '.'));
}

/* Parses one octet in decimal, without sign or leading zeros. Returns the end of it, or NULL if there is none. */
static const char *parse_octet(const char *s, uint8_t *ret) {
        unsigned v = 0;
        const char *p = s;

        for (; *p >= '0' && *p <= '9'; p++) {
                v = v * 10 + (unsigned) (*p - '0');
                if (v > UINT8_MAX || (*s == '0' && p > s))
                        return NULL;
        }
        if (p == s)
                return NULL;
        *ret = (uint8_t) v;
        return p;
}

static int parse_in_addr_arpa(const char *name, InAddr *ret) {
        uint8_t v4[4];
        const char *p = name;

        for (size_t i = 4; i-- > 0;) {
                p = parse_octet(p, &v4[i]);
                if (!p || *p != '.')
                        return -EINVAL;
                p++;
        }
        if (strcasecmp(p, "in-addr.arpa") != 0)
                return -EINVAL;
        in_addr_from_v4(v4, ret);
        return 0;
}

static int hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -EINVAL;
}

static int parse_ip6_arpa(const char *name, InAddr *ret) {
        uint8_t v6[16];
        const char *p = name;

        for (size_t i = sizeof(v6); i-- > 0; p += 4) {
                int low = hex_digit(p[0]);
                if (low < 0 || p[1] != '.')
                        return -EINVAL;
                int high = hex_digit(p[2]);
                if (high < 0 || p[3] != '.')
                        return -EINVAL;
                v6[i] = (uint8_t) (high << 4 | low);
        }
        if (strcasecmp(p, "ip6.arpa") != 0)
                return -EINVAL;
        in_addr_from_v6(v6, ret);
        return 0;
}

int dns_reverse_name_to_addr(const char *name, InAddr *ret) {
        assert(name);
        assert(ret);

        if (parse_in_addr_arpa(name, ret) == 0)
                return 0;
        return parse_ip6_arpa(name, ret);
}
