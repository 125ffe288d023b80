/* SPDX-License-Identifier: Apache-2.0 */
/* Upstream resolvers against scripted servers on loopback, in one real loop. */

#include "net/dns-upstream.h"

#include <check.h>
#include <string.h>

#include "basic/macro.h"
#include "kernel/loopback-filter.h"
#include "open-files.h"
#include "own-network.h"
#include "upstream-server.h"

#define NAME "registry.example"
#define LONG_USEC (30 * USEC_PER_SEC)   /* never reached: a test that would need it has failed */
#define SHORT_USEC (300 * USEC_PER_MSEC) /* for queries that nobody answers */

typedef struct Result {
        unsigned n;
        int r;
        uint8_t rcode;
        uint16_t n_addrs;
        uint8_t last_byte;
} Result;

typedef struct Fixture {
        sd_event *event;
        DnsUpstream *upstream;
        Server servers[3];
        size_t n_servers;
} Fixture;

/* ---- the fixture ---- */

static Fixture *fixture_new(size_t n_servers, uint64_t timeout_usec) {
        Fixture *f = calloc(1, sizeof(*f));
        DnsServer servers[3];

        ck_assert_ptr_nonnull(f);
        ck_assert_int_eq(sd_event_new(&f->event), 0);
        f->n_servers = n_servers;
        for (size_t i = 0; i < n_servers; i++) {
                ck_assert_int_eq(server_start(&f->servers[i], f->event, "127.0.0.1"), 0);
                servers[i] = f->servers[i].address;
        }
        ck_assert_int_eq(dns_upstream_new(f->event, servers, n_servers, timeout_usec, &f->upstream), 0);
        return f;
}

static void fixture_free(Fixture *f) {
        dns_upstream_free(f->upstream);
        for (size_t i = 0; i < f->n_servers; i++)
                server_stop(&f->servers[i]);
        sd_event_unref(f->event);
        free(f);
}

static void on_result(int r, const DnsAnswer *a, void *userdata) {
        Result *result = userdata;

        ck_assert_ptr_nonnull(a);
        *result = (Result) { .n = result->n + 1, .r = r, .rcode = a->rcode, .n_addrs = a->n_addrs };
        if (a->n_addrs > 0)
                result->last_byte = a->addrs[0].b[15];
        if (r < 0)
                ck_assert_uint_eq(a->n_addrs, 0);
}

static void wait_for(Fixture *f, const unsigned *n, unsigned wanted) {
        while (*n < wanted)
                ck_assert_int_gt(sd_event_run(f->event, LONG_USEC), 0);
        ck_assert_uint_eq(*n, wanted);
}

static Result ask(Fixture *f) {
        Result result = {};

        ck_assert_int_eq(dns_upstream_query(f->upstream, NAME, DNS_TYPE_A, on_result, &result), 0);
        ck_assert_uint_eq(result.n, 0); /* never from within the call */
        wait_for(f, &result.n, 1);
        return result;
}

/* ---- tests ---- */

static const struct {
        Script udp, tcp;
        int r;
        uint8_t rcode, last_byte;
        uint16_t n_addrs;
        unsigned n_udp, n_tcp, n_spoofed;
} cases[] = {
        { RIGHT, RIGHT, 0, 0, SERVER_ADDR_UDP, 1, 1, 0, 0 },
        { MANY, RIGHT, 0, 0, SERVER_ADDR_UDP, 40, 1, 0, 0 },
        { NXDOMAIN, RIGHT, 0, DNS_RCODE_NXDOMAIN, 0, 0, 1, 0, 0 },
        { WRONG_ID, RIGHT, 0, 0, SERVER_ADDR_UDP, 1, 1, 0, 0 },
        { SOME_GUESSES, RIGHT, 0, 0, SERVER_ADDR_UDP, 1, 1, 0, 0 },
        { MANY_GUESSES, RIGHT, 0, 0, SERVER_ADDR_TCP, 1, 1, 1, 0 },
        { MANY_GUESSES, SERVFAIL, -EREMOTEIO, DNS_RCODE_SERVFAIL, 0, 0, 1, 1, 0 },
        { WRONG_PORT, RIGHT, 0, 0, SERVER_ADDR_UDP, 1, 1, 0, 0 },
        { WRONG_QUESTION, RIGHT, 0, 0, SERVER_ADDR_UDP, 1, 1, 0, 0 },
        { WRONG_CASE, RIGHT, 0, 0, SERVER_ADDR_TCP, 1, 1, 1, 1 },
        { WRONG_CASE, LOWER_CASE, 0, 0, SERVER_ADDR_TCP, 1, 1, 1, 1 },
        { WRONG_CASE, WRONG_CASE, -EBADE, DNS_RCODE_SERVFAIL, 0, 0, 1, 1, 2 },
        { TRUNCATED, RIGHT, 0, 0, SERVER_ADDR_TCP, 1, 1, 1, 0 },
        { TRUNCATED, MANY, 0, 0, SERVER_ADDR_TCP, 40, 1, 1, 0 },
        { TRUNCATED, TRUNCATED, -EBADMSG, DNS_RCODE_SERVFAIL, 0, 0, 1, 1, 0 },
        { CUT_SHORT, RIGHT, 0, 0, SERVER_ADDR_TCP, 1, 1, 1, 0 },
        { CUT_SHORT, CUT_SHORT, -EBADMSG, DNS_RCODE_SERVFAIL, 0, 0, 1, 1, 0 },
        { SERVFAIL, RIGHT, -EREMOTEIO, DNS_RCODE_SERVFAIL, 0, 0, 1, 0, 0 },
        { REFUSED, RIGHT, -EREMOTEIO, DNS_RCODE_REFUSED, 0, 0, 1, 0, 0 },
        { TRUNCATED, SERVFAIL, -EREMOTEIO, DNS_RCODE_SERVFAIL, 0, 0, 1, 1, 0 },
        { FORMERR, RIGHT, -EREMOTEIO, DNS_RCODE_FORMERR, 0, 0, 2, 0, 0 }, /* once more without EDNS */
};

