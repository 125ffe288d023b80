/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/assign.h"

#include <assert.h>
#include <string.h>
#include <syslog.h>

/* What the kernel's map says, kept so that listing the cgroups of every scope reads the map once. */
typedef struct Subject {
        uint64_t cgroup_id;
        uint32_t chain;
} Subject;

struct Assign {
        const Context *context; /* all borrowed */
        const Policies *policies;
        const Jobs *jobs;
        const Grants *grants;
        Actors *actors;
        const Follow *follow;
        Subject *subjects; /* owned; in the order of actors_for_each() */
        size_t n_subjects; /* 0 after each change */
};

int assign_new(const Context *c, const Policies *policies, const Jobs *jobs, const Grants *grants, Actors *actors,
               const Follow *follow, Assign **ret) {
        Assign *a = calloc(1, sizeof(*a));

        assert(c && policies && jobs && grants && actors && follow);
        assert(ret);

        if (!a)
                return -ENOMEM;
        *a = (Assign) {
                .context = c, .policies = policies, .jobs = jobs, .grants = grants, .actors = actors, .follow = follow,
        };
        *ret = a;
        return 0;
}

Assign *assign_free(Assign *a) {
        if (a)
                free(a->subjects);
        free(a);
        return NULL;
}

/* ------------------------------------------------------------------ which layers */

static size_t layers_of(const Assign *a, const char *path, const Job *job, PolicyLayer ret[static POLICY_LAYERS_MAX]) {
        const PolicyActor actor = {
                .cgroup = path,
                .job = job ? job->id : 0,
                .labels = job ? (const char *const *) job->labels : NULL,
                .n_labels = job ? job->n_labels : 0,
        };

        return policy_set_layers(policies_set(a->policies), grants_table(a->grants), &actor, ret);
}

static Layer *layer_of(const Assign *a, const PolicyLayer *layer, const Job *job) {
        return layer->document ? policies_layer(a->policies, layer->document) : grants_layer(a->grants, job->id);
}

/* uid: of a process there; 0: of any. */
static uint32_t chain_of(const Assign *a, const char *path, uint32_t uid) {
        const char *own = actors_own_path(a->actors);
        uint32_t chain = ENGINE_CHAIN_UNASSIGNED;
        PolicyLayer layers[POLICY_LAYERS_MAX];
        Layer *used[POLICY_LAYERS_MAX];
        const Job *job;
        size_t n, n_used = 0;

        if (own && strcmp(path, own) == 0)
                return ENGINE_CHAIN_SELF;
        job = jobs_of_cgroup(a->jobs, path);
        n = layers_of(a, path, job, layers);
        for (size_t i = 0; i < n; i++) {
                used[n_used] = layer_of(a, &layers[i], job);
                n_used += used[n_used] != NULL;
        }
        if (layer_chain(used, n_used, &chain) < 0)
                return ENGINE_CHAIN_UNASSIGNED; /* it stays denied */
        return follow_chain(a->follow, path, uid, chain);
}

const Document *assign_restriction(const Assign *a, const Job *job) {
        PolicyLayer layers[POLICY_LAYERS_MAX];
        size_t n;

        assert(a);
        assert(job);

        n = layers_of(a, job->cgroup, job, layers);
        for (size_t i = 0; i < n; i++)
                if (layers[i].kind == LAYER_RESTRICT)
                        return layers[i].document;
        return NULL;
}

bool assign_judges(const Assign *a, const char *path, const char *layer) {
        PolicyLayer layers[POLICY_LAYERS_MAX];
        const Job *job;
        size_t n;

        assert(a);
        assert(path);
        assert(layer);

        job = jobs_of_cgroup(a->jobs, path);
        n = layers_of(a, path, job, layers);
        for (size_t i = 0; i < n; i++) {
                const Layer *l = layer_of(a, &layers[i], job);
                if (l && strcmp(l->name, layer) == 0)
                        return l->index != 0 || follow_chain(a->follow, path, 0, 0) == 0;
        }
        return follow_judges(a->follow, path, layer);
}

bool assign_is_judged(const Assign *a, const Job *job) {
        PolicyLayer layers[POLICY_LAYERS_MAX];
        size_t n;

        assert(a);
        assert(job);

        n = layers_of(a, job->cgroup, job, layers);
        for (size_t i = 0; i < n; i++)
                if (layers[i].document && layers[i].document->origin != DOCUMENT_NONE)
                        return true;
        return false;
}

/* ------------------------------------------------------------------ the kernel */

/* Every cgroup has an entry, so that events and queries carry the actor. If some document is for units, a cgroup in
 * a slice must be known before it may send: until then the kernel drops its packets. */
int assign_actor(Assign *a, const char *path, uint64_t id, bool is_slice) {
        uint32_t chain, number;
        unsigned flags = 0;
        int r;

        assert(a);
        assert(path);

        if (is_slice && policy_set_matches_units(policies_set(a->policies)))
                flags |= ENGINE_SUBJECT_SLICE;
        if (actors_path_forwards(a->actors, path))
                flags |= ENGINE_SUBJECT_FORWARDER;
        if (actors_path_configures_network(path))
                flags |= ENGINE_SUBJECT_NETWORK;
        if (match_is_container(path))
                flags |= ENGINE_SUBJECT_CONTAINER;
        engine_get_subject(a->context->engine, id, &chain, &number);
        number = actors_number(a->actors, id, number);
        a->n_subjects = 0;
        r = engine_set_subject(a->context->engine, id, chain_of(a, path, 0), number, flags);
        if (r < 0)
                log_message(a->context->log, LOG_ERR,
                            "cannot assign %s to its policy (%s): the one before still judges it, or it is blocked; "
                            "a reload tries again",
                            path, r == -ENOSPC ? "the subject map is full" : strerror(-r));
        return r;
}

