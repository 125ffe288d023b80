/* SPDX-License-Identifier: Apache-2.0 */
#include "net/upstream-groups.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>


/* Groups with servers of the list are at most one each and two for the rest. What is left are servers that forwarders
 * address: a resolver that iterates addresses many. */
#define GROUPS_MAX 128U

typedef struct Group {
        UpstreamKey key;       /* 0: free */
        DnsServer asked;       /* by a forwarder; port 0: a group of the list */
        uint64_t used;         /* grows */
        DnsUpstream *upstream; /* NULL until there is a question */
} Group;

/* The low bits of a key. */
enum {
        KEY_CLIENTS = 1,    /* what clients get whose own resolver is unknown */
        KEY_FORWARDERS = 2, /* the same for forwarders */
        KEY_GROUP = 256,    /* + number of a group of the list */
        KEY_ASKED = 1024,   /* + consecutive number */
};

struct UpstreamGroups {
        sd_event *event; /* borrowed */
        DnsServer servers[DNS_SERVERS_MAX];
        size_t n_servers;
        uint64_t timeout_usec;
        uint32_t generation;
        uint32_t n_asked; /* keys given to servers that are not in the list */
        uint64_t n_used;
        DnsUpstreamHooks hooks;
        Group groups[GROUPS_MAX];
};

int upstream_groups_new(sd_event *event, const DnsServer *servers, size_t n_servers, uint64_t timeout_usec,
                        uint32_t generation, UpstreamGroups **ret) {
        assert(event && (servers || n_servers == 0) && ret);

        if (n_servers > DNS_SERVERS_MAX)
                return -EINVAL;
        UpstreamGroups *g = calloc(1, sizeof(*g));
        if (!g)
                return -ENOMEM;
        g->event = event;
        if (n_servers > 0)
                memcpy(g->servers, servers, n_servers * sizeof(*servers));
        g->n_servers = n_servers;
        g->timeout_usec = timeout_usec;
        g->generation = generation;
        *ret = g;
        return 0;
}

UpstreamGroups *upstream_groups_free(UpstreamGroups *g) {
        if (!g)
                return NULL;
        for (size_t i = 0; i < GROUPS_MAX; i++)
                dns_upstream_free(g->groups[i].upstream);
        free(g);
        return NULL;
}

void upstream_groups_set_hooks(UpstreamGroups *g, const DnsUpstreamHooks *hooks) {
        assert(g && hooks);

        g->hooks = *hooks;
}

static UpstreamKey make_key(const UpstreamGroups *g, uint32_t low) {
        return (uint64_t) g->generation << 32 | low;
}

static Group *group_by_key(UpstreamGroups *g, UpstreamKey key) {
        for (size_t i = 0; i < GROUPS_MAX; i++)
                if (g->groups[i].key == key)
                        return &g->groups[i];
        return NULL;
}

/* A free one, or the one that has been idle for longest. */
static Group *group_take(UpstreamGroups *g) {
        Group *found = NULL;

        for (size_t i = 0; i < GROUPS_MAX; i++) {
                Group *group = &g->groups[i];

                if (group->key == 0)
                        return group;
                if (group->asked.port == 0 || (group->upstream && !dns_upstream_is_idle(group->upstream)))
                        continue;
                if (!found || group->used < found->used)
                        found = group;
        }
        if (found)
                dns_upstream_free(found->upstream);
        return found;
}

static int find_asked(UpstreamGroups *g, const DnsServer *asked, UpstreamKey *ret) {
        for (size_t i = 0; i < GROUPS_MAX; i++) {
                const Group *group = &g->groups[i];

                if (dns_server_equal(&group->asked, asked)) {
                        *ret = group->key;
                        return 0;
                }
        }
        Group *group = group_take(g);
        if (!group)
                return -EBUSY;
        *group = (Group) {
                .key = make_key(g, KEY_ASKED + g->n_asked++), .asked = *asked, .used = g->n_used++,
        };
        *ret = group->key;
        return 0;
}

static UpstreamKey key_of(const UpstreamGroups *g, const DnsServer *server) {
        return make_key(g, server->group == 0 ? KEY_CLIENTS : KEY_GROUP + server->group);
}

/* 0: it is not in the list. */
static UpstreamKey find_listed(const UpstreamGroups *g, const DnsServer *asked, bool forwards, bool *ret_ambiguous) {
        UpstreamKey found = 0;

        *ret_ambiguous = false;
        for (size_t i = 0; i < g->n_servers; i++) {
                const DnsServer *server = &g->servers[i];

                if (!dns_server_is_asked(server, asked) || (forwards && server->flags & DNS_SERVER_NOT_FOR_FORWARDERS))
                        continue;
                if (found != 0 && key_of(g, server) != found)
                        *ret_ambiguous = true; /* on several links */
                if (found == 0)
                        found = key_of(g, server);
        }
        return found;
}

