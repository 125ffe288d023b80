/* SPDX-License-Identifier: Apache-2.0 */
#include "net/upstream-groups.h"

#include <stdlib.h>

#include <check.h>

#include "upstream-server.h"

#define LONG_USEC (60 * USEC_PER_SEC)
#define NAME "build.corp.example"
#define PUBLIC 0
#define CORP 1
#define LOCAL 2 /* a forwarder on this machine */
#define UNKNOWN 3
#define N_SERVERS 4

typedef struct Fixture {
        sd_event *event;
        Server servers[N_SERVERS];
        UpstreamGroups *groups;
        unsigned n_results;
        int r;
} Fixture;

static Fixture *fixture_new(void) {
        Fixture *f = calloc(1, sizeof(*f));

        ck_assert_ptr_nonnull(f);
        ck_assert_int_ge(sd_event_new(&f->event), 0);
        for (size_t i = 0; i < N_SERVERS; i++)
                ck_assert_int_eq(server_start(&f->servers[i], f->event, "127.0.0.1"), 0);
        return f;
}

static void fixture_free(Fixture *f) {
        upstream_groups_free(f->groups);
        for (size_t i = 0; i < N_SERVERS; i++)
                server_stop(&f->servers[i]);
        sd_event_unref(f->event);
        free(f);
}

static DnsServer server(const Fixture *f, size_t i, uint8_t group, uint8_t flags) {
        return (DnsServer) { .addr = f->servers[i].address.addr, .port = f->servers[i].address.port, .group = group,
                             .flags = flags };
}

static DnsServer at(const Fixture *f, size_t i) {
        return (DnsServer) { .addr = f->servers[i].address.addr, .port = f->servers[i].address.port };
}

static void use(Fixture *f, const DnsServer *servers, size_t n, uint32_t generation) {
        f->groups = upstream_groups_free(f->groups);
        ck_assert_int_eq(upstream_groups_new(f->event, servers, n, LONG_USEC, generation, &f->groups), 0);
}

static void on_result(int r, _unused_ const DnsAnswer *a, void *userdata) {
        Fixture *f = userdata;

        f->n_results++;
        f->r = r;
}

static bool awaits(const Fixture *f, const char *name, uint16_t type) {
        uint8_t b[512], case_bits[DNS_CASE_BITS_SIZE] = { 0xff };
        size_t n = dns_query_build(b, 7, name, type, case_bits);

        return upstream_groups_ask(f->groups, b, n);
}

/* Which server got the question, -1: none. The rest of the list is not asked. */
static int ask(Fixture *f, const DnsServer *asked, bool forwards) {
        unsigned before[N_SERVERS], n = f->n_results;
        int found = -1;
        UpstreamKey key;

        for (size_t i = 0; i < N_SERVERS; i++)
                before[i] = f->servers[i].n_queries[false];
        ck_assert_int_eq(upstream_groups_find(f->groups, asked, forwards, &key), 0);
        f->r = upstream_groups_query(f->groups, key, NAME, DNS_TYPE_A, on_result, f);
        if (f->r < 0)
                return -1;
        ck_assert(awaits(f, NAME, DNS_TYPE_A));
        ck_assert(!awaits(f, NAME, DNS_TYPE_AAAA));
        ck_assert(!awaits(f, "www." NAME, DNS_TYPE_A));
        while (f->n_results == n)
                ck_assert_int_gt(sd_event_run(f->event, LONG_USEC), 0);
        for (size_t i = 0; i < N_SERVERS; i++)
                if (f->servers[i].n_queries[false] > before[i]) {
                        ck_assert_int_eq(found, -1);
                        found = (int) i;
                }
        return found;
}

static const DnsServer nobody = {};

START_TEST(the_server_that_was_asked_answers) {
        Fixture *f = fixture_new();
        const DnsServer servers[] = { server(f, PUBLIC, 1, 0), server(f, CORP, 2, 0) };
        DnsServer public = at(f, PUBLIC), corp = at(f, CORP), unknown = at(f, UNKNOWN);

        use(f, servers, 2, 1);
        for (unsigned forwards = 0; forwards <= 1; forwards++) {
                ck_assert_int_eq(ask(f, &corp, forwards), CORP);
                ck_assert_int_eq(ask(f, &public, forwards), PUBLIC);
                ck_assert_int_eq(ask(f, &nobody, forwards), PUBLIC); /* the first */
        }
        ck_assert_int_eq(ask(f, &unknown, false), PUBLIC); /* nobody configured it */
        ck_assert_int_eq(ask(f, &unknown, true), UNKNOWN); /* a forwarder's choice */
        fixture_free(f);
}
END_TEST

/* Of one link-local address, each link has a server of its own. */
START_TEST(links_have_servers_of_their_own) {
        Fixture *f = fixture_new();
        DnsServer servers[] = { { .port = 53, .group = 1, .zone = 2 }, { .port = 53, .group = 2, .zone = 3 } }, found;
        DnsServer asked = { .port = 53 };
        UpstreamKey key, first;

        ck_assert_int_eq(in_addr_parse("fe80::53", &asked.addr), 0);
        servers[0].addr = servers[1].addr = asked.addr;
        use(f, servers, 2, 1);
        for (asked.zone = 2; asked.zone <= 4; asked.zone++) { /* the last is only a forwarder's choice */
                ck_assert_int_eq(upstream_groups_find(f->groups, &asked, true, &key), 0);
                ck_assert(upstream_groups_server(f->groups, key, &found));
                ck_assert(in_addr_equal(&found.addr, &asked.addr));
                ck_assert_uint_eq(found.zone, asked.zone);
        }
        ck_assert_int_eq(upstream_groups_find(f->groups, &nobody, false, &first), 0);
        asked.zone = 0; /* is unknown: the machine's own choice for a client, none for a forwarder */
        ck_assert_int_eq(upstream_groups_find(f->groups, &asked, false, &key), 0);
        ck_assert_uint_eq(key, first);
        ck_assert_int_eq(upstream_groups_find(f->groups, &asked, true, &key), -ENODEV);
        use(f, servers + 1, 1, 2);
        for (unsigned forwards = 0; forwards <= 1; forwards++) {
                ck_assert_int_eq(upstream_groups_find(f->groups, &asked, forwards, &key), 0);
                ck_assert(upstream_groups_server(f->groups, key, &found));
                ck_assert_uint_eq(found.zone, 3);
        }
        use(f, NULL, 0, 3);
        ck_assert_int_eq(upstream_groups_find(f->groups, &asked, true, &key), -ENODEV);
        fixture_free(f);
}
END_TEST

