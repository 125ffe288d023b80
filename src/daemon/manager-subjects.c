/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>
#include <syslog.h>

#include "daemon/manager-internal.h"
#include "basic/clock.h"
#include "host/cgroup.h"
#include "host/existing-sockets.h"

#define EXISTING_TOLD_MAX 256 /* events about connections that were there before us */

/* ------------------------------------------------------------------ which scope */

static bool has_matches(const Manager *m) {
        for (size_t i = 0; i < m->documents.n; i++)
                if (m->documents.items[i].match.n > 0)
                        return true;
        return false;
}

Layer *manager_scope_of_path(const Manager *m, const char *path) {
        const MatchList *lists[POLICY_DIR_MAX + 1];
        Layer *scope;
        int i;

        for (size_t k = 0; k < m->documents.n; k++)
                lists[k] = &m->documents.items[k].match;
        i = match_documents(lists, m->documents.n, path);
        scope = i < 0 ? NULL : engine_find_layer(m->engine, m->documents.items[i].name);
        return scope ?: engine_layer(m->engine, 0);
}

static uint32_t chain_of_path(const Manager *m, const char *path) {
        const Job *job = job_table_of_cgroup(&m->jobs, path);
        Layer *layers[] = {
                manager_scope_of_path(m, path),
                job ? manager_scope_of_job(m, job) : NULL,
                job ? manager_grants_of_job(m, job) : NULL,
        };
        uint32_t chain = ENGINE_CHAIN_UNASSIGNED;
        size_t n = 0;

        if (m->own_path && strcmp(path, m->own_path) == 0)
                return ENGINE_CHAIN_SELF;
        for (size_t i = 0; i < ELEMENTSOF(layers); i++)
                if (layers[i])
                        layers[n++] = layers[i];
        (void) engine_chain_get(m->engine, layers, n, &chain);
        return chain;
}

static bool is_forwarder(const Manager *m, const char *path) {
        char unit[CGROUP_UNIT_MAX];

        (void) cgroup_path_unit(path, unit);
        for (size_t i = 0; i < m->config.n_forwarders; i++)
                if (strcmp(m->config.forwarders[i], unit) == 0)
                        return true;
        return false;
}

static void note_forwarder(Manager *m, const char *path, uint64_t id, bool added) {
        for (size_t i = 0; i < m->n_forwarders; i++)
                if (m->forwarders[i] == id)
                        m->forwarders[i--] = m->forwarders[--m->n_forwarders];
        if (added && m->n_forwarders < FORWARDER_CGROUPS_MAX && is_forwarder(m, path))
                m->forwarders[m->n_forwarders++] = id;
}

/* Every cgroup has an entry, so that events and queries carry who acts. Where some document is for units, what lives in a
 * slice must be known before it may send: until then its packets wait in the kernel. */
int manager_assign(Manager *m, const char *path, uint64_t id, bool is_slice) {
        unsigned flags = (is_slice && has_matches(m) ? ENGINE_SUBJECT_SLICE : 0) |
                         (is_forwarder(m, path) ? ENGINE_SUBJECT_FORWARDER : 0);
        uint32_t chain, actor;
        int r;

        engine_get_subject(m->engine, id, &chain, &actor);
        r = engine_set_subject(m->engine, id, chain_of_path(m, path), identity_actor(m->identity, id, actor), flags);
        if (r < 0)
                log_message(m->log, LOG_ERR, "subject map full, cannot assign %s (%s); its traffic stays blocked", path,
                            strerror(-r));
        return r;
}

static void on_appeared(const char *path, uint64_t id, bool is_slice, void *userdata) {
        Manager *m = userdata;

        note_forwarder(m, path, id, true);
        (void) manager_assign(m, path, id, is_slice);
}

static void on_gone(const char *path, uint64_t id, _unused_ bool is_slice, void *userdata) {
        Manager *m = userdata;

        note_forwarder(m, path, id, false);
        manager_end_jobs_of(m, path);
}

static void on_forgotten(_unused_ const char *path, uint64_t id, _unused_ bool is_slice, void *userdata) {
        (void) engine_remove_subject(((Manager *) userdata)->engine, id);
}

/* What is below cannot be followed: it belongs to the nearest that can. */
static void on_fault(const char *path, int error, void *userdata) {
        Manager *m = userdata;
        uint64_t id;

        log_message(m->log, LOG_WARNING, "the cgroups below %s cannot be followed (%s): they get its policy", path,
                    strerror(-error));
        if (identity_find(m->identity, path, &id) >= 0)
                (void) manager_assign(m, path, id, false);
}

static void reassign(const char *path, uint64_t id, bool is_slice, void *userdata) {
        (void) manager_assign(userdata, path, id, is_slice);
}

