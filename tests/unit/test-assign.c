/* SPDX-License-Identifier: Apache-2.0 */

/* Assignment and grants over an engine that only remembers: which chain each cgroup gets as documents, jobs, grants and
 * modes come and go. */

#include "daemon/assign.h"
#include "daemon/records.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define LAYERS_MAX 16
#define SUBJECTS_MAX 16
#define KNOWN_PORT 4000 /* of a socket in the cgroup 4 */

static Context context;
static PolicySet set;
static ModeTable set_modes = MODE_TABLE_EMPTY;
static JobTable table;
static Grants *grants;
static Assign *assign;

/* ------------------------------------------------------------------ in the place of the engine */

static Layer layers[LAYERS_MAX]; /* the index is the place; without a name it is free */
static struct {
        uint64_t id;
        uint32_t chain, actor, flags;
} subjects[SUBJECTS_MAX];
static size_t n_subjects;
static int set_layer_result, set_subject_result;
static unsigned n_copied, n_changed, n_looked_up;
static bool may_look_up, ids_are_reserved;
static char last_event[256];
static unsigned n_events;

static Layer *find_layer(const char *name) {
        for (size_t i = 0; i < LAYERS_MAX; i++)
                if (layers[i].name && strcmp(layers[i].name, name) == 0)
                        return &layers[i];
        return NULL;
}

static Layer *put_layer(const char *name, Policy *policy) {
        Layer *l = find_layer(name);

        for (uint32_t i = 0; !l && i < LAYERS_MAX; i++)
                if (!layers[i].name) {
                        layers[i].name = strdup(name);
                        layers[i].index = i;
                        l = &layers[i];
                }
        ck_assert_ptr_nonnull(l);
        policy_free(l->policy);
        l->policy = policy;
        return l;
}

static void free_layer(Layer *l) {
        policy_free(l->policy);
        free(l->name);
        *l = (Layer) {};
}

/* A successor after a crash must not give an id again that a flow carries. */
static void take_ids(void) {
        ck_assert(ids_are_reserved);
        ids_are_reserved = false;
}

Layer *engine_find_layer(_unused_ const Engine *e, const char *name) {
        return find_layer(name);
}

int engine_add_layer(_unused_ Engine *e, LayerSpec *spec, Layer **ret) {
        ck_assert_ptr_null(find_layer(spec->name));
        take_ids();
        if (set_layer_result < 0) {
                policy_free(spec->policy);
                return set_layer_result;
        }
        *ret = put_layer(spec->name, spec->policy);
        (*ret)->mode = spec->mode;
        return 0;
}

int engine_set_layer(_unused_ Engine *e, LayerSpec *spec) {
        take_ids();
        if (set_layer_result < 0) {
                policy_free(spec->policy);
                return set_layer_result;
        }
        put_layer(spec->name, spec->policy)->mode = spec->mode;
        return 0;
}

void engine_remove_layer(_unused_ Engine *e, const Layer *layer) {
        for (size_t i = 0; i < n_subjects; i++) /* nobody may answer to it any more */
                for (unsigned k = 1; k < CW_CHAIN_MAX; k++)
                        ck_assert_uint_ne(CW_CHAIN_LAYER(subjects[i].chain, k), layer->index);
        free_layer(&layers[layer->index]);
}

void layer_set_mode(Layer *layer, Mode mode) {
        layer->mode = mode;
}

void engine_copy_leases(_unused_ Engine *e, const Layer *from, Layer *to) {
        ck_assert_ptr_ne(from, to);
        n_copied++;
}

int engine_set_subject(_unused_ Engine *e, uint64_t id, uint32_t chain, uint32_t actor, unsigned flags) {
        size_t i = 0;

        if (set_subject_result < 0)
                return set_subject_result;
        while (i < n_subjects && subjects[i].id != id)
                i++;
        ck_assert_uint_lt(i, SUBJECTS_MAX);
        n_subjects = MAX(n_subjects, i + 1);
        subjects[i].id = id;
        subjects[i].chain = chain;
        subjects[i].actor = actor;
        subjects[i].flags = flags;
        return 0;
}

