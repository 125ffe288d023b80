/* SPDX-License-Identifier: Apache-2.0 */
#include "net/upstream-channel.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "basic/macro.h"
#include "dns/dns-message.h"

/* c-ares has had its own cache since 1.31; a maximum TTL of 0 turns it off. */
#ifdef ARES_OPT_QUERY_CACHE
#define OPT_QUERY_CACHE ARES_OPT_QUERY_CACHE
#else
#define OPT_QUERY_CACHE 0
#endif

/* Called between socket(2) and connect(2). */
static int channel_on_socket_made(ares_socket_t fd, int type _unused_, void *userdata) {
        const DnsUpstreamHooks *hooks = ((UpstreamChannel *) userdata)->hooks;

        if (hooks->on_socket)
                hooks->on_socket(fd, true, hooks->userdata);
        return ARES_SUCCESS;
}

/* If a socket cannot be watched, its queries time out. */
static void channel_on_socket_state(void *userdata, ares_socket_t fd, int readable, int writable) {
        UpstreamChannel *c = userdata;
        uint32_t events = (readable ? EPOLLIN : 0U) | (writable ? EPOLLOUT : 0U);
        UpstreamChannelSocket *found = NULL, *unused = NULL;

        if (events == 0 && c->hooks->on_socket)
                c->hooks->on_socket(fd, false, c->hooks->userdata);
        for (size_t i = 0; i < UPSTREAM_CHANNEL_SOCKETS; i++)
                if (!c->sockets[i].io)
                        unused = &c->sockets[i];
                else if (c->sockets[i].fd == fd)
                        found = &c->sockets[i];

        if (found && events == 0)
                found->io = sd_event_source_disable_unref(found->io);
        else if (found)
                (void) sd_event_source_set_io_events(found->io, events);
        else if (unused && events != 0 && sd_event_add_io(c->event, &unused->io, fd, events, c->on_socket, c) >= 0) {
                unused->fd = fd;
                (void) sd_event_source_set_description(unused->io, "dns-upstream-socket");
        }
}

/* Sets every option, so that resolv.conf, LOCALDOMAIN and RES_OPTIONS have no effect (newer versions still honour
 * "use-vc": TCP only); the placeholder server is replaced at once. Truncated answers and error rcodes are returned
 * to us (IGNTC, NOCHECKRESP). */
static int channel_init(UpstreamChannel *c, uint64_t try_usec) {
        char lookups[] = "b", resolv_conf[] = "/dev/null";
        struct in_addr placeholder = { .s_addr = htonl(INADDR_LOOPBACK) };
        struct ares_options options = {
                .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP | ARES_FLAG_IGNTC |
                         ARES_FLAG_EDNS | (c->rules.tcp ? ARES_FLAG_USEVC : ARES_FLAG_STAYOPEN),
                .timeout = (int) (try_usec / USEC_PER_MSEC),
                .tries = c->rules.tcp ? 1 : UPSTREAM_CHANNEL_TRIES,
                .ndots = 1,
                .udp_port = 53,
                .tcp_port = 53,
                .servers = &placeholder,
                .nservers = 1,
                .lookups = lookups,
                .sock_state_cb = channel_on_socket_state,
                .sock_state_cb_data = c,
                .ednspsz = DNS_UDP_MAX,
                .resolvconf_path = resolv_conf,
        };

        int status = ares_init_options(&c->ares, &options,
                                       ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
                                               ARES_OPT_UDP_PORT | ARES_OPT_TCP_PORT | ARES_OPT_SERVERS |
                                               ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB |
                                               ARES_OPT_SORTLIST | ARES_OPT_NOROTATE | ARES_OPT_EDNSPSZ |
                                               ARES_OPT_RESOLVCONF | OPT_QUERY_CACHE);
        if (status == ARES_SUCCESS) {
                ares_set_socket_configure_callback(c->ares, channel_on_socket_made, c);
                upstream_sockets_set(&c->rules, c->ares);
                return 0;
        }

        c->ares = NULL;
        return status == ARES_ENOMEM ? -ENOMEM : -EIO;
}

int upstream_channel_new(const UpstreamChannelOptions *o, UpstreamChannel **ret) {
        assert(o);
        assert(ret);

        _cleanup_(upstream_channel_freep) UpstreamChannel *c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        c->event = o->event;
        c->hooks = o->hooks;
        c->on_socket = o->on_socket;
        c->owner = o->owner;
        c->rules = (UpstreamSockets) { .guesses = o->guesses, .batch = o->batch, .owner = c,
                                       .is_local = o->hooks->is_local,
                                       .loopback_filter = o->hooks->loopback_filter, .tcp = o->tcp,
                                       .servers = o->servers, .n_servers = o->n_servers };
        int r = channel_init(c, o->try_usec);
        if (r >= 0)
                r = upstream_set_servers(c->ares, o->servers, o->n_servers, o->first);
        if (r >= 0)
                *ret = TAKE_PTR(c);
        return r;
}

UpstreamChannel *upstream_channel_free(UpstreamChannel *c) {
        if (!c)
                return NULL;
        if (c->ares)
                ares_destroy(c->ares);
        for (size_t i = 0; i < UPSTREAM_CHANNEL_SOCKETS; i++)
                sd_event_source_disable_unref(c->sockets[i].io);
        free(c);
        return NULL;
}
