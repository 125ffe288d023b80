/* SPDX-License-Identifier: Apache-2.0 */

/* The query pipeline in one real loop: a client and a server on loopback, layers whose entries in the kernel are only
 * counted. */

#include "engine/dns-proxy.h"

#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "basic/clock.h"
#include "engine/hosts-names.h"
#include "fake-root.h"

#define LAYERS_MAX 3
#define REPLIES_MAX 8192
#define HELD_MAX 64
#define PENDING_MAX 2048 /* as in dns-proxy.c */
#define PASSED_MAX 1024
#define FLAG_AUTHENTIC 0x20
#define ROUNDS_MAX 3000 /* of up to 10 ms: never reached */

/* ------------------------------------------------------------------ in the place of the kernel's maps */

static unsigned n_written;

int policy_slot_set_lease(_unused_ PolicySlot *s, _unused_ const Policy *policy, _unused_ const Lease *lease) {
        n_written++;
        return 0;
}

void policy_slot_remove_lease(_unused_ PolicySlot *s, _unused_ const InAddr *addr) {
}

uint32_t policy_slot_policy_id(_unused_ const PolicySlot *s) {
        return 1;
}

int policy_slot_new(_unused_ PolicyMaps *m, _unused_ uint32_t layer, _unused_ PolicySlot **ret) {
        return -ENOTSUP;
}

PolicySlot *policy_slot_free(_unused_ PolicySlot *s) {
        return NULL;
}

void policy_slot_close(_unused_ PolicySlot *s) {
}

int policy_slot_stage(_unused_ PolicySlot *s, _unused_ const Policy *policy, _unused_ LeaseTable *leases,
                      _unused_ uint32_t policy_id) {
        return -ENOTSUP;
}

void policy_slot_unstage(_unused_ PolicySlot *s) {
}

void policy_slot_commit(_unused_ PolicySlot *s, _unused_ LayerKind kind, _unused_ Mode mode, _unused_ uint8_t flags) {
}

void policy_slot_set_mode(_unused_ PolicySlot *s, _unused_ Mode mode) {
}

bool policy_slot_repair(_unused_ PolicySlot *s) {
        return false;
}

/* ------------------------------------------------------------------ fixture */

typedef struct Message {
        struct sockaddr_in peer;
        uint8_t b[1500];
        size_t n;
} Message;

typedef struct Reply {
        uint8_t rcode;
        uint8_t n_answers;
        uint8_t b[1500];
        size_t n;
} Reply;

typedef struct Fixture {
        sd_event *event;
        sd_event_source *server, *client;
        int server_fd, client_fd;
        struct sockaddr_in proxy_addr;
        DnsProxy *proxy;
        Layer storage[LAYERS_MAX];
        Layer *layers[LAYERS_MAX];
        LayerTable table;
        DnsRequester requester;
        bool hold;            /* the server does not answer before release() */
        bool silent;          /* the server only answers names that begin with q */
        Message held[HELD_MAX];
        size_t n_held, n_asked;
        uint8_t n_addrs;      /* in an answer */
        uint8_t last_byte;    /* of the next address, 203.0.113.x */
        Reply last;
        size_t n_replies, n_failed;
        unsigned n_denials;
        DnsDenial denial;     /* the last one */
        uint8_t rcode;        /* of the server's answers, which have no records then */
        unsigned n_failures;
        DnsFailure failure;   /* the last one; its name is gone */
        size_t n_flooded;
        size_t n_crowded;
        uint32_t crowded_group; /* the last one, as the next two */
        DnsShare crowded_share;
        size_t crowded_n;
} Fixture;

static size_t question_end(const Message *m) {
        size_t i = DNS_HEADER_SIZE;

        while (m->b[i] != 0)
                i += 1U + m->b[i];
        return i + 5;
}

/* Addresses with a TTL of a day; where the query has DO, also a signature and AD. */
static void answer(Fixture *f, const Message *query) {
        static const uint8_t address[] = { 0xc0, 12, 0, 1, 0, 1, 0, 1, 0x51, 0x80, 0, 4, 203, 0, 113 };
        static const uint8_t signature[] = { 0xc0, 12, 0, 46, 0, 1, 0, 1, 0x51, 0x80, 0, 3, 's', 'i', 'g' };
        size_t n = question_end(query);
        bool is_address = query->b[n - 3] == DNS_TYPE_A, dnssec = query->n >= n + 11 && query->b[n + 7] & 0x80;
        Message m = *query;

        m.b[2] = 0x81 | (query->b[2] & 0x78);
        m.b[3] = 0x80 | (dnssec ? FLAG_AUTHENTIC : 0) | f->rcode;
        is_address = is_address && f->rcode == 0;
        m.b[7] = (uint8_t) ((is_address ? f->n_addrs : 0) + dnssec);
        m.b[11] = 0;
        for (unsigned i = 0; i < f->n_addrs && is_address; i++) {
                memcpy(m.b + n, address, sizeof(address));
                m.b[n + sizeof(address)] = f->last_byte++;
                n += sizeof(address) + 1;
        }
        if (dnssec) {
                memcpy(m.b + n, signature, sizeof(signature));
                n += sizeof(signature);
        }
        ck_assert_int_eq(sendto(f->server_fd, m.b, n, 0, (const struct sockaddr *) &m.peer, sizeof(m.peer)), n);
}

static int on_server(_unused_ sd_event_source *s, int fd, _unused_ uint32_t revents, void *userdata) {
        Fixture *f = userdata;
        Message m = {};
        socklen_t size = sizeof(m.peer);
        ssize_t n = recvfrom(fd, m.b, sizeof(m.b), 0, (struct sockaddr *) &m.peer, &size);

        ck_assert_int_ge(n, DNS_HEADER_SIZE);
        m.n = (size_t) n;
        f->n_asked++;
        if (f->silent && (m.b[DNS_HEADER_SIZE + 1] | 0x20) != 'q')
                return 0;
        if (!f->hold || f->silent)
                answer(f, &m);
        else if (f->n_held < HELD_MAX)
                f->held[f->n_held++] = m;
        return 0;
}

static int on_client(_unused_ sd_event_source *s, int fd, _unused_ uint32_t revents, void *userdata) {
        Fixture *f = userdata;

        for (ssize_t n; (n = recv(fd, f->last.b, sizeof(f->last.b), MSG_DONTWAIT)) >= DNS_HEADER_SIZE;) {
                f->last.n = (size_t) n;
                f->last.rcode = f->last.b[3] & DNS_RCODE_MASK;
                f->last.n_answers = f->last.b[7];
                f->n_replies++;
                f->n_failed += f->last.rcode == DNS_RCODE_SERVFAIL;
        }
        return 0;
}

static void on_query(_unused_ const DnsPeer *peer, DnsRequester *ret, void *userdata) {
        *ret = ((Fixture *) userdata)->requester;
}