void engine_get_subject(_unused_ const Engine *e, uint64_t id, uint32_t *ret_chain, uint32_t *ret_actor) {
        n_looked_up++;
        *ret_chain = ENGINE_CHAIN_UNASSIGNED;
        *ret_actor = 0;
        for (size_t i = 0; i < n_subjects; i++)
                if (subjects[i].id == id) {
                        *ret_chain = subjects[i].chain;
                        *ret_actor = subjects[i].actor;
                }
}

int layer_chain(Layer *const *used, size_t n, uint32_t *ret) {
        uint32_t index[CW_CHAIN_MAX] = {};

        ck_assert_uint_ge(n, 1);
        ck_assert_uint_le(n, CW_CHAIN_MAX);
        for (size_t i = 0; i < n; i++)
                index[i] = used[i]->index;
        *ret = CW_CHAIN(index[0], index[1], index[2], index[3]);
        return 0;
}

bool engine_chain_has(uint32_t chain, const Layer *layer) {
        for (unsigned i = 0; chain != ENGINE_CHAIN_UNASSIGNED && i < CW_CHAIN_MAX; i++)
                if (CW_CHAIN_LAYER(chain, i) == layer->index && (i == 0 || layer->index != 0))
                        return true;
        return false;
}

Layer *engine_layer(_unused_ const Engine *e, size_t i) {
        return &layers[i];
}

static uint32_t chain_number(uint64_t id) {
        uint32_t chain, actor;

        engine_get_subject(NULL, id, &chain, &actor);
        return chain;
}

static uint32_t actor_number(uint64_t id) {
        uint32_t chain, actor;

        engine_get_subject(NULL, id, &chain, &actor);
        return actor;
}

int engine_find_peer(_unused_ const Engine *e, const DnsPeer *peer, uint64_t *ret_cgroup_id) {
        if (peer->port != KNOWN_PORT)
                return -ENOENT;
        *ret_cgroup_id = 4;
        return 0;
}

void context_emit_type(_unused_ const Context *c, EventType type, const char *layer, const char *detail) {
        ck_assert_int_eq(type, EVENT_POLICY_LOADED);
        ck_assert_ptr_nonnull(find_layer(layer)); /* its mode is the event's */
        (void) snprintf(last_event, sizeof(last_event), "%s: %s", layer, detail);
        n_events++;
}

void records_reserve_ids(_unused_ const Context *c) {
        ids_are_reserved = true;
}

void records_put_layers(_unused_ const Context *c) {
}

/* ------------------------------------------------------------------ in the place of the other parts */

static const struct {
        const char *path;
        uint64_t id;
        bool is_slice, is_gone;
} actors[] = {
        { "/", 1, true, false },
        { "/system.slice", 2, true, false },
        { "/system.slice/ssh.service", 3, false, false },
        { "/system.slice/runner.service", 4, false, false },
        { "/system.slice/cargowalld.service", 5, false, false },
        { "/system.slice/resolved.service", 6, false, false },
        { "/system.slice/runner.service", 7, false, true }, /* the one before */
};

const char *actors_own_path(_unused_ const Actors *a) {
        return "/system.slice/cargowalld.service";
}

int actors_find(_unused_ const Actors *a, const char *path, uint64_t *ret_id) {
        for (size_t i = 0; i < ELEMENTSOF(actors); i++)
                if (!actors[i].is_gone && strcmp(actors[i].path, path) == 0) {
                        *ret_id = actors[i].id;
                        return 0;
                }
        return -ENOENT;
}

void actors_for_each(_unused_ const Actors *a, identity_fn fn, void *userdata) {
        for (size_t i = 0; i < ELEMENTSOF(actors); i++)
                if (!actors[i].is_gone)
                        fn(actors[i].path, actors[i].id, actors[i].is_slice, userdata);
}

