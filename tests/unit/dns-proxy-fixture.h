/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

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

#define LAYERS_MAX 3
#define REPLIES_MAX 8192
#define HELD_MAX 64
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
        const char *records;  /* of the server's answers, after the question; NULL: as answer() makes them */
        size_t records_size;
        uint8_t counts[3];    /* of these, by section */
        Message asked;        /* the last query that the server got */
        unsigned n_failures;
        DnsFailure failure;   /* the last one; its name is gone */
        size_t n_flooded;
        size_t n_crowded;
        uint32_t crowded_group; /* the last one, as the next two */
        DnsShare crowded_share;
        size_t crowded_n;
} Fixture;

static inline size_t question_end(const Message *m) {
        size_t i = DNS_HEADER_SIZE;

        while (m->b[i] != 0)
                i += 1U + m->b[i];
        return i + 5;
}

/* Addresses with a TTL of a day; where the query has DO, also a signature and AD. */
static inline void answer(Fixture *f, const Message *query) {
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
        if (f->records) {
                for (size_t i = 0; i < 3; i++)
                        m.b[7 + 2 * i] = f->counts[i];
                ck_assert_uint_le(n + f->records_size, sizeof(m.b));
                memcpy(m.b + n, f->records, f->records_size);
                n += f->records_size;
                ck_assert_int_eq(sendto(f->server_fd, m.b, n, 0, (const struct sockaddr *) &m.peer, sizeof(m.peer)), n);
                return;
        }
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

static inline int on_server(_unused_ sd_event_source *s, int fd, _unused_ uint32_t revents, void *userdata) {
        Fixture *f = userdata;
        Message m = {};
        socklen_t size = sizeof(m.peer);
        ssize_t n = recvfrom(fd, m.b, sizeof(m.b), 0, (struct sockaddr *) &m.peer, &size);

        ck_assert_int_ge(n, DNS_HEADER_SIZE);
        m.n = (size_t) n;
        f->n_asked++;
        f->asked = m;
        if (f->silent && (m.b[DNS_HEADER_SIZE + 1] | 0x20) != 'q')
                return 0;
        if (!f->hold || f->silent)
                answer(f, &m);
        else if (f->n_held < HELD_MAX)
                f->held[f->n_held++] = m;
        return 0;
}

static inline int on_client(_unused_ sd_event_source *s, int fd, _unused_ uint32_t revents, void *userdata) {
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

static inline void on_query(_unused_ const DnsPeer *peer, DnsRequester *ret, void *userdata) {
        *ret = ((Fixture *) userdata)->requester;
}

static inline void on_denial(const DnsDenial *d, void *userdata) {
        Fixture *f = userdata;

        f->denial = *d;
        f->n_denials++;
}

static inline void on_failure(const DnsFailure *failure, void *userdata) {
        Fixture *f = userdata;

        ck_assert_str_eq(failure->name, "one.example");
        f->failure = *failure;
        f->failure.name = NULL;
        f->n_failures++;
}

static inline void on_crowded(uint32_t group, DnsShare share, size_t n, void *userdata) {
        Fixture *f = userdata;

        f->crowded_share = share;
        f->n_crowded++;
        f->crowded_group = group;
        f->crowded_n = n;
}

static inline void on_flooded(uint32_t group, void *userdata) {
        Fixture *f = userdata;

        ck_assert_uint_eq(group, f->requester.group);
        f->n_flooded++;
}

static inline void release(Fixture *f) {
        f->hold = false;
        for (size_t i = 0; i < f->n_held; i++)
                answer(f, &f->held[i]);
        f->n_held = 0;
}

static inline int bound_socket(struct sockaddr_in *ret) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        socklen_t size = sizeof(*ret);

        *ret = (struct sockaddr_in) { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(bind(fd, (struct sockaddr *) ret, sizeof(*ret)), 0);
        ck_assert_int_eq(getsockname(fd, (struct sockaddr *) ret, &size), 0);
        return fd;
}

static const LocalNameFiles *name_files; /* NULL: none */

static inline void fixture_init_with(Fixture *f, bool one_group) {
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

static inline void fixture_init(Fixture *f) {
        fixture_init_with(f, false);
}

/* rules: as on the command line, NULL: none. With room for max_leases. */
static inline Layer *add_layer(Fixture *f, Mode mode, Action default_action, const char *allow, const char *block,
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

static inline void ask_as(Fixture *f, Layer *l, uint32_t group) {
        f->requester = (DnsRequester) { .layers = { l }, .n_layers = 1, .group = group };
}

static inline void fixture_done(Fixture *f) {
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

static inline void turn(Fixture *f) {
        ck_assert_int_ge(sd_event_run(f->event, 10 * USEC_PER_MSEC), 0);
}

static inline void send_query(Fixture *f, const char *name, uint16_t type, bool dnssec) {
        uint8_t b[512], case_bits[DNS_CASE_BITS_SIZE] = {};
        size_t n = dns_query_build(b, 7, name, type, case_bits);

        ck_assert_uint_gt(n, 0);
        if (dnssec)
                b[n - 4] |= 0x80;
        ck_assert_int_eq(sendto(f->client_fd, b, n, 0, (struct sockaddr *) &f->proxy_addr, sizeof(f->proxy_addr)), n);
}

static inline void wait_replies(Fixture *f, size_t n) {
        for (int i = 0; i < ROUNDS_MAX && f->n_replies < n; i++)
                turn(f);
        ck_assert_uint_eq(f->n_replies, n);
}

static inline void wait_asked(Fixture *f, size_t n) {
        for (int i = 0; i < ROUNDS_MAX && f->n_asked < n; i++)
                turn(f);
        ck_assert_uint_eq(f->n_asked, n);
}

/* Returns the rcode. */
static inline uint8_t ask(Fixture *f, const char *name, uint16_t type, bool dnssec) {
        send_query(f, name, type, dnssec);
        wait_replies(f, f->n_replies + 1);
        return f->last.rcode;
}