static void on_denial(const DnsDenial *d, void *userdata) {
        Fixture *f = userdata;

        f->denial = *d;
        f->n_denials++;
}

static void on_failure(const DnsFailure *failure, void *userdata) {
        Fixture *f = userdata;

        ck_assert_str_eq(failure->name, "one.example");
        f->failure = *failure;
        f->failure.name = NULL;
        f->n_failures++;
}

static void on_crowded(uint32_t group, DnsShare share, size_t n, void *userdata) {
        Fixture *f = userdata;

        f->crowded_share = share;
        f->n_crowded++;
        f->crowded_group = group;
        f->crowded_n = n;
}

static void on_flooded(uint32_t group, void *userdata) {
        Fixture *f = userdata;

        ck_assert_uint_eq(group, f->requester.group);
        f->n_flooded++;
}

static void release(Fixture *f) {
        f->hold = false;
        for (size_t i = 0; i < f->n_held; i++)
                answer(f, &f->held[i]);
        f->n_held = 0;
}

static int bound_socket(struct sockaddr_in *ret) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        socklen_t size = sizeof(*ret);

        *ret = (struct sockaddr_in) { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(bind(fd, (struct sockaddr *) ret, sizeof(*ret)), 0);
        ck_assert_int_eq(getsockname(fd, (struct sockaddr *) ret, &size), 0);
        return fd;
}

static const LocalNameFiles *name_files; /* NULL: none */

/* Before fixture_init(); removed by files_remove(). */
static void files_make(const char *resolv_conf, const char *hosts) {
        static char paths[2][512];
        static LocalNameFiles files = { .resolv_conf = paths[0], .hosts = paths[1] };

        root_make();
        file_write("/resolv.conf", resolv_conf);
        file_write("/hosts", hosts);
        (void) path_of("/resolv.conf", paths[0]);
        (void) path_of("/hosts", paths[1]);
        name_files = &files;
}

static void fixture_init_with(Fixture *f, bool one_group) {
        struct sockaddr_in server, client;
        DnsServer upstream = {};
        InAddr addr4;
        uint16_t port4, port6;

        *f = (Fixture) { .n_addrs = 1 };
        n_written = 0;
        ck_assert_int_ge(sd_event_new(&f->event), 0);
        f->server_fd = bound_socket(&server);
        f->client_fd = bound_socket(&client);
        ck_assert_int_ge(sd_event_add_io(f->event, &f->server, f->server_fd, EPOLLIN, on_server, f), 0);
        ck_assert_int_ge(sd_event_add_io(f->event, &f->client, f->client_fd, EPOLLIN, on_client, f), 0);
        in_addr_from_v4((const uint8_t *) &server.sin_addr, &upstream.addr);
        upstream.port = ntohs(server.sin_port);
        const DnsProxyOptions o = {
                .servers = &upstream, .n_servers = 1, .on_denial = on_denial,
                .on_failure = on_failure, .on_crowded = on_crowded, .on_flooded = on_flooded, .on_query = on_query, .one_group = one_group,
                .refusal = DNS_RCODE_NXDOMAIN, .name_files = name_files, .layers = &f->table, .userdata = f,
        };
        ck_assert_int_eq(dns_proxy_new(f->event, &o, &f->proxy), 0);
        dns_proxy_address(f->proxy, &addr4, &port4, &port6);
        f->proxy_addr = client;
        f->proxy_addr.sin_port = htons(port4);
        memcpy(&f->proxy_addr.sin_addr, addr4.b + 12, 4);
        f->table.layers = f->layers;
}

static void fixture_init(Fixture *f) {
        fixture_init_with(f, false);
}

/* rules: as on the command line, NULL: none. With room for max_leases. */
static Layer *add_layer(Fixture *f, Mode mode, Action default_action, const char *allow, const char *block,
                        size_t max_leases) {
        static const LeaseTimes times = { .floor_nsec = NSEC_PER_SEC * 60, .cap_nsec = NSEC_PER_SEC * 3600 };
        static const uint8_t key[16] = "sixteen bytes ok";
        PolicySource source = { .default_action = default_action };
        Layer *l = &f->storage[f->table.n];
        const char *why = "";

        l->id = (uint32_t) f->table.n + 1;
        l->index = (uint32_t) f->table.n;
        l->kind = LAYER_BASE;
        l->mode = mode;
        if (allow)
                ck_assert_int_ge(rule_list_add_text(&source.rules, RULE_HOSTNAME, allow, ACTION_ALLOW, TIER_USER, &why), 0);
        if (block)
                ck_assert_int_ge(rule_list_add_text(&source.rules, RULE_HOSTNAME, block, ACTION_DENY, TIER_USER, &why), 0);
        ck_assert_int_eq(policy_new(&source, &l->policy), 0);
        ck_assert_int_eq(lease_table_new(max_leases, &times, key, &l->leases), 0);
        ck_assert_int_eq(derived_names_new(16, key, &l->derived), 0);
        f->layers[f->table.n++] = l;
        return l;
}

static void ask_as(Fixture *f, Layer *l, uint32_t group) {
        f->requester = (DnsRequester) { .layers = { l }, .n_layers = 1, .group = group };
}

static void fixture_done(Fixture *f) {
        dns_proxy_free(f->proxy);
        for (size_t i = 0; i < f->table.n; i++) {
                policy_free(f->storage[i].policy);
                lease_table_free(f->storage[i].leases);
                derived_names_free(f->storage[i].derived);
        }
        sd_event_source_disable_unref(f->server);
        sd_event_source_disable_unref(f->client);
        sd_event_unref(f->event);
        (void) close(f->server_fd);
        (void) close(f->client_fd);
}

static void files_remove(void) {
        name_files = NULL;
        root_remove();
}

static void turn(Fixture *f) {
        ck_assert_int_ge(sd_event_run(f->event, 10 * USEC_PER_MSEC), 0);
}

static void send_query(Fixture *f, const char *name, uint16_t type, bool dnssec) {
        uint8_t b[512], case_bits[DNS_CASE_BITS_SIZE] = {};
        size_t n = dns_query_build(b, 7, name, type, case_bits);

        ck_assert_uint_gt(n, 0);
        if (dnssec)
                b[n - 4] |= 0x80;
        ck_assert_int_eq(sendto(f->client_fd, b, n, 0, (struct sockaddr *) &f->proxy_addr, sizeof(f->proxy_addr)), n);
}

static void wait_replies(Fixture *f, size_t n) {
        for (int i = 0; i < ROUNDS_MAX && f->n_replies < n; i++)
                turn(f);
        ck_assert_uint_eq(f->n_replies, n);
}