START_TEST(one_server) {
        Fixture *f = fixture_new(1, LONG_USEC);
        Server *s = &f->servers[0];

        s->script[false] = cases[_i].udp;
        s->script[true] = cases[_i].tcp;
        Result result = ask(f);
        ck_assert_int_eq(result.r, cases[_i].r);
        ck_assert_uint_eq(result.rcode, cases[_i].rcode);
        ck_assert_uint_eq(result.n_addrs, cases[_i].n_addrs);
        ck_assert_uint_eq(result.last_byte, cases[_i].last_byte);
        if (cases[_i].udp == CUT_SHORT) /* c-ares itself may notice, and ask again: so does 1.34 */
                ck_assert_uint_ge(s->n_queries[false], cases[_i].n_udp);
        else
                ck_assert_uint_eq(s->n_queries[false], cases[_i].n_udp);
        ck_assert_uint_eq(s->n_queries[true], cases[_i].n_tcp);

        const DnsUpstreamStats *stats = dns_upstream_stats(f->upstream);
        ck_assert_uint_eq(stats->spoofed, cases[_i].n_spoofed);
        ck_assert_uint_eq(stats->retried_tcp, cases[_i].n_tcp);
        ck_assert_uint_eq(stats->sent, 1 + cases[_i].n_tcp + (cases[_i].udp == FORMERR));
        ck_assert_uint_eq(stats->answered, cases[_i].r == 0);
        ck_assert_uint_eq(stats->failed, cases[_i].r != 0);
        fixture_free(f);
}
END_TEST

typedef struct Relayed {
        unsigned n;
        int r;
        uint8_t flags, rcode;
        size_t size;
} Relayed;

static void on_relayed(int r, const uint8_t *data, size_t size, void *userdata) {
        Relayed *result = userdata;

        *result = (Relayed) { .n = result->n + 1, .r = r, .size = size };
        ck_assert_int_eq(data != NULL, size > 0);
        if (size > 3) {
                result->flags = data[2];
                result->rcode = data[3] & 0xf;
        }
}

static DnsRelay relay_of(const char *query, size_t size) {
        DnsRelay relay;

        ck_assert_int_eq(dns_relay_read(query, size, &relay), 0);
        return relay;
}

/* As a stub resolver asks, without EDNS: TXT of "txt.example". */
#define RELAYED "\x12\x34\x01\x00\0\1\0\0\0\0\0\0" "\3txt\7example\0\0\x10\0\1"
#define RELAYED_SIZE (sizeof(RELAYED) - 1)

static const struct {
        Script udp, tcp;
        int r;
        uint8_t rcode;
        size_t size;
        unsigned n_udp, n_tcp;
} relays[] = {
        { RIGHT, RIGHT, 0, DNS_RCODE_NOERROR, RELAYED_SIZE + 16, 1, 0 },
        { NXDOMAIN, RIGHT, 0, DNS_RCODE_NXDOMAIN, RELAYED_SIZE, 1, 0 },
        { LOWER_CASE, RIGHT, 0, DNS_RCODE_NOERROR, RELAYED_SIZE + 16, 1, 0 },
        { WRONG_ID, RIGHT, 0, DNS_RCODE_NOERROR, RELAYED_SIZE + 16, 1, 0 },
        { TRUNCATED, MANY, 0, DNS_RCODE_NOERROR, RELAYED_SIZE + 40 * 16, 1, 1 },
        { TRUNCATED, TRUNCATED, -EBADMSG, 0, 0, 1, 1 },
        { SERVFAIL, RIGHT, -EREMOTEIO, DNS_RCODE_SERVFAIL, RELAYED_SIZE, 1, 0 }, /* with the answer */
        { REFUSED, RIGHT, -EREMOTEIO, DNS_RCODE_REFUSED, RELAYED_SIZE, 1, 0 },
};