void actors_for_each_released(_unused_ const Actors *a, identity_fn fn, void *userdata) {
        for (size_t i = 0; i < ELEMENTSOF(actors); i++)
                if (actors[i].is_gone)
                        fn(actors[i].path, actors[i].id, false, userdata);
}

uint32_t actors_number(_unused_ Actors *a, uint64_t id, uint32_t kernel_number) {
        return kernel_number ?: (uint32_t) id + 100;
}

const char *actors_path_of(_unused_ Actors *a, const IdentityFacts *facts) {
        for (size_t i = 0; i < ELEMENTSOF(actors); i++)
                if (actors[i].id == facts->cgroup_id)
                        return actors[i].path;
        return NULL;
}

bool actors_path_configures_network(_unused_ const char *path) {
        return false;
}

bool actors_path_forwards(_unused_ const Actors *a, const char *path) {
        return strstr(path, "resolved") != NULL;
}

bool actors_forwards(_unused_ const Actors *a, uint64_t id) {
        return id == 6;
}

bool actors_may_look_up(_unused_ Actors *a) {
        return may_look_up;
}

const PolicySet *policies_set(_unused_ const Policies *p) {
        return &set;
}

Layer *policies_layer(_unused_ const Policies *p, const Document *document) {
        return find_layer(document->name);
}

const JobTable *jobs_table(_unused_ const Jobs *j) {
        return &table;
}

const Job *jobs_get(_unused_ const Jobs *j, uint64_t id) {
        return job_table_get(&table, id);
}

const Job *jobs_of_cgroup(_unused_ const Jobs *j, const char *path) {
        return job_table_of_cgroup(&table, path);
}

static uint32_t followed_uid; /* judged by the layer of this name: */
static const char *followed_scope;

uint32_t follow_chain(_unused_ const Follow *f, const char *path, uint32_t uid, uint32_t chain) {
        bool is_manager = strcmp(path, "/system.slice/ssh.service") == 0;

        if (!followed_scope || CW_CHAIN_LAYER(chain, 0) != 0 || (uid != followed_uid && !is_manager))
                return chain;
        return cw_chain_followed(chain, find_layer(followed_scope)->index);
}

bool follow_judges(_unused_ const Follow *f, const char *path, const char *scope) {
        return followed_scope && strcmp(path, "/system.slice/ssh.service") == 0 && strcmp(scope, followed_scope) == 0;
}

/* ------------------------------------------------------------------ set up */

static void add(const char *name, const char *text) {
        _cleanup_(policy_document_done) PolicyDocument parsed = {};
        _cleanup_(fault_list_done) FaultList faults = {};

        set.documents.items = reallocarray(set.documents.items, set.documents.n + 1, sizeof(Document));
        ck_assert_ptr_nonnull(set.documents.items);
        Document *d = &set.documents.items[set.documents.n++];
        *d = (Document) { .origin = DOCUMENT_FILE };
        if (text) {
                ck_assert_int_eq(policy_document_from_json(&parsed, text, strlen(text), name, &faults), 0);
                ck_assert_int_eq(document_fill(d, &parsed, strlen(text)), 0);
        } else
                ck_assert_int_eq(document_init_none(d), 0);
        (void) put_layer(name, TAKE_PTR(d->policy));
}

static int on_grant_assign(uint64_t job, _unused_ void *userdata) {
        const Job *j = job_table_get(&table, job);

        return j ? assign_job(assign, j) : 0;
}

static void on_scopes_changed(_unused_ void *userdata) {
        n_changed++;
}

/* Never followed, so that no test depends on whom it gets. */
#define POINTER(type) ((type *) &context)

static void set_up(void) {
        set = (PolicySet) { .configured_mode = MODE_ENFORCE, .modes = &set_modes };
        table = (JobTable) {};
        context = (Context) { .observer = { .scopes_changed = on_scopes_changed } };
        n_subjects = 0;
        set_layer_result = set_subject_result = 0;
        n_copied = n_changed = 0;
        may_look_up = false;
        n_events = 0;
        ck_assert_int_ge(service_log_new(STDERR_FILENO, NULL, NULL, "test", &context.log), 0);
        ck_assert_int_ge(sd_event_new(&context.event), 0);
        ck_assert_int_eq(
                grants_new(&context, POINTER(Policies), &(GrantsObserver) { .assign = on_grant_assign }, &grants), 0);
        ck_assert_int_eq(assign_new(&context, POINTER(Policies), POINTER(Jobs), grants, POINTER(Actors), POINTER(const Follow), &assign),
                         0);
}