static void wait_asked(Fixture *f, size_t n) {
        for (int i = 0; i < ROUNDS_MAX && f->n_asked < n; i++)
                turn(f);
        ck_assert_uint_eq(f->n_asked, n);
}

/* Returns the rcode. */
static uint8_t ask(Fixture *f, const char *name, uint16_t type, bool dnssec) {
        send_query(f, name, type, dnssec);
        wait_replies(f, f->n_replies + 1);
        return f->last.rcode;
}

/* Queries that wait for the server or are refused at once, a few at a time so that no socket buffer overflows. */
static void send_many(Fixture *f, const char *name, unsigned n) {
        uint64_t n_before = dns_proxy_stats(f->proxy)->queries;

        for (unsigned sent = 0; sent < n; sent += 20) {
                for (unsigned i = 0; i < 20; i++)
                        send_query(f, name, DNS_TYPE_A, false);
                for (int i = 0; i < ROUNDS_MAX && dns_proxy_stats(f->proxy)->queries < n_before + sent + 20; i++)
                        turn(f);
        }
        ck_assert_uint_eq(dns_proxy_stats(f->proxy)->queries, n_before + n);
}

/* ------------------------------------------------------------------ full tables */

/* Where a lease opens nothing, or nothing is enforced, no room is needed. */
START_TEST(test_full_table) {
        static const struct {
                Mode mode;
                Action default_action;
                const char *allow;
                uint8_t rcode;
                unsigned n_denials;
        } cases[] = {
                { MODE_ENFORCE, ACTION_ALLOW, NULL, DNS_RCODE_NOERROR, 0 },
                { MODE_AUDIT, ACTION_ALLOW, NULL, DNS_RCODE_NOERROR, 0 },
                { MODE_AUDIT, ACTION_DENY, "*.example", DNS_RCODE_NOERROR, 1 },
                { MODE_ENFORCE, ACTION_DENY, "*.example", DNS_RCODE_SERVFAIL, 1 },
        };
        Fixture f;

        fixture_init(&f);
        Layer *l = add_layer(&f, cases[_i].mode, cases[_i].default_action, cases[_i].allow, NULL, 2);
        ask_as(&f, l, 1);
        f.n_addrs = 4;
        ck_assert_uint_eq(ask(&f, "one.example", DNS_TYPE_A, false), cases[_i].rcode);
        ck_assert_uint_eq(f.last.n_answers, cases[_i].rcode ? 0 : 4);
        ck_assert_uint_eq(f.n_denials, cases[_i].n_denials);
        if (f.n_denials > 0)
                ck_assert_str_eq(f.denial.why, "lease");
        ck_assert_uint_eq(lease_table_n(l->leases), 2);
        fixture_done(&f);
}
END_TEST

/* A layer without room for what it allows costs nobody else an answer; what it denies has to be stored. */
START_TEST(test_full_table_of_another) {
        Fixture f;

        fixture_init(&f);
        Layer *host = add_layer(&f, MODE_OFF, ACTION_ALLOW, NULL, NULL, 100);
        Layer *full = add_layer(&f, MODE_ENFORCE, ACTION_DENY, "*.example", "bad.example", 1);
        Layer *other = add_layer(&f, MODE_ENFORCE, ACTION_DENY, "*.example", NULL, 100);
        ask_as(&f, host, 1);
        f.requester.forwards = true;
        ck_assert_uint_eq(ask(&f, "one.example", DNS_TYPE_A, false), DNS_RCODE_NOERROR);
        ck_assert_uint_eq(f.n_denials, 0);
        ck_assert_uint_eq(ask(&f, "two.example", DNS_TYPE_A, false), DNS_RCODE_NOERROR);
        ck_assert_uint_eq(f.n_denials, 1);
        ck_assert_ptr_eq(f.denial.layer, full);
        ck_assert_str_eq(f.denial.why, "lease");
        ck_assert_uint_eq(lease_table_n(full->leases), 1);
        ck_assert_uint_eq(lease_table_n(other->leases), 2);
        ck_assert_uint_eq(ask(&f, "bad.example", DNS_TYPE_A, false), DNS_RCODE_SERVFAIL);
        fixture_done(&f);
}
END_TEST

/* One unit fills the layer's table with names of a wildcard rule; another of the same layer still gets answers. */
START_TEST(test_full_table_of_one_group) {
        char name[32];
        Fixture f;

        fixture_init(&f);
        Layer *l = add_layer(&f, MODE_ENFORCE, ACTION_DENY, "*.example", NULL, 8);
        ask_as(&f, l, 1);
        for (unsigned i = 0; i < 9; i++) {
                (void) snprintf(name, sizeof(name), "n%u.example", i);
                ck_assert_uint_eq(ask(&f, name, DNS_TYPE_A, false), i < 8 ? DNS_RCODE_NOERROR : DNS_RCODE_SERVFAIL);
        }
        ck_assert_uint_eq(f.n_denials, 1);
        ck_assert_uint_eq(f.n_crowded, 0);
        ask_as(&f, l, 2);
        ck_assert_uint_eq(ask(&f, "victim.example", DNS_TYPE_A, false), DNS_RCODE_NOERROR);
        ck_assert_uint_eq(f.n_denials, 1);
        ck_assert_uint_eq(f.n_crowded, 1);
        ck_assert(f.crowded_group == 1 && f.crowded_share == DNS_SHARE_LEASES && f.crowded_n == 7);
        fixture_done(&f);
}
END_TEST

/* ------------------------------------------------------------------ shares */

/* Of a limit: what one group alone may have, the rest is kept for others. */
static size_t all_but_kept(size_t max) {
        return max - max / 4;
}

/* Queries of one group, each for a name of its own. */
static void ask_names(Fixture *f, Layer *l, uint32_t group, const char *prefix, size_t n, uint16_t type) {
        uint64_t n_before = dns_proxy_stats(f->proxy)->queries;
        char name[64];

        ask_as(f, l, group);
        for (size_t i = 1; i <= n; i++) {
                (void) snprintf(name, sizeof(name), "%s-%u-%zu.example", prefix, group, i);
                send_query(f, name, type, false);
                for (int k = 0; k < ROUNDS_MAX && dns_proxy_stats(f->proxy)->queries < n_before + i; k++)
                        turn(f);
        }
}

