/* SPDX-License-Identifier: Apache-2.0 */
#include "host/resolv-conf.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>

#include "basic/macro.h"
#include "host/read-file.h"

#define TEXT_MAX (64U * 1024)
#define BLANKS " \t"

/* The address of a "nameserver" line, which must start in the first column; false for all other lines. */
static bool line_parse(const char *line, size_t length, DnsServer *ret) {
        static const char keyword[] = "nameserver";
        char text[DNS_SERVER_TEXT_MAX];
        const char *p;
        size_t n;

        n = sizeof(keyword) - 1;
        if (length <= n || strncmp(line, keyword, n) != 0 || !strchr(BLANKS, line[n]))
                return false;
        p = line + n;
        p += strspn(p, BLANKS);
        n = strcspn(p, BLANKS "\r\n#;");
        if (n == 0 || n >= sizeof(text))
                return false;
        memcpy(text, p, n);
        text[n] = '\0';
        *ret = (DnsServer) { .port = DNS_SERVER_PORT };
        if (strpbrk(text, "%[")) /* a zone; brackets only with a port, which there is none of here */
                return text[0] != '[' && dns_server_parse(text, DNS_SERVER_PORT, ret) >= 0;
        return in_addr_parse(text, &ret->addr) >= 0;
}

static bool servers_have(const DnsServer *servers, size_t n, const DnsServer *server) {
        for (size_t i = 0; i < n; i++)
                if (in_addr_equal(&servers[i].addr, &server->addr) && servers[i].zone == server->zone)
                        return true;
        return false;
}

size_t resolv_conf_parse(const char *text, DnsServer *ret, size_t max) {
        size_t n = 0;

        assert(text && ret);

        for (const char *line = text; *line && n < max;) {
                size_t length = strcspn(line, "\n");
                DnsServer server;

                if (line_parse(line, length, &server) && !servers_have(ret, n, &server))
                        ret[n++] = server;
                line += length + (line[length] == '\n');
        }
        return n;
}

bool resolv_conf_is_stub(const InAddr *addr) {
        /* The full stub resolver, and the one that only forwards. */
        static const uint8_t stubs[][4] = { { 127, 0, 0, 53 }, { 127, 0, 0, 54 } };

        assert(addr);

        for (size_t i = 0; i < ELEMENTSOF(stubs); i++) {
                InAddr stub;

                in_addr_from_v4(stubs[i], &stub);
                if (in_addr_equal(addr, &stub))
                        return true;
        }
        return false;
}

static bool addr_is_local(const InAddr *addr) {
        static const InAddr v6_unspecified = {};
        static const uint8_t v4_unspecified[4] = {};

        if (in_addr_is_v4(addr))
                return in_addr_is_loopback(addr) || memcmp(addr->b + 12, v4_unspecified, sizeof(v4_unspecified)) == 0;
        return in_addr_equal(addr, &v6_unspecified) || in_addr_is_loopback(addr);
}

size_t resolv_conf_drop_local(DnsServer *servers, size_t n) {
        size_t kept = 0;

        assert(servers || n == 0);

        for (size_t i = 0; i < n; i++)
                if (!addr_is_local(&servers[i].addr))
                        servers[kept++] = servers[i];
        return kept;
}

int resolv_conf_read_file(const char *path, DnsServer *ret, size_t max, size_t *ret_n) {
        _cleanup_free_ char *text = NULL;
        size_t n;
        int r;

        assert(path && ret && ret_n);

        r = read_file_at(AT_FDCWD, path, TEXT_MAX, &text, NULL);
        if (r < 0)
                return r;
        n = resolv_conf_parse(text, ret, max);
        if (n == 0)
                return -ENOENT;
        *ret_n = n;
        return 0;
}