int upstream_groups_find(UpstreamGroups *g, const DnsServer *asked, bool forwards, UpstreamKey *ret) {
        bool ambiguous = false;

        assert(g && asked && ret);

        UpstreamKey found = asked->port != 0 ? find_listed(g, asked, forwards, &ambiguous) : 0;
        if (found != 0 && !ambiguous) {
                *ret = found;
                return 0;
        }
        if (forwards && asked->port != 0 && asked->zone == 0 && in_addr_is_link_local(&asked->addr))
                return -ENODEV;
        if (forwards && asked->port != 0)
                return find_asked(g, asked, ret);
        *ret = make_key(g, forwards ? KEY_FORWARDERS : KEY_CLIENTS);
        return 0;
}

static bool server_has_key(const UpstreamGroups *g, const DnsServer *server, UpstreamKey key) {
        uint32_t low = (uint32_t) key;

        if (key >> 32 != g->generation)
                return false;
        if (low == KEY_CLIENTS)
                return !(server->flags & DNS_SERVER_NOT_FOR_CLIENTS);
        if (low == KEY_FORWARDERS)
                return !(server->flags & DNS_SERVER_NOT_FOR_FORWARDERS);
        return low == (unsigned) KEY_GROUP + server->group;
}

bool upstream_groups_next(const UpstreamGroups *g, UpstreamKey key, size_t *i, UpstreamKey *ret) {
        assert(g && i && ret);

        if (key != make_key(g, KEY_CLIENTS))
                return false;
        while (*i < g->n_servers) {
                const DnsServer *server = &g->servers[(*i)++];

                if (server->group != 0) {
                        *ret = make_key(g, KEY_GROUP + server->group);
                        return true;
                }
        }
        return false;
}

bool upstream_groups_ask(const UpstreamGroups *g, const void *query, size_t size) {
        DnsRelay question;

        assert(g && query);

        if (dns_relay_read(query, size, &question) < 0)
                return false;
        for (size_t i = 0; i < GROUPS_MAX; i++) {
                const Group *group = &g->groups[i];

                if (group->upstream && dns_upstream_asks(group->upstream, &question))
                        return true;
        }
        return false;
}

static size_t servers_of(const UpstreamGroups *g, const Group *group, DnsServer ret[static DNS_UPSTREAM_SERVERS_MAX]) {
        size_t n = 0;

        if (group->asked.port != 0) {
                ret[0] = group->asked;
                return 1;
        }
        for (size_t i = 0; i < g->n_servers && n < DNS_UPSTREAM_SERVERS_MAX; i++)
                if (server_has_key(g, &g->servers[i], group->key))
                        ret[n++] = g->servers[i];
        return n;
}

bool upstream_groups_server(const UpstreamGroups *g, UpstreamKey key, DnsServer *ret) {
        DnsServer servers[DNS_UPSTREAM_SERVERS_MAX];
        Group group = { .key = make_key(g, (uint32_t) key) };

        assert(g && ret);

        for (size_t i = 0; i < GROUPS_MAX; i++)
                if (g->groups[i].key == group.key)
                        group.asked = g->groups[i].asked;
        if (servers_of(g, &group, servers) == 0)
                return false;
        *ret = servers[0];
        return true;
}

static int get_upstream(UpstreamGroups *g, UpstreamKey key, DnsUpstream **ret) {
        DnsServer servers[DNS_UPSTREAM_SERVERS_MAX];
        Group *group = group_by_key(g, key);

        if (!group && (uint32_t) key >= KEY_ASKED)
                return -ENOTCONN; /* its group was taken by another */
        if (!group) {
                group = group_take(g);
                if (!group)
                        return -EBUSY;
                *group = (Group) { .key = key };
        }
        group->used = g->n_used++;
        if (!group->upstream) {
                size_t n = servers_of(g, group, servers);
                if (n == 0) {
                        *group = (Group) {};
                        return -ENOTCONN;
                }
                int r = dns_upstream_new(g->event, servers, n, g->timeout_usec, &group->upstream);
                if (r < 0)
                        return r;
                dns_upstream_set_hooks(group->upstream, &g->hooks);
        }
        *ret = group->upstream;
        return 0;
}

int upstream_groups_query(UpstreamGroups *g, UpstreamKey key, const char *name, uint16_t type, dns_upstream_answer_fn fn,
                          void *userdata) {
        DnsUpstream *upstream;
        int r;

        assert(g);

        r = get_upstream(g, key, &upstream);
        return r < 0 ? r : dns_upstream_query(upstream, name, type, fn, userdata);
}

int upstream_groups_relay(UpstreamGroups *g, UpstreamKey key, const DnsRelay *relay, dns_upstream_relay_fn fn,
                          void *userdata) {
        DnsUpstream *upstream;
        int r;

        assert(g);

        r = get_upstream(g, key, &upstream);
        return r < 0 ? r : dns_upstream_relay(upstream, relay, fn, userdata);
}