START_TEST(relayed) {
        Fixture *f = fixture_new(1, LONG_USEC);
        const DnsRelay relay = relay_of(RELAYED, RELAYED_SIZE);
        Server *s = &f->servers[0];
        Relayed result = {};

        s->script[false] = relays[_i].udp;
        s->script[true] = relays[_i].tcp;
        ck_assert_int_eq(dns_upstream_relay(f->upstream, &relay, on_relayed, &result), 0);
        wait_for(f, &result.n, 1);
        ck_assert_int_eq(result.r, relays[_i].r);
        ck_assert_uint_eq(result.rcode, relays[_i].rcode);
        ck_assert_uint_eq(result.size, relays[_i].size);
        ck_assert_uint_eq(s->n_queries[false], relays[_i].n_udp);
        ck_assert_uint_eq(s->n_queries[true], relays[_i].n_tcp);
        fixture_free(f);
}
END_TEST

/* A query that fails is sent to the next server; none is reported twice, or left when the resolver is freed. */
START_TEST(relayed_elsewhere) {
        Fixture *f = fixture_new(2, LONG_USEC);
        const DnsRelay relay = relay_of(RELAYED, RELAYED_SIZE);
        Relayed result = {}, left = {};

        f->servers[0].script[false] = REFUSED;
        ck_assert_int_eq(dns_upstream_relay(f->upstream, &relay, on_relayed, &result), 0);
        wait_for(f, &result.n, 1);
        ck_assert_int_eq(result.r, 0);
        f->servers[0].script[false] = f->servers[1].script[false] = SILENT;
        ck_assert_int_eq(dns_upstream_relay(f->upstream, &relay, on_relayed, &left), 0);
        f->upstream = dns_upstream_free(f->upstream);
        ck_assert_uint_eq(left.n, 1);
        ck_assert_int_eq(left.r, -ECANCELED);
        fixture_free(f);
}
END_TEST

/* ---- forged answers ---- */

static void count_forgery(const Endpoint *server, void *userdata) {
        ck_assert_uint_ne(server->port, 0);
        ++*(unsigned *) userdata;
}

/* Guesses at one question end UDP for all of them, those in flight included. */
START_TEST(guesses) {
        Fixture *f = fixture_new(2, LONG_USEC);
        unsigned n = 0;
        const DnsUpstreamHooks hooks = { .on_forgery = count_forgery, .userdata = &n };
        const DnsRelay relay = relay_of(RELAYED, RELAYED_SIZE);
        Result other = {};
        Relayed passed = {};

        dns_upstream_set_hooks(f->upstream, &hooks);
        f->servers[0].script[false] = SILENT;
        ck_assert_int_eq(dns_upstream_query(f->upstream, NAME, DNS_TYPE_AAAA, on_result, &other), 0);
        ck_assert_int_eq(dns_upstream_relay(f->upstream, &relay, on_relayed, &passed), 0);
        while (f->servers[0].n_queries[false] < 2)
                ck_assert_int_gt(sd_event_run(f->event, LONG_USEC), 0);
        ck_assert_uint_eq(other.n + passed.n, 0);

        f->servers[0].script[false] = MANY_GUESSES;
        ck_assert_uint_eq(ask(f).last_byte, SERVER_ADDR_TCP);
        wait_for(f, &other.n, 1);
        wait_for(f, &passed.n, 1);
        ck_assert_int_eq(other.r, 0);
        ck_assert_int_eq(passed.r, 0);
        ck_assert_uint_eq(n, 1);
        unsigned n_udp = f->servers[0].n_queries[false];
        for (unsigned i = 0; i < 5; i++)
                ck_assert_uint_eq(ask(f).last_byte, SERVER_ADDR_TCP);
        ck_assert_uint_eq(f->servers[0].n_queries[false], n_udp);
        ck_assert_uint_eq(n, 1);
        fixture_free(f);
}
END_TEST