/* An error of the server that was asked is the answer: no other one hears of the name. */
START_TEST(no_other_server_is_asked) {
        Fixture *f = fixture_new();
        const DnsServer servers[] = { server(f, PUBLIC, 1, 0), server(f, CORP, 2, 0) };
        DnsServer corp = at(f, CORP);

        use(f, servers, 2, 1);
        f->servers[CORP].script[false] = REFUSED;
        ck_assert_int_eq(ask(f, &corp, false), CORP);
        ck_assert_int_eq(f->r, -EREMOTEIO);
        ck_assert_int_eq(ask(f, &corp, true), CORP);
        ck_assert_uint_eq(f->servers[PUBLIC].n_queries[false], 0);
        fixture_free(f);
}
END_TEST

/* Servers of resolv.conf stand in for each other. */
START_TEST(interchangeable_servers_are_one_group) {
        Fixture *f = fixture_new();
        const DnsServer servers[] = { server(f, PUBLIC, 0, 0), server(f, CORP, 0, 0) };
        DnsServer public = at(f, PUBLIC), corp = at(f, CORP);
        UpstreamKey a, b, c;

        use(f, servers, 2, 1);
        ck_assert_int_eq(upstream_groups_find(f->groups, &public, false, &a), 0);
        ck_assert_int_eq(upstream_groups_find(f->groups, &corp, false, &b), 0);
        ck_assert_int_eq(upstream_groups_find(f->groups, &nobody, false, &c), 0);
        ck_assert_uint_eq(a, b);
        ck_assert_uint_eq(a, c);
        use(f, servers, 2, 2); /* the same servers later are others: answers are not shared */
        ck_assert_int_eq(upstream_groups_find(f->groups, &public, false, &b), 0);
        ck_assert_uint_ne(a, b);
        fixture_free(f);
}
END_TEST

/* A forwarder never gets its own query back. */
START_TEST(forwarders_do_not_ask_themselves) {
        Fixture *f = fixture_new();
        const DnsServer servers[] = {
                server(f, LOCAL, 0, DNS_SERVER_NOT_FOR_FORWARDERS),
                server(f, CORP, 1, DNS_SERVER_NOT_FOR_CLIENTS),
        };
        DnsServer local = at(f, LOCAL), corp = at(f, CORP);

        use(f, servers, 1, 1);
        ck_assert_int_eq(ask(f, &nobody, false), LOCAL);
        ck_assert_int_eq(ask(f, &nobody, true), -1);
        ck_assert_int_eq(f->r, -ENOTCONN);
        use(f, servers, 2, 2);
        ck_assert_int_eq(ask(f, &local, false), LOCAL);
        ck_assert_int_eq(ask(f, &nobody, false), LOCAL);
        ck_assert_int_eq(ask(f, &corp, false), CORP);
        ck_assert_int_eq(ask(f, &nobody, true), CORP);
        fixture_free(f);
}
END_TEST

START_TEST(no_server_is_known) {
        Fixture *f = fixture_new();
        DnsServer corp = at(f, CORP);

        use(f, NULL, 0, 1);
        ck_assert_int_eq(ask(f, &nobody, false), -1);
        ck_assert_int_eq(f->r, -ENOTCONN);
        ck_assert_int_eq(ask(f, &corp, false), -1);
        ck_assert_int_eq(ask(f, &corp, true), CORP);
        fixture_free(f);
}
END_TEST

/* A resolver that iterates asks more servers than are kept. */
START_TEST(many_servers_of_forwarders) {
        Fixture *f = fixture_new();
        DnsServer unknown = at(f, UNKNOWN), other = { .port = 53 };
        UpstreamKey first, key;

        use(f, NULL, 0, 1);
        ck_assert_int_eq(upstream_groups_find(f->groups, &unknown, true, &first), 0);
        for (unsigned i = 0; i < 1000; i++) {
                other.addr = (InAddr) { .b = { [0] = 0x20, [14] = (uint8_t) (i >> 8), [15] = (uint8_t) i } };
                ck_assert_int_eq(upstream_groups_find(f->groups, &other, true, &key), 0);
                ck_assert_uint_ne(key, first);
        }
        ck_assert_int_eq(ask(f, &unknown, true), UNKNOWN);
        fixture_free(f);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("upstream-groups");
        TCase *t = tcase_create("upstream-groups");

        tcase_set_timeout(t, 60);
        tcase_add_test(t, the_server_that_was_asked_answers);
        tcase_add_test(t, links_have_servers_of_their_own);
        tcase_add_test(t, no_other_server_is_asked);
        tcase_add_test(t, interchangeable_servers_are_one_group);
        tcase_add_test(t, forwarders_do_not_ask_themselves);
        tcase_add_test(t, no_server_is_known);
        tcase_add_test(t, many_servers_of_forwarders);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