/* More clients than the proxy can have wait for one slow name: those of another group are still served. */
START_TEST(test_waiting_clients) {
        size_t n_waiting = all_but_kept(DNS_STUB_CLIENTS_MAX - 1);
        Fixture f;

        fixture_init(&f);
        Layer *l = add_layer(&f, MODE_ENFORCE, ACTION_DENY, "*.example", NULL, 100);
        f.silent = true;
        ask_as(&f, l, (uint32_t) _i); /* 0 is a group as any other */
        send_many(&f, "slow.example", 4000);
        wait_replies(&f, 4000 - n_waiting);
        ck_assert_uint_eq(f.n_failed, f.n_replies);
        ck_assert_uint_eq(f.n_crowded, f.n_failed);
        ck_assert_uint_eq(f.crowded_group, (uint32_t) _i);
        ck_assert_uint_eq(f.crowded_n, n_waiting);
        ck_assert_uint_eq(dns_proxy_stats(f.proxy)->crowded, f.n_crowded);
        ask_as(&f, l, 1000);
        ck_assert_uint_eq(ask(&f, "quick.example", DNS_TYPE_A, false), DNS_RCODE_NOERROR);
        ck_assert_uint_eq(dns_proxy_stub_stats(f.proxy)->overload, 0);
        fixture_done(&f);
}
END_TEST

/* Where there are no others, nothing is kept for them. */
START_TEST(test_one_group) {
        Fixture f;

        fixture_init_with(&f, true);
        f.silent = true;
        ask_names(&f, add_layer(&f, MODE_ENFORCE, ACTION_ALLOW, NULL, NULL, 1), 0, "slow", PENDING_MAX + 10, DNS_TYPE_A);
        wait_replies(&f, 10);
        ck_assert_uint_eq(f.n_crowded, 10);
        fixture_done(&f);
}
END_TEST

/* A build that looks up five hundred names at once, with both types of address, gets all of them. */
START_TEST(test_many_names) {
        Fixture f;

        fixture_init(&f);
        ask_names(&f, add_layer(&f, MODE_ENFORCE, ACTION_DENY, "*.example", NULL, 600), 5, "quick", 1000, DNS_TYPE_A);
        wait_replies(&f, 1000);
        ck_assert_uint_eq(f.n_failed + f.n_crowded, 0);
        fixture_done(&f);
}
END_TEST

/* Three groups hold all places with names that nobody answers. A fourth gets its answers: the one that holds most gives
 * up its oldest, and gets none in return. */
START_TEST(test_newcomer) {
        static const struct {
                uint16_t type; /* relayed, or not */
                size_t max;
        } cases[] = { { DNS_TYPE_A, PENDING_MAX }, { DNS_TYPE_TXT, PASSED_MAX } };
        size_t max = cases[_i].max;
        uint16_t type = cases[_i].type;
        Fixture f;

        fixture_init(&f);
        Layer *l = add_layer(&f, _i == 0 ? MODE_ENFORCE : MODE_OFF, ACTION_ALLOW, NULL, NULL, 100);
        f.silent = true;
        ask_names(&f, l, 1, "slow", all_but_kept(max), type);
        ask_names(&f, l, 2, "slow", max / 8, type);
        ask_names(&f, l, 3, "slow", max / 8, type);
        turn(&f);
        ck_assert_uint_eq(f.n_replies, 0);
        ask_names(&f, l, 1, "more", 1, type);
        wait_replies(&f, 1);
        ck_assert_uint_eq(f.n_failed, 1);
        ck_assert_uint_eq(f.crowded_group, 1);
        ck_assert_uint_eq(f.crowded_n, all_but_kept(max));
        for (size_t i = 0; i < 3; i++) {
                ask_names(&f, l, 4, i == 0 ? "quick" : i == 1 ? "quack" : "quid", 1, type);
                wait_replies(&f, i + 3);
        }
        ck_assert_uint_eq(f.n_failed, 2);
        ck_assert_uint_eq(f.n_crowded, 2);
        ck_assert_uint_eq(f.crowded_group, 1);
        fixture_done(&f); /* while questions are in flight that nobody waits for any more */
}
END_TEST

/* Queries that come faster than they are read: the groups that continue are named, until none is lost any more. */
START_TEST(test_flood) {
        Fixture f;

        fixture_init(&f);
        Layer *l = add_layer(&f, MODE_ENFORCE, ACTION_DENY, NULL, NULL, 1);
        ask_as(&f, l, 6);
        (void) ask(&f, "denied.example", DNS_TYPE_A, false);
        ck_assert_uint_eq(f.n_flooded, 0);
        for (unsigned i = 0; i < 20000; i++)
                send_query(&f, "denied.example", DNS_TYPE_A, false);
        for (int i = 0; i < ROUNDS_MAX && f.n_flooded == 0; i++)
                turn(&f);
        ck_assert_uint_gt(f.n_flooded, 0);
        ck_assert_uint_lt(f.n_flooded, 20000);
        fixture_done(&f);
}
END_TEST

/* The oldest question of the greediest is also somebody else's: only those of the greediest wait in vain. */
START_TEST(test_shared_question) {
        Fixture f;

        fixture_init(&f);
        Layer *l = add_layer(&f, MODE_ENFORCE, ACTION_ALLOW, NULL, NULL, 100);
        f.hold = true;
        ask_names(&f, l, 1, "slow", 1, DNS_TYPE_A);
        ask_as(&f, l, 2);
        send_query(&f, "slow-1-1.example", DNS_TYPE_A, false);
        wait_asked(&f, 1);
        f.silent = true;
        ask_names(&f, l, 1, "silent", all_but_kept(PENDING_MAX) - 1, DNS_TYPE_A);
        ask_names(&f, l, 2, "silent", PENDING_MAX / 8, DNS_TYPE_A);
        ask_names(&f, l, 3, "silent", PENDING_MAX / 8, DNS_TYPE_A);
        ask_names(&f, l, 4, "silent", 1, DNS_TYPE_A);
        wait_replies(&f, 2); /* the one shared, and the next one, whose place was needed */
        ck_assert_uint_eq(f.n_failed, 2);
        f.n_held = 1;
        release(&f);
        wait_replies(&f, 3);
        ck_assert_uint_eq(f.n_failed, 2);
        ck_assert_uint_eq(f.n_crowded, 2);
        fixture_done(&f);
}
END_TEST

/* A group that has used up its share can ask again after a while: what it has asked before ends sooner than it would. */
START_TEST(test_patience) {
        Fixture f;
        int tries = 0;

        fixture_init(&f);
        Layer *l = add_layer(&f, MODE_ENFORCE, ACTION_ALLOW, NULL, NULL, 100);
        f.silent = true;
        ask_names(&f, l, 1, "slow", all_but_kept(PENDING_MAX), DNS_TYPE_A);
        for (bool answered = false; !answered; tries++) {
                size_t n_failed = f.n_failed, n_replies = f.n_replies;

                ask_names(&f, l, 1, "quick", 1, DNS_TYPE_A);
                for (int i = 0; i < ROUNDS_MAX && (f.n_replies == n_replies || f.n_crowded > f.n_failed); i++)
                        turn(&f);
                for (int i = 0; i < 10; i++)
                        turn(&f);
                answered = f.n_replies - n_replies > f.n_failed - n_failed;
        }
        ck_assert_int_gt(tries, 1);
        ck_assert_uint_eq(f.n_failed, (size_t) tries); /* with the old one */
        ck_assert_uint_eq(dns_proxy_stats(f.proxy)->upstream_failures, (size_t) tries - 1); /* none has timed out */
        fixture_done(&f);
}
END_TEST