/* Answers that come late or twice are those of a slow network. */
START_TEST(copies_are_no_guesses) {
        Fixture *f = fixture_new(1, LONG_USEC);
        unsigned n = 0;
        const DnsUpstreamHooks hooks = { .on_forgery = count_forgery, .userdata = &n };

        dns_upstream_set_hooks(f->upstream, &hooks);
        f->servers[0].script[false] = COPIES;
        for (unsigned i = 0; i < 200; i++)
                ck_assert_uint_eq(ask(f).last_byte, SERVER_ADDR_UDP);
        ck_assert_uint_eq(n, 0);
        fixture_free(f);
}
END_TEST

static bool is_elsewhere(const InAddr *addr _unused_) {
        return false;
}

static bool is_here(const InAddr *addr _unused_) {
        return true;
}

static const char *const not_loopback[2] = { "203.0.113.9", "2001:db8::9" };

/* Adds the address to the loopback device. False: no IPv6 here. */
static bool add_address(const InAddr *addr) {
        bool v4 = in_addr_is_v4(addr);
        struct ifreq ifr = { .ifr_name = "lo:1" };
        struct {
                uint8_t addr[16];
                uint32_t prefix_length;
                int index;
        } ifr6 = { .prefix_length = 128, .index = 1 }; /* struct in6_ifreq; its header is not for programs that have others */
        struct sockaddr_storage sa;
        _cleanup_close_ int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        memcpy(&ifr.ifr_addr, &sa, v4 ? in_addr_to_sockaddr(addr, 0, &sa) : 0);
        memcpy(ifr6.addr, addr->b, sizeof(ifr6.addr));
        int r = ioctl(fd, SIOCSIFADDR, v4 ? (void *) &ifr : (void *) &ifr6);
        CHECK(r >= 0 || !v4);
        (void) in_addr_to_sockaddr(addr, 0, &sa);
        for (int left = 10000; r >= 0 && bind(fd, (struct sockaddr *) &sa, v4 ? sizeof(struct sockaddr_in) :
                                                                                sizeof(struct sockaddr_in6)) < 0; left--) {
                CHECK(left > 0); /* an IPv6 address can be used a little later */
                (void) usleep(1000);
        }
        return r >= 0;
}

/* The server has an address that stands for one elsewhere, and is reached through the loopback device, as by a NAT
 * rule. i: whether that is known, 2 for IPv6, and 4 for one program for all sockets. */
static void ask_over_loopback(int i) {
        DnsUpstreamHooks hooks = { .is_local = i & 1 ? is_here : is_elsewhere };
        const char *text = not_loopback[i >> 1 & 1];
        Result result = {};
        Server s = {};
        sd_event *event;
        DnsUpstream *u;
        InAddr addr;

        if (i & 4)
                hooks.loopback_filter = loopback_filter_load();
        if (hooks.loopback_filter < 0) {
                printf("# SKIP no program can be loaded here\n");
                return;
        }
        loopback_up();
        CHECK(in_addr_parse(text, &addr) >= 0);
        if (!add_address(&addr))
                return;
        CHECK(sd_event_new(&event) >= 0 && server_start(&s, event, text) >= 0);
        CHECK(dns_upstream_new(event, &s.address, 1, LONG_USEC, &u) >= 0);
        dns_upstream_set_hooks(u, &hooks);
        CHECK(dns_upstream_query(u, NAME, DNS_TYPE_A, on_result, &result) >= 0);
        while (result.n == 0)
                CHECK(sd_event_run(event, LONG_USEC) > 0);
        CHECK(s.n_queries[false] >= 1);
        CHECK(result.r == 0 && (s.n_queries[true] > 0) == !(i & 1));
        dns_upstream_free(u);
        server_stop(&s);
        sd_event_unref(event);
}

/* What comes over the loopback device in the name of a server elsewhere was sent by this machine. TCP cannot be forged
 * like that, and is used when the first answer does not come. */
START_TEST(loopback) {
        run_in_own_network(ask_over_loopback, _i, false);
}
END_TEST

/* ... unless a cargowall around this one redirected the socket to its proxy. */
START_TEST(redirected) {
        Fixture *f = fixture_new(1, LONG_USEC);
        const DnsUpstreamHooks hooks = { .is_local = is_elsewhere };

        dns_upstream_set_hooks(f->upstream, &hooks);
        ck_assert_int_eq(ask(f).r, 0);
        fixture_free(f);
}
END_TEST

/* The manner of a server is found with its first answer, and remembered. */
START_TEST(no_edns) {
        static const struct {
                Script script;
                unsigned n_queries; /* for the first answer */
        } manners[] = { { EDNS_FORMERR, 2 }, { EDNS_HEADER, 2 }, { EDNS_NOTIMP, 2 }, { EDNS_SILENT, 3 } };
        Fixture *f = fixture_new(1, manners[_i].script == EDNS_SILENT ? 6 * SHORT_USEC : LONG_USEC);
        Server *s = &f->servers[0];

        s->script[false] = manners[_i].script;
        for (unsigned i = 0; i < 100; i++) { /* on many channels */
                ck_assert_int_eq(ask(f).r, 0);
                ck_assert_uint_eq(s->n_queries[false], manners[_i].n_queries + i);
        }
        ck_assert_uint_eq(s->n_queries[true], 0);
        fixture_free(f);
}
END_TEST

