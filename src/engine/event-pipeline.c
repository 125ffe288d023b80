/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/event-pipeline.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "basic/clock.h"
#include "basic/rate-table.h"
#include "dns/dns-message.h"
#include "event/denial-window.h"
#include "event/event-decode.h"
#include "event/flow-names.h"
#include "identity/process.h"
#include "policy/special-addr.h"

#define PROCESSES_MAX 1024
#define CLIENTS_MAX 1024 /* with a bucket of their own for refused names */
#define CROWDED_BURST 10 /* seconds without one before the next is reported at once */
#define MERGE_NSEC NSEC_PER_SEC

struct EventPipeline {
        const LayerTable *layers; /* borrowed */
        FlowNames *names;
        ProcessCache *processes;
        DenialWindow *denials;
        RateTable *queries; /* by actor */
        RateTable *crowded; /* likewise */
        RateTable *failures; /* likewise */
        uint64_t sequence;
        uint64_t n_bad, n_self;
        event_fn fn;
        void *userdata;
};

static void emit(EventPipeline *p, Event *e) {
        e->sequence = ++p->sequence;
        p->fn(e, p->userdata);
}

static void pipeline_on_denial(const Event *e, void *userdata) {
        Event numbered = *e;

        emit(userdata, &numbered);
}

static int new_limits(EventPipeline *p, const uint8_t key[static 16]) {
        DenialWindowOptions window = {
                .length_nsec = MERGE_NSEC, .by_process = true, .fn = pipeline_on_denial, .userdata = p,
        };
        RateTableOptions queries = {
                .max = CLIENTS_MAX, .rate = PIPELINE_QUERY_RATE, .burst = PIPELINE_QUERY_BURST,
        };

        memcpy(window.key, key, sizeof(window.key));
        memcpy(queries.hash_key, key, sizeof(queries.hash_key));
        RateTableOptions crowded = { .max = CLIENTS_MAX, .rate = 1, .burst = CROWDED_BURST };

        memcpy(crowded.hash_key, key, sizeof(crowded.hash_key));
        int r = denial_window_new(&window, &p->denials);
        if (r >= 0)
                r = rate_table_new(&queries, &p->queries);
        if (r >= 0)
                r = rate_table_new(&crowded, &p->crowded);
        return r < 0 ? r : rate_table_new(&crowded, &p->failures);
}