/* Processes of a build ask the same name at the same time. */
START_TEST(test_same_name) {
        Fixture f;

        fixture_init(&f);
        ask_as(&f, add_layer(&f, MODE_ENFORCE, ACTION_DENY, "*.example", NULL, 100), 1);
        f.hold = true;
        send_many(&f, "slow.example", 200);
        wait_asked(&f, 1);
        release(&f);
        wait_replies(&f, 200);
        ck_assert_uint_eq(f.n_failed, 0);
        ck_assert_uint_eq(f.n_asked, 1);
        fixture_done(&f);
}
END_TEST

/* ------------------------------------------------------------------ relayed unchanged */

static bool has_signature(const Reply *r) {
        return memmem(r->b, r->n, "sig", 3) != NULL;
}

/* A validator needs the signatures, and loses none where nothing is enforced. The proxy's own answers have none. */
START_TEST(test_dnssec) {
        static const struct {
                Mode mode;
                bool dnssec, relayed;
        } cases[] = {
                { MODE_OFF, true, true },
                { MODE_OFF, false, false },
                { MODE_AUDIT, true, true },
                { MODE_ENFORCE, true, false },
        };
        Fixture f;

        fixture_init(&f);
        Layer *own = add_layer(&f, cases[_i].mode, ACTION_DENY, "*.example", NULL, 100);
        Layer *other = add_layer(&f, MODE_ENFORCE, ACTION_DENY, "*.example", NULL, 100);
        ask_as(&f, own, 1);
        f.requester.forwards = true;
        for (int i = 0; i < 2; i++) {
                ck_assert_uint_eq(ask(&f, "one.example", DNS_TYPE_A, cases[_i].dnssec), DNS_RCODE_NOERROR);
                ck_assert_int_eq(has_signature(&f.last), cases[_i].relayed);
                ck_assert_int_eq(f.last.b[3] & FLAG_AUTHENTIC, cases[_i].relayed ? FLAG_AUTHENTIC : 0);
                ck_assert_uint_eq(f.last.n_answers, cases[_i].relayed ? 2 : 1);
                /* no longer than the lease: 300 seconds, not a day */
                ck_assert_mem_eq(f.last.b + DNS_HEADER_SIZE + 17 + 6, "\0\0\x01\x2c", 4);
        }
        ck_assert_uint_eq(lease_table_n(other->leases), cases[_i].relayed ? 2 : 1);
        ck_assert_uint_eq(n_written > 0, 1);
        fixture_done(&f);
}
END_TEST

/* Audit mode reports what it would refuse, and the client gets the answer. */
START_TEST(test_audit_loses_nothing) {
        Fixture f;

        fixture_init(&f);
        ask_as(&f, add_layer(&f, MODE_AUDIT, ACTION_DENY, NULL, NULL, 100), 1);
        static const struct {
                const char *name, *why;
                uint16_t type;
                bool dnssec;
        } queries[] = {
                { "one.example", "policy", DNS_TYPE_TXT, false },
                { "1.2.0.192.in-addr.arpa", "reverse", DNS_TYPE_PTR, false },
                { "one.example", "policy", DNS_TYPE_A, true },
                { "one.example", "policy", DNS_TYPE_A, false },
        };
        for (size_t i = 0; i < ELEMENTSOF(queries); i++) {
                ck_assert_uint_eq(ask(&f, queries[i].name, queries[i].type, queries[i].dnssec), DNS_RCODE_NOERROR);
                ck_assert_uint_eq(f.n_asked, i + 1);
                ck_assert_uint_eq(f.n_denials, i + 1);
                ck_assert_str_eq(f.denial.why, queries[i].why);
        }
        f.layers[0]->mode = MODE_ENFORCE;
        for (size_t i = 0; i < ELEMENTSOF(queries); i++)
                ck_assert_uint_eq(ask(&f, queries[i].name, queries[i].type, queries[i].dnssec), DNS_RCODE_NXDOMAIN);
        ck_assert_uint_eq(f.n_asked, ELEMENTSOF(queries));
        fixture_done(&f);
}
END_TEST

/* A resolver that asks here what we are asking it: the client was judged, the resolver is not. */
START_TEST(test_resolver_that_is_asked) {
        static const struct {
                Mode mode;
                const char *allow, *name;
                uint16_t type;
                unsigned denials;
        } clients[] = {
                { MODE_AUDIT, NULL, "one.example", DNS_TYPE_A, 1 },
                { MODE_AUDIT, NULL, "one.example", DNS_TYPE_TXT, 1 },
                { MODE_ENFORCE, "one.example", "one.example", DNS_TYPE_A, 0 },
        };
        Fixture f;

        fixture_init(&f);
        Layer *client = add_layer(&f, clients[_i].mode, ACTION_DENY, clients[_i].allow, NULL, 100);
        Layer *restricted = add_layer(&f, MODE_ENFORCE, ACTION_DENY, "other.example", NULL, 100);
        f.layers[0]->kind = LAYER_RESTRICT; /* as that of one job, which opens nothing for forwarders */
        f.hold = true;
        ask_as(&f, client, 1);
        send_query(&f, clients[_i].name, clients[_i].type, false);
        wait_asked(&f, 1);
        ck_assert_uint_eq(f.n_denials, clients[_i].denials);

        ask_as(&f, restricted, 2);
        f.requester.forwards = true;
        send_query(&f, clients[_i].name, clients[_i].type, false);
        wait_asked(&f, 2);
        ck_assert_uint_ne(ask(&f, "two.example", clients[_i].type, false), DNS_RCODE_NOERROR);
        ck_assert_uint_eq(f.n_denials, clients[_i].denials + 1);
        release(&f);
        wait_replies(&f, 3);
        ck_assert_uint_eq(f.n_denials, clients[_i].denials + 1);
        ck_assert_uint_eq(f.last.rcode, DNS_RCODE_NOERROR);
        ck_assert_uint_eq(lease_table_n(restricted->leases), 0);

        ck_assert_uint_ne(ask(&f, clients[_i].name, clients[_i].type, false), DNS_RCODE_NOERROR);
        fixture_done(&f);
}
END_TEST

/* "www.one.example" in class CH, and others that no parsed query is made of. */
static size_t odd_query(uint8_t *b, unsigned i) {
        static const struct {
                uint8_t flags, class;
        } queries[] = { { 0x01, 3 } /* class CH */, { 0x28, 1 } /* UPDATE */, { 0x20, 1 } /* NOTIFY */ };
        uint8_t case_bits[DNS_CASE_BITS_SIZE] = {};
        size_t n = dns_query_build(b, 7, "www.one.example", DNS_TYPE_SOA, case_bits) - 11;

        b[2] = queries[i].flags;
        b[11] = 0;
        b[n - 1] = queries[i].class;
        return n;
}