/* Neither the case of the name nor TCP. */
START_TEST(no_case) {
        Fixture *f = fixture_new(1, LONG_USEC);
        Server *s = &f->servers[0];

        s->script[false] = LOWER_CASE;
        s->tcp = sd_event_source_disable_unref(s->tcp); /* closes the port */
        for (unsigned i = 0; i < 100; i++) {
                ck_assert_int_eq(ask(f).r, 0);
                ck_assert_uint_eq(s->n_queries[false], 3 + i); /* two equal answers after the first */
        }
        fixture_free(f);
}
END_TEST

static const Script unanswered[][2] = { { SILENT, RIGHT }, { TRUNCATED, SILENT } };

START_TEST(no_answer_times_out) {
        Fixture *f = fixture_new(1, SHORT_USEC);
        uint64_t before, after;

        f->servers[0].script[false] = unanswered[_i][0];
        f->servers[0].script[true] = unanswered[_i][1];
        ck_assert_int_ge(sd_event_now(f->event, CLOCK_MONOTONIC, &before), 0);
        ck_assert_int_eq(ask(f).r, -ETIMEDOUT);
        ck_assert_int_ge(sd_event_now(f->event, CLOCK_MONOTONIC, &after), 0);
        if (_i == 0) /* a connection gets less time */
                ck_assert_uint_ge(after - before, SHORT_USEC);
        ck_assert_uint_lt(after - before, LONG_USEC);
        fixture_free(f);
}
END_TEST

START_TEST(late_answer_is_not_reported_twice) {
        Fixture *f = fixture_new(1, SHORT_USEC);
        Result first = {};

        f->servers[0].script[false] = SILENT;
        ck_assert_int_eq(dns_upstream_query(f->upstream, NAME, DNS_TYPE_A, on_result, &first), 0);
        wait_for(f, &first.n, 1);
        ck_assert_int_eq(first.r, -ETIMEDOUT);

        /* c-ares still asks for the first; now it is answered */
        f->servers[0].script[false] = RIGHT;
        ck_assert_int_eq(ask(f).r, 0);
        while (f->servers[0].n_queries[false] < 3 && sd_event_run(f->event, SHORT_USEC) > 0)
                ;
        ck_assert_uint_eq(first.n, 1);
        fixture_free(f);
}
END_TEST

START_TEST(closed_port) {
        Fixture *f = fixture_new(1, LONG_USEC);

        server_stop(&f->servers[0]);
        ck_assert_int_eq(ask(f).r, -ECONNREFUSED);
        fixture_free(f);
}
END_TEST

static int restart(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        Fixture *f = userdata;

        ck_assert_int_eq(server_start(&f->servers[0], f->event, "127.0.0.1"), 0);
        return 0;
}

/* A resolver of this machine, as at its upgrade. */
START_TEST(restarted) {
        Fixture *f = fixture_new(1, LONG_USEC);
        const DnsRelay relay = relay_of(RELAYED, RELAYED_SIZE);
        Result results[2] = {};
        Relayed passed = {};

        server_stop(&f->servers[0]);
        ck_assert_int_eq(sd_event_add_time_relative(f->event, NULL, CLOCK_MONOTONIC, SHORT_USEC, 0, restart, f), 0);
        for (size_t i = 0; i < 2; i++)
                ck_assert_int_eq(dns_upstream_query(f->upstream, NAME, DNS_TYPE_A, on_result, &results[i]), 0);
        ck_assert_int_eq(dns_upstream_relay(f->upstream, &relay, on_relayed, &passed), 0);
        wait_for(f, &results[0].n, 1);
        wait_for(f, &results[1].n, 1);
        wait_for(f, &passed.n, 1);
        ck_assert(results[0].r == 0 && results[1].r == 0 && passed.r == 0);
        ck_assert(dns_upstream_is_idle(f->upstream));

        server_stop(&f->servers[0]);
        ck_assert_int_eq(dns_upstream_query(f->upstream, NAME, DNS_TYPE_A, on_result, &results[0]), 0);
        while (dns_upstream_stats(f->upstream)->sent < 8) /* one that rests is freed */
                ck_assert_int_gt(sd_event_run(f->event, LONG_USEC), 0);
        fixture_free(f);
        ck_assert_int_eq(results[0].r, -ECANCELED);
}
END_TEST