static void note_subject(Assign *a, size_t i, const Subject *subject) {
        if (i == a->n_subjects && (i & (i + 1)) == 0) { /* at 0, 1, 3, 7, …: room for as many again, and one more */
                Subject *more = reallocarray(a->subjects, 2 * i + 1, sizeof(*more));

                if (!more)
                        return;
                a->subjects = more;
        }
        if (i > a->n_subjects)
                return;
        a->subjects[i] = *subject;
        a->n_subjects = MAX(a->n_subjects, i + 1);
}

typedef struct SubjectVisitor {
        Assign *assign;
        const Layer *layer;
        size_t i;
        void (*fn)(const char *path, void *userdata);
        void *userdata;
} SubjectVisitor;

static void visit_subject(const char *path, uint64_t id, _unused_ bool is_slice, void *userdata) {
        SubjectVisitor *v = userdata;
        Assign *a = v->assign;
        Subject s = { .cgroup_id = id };
        size_t i = v->i++;
        uint32_t actor;

        if (i < a->n_subjects && a->subjects[i].cgroup_id == id)
                s = a->subjects[i];
        else {
                engine_get_subject(a->context->engine, id, &s.chain, &actor);
                note_subject(a, i, &s);
        }
        if (engine_chain_has(s.chain, v->layer))
                v->fn(path, v->userdata);
}

void assign_for_each_in(Assign *a, const Layer *layer, void (*fn)(const char *path, void *userdata), void *userdata) {
        SubjectVisitor v = { .assign = a, .layer = layer, .fn = fn, .userdata = userdata };

        assert(a);
        assert(layer);
        assert(fn);

        actors_for_each(a->actors, visit_subject, &v);
}

/* The new layer of a job copies what the layer of its unit has learnt: connections continue if both allow the name. */
static void fill_restriction(Assign *a, const Job *job) {
        PolicyLayer layers[POLICY_LAYERS_MAX];
        Layer *base = NULL, *restriction = NULL;
        size_t n = layers_of(a, job->cgroup, job, layers);

        for (size_t i = 0; i < n; i++) {
                if (layers[i].kind == LAYER_BASE)
                        base = policies_layer(a->policies, layers[i].document);
                else if (layers[i].kind == LAYER_RESTRICT)
                        restriction = policies_layer(a->policies, layers[i].document);
        }
        if (base && restriction)
                engine_copy_leases(a->context->engine, base, restriction);
}

static void reassign(const char *path, uint64_t id, bool is_slice, void *userdata) {
        (void) assign_actor(userdata, path, id, is_slice);
}

void assign_all(Assign *a) {
        const JobTable *jobs;

        assert(a);

        jobs = jobs_table(a->jobs);
        for (size_t i = 0; i < jobs->n; i++) {
                const Document *d = assign_restriction(a, jobs->jobs[i]);
                const Layer *layer = d ? policies_layer(a->policies, d) : NULL;
                if (layer && lease_table_n(layer->leases) == 0)
                        fill_restriction(a, jobs->jobs[i]);
        }
        actors_for_each(a->actors, reassign, a);
        actors_for_each_released(a->actors, reassign, a);
}

int assign_new_job(Assign *a, const Job *job) {
        assert(a);
        assert(job);

        fill_restriction(a, job);
        return assign_job(a, job);
}

typedef struct PathVisitor {
        Assign *assign;
        const char *path;
} PathVisitor;

static void reassign_path(const char *path, uint64_t id, bool is_slice, void *userdata) {
        const PathVisitor *v = userdata;

        if (strcmp(path, v->path) == 0)
                (void) assign_actor(v->assign, path, id, is_slice);
}

int assign_job(Assign *a, const Job *job) {
        PathVisitor v = { .assign = a, .path = job->cgroup };
        uint64_t id;
        int r;

        assert(a);
        assert(job);

        actors_for_each_released(a->actors, reassign_path, &v); /* released units may still send */
        r = actors_find(a->actors, job->cgroup, &id);
        return r < 0 ? -ENXIO : assign_actor(a, job->cgroup, id, false);
}

/* ------------------------------------------------------------------ the proxy */

/* For a query from before the hooks were attached. */
static uint64_t cgroup_of_peer(Assign *a, const DnsPeer *peer) {
        uint64_t id;

        return actors_may_look_up(a->actors) && engine_find_peer(a->context->engine, peer, &id) >= 0 ? id : 0;
}

/* Actors need not be distinguished: the host's layer judges all of them. */
static bool has_one_chain(const Assign *a) {
        const PolicySet *set = policies_set(a->policies);

        return !policy_set_matches_units(set) && !(policy_set_matches_jobs(set) && jobs_table(a->jobs)->n > 0) &&
               grants_table(a->grants)->n == 0;
}

bool assign_client(const EngineClient *client, uint32_t *chain, void *userdata) {
        Assign *a = userdata;
        uint64_t cgroup;

        assert(client);
        assert(chain);
        assert(a);

        cgroup = client->cgroup_id ?: cgroup_of_peer(a, client->peer);
        if (*chain == ENGINE_CHAIN_UNASSIGNED && cgroup != 0) {
                const IdentityFacts facts = { .actor = client->actor, .cgroup_id = cgroup, .pid = client->pid };
                const char *path = actors_path_of(a->actors, &facts);
                if (path)
                        *chain = chain_of(a, path, client->uid);
        }
        if (*chain == ENGINE_CHAIN_UNASSIGNED && has_one_chain(a)) {
                Layer *host = engine_layer(a->context->engine, 0);
                (void) layer_chain(&host, 1, chain);
        }
        return actors_forwards(a->actors, cgroup);
}