static void tear_down(void) {
        assign = assign_free(assign);
        grants = grants_free(grants);
        context.event = sd_event_unref(context.event);
        context.log = service_log_free(context.log);
        policy_set_done(&set);
        job_table_done(&table);
        for (size_t i = 0; i < LAYERS_MAX; i++)
                free_layer(&layers[i]);
}

static void add_all(bool has_host) {
        add("host", has_host ? "{\"rules\":[]}" : NULL);
        add("runner", "{\"match\":{\"units\":[\"runner.service\"]},\"rules\":[]}");
        add("release", "{\"match\":{\"jobs\":[{\"workflow\":\"release\"}]},\"rules\":[]}");
}

static const Job *begin(const char *unit, const char *label) {
        char path[128];
        Job *job;

        (void) snprintf(path, sizeof(path), "/system.slice/%s", unit);
        ck_assert_int_eq(job_table_add(&table, 0, unit, path, &label, 1, 1, &job), 0);
        return job;
}

/* "runner release job:1": the layers of a cgroup's chain by name. */
static const char *chain_of(uint64_t id) {
        static char text[256];
        uint32_t chain = chain_number(id);

        text[0] = '\0';
        if (chain == ENGINE_CHAIN_UNASSIGNED)
                return "unassigned";
        for (unsigned i = 0; i < CW_CHAIN_MAX; i++) {
                uint32_t index = CW_CHAIN_LAYER(chain, i);
                if (i > 0 && index == 0)
                        break;
                strcat(text, i > 0 ? " " : "");
                strcat(text, index == CW_LAYER_SELF ? "self" : layers[index].name);
        }
        return text;
}

static uint32_t flags_of(uint64_t id) {
        for (size_t i = 0; i < n_subjects; i++)
                if (subjects[i].id == id)
                        return subjects[i].flags;
        return UINT32_MAX;
}

/* ------------------------------------------------------------------ tests */

START_TEST(everybody_is_assigned) {
        add_all(true);
        assign_all(assign);
        ck_assert_str_eq(chain_of(1), "host");
        ck_assert_str_eq(chain_of(3), "host");
        ck_assert_str_eq(chain_of(4), "runner");
        ck_assert_str_eq(chain_of(5), "self");
        ck_assert_str_eq(chain_of(7), "runner"); /* what is left of it still sends */
        ck_assert_uint_eq(flags_of(2), ENGINE_SUBJECT_SLICE);
        ck_assert_uint_eq(flags_of(3), 0);
        ck_assert_uint_eq(flags_of(6), ENGINE_SUBJECT_FORWARDER);
        for (size_t i = 0; i < n_subjects; i++)
                for (size_t k = 0; k <= i; k++)
                        ck_assert(subjects[i].actor != 0 && (i == k || subjects[i].actor != subjects[k].actor));
        uint32_t before = actor_number(4);
        assign_all(assign);
        ck_assert_uint_eq(actor_number(4), before); /* it is the same one */
}
END_TEST

/* Nobody has to be known before it may send. */
START_TEST(host_alone_has_no_slices) {
        add("host", "{\"rules\":[]}");
        assign_all(assign);
        ck_assert_uint_eq(flags_of(2), 0);
        ck_assert_str_eq(chain_of(4), "host");
        ck_assert_str_eq(chain_of(5), "self");
}
END_TEST