START_TEST(unreachable_at_once) {
        DnsServer broadcast = { .port = 53 }; /* connect() to it is EACCES: nothing is sent */
        Result result = {};
        sd_event *event;
        DnsUpstream *u;

        ck_assert_int_eq(in_addr_parse("255.255.255.255", &broadcast.addr), 0);
        ck_assert_int_eq(sd_event_new(&event), 0);
        ck_assert_int_eq(dns_upstream_new(event, &broadcast, 1, LONG_USEC, &u), 0);
        ck_assert_int_eq(dns_upstream_query(u, NAME, DNS_TYPE_A, on_result, &result), 0);
        ck_assert_uint_eq(result.n, 0);
        while (result.n == 0)
                ck_assert_int_gt(sd_event_run(event, LONG_USEC), 0);
        ck_assert_int_eq(result.r, -ECONNREFUSED);

        /* freed before it could be reported */
        ck_assert_int_eq(dns_upstream_query(u, NAME, DNS_TYPE_A, on_result, &result), 0);
        dns_upstream_free(u);
        ck_assert_uint_eq(result.n, 2);
        ck_assert_int_eq(result.r, -ECANCELED);
        sd_event_unref(event);
}
END_TEST

static const struct {
        int first, second; /* Script; -1: port closed */
        int r;
} failovers[] = {
        { SILENT, RIGHT, 0 },  { -1, RIGHT, 0 },       { SERVFAIL, RIGHT, 0 },
        { REFUSED, RIGHT, 0 }, { SERVFAIL, REFUSED, -EREMOTEIO }, { SILENT, SERVFAIL, -EREMOTEIO },
        { -1, -1, -ECONNREFUSED },
};

START_TEST(failover) {
        Fixture *f = fixture_new(2, 10 * USEC_PER_SEC);
        int scripts[] = { failovers[_i].first, failovers[_i].second };

        for (size_t i = 0; i < 2; i++)
                if (scripts[i] < 0)
                        server_stop(&f->servers[i]);
                else
                        f->servers[i].script[false] = (Script) scripts[i];

        ck_assert_int_eq(ask(f).r, failovers[_i].r);
        fixture_free(f);
}
END_TEST

/* Sent together: the kernel refuses all but the first, and says why only once. */
START_TEST(failover_of_many) {
        enum { N = 100 };
        Result results[N] = {};
        Fixture *f = fixture_new(2, LONG_USEC);

        server_stop(&f->servers[0]);
        if (_i == 1)
                server_stop(&f->servers[1]);
        for (unsigned i = 0; i < N; i++) {
                char name[32];

                (void) snprintf(name, sizeof(name), "n%u.example", i);
                ck_assert_int_eq(dns_upstream_query(f->upstream, name, DNS_TYPE_A, on_result, &results[i]), 0);
        }
        for (unsigned i = 0; i < N; i++) {
                wait_for(f, &results[i].n, 1);
                ck_assert_msg(results[i].r == (_i == 1 ? -ECONNREFUSED : 0), "question %u: %s", i, strerror(-results[i].r));
        }
        fixture_free(f);
}
END_TEST

START_TEST(failover_to_the_third) {
        Fixture *f = fixture_new(3, LONG_USEC);

        f->servers[0].script[false] = REFUSED;
        f->servers[1].script[false] = TRUNCATED;
        f->servers[1].script[true] = SERVFAIL;
        ck_assert_int_eq(ask(f).r, 0);
        ck_assert_uint_eq(f->servers[2].n_queries[false], 1);
        fixture_free(f);
}
END_TEST

START_TEST(dead_server_is_left) {
        Fixture *f = fixture_new(2, LONG_USEC);

        f->servers[0].script[false] = SILENT;
        ck_assert_int_eq(ask(f).r, 0);
        unsigned n = f->servers[0].n_queries[false];
        for (unsigned i = 0; i < 20; i++)
                ck_assert_int_eq(ask(f).r, 0);
        ck_assert_uint_eq(f->servers[0].n_queries[false], n);
        fixture_free(f);
}
END_TEST

START_TEST(ipv6_server) {
        Server s = {};
        Result result = {};
        sd_event *event;
        DnsUpstream *u;

        ck_assert_int_eq(sd_event_new(&event), 0);
        if (server_start(&s, event, "::1") >= 0) { /* else no IPv6 here */
                ck_assert_int_eq(dns_upstream_new(event, &s.address, 1, LONG_USEC, &u), 0);
                ck_assert_int_eq(dns_upstream_query(u, NAME, DNS_TYPE_A, on_result, &result), 0);
                while (result.n == 0)
                        ck_assert_int_gt(sd_event_run(event, LONG_USEC), 0);
                ck_assert_int_eq(result.r, 0);
                dns_upstream_free(u);
                server_stop(&s);
        }
        sd_event_unref(event);
}
END_TEST