int event_pipeline_new(const LayerTable *layers, event_fn fn, void *userdata, uint64_t first_sequence, EventPipeline **ret) {
        _cleanup_(event_pipeline_freep) EventPipeline *p = calloc(1, sizeof(*p));
        uint8_t key[16];
        int r;

        if (!p)
                return -ENOMEM;
        p->layers = layers;
        p->sequence = first_sequence > 0 ? first_sequence - 1 : 0;
        p->fn = fn;
        p->userdata = userdata;
        if (getrandom(key, sizeof(key), 0) != sizeof(key))
                return -EIO;
        r = flow_names_new(key, &p->names);
        if (r >= 0)
                r = process_cache_new(PROCESSES_MAX, &p->processes);
        if (r >= 0)
                r = new_limits(p, key);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

EventPipeline *event_pipeline_free(EventPipeline *p) {
        if (!p)
                return NULL;
        flow_names_free(p->names);
        process_cache_free(p->processes);
        denial_window_free(p->denials);
        rate_table_free(p->queries);
        rate_table_free(p->crowded);
        rate_table_free(p->failures);
        free(p);
        return NULL;
}

/* time_ns: when the kernel saw the process act. The kernel recorded the name of the thread, which any thread may choose for itself;
 * of those that are not the main one, the process is asked. */
static void add_process(EventPipeline *p, uint64_t time_ns, Event *e) {
        const ProcessInfo *info;

        if (e->pid == 0)
                return;
        bool has_comm = e->process && *e->process != '\0'; /* otherwise the programs may not read it */
        bool of_thread = e->tid != 0 && e->tid != e->pid;
        info = has_comm ? process_cache_look(p->processes, e->pid, time_ns) : process_cache_get(p->processes, e->pid);
        if (!info)
                return;
        bool ran = !has_comm || process_cache_ran(p->processes, info, e->process); /* brings info->comm up to date */
        if (!has_comm || of_thread)
                e->process = info->comm;
        if (ran || of_thread)
                e->executable = info->executable;
        e->n_parents = info->n_parents;
        memcpy(e->parents, info->parents, info->n_parents * sizeof(e->parents[0]));
}

/* value: buffer for the text of the rule, used for as long as *e is. */
static void add_layer(const Layer *layer, char value[static IN_PREFIX_TEXT_MAX], Event *e) {
        if (!layer)
                return;
        e->scope = layer->name;
        e->policy_digest = layer->digest;

        const Rule *rule = layer->policy ? policy_rule(layer->policy, e->rule) : NULL;
        if (!rule)
                return;
        e->matched_rule = rule_value(rule, value);
        e->automatic = rule->automatic;
}

/* The name whose verdict contains the deciding rule. */
static const LeaseBinding *binding_of_rule(const Lease *lease, uint32_t rule) {
        for (size_t i = 0; i < lease->n_bindings && rule != RULE_NONE; i++) {
                const NameVerdict *v = &lease->bindings[i].verdict;
                for (size_t k = 0; k < (size_t) v->n_deny + v->n_allow + v->n_late; k++)
                        if (v->rules[k] == rule)
                                return &lease->bindings[i];
        }
        return NULL;
}

/* Does this rule allow what the event is about? */
static bool rule_allows(const Policy *policy, uint32_t index, const Event *e) {
        const Rule *rule = policy_rule(policy, index);

        if (!rule || rule->action != ACTION_ALLOW)
                return false;
        for (size_t i = 0; i < rule->n_ports; i++)
                if (port_range_matches(&rule->ports[i], e->protocol, e->dst_port))
                        return true;
        return rule->n_ports == 0;
}

/* Of several names of the address, each with a rule, the kernel found the rule of one: reported is the one of the name
 * that the flow has, if that allows it, too. */
static void prefer_rule_of_name(const Policy *policy, const Lease *lease, Event *e) {
        if (e->rule == RULE_NONE || e->verdict != ACTION_ALLOW || !e->hostname)
                return;
        for (size_t i = 0; i < lease->n_bindings; i++) {
                const NameVerdict *v = &lease->bindings[i].verdict;

                for (size_t k = 0; k < v->n_allow && strcmp(lease->bindings[i].name, e->hostname) == 0; k++)
                        if (rule_allows(policy, v->rules[v->n_deny + k], e)) {
                                e->rule = v->rules[v->n_deny + k];
                                return;
                        }
        }
}

/* The deciding layer may have no name for the address while another layer of the chain has one. */
static void add_name(EventPipeline *p, const Layer *layer, const struct cw_record *record, Event *e) {
        const Lease *own = layer && e->has_dst ? lease_table_find(layer->leases, &e->dst) : NULL, *lease = own;
        Layer *others[CW_CHAIN_MAX];
        size_t n = lease || !e->has_dst ? 0 : layer_table_chain(p->layers, record->chain, others);
        const LeaseBinding *b = NULL;

        if (!e->has_dst)
                return;
        for (size_t i = 0; i < n && !lease; i++)
                lease = lease_table_find(others[i]->leases, &e->dst);
        if (lease)
                b = binding_of_rule(lease, e->rule);
        bool by_rule = b && event_is_denial(e);
        if (!b && lease && lease->n_bindings > 0)
                b = &lease->bindings[lease->latest];
        flow_names_set(p->names, record->cookie, b ? b->name : NULL, b ? b->chain : NULL, by_rule, e);
        if (own && layer->policy)
                prefer_rule_of_name(layer->policy, own, e);
}

/* n_repeats: 0 for a record that stands for itself. */
static void take_record(EventPipeline *p, const void *data, size_t size, uint64_t n_repeats) {
        int64_t offset = (int64_t) clock_usec(CLOCK_REALTIME) - (int64_t) clock_usec(CLOCK_MONOTONIC);
        char comm[CW_COMM_MAX], value[IN_PREFIX_TEXT_MAX];
        struct cw_record record;
        Event e;

        if (event_decode(data, size, offset, comm, &e, &record) < 0) {
                p->n_bad++;
                return;
        }
        if (CW_POLICY_LAYER(record.policy_id) == CW_LAYER_SELF) {
                p->n_self++;
                return;
        }
        const Layer *layer = layer_table_by_index(p->layers, CW_POLICY_LAYER(record.policy_id));
        if (!layer || record.policy_id != layer_policy_id(layer))
                e.rule = RULE_NONE; /* an index into an older policy is meaningless in this one */
        add_name(p, layer, &record, &e);
        add_layer(layer, value, &e);
        add_process(p, record.time_ns, &e);
        e.count = n_repeats;
        if (event_is_denial(&e))
                denial_window_add(p->denials, &e, clock_nsec(CLOCK_MONOTONIC));
        else
                emit(p, &e);
}

void event_pipeline_record(EventPipeline *p, const void *data, size_t size) {
        take_record(p, data, size, 0);
}

void event_pipeline_repeats(const struct cw_repeat *repeat, void *userdata) {
        struct cw_record r = repeat->record;

        r.time_ns = MAX(r.time_ns, repeat->last_ns);
        take_record(userdata, &r, sizeof(r), repeat->count);
}

static void emit_suppressed(EventPipeline *p, EventType type, Mode mode, uint32_t actor, uint64_t n, const char *what) {
        Event e = {
                .type = type, .mode = mode, .rule = RULE_NONE, .actor = actor, .count = n, .detail = what,
        };

        if (n > 0)
                event_pipeline_emit(p, &e);
}

void event_pipeline_suppressed(uint32_t actor, const uint64_t n[static CW_OVER_MAX], void *userdata) {
        EventPipeline *p = userdata;
        static const char connections[] = "denied connections over the rate limit";

        emit_suppressed(p, EVENT_CONNECTIONS_SUPPRESSED, MODE_ENFORCE, actor, n[CW_OVER_ENFORCED], connections);
        emit_suppressed(p, EVENT_CONNECTIONS_SUPPRESSED, MODE_AUDIT, actor, n[CW_OVER_AUDITED], connections);
        emit_suppressed(p, EVENT_QUERIES_SUPPRESSED, MODE_ENFORCE, actor, n[CW_OVER_QUERIES],
                        "DNS queries of a flood, dropped before they reached the DNS proxy");
}

static void pipeline_on_over(const void *key, size_t size, const uint64_t n_over[static 2], void *userdata) {
        static const char queries[] = "refused DNS queries over the rate limit";
        uint32_t actor = 0;

        memcpy(&actor, key, MIN(size, sizeof(actor)));
        emit_suppressed(userdata, EVENT_QUERIES_SUPPRESSED, MODE_ENFORCE, actor, n_over[0], queries);
        emit_suppressed(userdata, EVENT_QUERIES_SUPPRESSED, MODE_AUDIT, actor, n_over[1], queries);
}

static void emit_crowded(EventPipeline *p, uint32_t actor, uint64_t n, const char *what) {
        Event e = { .type = EVENT_QUERIES_LIMITED, .rule = RULE_NONE, .actor = actor, .count = n, .detail = what };

        e.mode = p->layers->n > 0 ? p->layers->layers[0]->mode : MODE_ENFORCE;
        if (n > 0)
                event_pipeline_emit(p, &e);
}

static void pipeline_on_crowded(const void *key, size_t size, const uint64_t n_over[static 2], void *userdata) {
        uint32_t actor = 0;

        memcpy(&actor, key, MIN(size, sizeof(actor)));
        emit_crowded(userdata, actor, n_over[0], "too many DNS queries without an answer, further ones fail");
        emit_crowded(userdata, actor, n_over[1], "too many connections to the DNS proxy, further ones are closed");
}

static void pipeline_on_failures(const void *key, size_t size, const uint64_t n_over[static 2], void *userdata) {
        Event e = { .type = EVENT_UPSTREAM_FAILED, .rule = RULE_NONE, .count = n_over[0], .detail = "further look-ups failed" };
        EventPipeline *p = userdata;

        memcpy(&e.actor, key, MIN(size, sizeof(e.actor)));
        e.mode = p->layers->n > 0 ? p->layers->layers[0]->mode : MODE_ENFORCE;
        if (e.count > 0)
                event_pipeline_emit(p, &e);
}

void event_pipeline_crowded(EventPipeline *p, uint32_t actor, DnsShare share, size_t n) {
        static const char *const texts[] = {
                [DNS_SHARE_QUERIES] = "DNS queries without an answer, further ones fail",
                [DNS_SHARE_CONNECTIONS] = "connections to the DNS proxy, further ones are closed",
                [DNS_SHARE_LEASES] = "addresses of allowed names, those that end first give way to others'",
        };
        char detail[96];

        if (rate_table_take(p->crowded, &actor, sizeof(actor), clock_nsec(CLOCK_MONOTONIC)) != RATE_FIRST) {
                if (share != DNS_SHARE_LEASES) /* nothing of the unit's has failed */
                        rate_table_count(p->crowded, &actor, sizeof(actor), share == DNS_SHARE_CONNECTIONS, 1);
                return;
        }
        (void) snprintf(detail, sizeof(detail), "%zu %s", n, texts[share]);
        emit_crowded(p, actor, 1, detail);
}

/* Repeats are merged whatever their number; of what is new, each client may report so much. */
static void take_query(EventPipeline *p, const Event *e) {
        uint64_t now = clock_nsec(CLOCK_MONOTONIC);

        if (denial_window_repeat(p->denials, e, now))
                return;
        if (rate_table_take(p->queries, &e->actor, sizeof(e->actor), now) == RATE_OVER)
                rate_table_count(p->queries, &e->actor, sizeof(e->actor), e->mode == MODE_AUDIT, 1);
        else
                denial_window_add(p->denials, e, now);
}

bool event_pipeline_flush(EventPipeline *p, bool all) {
        rate_table_report(p->queries, pipeline_on_over, p);
        rate_table_report(p->crowded, pipeline_on_crowded, p);
        rate_table_report(p->failures, pipeline_on_failures, p);
        if (all)
                denial_window_flush_all(p->denials);
        else
                denial_window_flush(p->denials, clock_nsec(CLOCK_MONOTONIC));
        return denial_window_next(p->denials) != UINT64_MAX;
}

/* comm: buffer. A query sent directly to the proxy addressed no resolver, and only its cgroup is known. */
static void add_client(const struct cw_dns_client *client, char comm[static CW_COMM_MAX], Event *e) {
        e->actor = client->actor;
        e->cgroup_id = client->process.cgroup_id;
        if (client->process.pid != 0) {
                memcpy(comm, client->process.comm, CW_COMM_MAX);
                comm[CW_COMM_MAX - 1] = 0;
                e->pid = client->process.pid;
                e->tid = client->process.tid;
                e->uid = client->process.uid;
                e->gid = client->process.gid;
                e->process = comm;
        }
        if (client->server_port != 0) {
                e->has_dst = true;
                memcpy(e->dst.b, client->server.b, sizeof(e->dst.b));
                e->dst_port = client->server_port;
        }
}

void event_pipeline_denial(EventPipeline *p, const DnsDenial *d, const struct cw_dns_client *client) {
        char type[12], comm[CW_COMM_MAX], value[IN_PREFIX_TEXT_MAX], refused[REBINDING_TEXT_MAX];
        Event e = {
                .type = EVENT_DNS_BLOCKED,
                .time_usec = clock_usec(CLOCK_REALTIME),
                .mode = d->layer->mode,
                .has_verdict = true,
                .verdict = ACTION_DENY,
                .reason = d->rule != RULE_NONE ? CW_REASON_RULE : CW_REASON_DEFAULT,
                .hostname = d->name,
                .query_type = d->type ? dns_type_to_string(d->type, type) : NULL,
                .dns_reason = d->why,
                .detail = d->refused ? rebinding_words(d->refused, refused) : NULL,
                .rule = d->rule,
                .protocol = d->peer.is_tcp ? IPPROTO_TCP : IPPROTO_UDP,
                .has_src = true,
                .src = d->peer.addr,
                .src_port = d->peer.port,
        };

        if (client)
                add_client(client, comm, &e);
        add_layer(d->layer, value, &e);
        add_process(p, UINT64_MAX, &e);
        take_query(p, &e);
}

static const char *failure_words(const DnsFailure *f, const char *server, char buf[static 128]) {
        const char *what = "sent answers that are no answers";

        if (!f->has_server)
                return "no upstream resolver is known";
        if (f->error == -ETIMEDOUT)
                what = "did not answer";
        else if (f->error == -ENODEV)
                what = "is on an unknown link: the socket was not bound to one";
        else if (f->error == -ECONNREFUSED)
                what = "refuses connections";
        else if (f->error == -EREMOTEIO && f->rcode == DNS_RCODE_REFUSED)
                what = "answered REFUSED";
        else if (f->error == -EREMOTEIO && f->rcode == DNS_RCODE_SERVFAIL)
                what = "answered SERVFAIL";
        else if (f->error == -EREMOTEIO)
                what = "answered with an error";
        (void) snprintf(buf, 128, "upstream %s %s", server, what);
        return buf;
}

void event_pipeline_failure(EventPipeline *p, const DnsFailure *f, const struct cw_dns_client *client) {
        char type[12], comm[CW_COMM_MAX], server[DNS_SERVER_TEXT_MAX] = "", detail[128];
        uint32_t actor = client ? client->actor : 0;
        Event e = {
                .type = EVENT_UPSTREAM_FAILED,
                .hostname = f->name,
                .query_type = dns_type_to_string(f->type, type),
                .rule = RULE_NONE,
                .mode = p->layers->n > 0 ? p->layers->layers[0]->mode : MODE_ENFORCE,
                .count = 1,
        };

        if (rate_table_take(p->failures, &actor, sizeof(actor), clock_nsec(CLOCK_MONOTONIC)) != RATE_FIRST) {
                rate_table_count(p->failures, &actor, sizeof(actor), 0, 1);
                return;
        }
        if (f->has_server)
                dns_server_format(&f->server, server);
        e.detail = failure_words(f, server, detail);
        if (client)
                add_client(client, comm, &e);
        add_process(p, UINT64_MAX, &e);
        event_pipeline_emit(p, &e);
}

void event_pipeline_process(EventPipeline *p, uint32_t pid) {
        (void) process_cache_get(p->processes, pid);
}

void event_pipeline_refusal(EventPipeline *p, const Layer *layer, Event *e) {
        const ProcessInfo *info = process_cache_look(p->processes, e->pid, 0); /* as read before */
        char value[IN_PREFIX_TEXT_MAX];

        e->mode = layer->mode;
        e->has_verdict = true;
        e->verdict = ACTION_DENY;
        e->rule = RULE_NONE;
        add_layer(layer, value, e);
        if (info) {
                e->process = info->comm;
                add_process(p, 0, e);
        }
        event_pipeline_emit(p, e);
}

void event_pipeline_client(EventPipeline *p, const struct cw_dns_client *client) {
        process_cache_note(p->processes, client->process.pid, client->process.comm);
}

static const char *chain_of(const DnsAnswer *answer, char buf[static LEASE_CHAIN_TEXT_MAX]) {
        return answer->n_chain > 0 && answer_chain_text(answer, NULL, buf) >= 0 ? buf : NULL;
}

NameChange event_pipeline_renew_name(EventPipeline *p, const DnsRequester *requester, const char *name,
                                     const DnsAnswer *answer) {
        NameChange change = NAME_KEPT;
        char buf[LEASE_CHAIN_TEXT_MAX];
        const char *chain = chain_of(answer, buf);

        for (size_t i = 0; i < answer->n_addrs; i++) {
                NameChange k = flow_names_renew(p->names, requester->actor, requester->pid, &answer->addrs[i], name, chain);

                change = MAX(change, k);
        }
        return change;
}

void event_pipeline_looked_up(EventPipeline *p, const DnsRequester *requester, const char *name,
                              const DnsAnswer *answer) {
        char buf[LEASE_CHAIN_TEXT_MAX];
        const char *chain = chain_of(answer, buf);

        for (size_t i = 0; i < answer->n_addrs; i++)
                flow_names_looked_up(p->names, requester->actor, requester->pid, &answer->addrs[i], name, chain);
}

void event_pipeline_emit(EventPipeline *p, Event *e) {
        e->time_usec = clock_usec(CLOCK_REALTIME);
        emit(p, e);
}

uint64_t event_pipeline_sequence(const EventPipeline *p) {
        return p->sequence;
}

uint64_t event_pipeline_n_self(const EventPipeline *p) {
        return p->n_self;
}

uint64_t event_pipeline_n_bad(const EventPipeline *p) {
        return p->n_bad;
}
