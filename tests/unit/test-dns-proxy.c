/* SPDX-License-Identifier: Apache-2.0 */

/* Who is answered what, and the life of the proxy. What requesters share: test-dns-shares. */

#include "dns-proxy-fixture.h"
#include "fake-root.h"

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

static void files_remove(void) {
        name_files = NULL;
        root_remove();
}

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
        ck_assert_uint_eq(f.n_asked, cases[_i].dnssec ? 2 : 1); /* the cache has no signatures */
        ck_assert_uint_eq(lease_table_n(other->leases), f.n_asked);
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
        f.requester.asked = (DnsServer) { .addr = servers[1].addr, .port = servers[1].port };
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