START_TEST(job_is_restricted_while_it_runs) {
        add_all(true);
        assign_all(assign);
        const Job *job = begin("runner.service", "workflow=release");
        ck_assert_str_eq(assign_restriction(assign, job)->name, "release");
        ck_assert_int_eq(assign_new_job(assign, job), 0);
        ck_assert_uint_eq(n_copied, 1);
        ck_assert_str_eq(chain_of(4), "runner release");
        ck_assert_str_eq(chain_of(7), "runner release");
        ck_assert_str_eq(chain_of(3), "host");

        _cleanup_(job_freep) Job *ended = job_table_take(&table, job->id);
        ck_assert_int_eq(assign_job(assign, ended), 0);
        ck_assert_str_eq(chain_of(4), "runner");
        ck_assert_uint_eq(n_copied, 1);
}
END_TEST

static void note_path(const char *path, void *userdata) {
        strcat(strcat(userdata, path), " ");
}

static const char *paths_in(const char *layer) {
        static char paths[1024];

        paths[0] = '\0';
        assign_for_each_in(assign, find_layer(layer), note_path, paths);
        return paths;
}

/* Anybody may ask for the cgroups of all scopes. */
START_TEST(cgroups_of_all_scopes_are_looked_up_once) {
        add_all(true);
        assign_all(assign);
        n_looked_up = 0;
        ck_assert_str_eq(paths_in("runner"), "/system.slice/runner.service ");
        unsigned n = n_looked_up;
        ck_assert_uint_gt(n, 0);
        ck_assert_str_eq(paths_in("release"), "");
        ck_assert_str_eq(paths_in("host"),
                         "/ /system.slice /system.slice/ssh.service /system.slice/resolved.service ");
        ck_assert_uint_eq(n_looked_up, n);

        /* Until something changes. */
        ck_assert_int_eq(assign_new_job(assign, begin("runner.service", "workflow=release")), 0);
        ck_assert_str_eq(paths_in("release"), "/system.slice/runner.service ");
        ck_assert_str_eq(paths_in("runner"), "/system.slice/runner.service ");
}
END_TEST

START_TEST(job_of_a_unit_that_is_not_followed) {
        add_all(true);
        const Job *job = begin("other.service", "workflow=release");
        ck_assert_int_eq(assign_new_job(assign, job), -ENXIO);
        set_subject_result = -ENOSPC;
        ck_assert_int_eq(assign_new_job(assign, begin("runner.service", "workflow=release")), -ENOSPC);
}
END_TEST

START_TEST(grants_are_the_last_layer) {
        add_all(true);
        const Job *job = begin("runner.service", "workflow=release");
        ck_assert_int_eq(assign_new_job(assign, job), 0);
        ck_assert_int_eq(grants_allow(grants, job->id, "a.example", 3600 * USEC_PER_SEC), 0);
        ck_assert_str_eq(chain_of(4), "runner release job:1");
        ck_assert_uint_eq(policy_n_rules(find_layer("job:1")->policy), 1);
        ck_assert_int_eq(find_layer("job:1")->mode, MODE_ENFORCE);
        ck_assert_uint_eq(n_changed, 1);
        ck_assert_int_eq(grants_allow(grants, job->id, "192.0.2.7", 3600 * USEC_PER_SEC), 0);
        ck_assert_str_eq(chain_of(4), "runner release job:1");
        ck_assert_uint_eq(policy_n_rules(find_layer("job:1")->policy), 2);
        ck_assert_str_eq(chain_of(3), "unassigned"); /* nobody else was touched */

        set_modes.all = MODE_SETTING_OFF;
        grants_update_modes(grants);
        ck_assert_int_eq(find_layer("job:1")->mode, MODE_OFF);

        ck_assert_uint_eq(n_events, 2);
        ck_assert_str_eq(last_event, "job:1: 192.0.2.7 is allowed to job 1 for 3600 s");
        grants_revoke(grants, job->id);
        ck_assert_str_eq(chain_of(4), "runner release");
        ck_assert_ptr_null(find_layer("job:1"));
        ck_assert_uint_eq(n_events, 4);
        ck_assert_str_eq(last_event, "job:1: 192.0.2.7 is no longer allowed to job 1");
        grants_revoke(grants, job->id);
        ck_assert_uint_eq(n_events, 4);
}
END_TEST

