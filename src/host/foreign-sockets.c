/* SPDX-License-Identifier: Apache-2.0 */
#include "host/foreign-sockets.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "basic/macro.h"

#define AT_PORT_MAX 65536
#define UNPRIVILEGED_PORT_START "/proc/sys/net/ipv4/ip_unprivileged_port_start"

uint16_t unprivileged_port_start(void) {
        _cleanup_close_ int fd = open(UNPRIVILEGED_PORT_START, O_RDONLY | O_CLOEXEC);
        char text[16];
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

        if (n <= 0)
                return 0; /* unknown: assume that every port is open to all users */
        text[n] = '\0';
        return (uint16_t) MIN(strtoul(text, NULL, 10), (unsigned long) UINT16_MAX);
}

static bool covers(const ExistingSocket *s, const InAddr *addr) {
        static const InAddr any_v4 = { .b = { [10] = 0xff, [11] = 0xff } }, any_v6 = {};

        if (in_addr_equal(&s->local, &any_v6))
                return !in_addr_is_v4(addr) || !s->v6_only;
        return in_addr_equal(&s->local, &any_v4) && in_addr_is_v4(addr);
}

bool foreign_socket_shares(const DnsEndpoint *own, const ExistingSocket *s, bool users_may_bind) {
        assert(own && s);

        if (s->local_port != own->port)
                return false;
        if (in_addr_equal(&s->local, &own->addr))
                return true;
        return users_may_bind && s->uid != 0 && covers(s, &own->addr);
}

typedef struct Search {
        const DnsEndpoint *own;
        size_t n_own;
        uint8_t protocol;
        uint16_t user_ports; /* the first port open to every user */
        foreign_socket_fn fn;
        void *userdata;
} Search;

static void foreign_on_socket(const ExistingSocket *s, void *userdata) {
        const Search *l = userdata;
        const DnsEndpoint *shared = NULL;

        for (size_t i = 0; i < l->n_own; i++) {
                const DnsEndpoint *own = &l->own[i];

                if (own->cookie != 0 && own->cookie == s->cookie)
                        return;
                if (own->protocol == l->protocol && foreign_socket_shares(own, s, own->port >= l->user_ports))
                        shared = own;
        }
        if (shared)
                l->fn(shared, s, l->userdata);
}

/* Was the port of this one already examined with an earlier one? */
static bool is_repeated(const DnsEndpoint *own, size_t i) {
        for (size_t k = 0; k < i; k++)
                if (own[k].protocol == own[i].protocol && own[k].port == own[i].port)
                        return true;
        return false;
}

int foreign_sockets_list(const DnsEndpoint *own, size_t n_own, foreign_socket_fn fn, void *userdata) {
        Search l = { .own = own, .n_own = n_own, .user_ports = unprivileged_port_start(), .fn = fn, .userdata = userdata };

        assert(own || n_own == 0);
        assert(fn);

        for (size_t i = 0; i < n_own; i++) {
                if (is_repeated(own, i))
                        continue;
                l.protocol = own[i].protocol;
                int r = existing_sockets_at_port(own[i].protocol, own[i].port, AT_PORT_MAX, foreign_on_socket, &l);
                if (r < 0)
                        return r;
        }
        return 0;
}
