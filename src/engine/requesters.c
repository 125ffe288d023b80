/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/requesters.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <string.h>
#include <unistd.h>

#include "basic/clock.h"

#define LOOKS_PER_SEC 500

/* The kernel records the sender before it queues the datagram. So for datagrams that were read together, one look suffices:
 * a look-up of A and AAAA sends both from one socket. */
bool requesters_client(Requesters *r, const DnsPeer *peer, struct cw_dns_client *ret) {
        struct cw_dns_client_key key = {};

        assert(r);
        assert(peer);
        assert(ret);

        if (peer->batch != 0 && peer->batch == r->last_batch && peer->port == r->last_port &&
            in_addr_equal(&peer->addr, &r->last_addr)) {
                *ret = r->last_client;
                return true;
        }
        key.src_port = peer->port;
        key.protocol = peer->is_tcp ? IPPROTO_TCP : IPPROTO_UDP;
        memcpy(key.src.b, peer->addr.b, sizeof(key.src.b));
        if (r->dns_clients_fd < 0 || bpf_map_lookup_elem(r->dns_clients_fd, &key, ret) < 0)
                return false;
        r->last_batch = peer->batch;
        r->last_addr = peer->addr;
        r->last_port = peer->port;
        r->last_client = *ret;
        return true;
}

/* client: NULL if the kernel has no record of it. */
static void resolve_identity(const Requesters *r, const DnsPeer *peer, const struct cw_dns_client *client,
                             DnsRequester *ret) {
        const struct cw_process none = {};
        uint32_t chain = client ? client->chain : CW_CHAIN_UNASSIGNED;

        ret->forwards = client && client->flags & CW_SUBJECT_FORWARDER;
        if (r->on_client) {
                const struct cw_process *process = client ? &client->process : &none;
                const EngineClient c = { .peer = peer, .cgroup_id = process->cgroup_id, .pid = process->pid, .uid = process->uid,
                                         .actor = client ? client->actor : 0 };
                ret->forwards = r->on_client(&c, &chain, r->userdata) || ret->forwards;
        }
        ret->n_layers = layer_table_chain(r->layers, chain, ret->layers);
        ret->group = client ? client->actor : 0;
        ret->is_self = chain == ENGINE_CHAIN_SELF || (client && client->process.pid == (uint32_t) getpid());
        if (ret->is_self) {
                ret->layers[0] = r->layers->layers[0];
                ret->n_layers = 1;
        }
}

/* Limits process look-ups per second: in a flood of queries the same few clients ask again and again. */
static bool may_look(Requesters *r) {
        uint64_t sec = clock_nsec(CLOCK_BOOTTIME) / NSEC_PER_SEC;

        if (sec != r->looks_sec)
                r->n_looks_left = LOOKS_PER_SEC;
        r->looks_sec = sec;
        return r->n_looks_left > 0;
}

bool requesters_find(Requesters *r, const DnsPeer *peer, DnsRequester *ret, struct cw_dns_client *ret_client) {
        assert(r);
        assert(peer);
        assert(ret);
        assert(ret_client);

        if (r->layers->n == 0)
                return false;
        bool known = requesters_client(r, peer, ret_client);
        if (known) {
                ret->actor = ret_client->actor;
                ret->pid = ret_client->process.pid;
        }
        /* All clients of a command were seen by the kernel. On a machine, one that is older than the hooks was not; but
         * any cargowall takes port 53 for a query, which can only be meant for this one. */
        if (!known && (!r->many_layers || peer->server_port != DNS_SERVER_PORT)) {
                ret->is_stranger = true;
                return false;
        }
        ret->layers[0] = r->layers->layers[0];
        ret->n_layers = 1;
        if (r->many_layers)
                resolve_identity(r, peer, known ? ret_client : NULL, ret);
        if (known)
                dns_requester_set_asked(ret, ret_client->server.b, ret_client->server_port, ret_client->zone);
        if (!known || !may_look(r))
                return false;
        r->n_looks_left--;
        return true;
}