START_TEST(grants_end_by_themselves) {
        add_all(true);
        const Job *job = begin("runner.service", "workflow=other");
        ck_assert_int_eq(assign_new_job(assign, job), 0);
        ck_assert_int_eq(grants_allow(grants, job->id, "long.example", 3600 * USEC_PER_SEC), 0);
        ck_assert_int_eq(grants_allow(grants, job->id, "short.example", 0), 0);
        ck_assert_str_eq(chain_of(4), "runner job:1");
        for (int i = 0; i < 60 && policy_n_rules(find_layer("job:1")->policy) > 1; i++)
                ck_assert_int_ge(sd_event_run(context.event, USEC_PER_SEC), 0);
        ck_assert_uint_eq(policy_n_rules(find_layer("job:1")->policy), 1);
        ck_assert_str_eq(chain_of(4), "runner job:1");
        ck_assert_uint_eq(n_events, 3);
        ck_assert_str_eq(last_event, "job:1: short.example is no longer allowed to job 1");

        grants_revoke_all(grants);
        ck_assert_int_eq(grants_allow(grants, job->id, "short.example", 0), 0);
        for (int i = 0; i < 60 && find_layer("job:1"); i++)
                ck_assert_int_ge(sd_event_run(context.event, USEC_PER_SEC), 0);
        ck_assert_ptr_null(find_layer("job:1"));
        ck_assert_str_eq(chain_of(4), "runner");
        ck_assert_uint_eq(n_events, 6);
}
END_TEST

/* All or nothing: after an error the job has none. */
START_TEST(grant_that_does_not_fit) {
        add_all(true);
        const Job *job = begin("runner.service", "workflow=other"), *lost = begin("other.service", "workflow=other");
        ck_assert_int_eq(assign_new_job(assign, job), 0);
        set_layer_result = -ENOSPC;
        ck_assert_int_eq(grants_allow(grants, job->id, "a.example", USEC_PER_SEC), -ENOSPC);
        ck_assert_uint_eq(grants_table(grants)->n, 0);
        ck_assert_uint_eq(n_events, 0); /* none had begun */
        set_layer_result = 0;
        ck_assert_int_eq(grants_allow(grants, job->id, "a.example", 3600 * USEC_PER_SEC), 0);
        set_layer_result = -ENOSPC;
        ck_assert_int_eq(grants_allow(grants, job->id, "b.example", USEC_PER_SEC), -ENOSPC);
        ck_assert_ptr_null(find_layer("job:1"));
        ck_assert_str_eq(chain_of(4), "runner");
        set_layer_result = 0;
        ck_assert_int_eq(grants_allow(grants, lost->id, "a.example", USEC_PER_SEC), -ENXIO);
        ck_assert_uint_eq(grants_table(grants)->n, 0);
        ck_assert_int_eq(grants_allow(grants, job->id, "no name", USEC_PER_SEC), -EINVAL);
}
END_TEST

START_TEST(job_is_judged_or_not) {
        add_all(false);
        ck_assert(assign_is_judged(assign, begin("runner.service", "workflow=other")));
        ck_assert(assign_is_judged(assign, begin("ssh.service", "workflow=release")));
        ck_assert(!assign_is_judged(assign, begin("resolved.service", "workflow=other")));
}
END_TEST

START_TEST(clients_get_the_same_chain) {
        const DnsPeer peer = {};
        EngineClient client = { .peer = &peer, .cgroup_id = 4 };
        uint32_t chain = ENGINE_CHAIN_UNASSIGNED;

        add_all(true);
        assign_all(assign);
        ck_assert(!assign_client(&client, &chain, assign));
        ck_assert_uint_eq(chain, chain_number(4));
        client.cgroup_id = 6;
        chain = CW_CHAIN(1, 0, 0, 0); /* as the kernel knows it */
        ck_assert(assign_client(&client, &chain, assign));
        ck_assert_uint_eq(chain, CW_CHAIN(1, 0, 0, 0));
        client.cgroup_id = 99; /* nobody's, and there are several chains */
        chain = ENGINE_CHAIN_UNASSIGNED;
        ck_assert(!assign_client(&client, &chain, assign));
        ck_assert_uint_eq(chain, ENGINE_CHAIN_UNASSIGNED);
        client.cgroup_id = 0;
        ck_assert(!assign_client(&client, &chain, assign));
        ck_assert_uint_eq(chain, ENGINE_CHAIN_UNASSIGNED);
}
END_TEST