/* Nothing is enforced: the upstream says what it makes of it. */
START_TEST(test_audit_relays_all) {
        static const uint8_t rcodes[] = { DNS_RCODE_REFUSED, DNS_RCODE_NOTIMP, DNS_RCODE_NOTIMP };
        uint8_t b[512];
        Fixture f;

        fixture_init(&f);
        ask_as(&f, add_layer(&f, MODE_AUDIT, ACTION_DENY, NULL, NULL, 100), 1);
        size_t n = odd_query(b, (unsigned) _i);
        for (size_t i = 0; i < 2; i++) {
                ck_assert_int_eq(sendto(f.client_fd, b, n, 0, (struct sockaddr *) &f.proxy_addr, sizeof(f.proxy_addr)), n);
                wait_replies(&f, i + 1);
                ck_assert_mem_eq(f.last.b, b, 2);
                ck_assert_uint_eq(f.last.rcode, i == 0 ? DNS_RCODE_NOERROR : rcodes[_i]);
                f.layers[0]->mode = MODE_ENFORCE;
        }
        ck_assert_uint_eq(f.n_asked, 1);
        fixture_done(&f);
}
END_TEST

/* An allowed name has no records of a type that nobody permitted, which is no denial. */
START_TEST(test_withheld_types) {
        static const struct {
                const char *name;
                uint16_t type;
                uint8_t rcode;
                unsigned n_asked, n_denials;
        } queries[] = {
                { "one.example", DNS_TYPE_TXT, DNS_RCODE_NOERROR, 0, 0 },
                { "one.example", DNS_TYPE_ANY, DNS_RCODE_NOERROR, 0, 0 },
                { "one.example", DNS_TYPE_MX, DNS_RCODE_NOERROR, 1, 0 },
                { "_imaps._tcp.one.example", DNS_TYPE_SRV, DNS_RCODE_NOERROR, 1, 0 },
                { "_imaps._tcp.one.example", DNS_TYPE_A, DNS_RCODE_NXDOMAIN, 0, 1 },
                { "_imaps._tcp.other", DNS_TYPE_SRV, DNS_RCODE_NXDOMAIN, 0, 1 },
                { "other", DNS_TYPE_TXT, DNS_RCODE_NXDOMAIN, 0, 1 },
        };
        Fixture f;

        fixture_init(&f);
        ask_as(&f, add_layer(&f, MODE_ENFORCE, ACTION_DENY, "*.example", NULL, 100), 1);
        ck_assert_uint_eq(ask(&f, queries[_i].name, queries[_i].type, false), queries[_i].rcode);
        ck_assert_uint_eq(f.n_asked, queries[_i].n_asked);
        ck_assert_uint_eq(f.n_denials, queries[_i].n_denials);
        if (queries[_i].n_asked == 0)
                ck_assert_uint_eq(f.last.b[9], 1); /* SOA: clients know that it is final */
        fixture_done(&f);
}
END_TEST

/* What a search list makes of an allowed name, or of one of the internet, does not exist; all else is judged. */
START_TEST(test_search_list) {
        static const struct {
                const char *name;
                uint8_t rcode;
                unsigned n_asked, n_denials;
        } queries[] = {
                { "one.example.ci.internal", DNS_RCODE_NXDOMAIN, 0, 0 },
                { "denied.com.ci.internal", DNS_RCODE_NXDOMAIN, 0, 0 },
                { "denied.com.default.svc.cluster.local", DNS_RCODE_NXDOMAIN, 0, 0 },
                { "one.example.other.internal", DNS_RCODE_NXDOMAIN, 0, 1 },
                { "host.ci.internal", DNS_RCODE_NXDOMAIN, 0, 1 },
                { "denied.com", DNS_RCODE_NXDOMAIN, 0, 1 },
                { "one.example", DNS_RCODE_NOERROR, 1, 0 },
        };
        Fixture f;

        files_make("search ci.internal\n", "");
        fixture_init(&f);
        ask_as(&f, add_layer(&f, MODE_ENFORCE, ACTION_DENY, "*.example", NULL, 100), 1);
        ck_assert_uint_eq(ask(&f, queries[_i].name, DNS_TYPE_A, false), queries[_i].rcode);
        ck_assert_uint_eq(f.n_asked, queries[_i].n_asked);
        ck_assert_uint_eq(f.n_denials, queries[_i].n_denials);
        fixture_done(&f);
        files_remove();
}
END_TEST

/* This machine's own names, in both modes, whatever the policy says: nobody else is asked, and nothing is a denial. Where
 * nothing is enforced and clients ask a resolver elsewhere, it answers for hosts(5). */
START_TEST(test_local_names) {
        static const struct {
                const char *name;
                uint16_t type;
                uint8_t rcode, n_answers;
                unsigned n_asked_in_audit;
        } queries[] = {
                { "localhost", DNS_TYPE_A, DNS_RCODE_NOERROR, 1, 0 },
                { "app.localhost", DNS_TYPE_AAAA, DNS_RCODE_NOERROR, 1, 0 },
                { "localhost", DNS_TYPE_MX, DNS_RCODE_NOERROR, 0, 0 },
                { "_outbound", DNS_TYPE_TXT, DNS_RCODE_NOERROR, 0, 0 },
                { "1.0.0.127.in-addr.arpa", DNS_TYPE_PTR, DNS_RCODE_NOERROR, 1, 0 },
                { "db.example", DNS_TYPE_A, DNS_RCODE_NOERROR, 2, 1 },
                { "db", DNS_TYPE_AAAA, DNS_RCODE_NOERROR, 0, 1 },
                { "1.2.3.10.in-addr.arpa", DNS_TYPE_PTR, DNS_RCODE_NOERROR, 1, 1 },
        };
        Fixture f;

        files_make("nameserver 192.0.2.1\n", "10.3.2.1 db.example db\n10.3.2.2\tDB.example # two\n");
        fixture_init(&f);
        Layer *l = add_layer(&f, MODE_ENFORCE, ACTION_DENY, "db.example:7", NULL, 100);
        ask_as(&f, l, 1);
        ck_assert_uint_eq(ask(&f, queries[_i].name, queries[_i].type, false), queries[_i].rcode);
        ck_assert_uint_eq(f.last.n_answers, queries[_i].n_answers);
        ck_assert_uint_eq(f.n_asked, 0);
        ck_assert_uint_eq(f.n_denials, 0);
        ck_assert_uint_eq(lease_table_n(l->leases), strcmp(queries[_i].name, "db.example") == 0 ? 2 : 0);
        l->mode = MODE_AUDIT;
        (void) ask(&f, queries[_i].name, queries[_i].type, false);
        ck_assert_uint_eq(f.n_asked, queries[_i].n_asked_in_audit);
        fixture_done(&f);
        files_remove();
}
END_TEST