int manager_reassign(_unused_ Engine *e, void *userdata) {
        Manager *m = userdata;

        manager_fill_job_scopes(m);
        manager_write_scopes(m); /* their ids are in force now, and a successor must not use them for anything else */
        if (m->identity) {
                identity_for_each(m->identity, reassign, m);
                identity_for_each_released(m->identity, reassign, m);
        }
        return 0;
}

/* ------------------------------------------------------------------ start */

/* Only a unit of our own may have a scope that reaches nothing: a shell we were started from is not ours. */
static int find_own_unit(Manager *m) {
        _cleanup_free_ char *path = NULL;
        char unit[CGROUP_UNIT_MAX];
        size_t n;

        if (!getenv("INVOCATION_ID") || cgroup_path_of_pid(getpid(), m->cgroup_path, &path) < 0)
                return 0;
        n = strlen(cgroup_path_unit(path, unit));
        if (n > strlen(".service") && strcmp(unit + n - strlen(".service"), ".service") == 0)
                m->own_path = TAKE_PTR(path);
        return 0;
}

int manager_open_cgroups(Manager *m, const char **ret_what) {
        int r = cgroup_root_open(&m->cgroup_fd, &m->cgroup_id, &m->cgroup_path, ret_what);

        return r < 0 ? r : find_own_unit(m);
}

int manager_start_subjects(Manager *m) {
        const IdentityObserver observer = {
                .appeared = on_appeared, .gone = on_gone, .forgotten = on_forgotten, .fault = on_fault, .userdata = m,
        };
        int r = identity_new(&observer, &m->identity);

        return r < 0 ? r : identity_follow(m->identity, m->event, m->cgroup_fd, m->cgroup_path);
}

/* ------------------------------------------------------------------ attribution */

/* A query from before the hooks were there: its socket tells the cgroup it was made in. */
static uint64_t cgroup_of_peer(Manager *m, const DnsPeer *peer) {
        uint16_t port4, port6;
        ExistingSocket s;
        InAddr proxy;

        if (!m->identity || !identity_may_look_up(m->identity))
                return 0;
        dns_proxy_address(engine_proxy(m->engine), &proxy, &port4, &port6);
        if (!in_addr_is_v4(&peer->addr))
                proxy = (InAddr) { .b = { [15] = 1 } };
        if (existing_socket_find(peer->is_tcp ? IPPROTO_TCP : IPPROTO_UDP, &peer->addr, peer->port, &proxy,
                                 in_addr_is_v4(&peer->addr) ? port4 : port6, &s) < 0)
                return 0;
        return s.cgroup_id;
}

bool manager_attribute(const EngineClient *client, uint32_t *chain, void *userdata) {
        Manager *m = userdata;
        uint64_t cgroup = client->cgroup_id ?: cgroup_of_peer(m, client->peer);

        if (*chain == ENGINE_CHAIN_UNASSIGNED && cgroup != 0 && m->identity) {
                const IdentityFacts facts = { .actor = client->actor, .cgroup_id = cgroup, .pid = client->pid };
                const char *path = identity_path_of(m->identity, &facts);
                if (path)
                        *chain = chain_of_path(m, path);
        }
        if (*chain == ENGINE_CHAIN_UNASSIGNED && !has_matches(m) && !(manager_has_job_documents(m) && m->jobs.n > 0)) {
                Layer *host = engine_layer(m->engine, 0); /* there is no other */
                (void) engine_chain_get(m->engine, &host, 1, chain);
        }
        for (size_t i = 0; i < m->n_forwarders; i++)
                if (m->forwarders[i] == cgroup)
                        return true;
        return false;
}

/* ------------------------------------------------------------------ connections older than we are */

typedef struct Keeper {
        Manager *manager;
        unsigned n_told;
        int r;
} Keeper;

static void keep(const ExistingSocket *s, void *userdata) {
        Keeper *k = userdata;
        Manager *m = k->manager;
        _cleanup_free_ char *copy = NULL;
        Event e = {
                .type = EVENT_EXISTING_CONNECTION,
                .rule = RULE_NONE,
                .has_src = true, .src = s->local, .src_port = s->local_port,
                .has_dst = true, .dst = s->remote, .dst_port = s->remote_port,
                .protocol = IPPROTO_TCP,
                .uid = s->uid,
                .cgroup_id = s->cgroup_id,
        };
        int r = 0;

        if (s->remote_port == 53)
                return; /* to a resolver that is not the proxy */
        r = engine_keep_flow(m->engine, s->cookie, &s->remote, s->remote_port);

        if (r < 0 && r != -EEXIST)
                k->r = r;
        if (s->accepted || k->n_told++ >= EXISTING_TOLD_MAX)
                return;
        e.mode = engine_layer(m->engine, 0)->mode;
        manager_tell(m, &e);
}

/* Before the hooks are there, so that none of them is cut. */
int manager_keep_connections(Manager *m) {
        Keeper k = { .manager = m };
        int r = existing_sockets_list(EXISTING_SOCKETS_MAX, keep, &k);

        return r < 0 ? r : k.r;
}