START_TEST(nothing_to_guess) {
        Fixture *f = fixture_new(1, LONG_USEC);
        Server *s = &f->servers[0];
        static bool seen[65536];
        unsigned n_ids = 0, n_successors = 0;

        for (unsigned i = 0; i < 1000; i++)
                ck_assert_int_eq(ask(f).r, 0);
        ck_assert_uint_eq(s->n_queries[false], 1000);

        for (unsigned i = 0; i < 1000; i++) {
                if (!seen[s->ids[i]])
                        n_ids++;
                seen[s->ids[i]] = true;
                if (i > 0 && (uint16_t) (s->ids[i] - s->ids[i - 1]) == 1)
                        n_successors++;
        }
        ck_assert_uint_gt(s->n_ports, 12); /* at least 16 sockets, each for 64 queries; few ports meet by chance */
        ck_assert_uint_gt(n_ids, 950);     /* of 1000 drawn from 65536, 992 differ on average */
        ck_assert_uint_lt(n_successors, 10);
        ck_assert_uint_gt(s->n_other_case, 900);
        fixture_free(f);
}
END_TEST

START_TEST(in_flight_limit) {
        static Result results[DNS_UPSTREAM_IN_FLIGHT_MAX + 1];
        Fixture *f = fixture_new(1, SHORT_USEC);

        f->servers[0].script[false] = SILENT;
        for (size_t i = 0; i < DNS_UPSTREAM_IN_FLIGHT_MAX; i++)
                ck_assert_int_eq(dns_upstream_query(f->upstream, NAME, DNS_TYPE_A, on_result, &results[i]), 0);
        ck_assert_int_eq(dns_upstream_query(f->upstream, NAME, DNS_TYPE_A, on_result,
                                            &results[DNS_UPSTREAM_IN_FLIGHT_MAX]),
                         -EBUSY);
        for (size_t i = 0; i < DNS_UPSTREAM_IN_FLIGHT_MAX; i++) {
                wait_for(f, &results[i].n, 1);
                ck_assert_int_eq(results[i].r, -ETIMEDOUT);
        }
        ck_assert_uint_eq(results[DNS_UPSTREAM_IN_FLIGHT_MAX].n, 0);
        ck_assert_uint_eq(dns_upstream_stats(f->upstream)->failed, DNS_UPSTREAM_IN_FLIGHT_MAX);

        /* once c-ares has given them up, there is room again */
        f->servers[0].script[false] = RIGHT;
        Result result = { .r = -ETIMEDOUT };
        for (int i = 0; i < 100 && result.r == -ETIMEDOUT; i++) { /* the server may still be busy with what it received */
                result = (Result) {};
                while (dns_upstream_query(f->upstream, NAME, DNS_TYPE_A, on_result, &result) == -EBUSY)
                        ck_assert_int_gt(sd_event_run(f->event, LONG_USEC), 0);
                wait_for(f, &result.n, 1);
        }
        ck_assert_int_eq(result.r, 0);
        fixture_free(f);
}
END_TEST

typedef struct Chain {
        Fixture *f;
        unsigned left;
        unsigned n;
        int r; /* of asking from within fn */
} Chain;

static void on_chain(int r, const DnsAnswer *a _unused_, void *userdata) {
        Chain *c = userdata;

        c->n++;
        if (c->left > 0) {
                c->left--;
                c->r = dns_upstream_query(c->f->upstream, NAME, DNS_TYPE_AAAA, on_chain, c);
        }
        ck_assert(r == 0 || r == -ECANCELED);
}

START_TEST(ask_from_within_an_answer) {
        Fixture *f = fixture_new(1, LONG_USEC);
        Chain chain = { .f = f, .left = 600 }; /* more than the whole pool serves */

        ck_assert_int_eq(dns_upstream_query(f->upstream, NAME, DNS_TYPE_AAAA, on_chain, &chain), 0);
        wait_for(f, &chain.n, 601);
        ck_assert_int_eq(chain.r, 0);
        fixture_free(f);
}
END_TEST