START_TEST(followed_users_have_their_chain) {
        const DnsPeer peer = {};
        EngineClient client = { .peer = &peer, .cgroup_id = 6, .uid = 1001 };
        uint32_t chain = ENGINE_CHAIN_UNASSIGNED;

        followed_uid = 1001;
        followed_scope = "runner";
        add_all(true);
        assign_all(assign);
        ck_assert_str_eq(chain_of(3), "runner"); /* the user's service manager */
        ck_assert_str_eq(chain_of(6), "host");
        ck_assert(assign_judges(assign, "/system.slice/ssh.service", "runner"));
        ck_assert(!assign_judges(assign, "/system.slice/ssh.service", "host"));
        ck_assert(assign_judges(assign, "/system.slice/resolved.service", "host"));
        (void) assign_client(&client, &chain, assign);
        ck_assert_uint_eq(chain, chain_number(4));
        client.uid = 1002;
        chain = ENGINE_CHAIN_UNASSIGNED;
        (void) assign_client(&client, &chain, assign);
        ck_assert_uint_eq(chain, chain_number(6));
        followed_scope = NULL;
}
END_TEST

/* The kernel did not see the query sent. */
START_TEST(client_is_found_by_its_socket) {
        const DnsPeer peer = { .port = KNOWN_PORT }, other = { .port = KNOWN_PORT + 1 };
        EngineClient client = { .peer = &peer };
        uint32_t chain = ENGINE_CHAIN_UNASSIGNED;

        add_all(true);
        assign_all(assign);
        ck_assert(!assign_client(&client, &chain, assign));
        ck_assert_uint_eq(chain, ENGINE_CHAIN_UNASSIGNED); /* too many were looked up */
        may_look_up = true;
        ck_assert(!assign_client(&client, &chain, assign));
        ck_assert_uint_eq(chain, chain_number(4));
        client.peer = &other;
        chain = ENGINE_CHAIN_UNASSIGNED;
        ck_assert(!assign_client(&client, &chain, assign));
        ck_assert_uint_eq(chain, ENGINE_CHAIN_UNASSIGNED);
}
END_TEST

START_TEST(unknown_client_where_there_is_one_chain) {
        uint32_t chain = ENGINE_CHAIN_UNASSIGNED;
        const DnsPeer peer = {};
        const EngineClient client = { .peer = &peer };

        add("host", "{\"rules\":[]}");
        ck_assert(!assign_client(&client, &chain, assign));
        ck_assert_uint_eq(chain, CW_CHAIN(CW_LAYER_HOST, 0, 0, 0));
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("assign");
        TCase *t = tcase_create("assign");

        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_set_timeout(t, 180);
        tcase_add_test(t, everybody_is_assigned);
        tcase_add_test(t, host_alone_has_no_slices);
        tcase_add_test(t, job_is_restricted_while_it_runs);
        tcase_add_test(t, job_of_a_unit_that_is_not_followed);
        tcase_add_test(t, cgroups_of_all_scopes_are_looked_up_once);
        tcase_add_test(t, grants_are_the_last_layer);
        tcase_add_test(t, grants_end_by_themselves);
        tcase_add_test(t, grant_that_does_not_fit);
        tcase_add_test(t, job_is_judged_or_not);
        tcase_add_test(t, clients_get_the_same_chain);
        tcase_add_test(t, followed_users_have_their_chain);
        tcase_add_test(t, client_is_found_by_its_socket);
        tcase_add_test(t, unknown_client_where_there_is_one_chain);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