static void wait_leases(Fixture *f, const Layer *l, size_t n) {
        for (int i = 0; i < ROUNDS_MAX && lease_table_n(l->leases) < n; i++)
                turn(f);
        ck_assert_uint_eq(lease_table_n(l->leases), n);
}

/* Programs read the file themselves: nobody asks. */
START_TEST(test_hosts_names) {
        HostsNames *h;
        Fixture f;

        files_make("", "198.51.100.7 db.example db\n10.3.2.1 inner.example\n127.0.0.1 own.example\n0.0.0.0 none.example\n"
                       "198.51.100.9 other.test\n");
        fixture_init(&f);
        Layer *named = add_layer(&f, MODE_ENFORCE, ACTION_DENY, "*.example", NULL, 16);
        Layer *off = add_layer(&f, MODE_OFF, ACTION_DENY, "*.example", NULL, 16);
        ck_assert_int_eq(hosts_names_new(f.event, name_files->hosts, &f.table, NULL, NULL, &h), 0);
        ck_assert_uint_eq(lease_table_n(named->leases), 0);
        hosts_names_open(h);
        ck_assert_uint_eq(lease_table_n(named->leases), 2);
        ck_assert_uint_eq(lease_table_n(off->leases), 0);
        file_write("/hosts", "198.51.100.7 db.example\n198.51.100.8 new.example\n");
        wait_leases(&f, named, 3);
        ck_assert_ptr_null(hosts_names_free(h));
        ck_assert_uint_eq(f.n_asked, 0);
        fixture_done(&f);
        files_remove();
}
END_TEST

/* A layer of the chain, not only the first, begins to enforce while the server takes its time. */
START_TEST(test_enforced_meanwhile) {
        Fixture f;

        fixture_init(&f);
        add_layer(&f, MODE_OFF, ACTION_ALLOW, NULL, NULL, 100);
        Layer *restriction = add_layer(&f, MODE_OFF, ACTION_DENY, NULL, NULL, 100);
        restriction->kind = LAYER_RESTRICT;
        ask_as(&f, f.layers[0], 1);
        f.requester.layers[f.requester.n_layers++] = restriction;
        f.hold = true;
        send_query(&f, "one.example", _i == 0 ? DNS_TYPE_TXT : DNS_TYPE_A, _i == 1);
        wait_asked(&f, 1);
        restriction->mode = MODE_ENFORCE;
        release(&f);
        wait_replies(&f, 1);
        ck_assert_uint_eq(f.last.rcode, DNS_RCODE_SERVFAIL);
        ck_assert_uint_eq(f.last.n_answers, 0);
        fixture_done(&f);
}
END_TEST

/* ------------------------------------------------------------------ life */

/* A client that hears nothing asks again, and reaches a successor; an error would be its answer. */
START_TEST(test_end_leaves_clients_waiting) {
        uint8_t reply[1500];
        Fixture f;

        fixture_init(&f);
        add_layer(&f, MODE_OFF, ACTION_ALLOW, NULL, NULL, 100);
        ask_as(&f, f.layers[0], 1);
        f.hold = true;
        send_query(&f, "one.example", _i == 0 ? DNS_TYPE_TXT : DNS_TYPE_A, _i == 1);
        wait_asked(&f, 1);
        f.proxy = dns_proxy_free(f.proxy);
        ck_assert_int_eq(recv(f.client_fd, reply, sizeof(reply), MSG_DONTWAIT), -1);
        fixture_done(&f);
}
END_TEST

/* The proxy of this test listens on a free port, as that of the service does if somebody shares its sockets. Nothing is
 * asked at the address where a forwarder expects the service. */
START_TEST(test_forwarder_at_the_usual_address) {
        static const struct {
                const char *addr;
                uint16_t port;
        } usual[] = {
                { "127.0.0.155", 53 },
                { "127.0.0.155", 5353 },
                { "::1", 253 },
        };
        DnsServer server = {};
        struct sockaddr_in own;
        Fixture f;

        fixture_init(&f);
        ck_assert_int_eq(getsockname(f.server_fd, (struct sockaddr *) &own, &(socklen_t) { sizeof(own) }), 0);
        in_addr_from_v4((const uint8_t *) &own.sin_addr, &server.addr);
        server.port = ntohs(own.sin_port);
        ck_assert_int_eq(dns_proxy_set_servers(f.proxy, &server, 1), 0);
        ask_as(&f, add_layer(&f, MODE_ENFORCE, ACTION_DENY, "*.example", NULL, 16), 1);
        f.requester.forwards = true;
        ck_assert_int_eq(in_addr_parse(usual[_i].addr, &f.requester.asked.addr), 0);
        f.requester.asked.port = usual[_i].port;
        ck_assert_uint_eq(ask(&f, "one.example", DNS_TYPE_A, false), DNS_RCODE_NOERROR);
        ck_assert_uint_eq(f.n_asked, 1);
        fixture_done(&f);
}
END_TEST

/* Different servers may know different names: neither answers nor questions in flight are shared. */
START_TEST(test_servers_are_kept_apart) {
        struct sockaddr_in silent;
        DnsServer servers[2] = { { .group = 1 }, { .group = 2 } };
        int fd = bound_socket(&silent);
        Fixture f;

        fixture_init(&f);
        struct sockaddr_in own;
        ck_assert_int_eq(getsockname(f.server_fd, (struct sockaddr *) &own, &(socklen_t) { sizeof(own) }), 0);
        in_addr_from_v4((const uint8_t *) &silent.sin_addr, &servers[0].addr);
        servers[0].port = ntohs(silent.sin_port);
        in_addr_from_v4((const uint8_t *) &own.sin_addr, &servers[1].addr);
        servers[1].port = ntohs(own.sin_port);
        ck_assert_int_eq(dns_proxy_set_servers(f.proxy, servers, 2), 0);
        ask_as(&f, add_layer(&f, MODE_ENFORCE, ACTION_DENY, "*.example", NULL, 16), 1);
        send_query(&f, "one.example", DNS_TYPE_A, false); /* of the first, which does not answer */
        for (int i = 0; i < ROUNDS_MAX && dns_proxy_stats(f.proxy)->queries < 1; i++)
                turn(&f);
        f.requester.asked = (Endpoint) { .addr = servers[1].addr, .port = servers[1].port };
        ck_assert_uint_eq(ask(&f, "one.example", DNS_TYPE_A, false), DNS_RCODE_NOERROR);
        ck_assert_uint_eq(ask(&f, "one.example", DNS_TYPE_A, false), DNS_RCODE_NOERROR);
        ck_assert_uint_eq(f.n_asked, 1); /* the second answer is that server's, from the cache */
        ck_assert_uint_eq(dns_proxy_stats(f.proxy)->cache_hits, 1);
        f.requester.asked.port = 0; /* a client that addressed neither */
        ck_assert_uint_eq(ask(&f, "one.example", DNS_TYPE_A, false), DNS_RCODE_NOERROR);
        ck_assert_uint_eq(f.n_asked, 1);
        /* Other servers, and what the earlier ones answered is forgotten. What waits is asked again. */
        ck_assert_int_eq(dns_proxy_set_servers(f.proxy, &servers[1], 1), 0);
        wait_replies(&f, 4);
        ck_assert_uint_eq(f.n_failed, 0);
        ck_assert_uint_eq(f.n_asked, 2);
        fixture_done(&f);
        (void) close(fd);
}
END_TEST