START_TEST(free_with_questions_in_flight) {
        Fixture *f = fixture_new(1, LONG_USEC);
        Chain chain = { .f = f, .left = 1 };
        Result results[100] = {};

        f->servers[0].script[false] = SILENT;
        ck_assert_int_eq(dns_upstream_query(f->upstream, NAME, DNS_TYPE_AAAA, on_chain, &chain), 0);
        for (size_t i = 0; i < ELEMENTSOF(results); i++)
                ck_assert_int_eq(dns_upstream_query(f->upstream, NAME, DNS_TYPE_A, on_result, &results[i]), 0);
        while (sd_event_run(f->event, 0) > 0)
                ;
        f->upstream = dns_upstream_free(f->upstream);
        for (size_t i = 0; i < ELEMENTSOF(results); i++) {
                ck_assert_uint_eq(results[i].n, 1);
                ck_assert_int_eq(results[i].r, -ECANCELED);
        }
        ck_assert_uint_eq(chain.n, 1);
        ck_assert_int_eq(chain.r, -ECANCELED); /* asked while freeing */
        fixture_free(f);
}
END_TEST

START_TEST(nothing_is_left) {
        unsigned before = count_fds();
        Fixture *f = fixture_new(2, LONG_USEC);

        f->servers[0].script[false] = TRUNCATED;
        for (unsigned i = 0; i < SERVER_CONNECTIONS_MAX; i++)
                ck_assert_int_eq(ask(f).r, 0);
        fixture_free(f);
        ck_assert_uint_eq(count_fds(), before);
}
END_TEST

START_TEST(environment_is_ignored) {
        ck_assert_int_eq(setenv("LOCALDOMAIN", "attacker.example", 1), 0);
        ck_assert_int_eq(setenv("RES_OPTIONS", "ndots:15 retrans:1 retry:9 rotate", 1), 0);
        Fixture *f = fixture_new(2, LONG_USEC);

        for (unsigned i = 0; i < 10; i++)
                ck_assert_int_eq(ask(f).r, 0);
        ck_assert_uint_eq(f->servers[0].n_queries[false], 10); /* neither rotated nor searched */
        ck_assert_int_eq(unsetenv("LOCALDOMAIN"), 0);
        ck_assert_int_eq(unsetenv("RES_OPTIONS"), 0);
        fixture_free(f);
}
END_TEST

START_TEST(bad_arguments) {
        DnsServer servers[DNS_UPSTREAM_SERVERS_MAX + 1] = {};
        char name[DNS_NAME_SIZE + 1];
        Fixture *f = fixture_new(1, LONG_USEC);
        DnsUpstream *u;

        ck_assert_int_eq(dns_upstream_new(f->event, servers, 0, LONG_USEC, &u), -EINVAL);
        ck_assert_int_eq(dns_upstream_new(f->event, servers, ELEMENTSOF(servers), LONG_USEC, &u), -EINVAL);
        ck_assert_int_eq(dns_upstream_new(f->event, servers, 1, 0, &u), -EINVAL);
        memset(name, 'a', sizeof(name));
        name[DNS_NAME_SIZE] = 0;
        ck_assert_int_eq(dns_upstream_query(f->upstream, name, DNS_TYPE_A, on_result, NULL), -EINVAL);
        fixture_free(f);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("dns-upstream");
        TCase *tc = tcase_create("loopback");

        tcase_set_timeout(tc, 120);
        tcase_add_loop_test(tc, one_server, 0, ELEMENTSOF(cases));
        tcase_add_loop_test(tc, relayed, 0, ELEMENTSOF(relays));
        tcase_add_test(tc, relayed_elsewhere);
        tcase_add_test(tc, guesses);
        tcase_add_test(tc, copies_are_no_guesses);
        tcase_add_loop_test(tc, loopback, 0, 8);
        tcase_add_test(tc, redirected);
        tcase_add_loop_test(tc, no_edns, 0, 4);
        tcase_add_test(tc, no_case);
        tcase_add_loop_test(tc, no_answer_times_out, 0, ELEMENTSOF(unanswered));
        tcase_add_test(tc, late_answer_is_not_reported_twice);
        tcase_add_test(tc, closed_port);
        tcase_add_test(tc, restarted);
        tcase_add_test(tc, unreachable_at_once);
        tcase_add_loop_test(tc, failover, 0, ELEMENTSOF(failovers));
        tcase_add_loop_test(tc, failover_of_many, 0, 2);
        tcase_add_test(tc, failover_to_the_third);
        tcase_add_test(tc, dead_server_is_left);
        tcase_add_test(tc, ipv6_server);
        tcase_add_test(tc, nothing_to_guess);
        tcase_add_test(tc, in_flight_limit);
        tcase_add_test(tc, ask_from_within_an_answer);
        tcase_add_test(tc, free_with_questions_in_flight);
        tcase_add_test(tc, nothing_is_left);
        tcase_add_test(tc, environment_is_ignored);
        tcase_add_test(tc, bad_arguments);
        suite_add_tcase(s, tc);
        return s;
}

#include "check-main.h"