START_TEST(test_no_server_is_known) {
        struct sockaddr_in own;
        DnsServer server = {};
        Fixture f;

        fixture_init(&f);
        ck_assert_int_eq(dns_proxy_set_servers(f.proxy, NULL, 0), 0);
        ask_as(&f, add_layer(&f, MODE_AUDIT, ACTION_DENY, "*.example", NULL, 16), 1);
        ck_assert_uint_eq(ask(&f, "one.example", DNS_TYPE_A, false), DNS_RCODE_SERVFAIL);
        ck_assert_uint_eq(f.n_failures, 1);
        ck_assert(f.failure.error == -ENOTCONN && !f.failure.has_server);
        ck_assert_uint_eq(ask(&f, "one.example", 16, false), DNS_RCODE_SERVFAIL); /* relayed */
        ck_assert_uint_eq(f.n_failures, 2);
        ck_assert_uint_eq(f.failure.type, 16);
        ck_assert(f.failure.error == -ENOTCONN && !f.failure.has_server);
        f.requester.forwards = true; /* it has other servers */
        for (uint16_t type = DNS_TYPE_A; type <= DNS_TYPE_TXT; type += DNS_TYPE_TXT - DNS_TYPE_A)
                ck_assert_uint_eq(ask(&f, "one.example", type, false), DNS_RCODE_REFUSED);
        f.requester.forwards = false;
        ck_assert_uint_eq(f.n_failures, 2);
        ck_assert_int_eq(getsockname(f.server_fd, (struct sockaddr *) &own, &(socklen_t) { sizeof(own) }), 0);
        in_addr_from_v4((const uint8_t *) &own.sin_addr, &server.addr);
        server.port = ntohs(own.sin_port);
        ck_assert_int_eq(dns_proxy_set_servers(f.proxy, &server, 1), 0);
        ck_assert_uint_eq(ask(&f, "one.example", DNS_TYPE_A, false), DNS_RCODE_NOERROR);
        fixture_done(&f);
}
END_TEST

/* Whether the proxy builds the answer or relays it. */
START_TEST(test_failures_are_reported) {
        static const struct {
                Mode mode;
                uint16_t type;
                uint8_t rcode;
                bool reported;
        } cases[] = {
                { MODE_ENFORCE, DNS_TYPE_A, DNS_RCODE_SERVFAIL, true },
                { MODE_AUDIT, DNS_TYPE_TXT, DNS_RCODE_SERVFAIL, true },
                { MODE_AUDIT, DNS_TYPE_A, DNS_RCODE_REFUSED, true },
                { MODE_AUDIT, DNS_TYPE_TXT, DNS_RCODE_NXDOMAIN, false },
                { MODE_OFF, DNS_TYPE_TXT, DNS_RCODE_SERVFAIL, false },
        };
        Fixture f;

        fixture_init(&f);
        ask_as(&f, add_layer(&f, MODE_ENFORCE, ACTION_DENY, "*.example", NULL, 16), 1);
        f.layers[0]->mode = cases[_i].mode;
        f.rcode = cases[_i].rcode;
        (void) ask(&f, "one.example", cases[_i].type, false);
        ck_assert_uint_eq(f.n_failures, cases[_i].reported);
        if (cases[_i].reported) {
                ck_assert_int_eq(f.failure.error, -EREMOTEIO);
                ck_assert_uint_eq(f.failure.rcode, cases[_i].rcode);
                ck_assert_uint_eq(f.failure.type, cases[_i].type);
                ck_assert(f.failure.has_server && f.failure.server.port != 0);
        }
        fixture_done(&f);
}
END_TEST

START_TEST(test_sockets_are_taken_on_failure) {
        struct sockaddr_in addr;
        int fd = bound_socket(&addr);
        const DnsServer many[DNS_SERVERS_MAX + 1] = {};
        const DnsProxyOptions o = { .servers = many, .n_servers = ELEMENTSOF(many), .fds = &fd, .n_fds = 1 };
        sd_event *event = NULL;
        DnsProxy *proxy;

        ck_assert_int_ge(sd_event_new(&event), 0);
        ck_assert_int_eq(dns_proxy_new(event, &o, &proxy), -EINVAL);
        ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
        sd_event_unref(event);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("dns-proxy");
        TCase *t = tcase_create("dns-proxy");

        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, test_full_table, 0, 4);
        tcase_add_test(t, test_full_table_of_another);
        tcase_add_test(t, test_full_table_of_one_group);
        tcase_add_loop_test(t, test_waiting_clients, 0, 2);
        tcase_add_test(t, test_same_name);
        tcase_add_test(t, test_one_group);
        tcase_add_test(t, test_many_names);
        tcase_add_loop_test(t, test_newcomer, 0, 2);
        tcase_add_test(t, test_shared_question);
        tcase_add_test(t, test_patience);
        tcase_add_test(t, test_flood);
        tcase_add_loop_test(t, test_dnssec, 0, 4);
        tcase_add_test(t, test_audit_loses_nothing);
        tcase_add_loop_test(t, test_resolver_that_is_asked, 0, 3);
        tcase_add_loop_test(t, test_forwarder_at_the_usual_address, 0, 3);
        tcase_add_loop_test(t, test_audit_relays_all, 0, 3);
        tcase_add_loop_test(t, test_withheld_types, 0, 7);
        tcase_add_loop_test(t, test_search_list, 0, 7);
        tcase_add_loop_test(t, test_local_names, 0, 8);
        tcase_add_test(t, test_hosts_names);
        tcase_add_loop_test(t, test_enforced_meanwhile, 0, 2);
        tcase_add_loop_test(t, test_end_leaves_clients_waiting, 0, 2);
        tcase_add_test(t, test_servers_are_kept_apart);
        tcase_add_test(t, test_no_server_is_known);
        tcase_add_loop_test(t, test_failures_are_reported, 0, 5);
        tcase_add_test(t, test_sockets_are_taken_on_failure);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
