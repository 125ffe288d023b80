/* SPDX-License-Identifier: Apache-2.0 */
/* Upstream resolvers against scripted servers on loopback, in one real loop. */

#include <arpa/inet.h>
#include <check.h>
#include <ctype.h>
#include <dirent.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>

#include "basic/macro.h"
#include "net/dns-frame.h"
#include "net/dns-upstream.h"

#define NAME "registry.example"
#define LONG_USEC (30 * USEC_PER_SEC)   /* never reached: a test that would need it has failed */
#define SHORT_USEC (300 * USEC_PER_MSEC) /* for questions that nobody answers */
#define ADDR_UDP 1 /* last byte of the address in a right answer, by transport */
#define ADDR_TCP 2
#define ADDR_SPOOFED 66
#define CONNECTIONS_MAX 4
#define QUERIES_MAX 2048

/* What a server does with a query over UDP, or over TCP. */
typedef enum Script {
        RIGHT,
        SILENT,
        WRONG_ID, /* then RIGHT; and so on */
        WRONG_PORT,
        WRONG_QUESTION,
        WRONG_CASE, /* nothing else */
        LOWER_CASE,
        TRUNCATED,
        CUT_SHORT,
        MANY, /* 40 addresses: more than 512 bytes */
        NXDOMAIN,
        SERVFAIL,
        REFUSED,
        FORMERR,
} Script;

typedef struct Server Server;

typedef struct TestConnection {
        Server *server;
        sd_event_source *io;
        DnsFrameReader in;
} TestConnection;

struct Server {
        sd_event_source *udp, *tcp;
        DnsServer address;
        Script script[2]; /* UDP, TCP */
        unsigned n_queries[2];
        TestConnection connections[CONNECTIONS_MAX];
        size_t n_connections;
        uint16_t ids[QUERIES_MAX];
        char first_name[64]; /* of the first query, as it came */
        unsigned n_other_case;
        bool ports[65536];
        unsigned n_ports;
};

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

/* ---- the server ---- */

static size_t question_end(const uint8_t *query, size_t size) {
        size_t i = DNS_HEADER_SIZE;

        while (i < size && query[i] != 0)
                i += 1U + query[i];
        ck_assert_uint_le(i + 5, size);
        return i + 5;
}

/* Header and question of the query, then n address records. */
static size_t build(uint8_t *buf, const uint8_t *query, size_t size, uint8_t rcode, unsigned n, uint8_t last_byte) {
        static const uint8_t record[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2 };
        size_t end = question_end(query, size);

        memcpy(buf, query, end);
        buf[2] = 0x81;
        buf[3] = (uint8_t) (0x80 | rcode);
        memset(buf + 4, 0, 8);
        buf[5] = 1;
        buf[7] = (uint8_t) n;
        for (unsigned i = 0; i < n; i++) {
                memcpy(buf + end, record, sizeof(record));
                buf[end + sizeof(record)] = last_byte;
                end += sizeof(record) + 1;
        }
        return end;
}

static void spoil_case(uint8_t *message, bool lower) {
        uint8_t *p = message + DNS_HEADER_SIZE + 1;

        for (size_t i = 0; i < message[DNS_HEADER_SIZE]; i++)
                p[i] = (uint8_t) (lower ? tolower(p[i]) : p[i] ^ 0x20);
}

/* The message for a script; 0: none. */
static size_t answer(Script script, const uint8_t *query, size_t size, bool tcp, uint8_t *buf) {
        uint8_t right = tcp ? ADDR_TCP : ADDR_UDP;
        size_t n;

        switch (script) {
        case SILENT:
                return 0;
        case WRONG_CASE:
        case LOWER_CASE:
                n = build(buf, query, size, 0, 1, script == WRONG_CASE ? ADDR_SPOOFED : right);
                spoil_case(buf, script == LOWER_CASE);
                return n;
        case TRUNCATED:
                n = build(buf, query, size, 0, 0, 0);
                buf[2] |= 0x02;
                return n;
        case CUT_SHORT:
                return build(buf, query, size, 0, 1, right) - 3;
        case MANY:
                return build(buf, query, size, 0, 40, right);
        case NXDOMAIN:
                return build(buf, query, size, DNS_RCODE_NXDOMAIN, 0, 0);
        case SERVFAIL:
                return build(buf, query, size, DNS_RCODE_SERVFAIL, 0, 0);
        case REFUSED:
                return build(buf, query, size, DNS_RCODE_REFUSED, 0, 0);
        case FORMERR:
                return build(buf, query, size, DNS_RCODE_FORMERR, 0, 0);
        default:
                return build(buf, query, size, 0, 1, right);
        }
}

/* Sends what an attacker would before the right answer. */
static void spoof(const Server *s, int fd, const struct sockaddr *peer, socklen_t length, const uint8_t *query,
                  size_t size) {
        uint8_t buf[1024];
        size_t n = build(buf, query, size, 0, 1, ADDR_SPOOFED);
        int other = -EBADF;

        switch (s->script[false]) {
        case WRONG_ID:
                buf[1] ^= 1;
                break;
        case WRONG_QUESTION:
                buf[DNS_HEADER_SIZE + 1] = 'x';
                break;
        case WRONG_PORT:
                other = socket(peer->sa_family, SOCK_DGRAM, 0);
                ck_assert_int_ge(other, 0);
                break;
        default:
                return;
        }

        ck_assert_int_eq(sendto(other >= 0 ? other : fd, buf, n, 0, peer, length), (ssize_t) n);
        if (other >= 0)
                (void) close(other);
}

static void server_note(Server *s, bool tcp, const uint8_t *query, uint16_t port) {
        if (!tcp && s->n_queries[false] < QUERIES_MAX) {
                const char *name = (const char *) query + DNS_HEADER_SIZE + 1;
                s->ids[s->n_queries[false]] = (uint16_t) (query[0] << 8 | query[1]);
                if (s->n_queries[false] == 0)
                        memcpy(s->first_name, name, query[DNS_HEADER_SIZE]);
                else if (memcmp(s->first_name, name, query[DNS_HEADER_SIZE]) != 0)
                        s->n_other_case++;
        }
        if (!tcp && !s->ports[port]) {
                s->ports[port] = true;
                s->n_ports++;
        }
        s->n_queries[tcp]++;
}

static int on_server_udp(sd_event_source *source _unused_, int fd, uint32_t revents _unused_, void *userdata) {
        Server *s = userdata;
        struct sockaddr_storage peer;
        socklen_t length = sizeof(peer);
        uint8_t query[1024], buf[1024];
        InAddr addr;
        uint16_t port;

        ssize_t n = recvfrom(fd, query, sizeof(query), MSG_DONTWAIT, (struct sockaddr *) &peer, &length);
        if (n <= 0)
                return 0;
        ck_assert_int_eq(in_addr_from_sockaddr((struct sockaddr *) &peer, &addr, &port), 0);
        server_note(s, false, query, port);
        spoof(s, fd, (struct sockaddr *) &peer, length, query, (size_t) n);
        size_t size = answer(s->script[false], query, (size_t) n, false, buf);
        if (size > 0)
                ck_assert_int_eq(sendto(fd, buf, size, 0, (struct sockaddr *) &peer, length), (ssize_t) size);
        return 0;
}

static int on_server_connection(sd_event_source *source, int fd, uint32_t revents _unused_, void *userdata) {
        TestConnection *c = userdata;
        const uint8_t *query;
        uint8_t buf[1024], *room;
        size_t size;

        ck_assert_int_eq(dns_frame_reader_reserve(&c->in, &room, &size), 0);
        ssize_t n = recv(fd, room, size, MSG_DONTWAIT);
        if (n <= 0) {
                (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
                return 0;
        }
        dns_frame_reader_commit(&c->in, (size_t) n);
        while (dns_frame_reader_next(&c->in, &query, &size) == 1) {
                server_note(c->server, true, query, 0);
                for (size_t i = 0; i < query[DNS_HEADER_SIZE]; i++) /* the case of TCP queries is known */
                        ck_assert(!isupper(query[DNS_HEADER_SIZE + 1 + i]));
                size_t length = answer(c->server->script[true], query, size, true, buf + 2);
                buf[0] = (uint8_t) (length >> 8);
                buf[1] = (uint8_t) length;
                if (length > 0)
                        ck_assert_int_eq(send(fd, buf, length + 2, MSG_NOSIGNAL), (ssize_t) length + 2);
        }
        return 0;
}

static int on_server_accept(sd_event_source *source, int fd, uint32_t revents _unused_, void *userdata) {
        Server *s = userdata;
        int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        ck_assert_int_ge(client, 0);
        ck_assert_uint_lt(s->n_connections, CONNECTIONS_MAX);
        TestConnection *c = &s->connections[s->n_connections++];
        c->server = s;
        ck_assert_int_eq(sd_event_add_io(sd_event_source_get_event(source), &c->io, client, EPOLLIN,
                                         on_server_connection, c),
                         0);
        ck_assert_int_eq(sd_event_source_set_io_fd_own(c->io, true), 0);
        return 0;
}

static int socket_bound(int type, DnsServer *address) {
        struct sockaddr_storage ss;
        socklen_t length = in_addr_to_sockaddr(&address->addr, address->port, &ss);
        int fd = socket(ss.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        InAddr addr;

        ck_assert_int_ge(fd, 0);
        if (bind(fd, (struct sockaddr *) &ss, length) < 0) {
                (void) close(fd);
                return -errno;
        }
        ck_assert_int_eq(getsockname(fd, (struct sockaddr *) &ss, &length), 0);
        ck_assert_int_eq(in_addr_from_sockaddr((struct sockaddr *) &ss, &addr, &address->port), 0);
        return fd;
}

static int server_start(Server *s, sd_event *event, const char *text) {
        for (unsigned i = 0; i < 16; i++) {
                ck_assert_int_eq(in_addr_parse(text, &s->address.addr), 0);
                s->address.port = 0;
                int udp = socket_bound(SOCK_DGRAM, &s->address);
                if (udp < 0)
                        return udp;
                int tcp = socket_bound(SOCK_STREAM, &s->address);
                if (tcp < 0) {
                        (void) close(udp);
                        continue;
                }
                ck_assert_int_eq(listen(tcp, 16), 0);
                ck_assert_int_eq(sd_event_add_io(event, &s->udp, udp, EPOLLIN, on_server_udp, s), 0);
                ck_assert_int_eq(sd_event_add_io(event, &s->tcp, tcp, EPOLLIN, on_server_accept, s), 0);
                ck_assert_int_eq(sd_event_source_set_io_fd_own(s->udp, true), 0);
                ck_assert_int_eq(sd_event_source_set_io_fd_own(s->tcp, true), 0);
                return 0;
        }
        return -EADDRINUSE;
}

/* Its ports are closed from here on. */
static void server_stop(Server *s) {
        s->udp = sd_event_source_disable_unref(s->udp);
        s->tcp = sd_event_source_disable_unref(s->tcp);
        for (size_t i = 0; i < s->n_connections; i++) {
                sd_event_source_disable_unref(s->connections[i].io);
                dns_frame_reader_done(&s->connections[i].in);
        }
        s->n_connections = 0;
}

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

static unsigned count_fds(void) {
        DIR *dir = opendir("/proc/self/fd");
        unsigned n = 0;

        ck_assert_ptr_nonnull(dir);
        while (readdir(dir))
                n++;
        closedir(dir);
        return n;
}

/* ---- tests ---- */

static const struct {
        const char *text;
        const char *addr; /* NULL: refused */
        uint16_t port;
} server_texts[] = {
        { "192.0.2.1", "192.0.2.1", 53 },
        { "192.0.2.1:5353", "192.0.2.1", 5353 },
        { "192.0.2.1:65535", "192.0.2.1", 65535 },
        { "2001:db8::1", "2001:db8::1", 53 },
        { "2001:db8::1:53", "2001:db8::1:53", 53 },
        { "[2001:db8::1]", "2001:db8::1", 53 },
        { "[2001:db8::1]:5353", "2001:db8::1", 5353 },
        { "::ffff:192.0.2.1", "192.0.2.1", 53 },
        { "", NULL, 0 },
        { ":53", NULL, 0 },
        { "192.0.2.1:", NULL, 0 },
        { "192.0.2.1:0", NULL, 0 },
        { "192.0.2.1:053", NULL, 0 },
        { "192.0.2.1:65536", NULL, 0 },
        { "192.0.2.1:99999999999999999999", NULL, 0 },
        { "192.0.2.1:+53", NULL, 0 },
        { "192.0.2.1: 53", NULL, 0 },
        { "192.0.2.1:53 ", NULL, 0 },
        { "192.0.2.1,192.0.2.2", NULL, 0 },
        { "[192.0.2.1]:53", NULL, 0 },
        { "[2001:db8::1", NULL, 0 },
        { "[2001:db8::1]53", NULL, 0 },
        { "[2001:db8::1]:", NULL, 0 },
        { "[[2001:db8::1]]:53", NULL, 0 },
        { "2001:db8::1]:53", NULL, 0 },
        { "[]:53", NULL, 0 },
        { "[", NULL, 0 },
        { "fe80::1%lo", NULL, 0 },
        { "dns.example", NULL, 0 },
        { "0123456789012345678901234567890123456789012345678901234567890123456789", NULL, 0 },
};

START_TEST(server_parse) {
        DnsServer server;
        InAddr addr;
        int r = endpoint_parse(server_texts[_i].text, DNS_SERVER_PORT, &server);

        if (!server_texts[_i].addr) {
                ck_assert_int_eq(r, -EINVAL);
                return;
        }
        ck_assert_int_eq(r, 0);
        ck_assert_int_eq(in_addr_parse(server_texts[_i].addr, &addr), 0);
        ck_assert(in_addr_equal(&server.addr, &addr));
        ck_assert_uint_eq(server.port, server_texts[_i].port);
}
END_TEST

static const struct {
        Script udp, tcp;
        int r;
        uint8_t rcode, last_byte;
        uint16_t n_addrs;
        unsigned n_udp, n_tcp, n_spoofed;
} cases[] = {
        { RIGHT, RIGHT, 0, 0, ADDR_UDP, 1, 1, 0, 0 },
        { MANY, RIGHT, 0, 0, ADDR_UDP, 40, 1, 0, 0 },
        { NXDOMAIN, RIGHT, 0, DNS_RCODE_NXDOMAIN, 0, 0, 1, 0, 0 },
        { WRONG_ID, RIGHT, 0, 0, ADDR_UDP, 1, 1, 0, 0 },
        { WRONG_PORT, RIGHT, 0, 0, ADDR_UDP, 1, 1, 0, 0 },
        { WRONG_QUESTION, RIGHT, 0, 0, ADDR_UDP, 1, 1, 0, 0 },
        { WRONG_CASE, RIGHT, 0, 0, ADDR_TCP, 1, 1, 1, 1 },
        { WRONG_CASE, LOWER_CASE, 0, 0, ADDR_TCP, 1, 1, 1, 1 },
        { WRONG_CASE, WRONG_CASE, -EBADE, DNS_RCODE_SERVFAIL, 0, 0, 1, 1, 2 },
        { TRUNCATED, RIGHT, 0, 0, ADDR_TCP, 1, 1, 1, 0 },
        { TRUNCATED, MANY, 0, 0, ADDR_TCP, 40, 1, 1, 0 },
        { TRUNCATED, TRUNCATED, -EBADMSG, DNS_RCODE_SERVFAIL, 0, 0, 1, 1, 0 },
        { CUT_SHORT, RIGHT, 0, 0, ADDR_TCP, 1, 1, 1, 0 },
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
        ck_assert_uint_eq(stats->sent, 1 + cases[_i].n_tcp);
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
        { SERVFAIL, RIGHT, -EREMOTEIO, DNS_RCODE_SERVFAIL, RELAYED_SIZE, 1, 0 }, /* the answer all the same */
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

/* One that fails is asked of the next server; none is told twice or left when the resolver goes. */
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

static const Script unanswered[][2] = { { SILENT, RIGHT }, { TRUNCATED, SILENT } };

START_TEST(no_answer_times_out) {
        Fixture *f = fixture_new(1, SHORT_USEC);
        uint64_t before, after;

        f->servers[0].script[false] = unanswered[_i][0];
        f->servers[0].script[true] = unanswered[_i][1];
        ck_assert_int_ge(sd_event_now(f->event, CLOCK_MONOTONIC, &before), 0);
        ck_assert_int_eq(ask(f).r, -ETIMEDOUT);
        ck_assert_int_ge(sd_event_now(f->event, CLOCK_MONOTONIC, &after), 0);
        ck_assert_uint_ge(after - before, SHORT_USEC);
        ck_assert_uint_lt(after - before, LONG_USEC);
        fixture_free(f);
}
END_TEST

START_TEST(late_answer_is_not_told_twice) {
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

        /* freed before it could be told */
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
        Result result = {};
        while (dns_upstream_query(f->upstream, NAME, DNS_TYPE_A, on_result, &result) == -EBUSY)
                ck_assert_int_gt(sd_event_run(f->event, LONG_USEC), 0);
        wait_for(f, &result.n, 1);
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
        for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
                ck_assert_int_eq(ask(f).r, 0);
        fixture_free(f);
        ck_assert_uint_eq(count_fds(), before);
}
END_TEST

START_TEST(environment_has_no_say) {
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
        tcase_add_loop_test(tc, server_parse, 0, ELEMENTSOF(server_texts));
        tcase_add_loop_test(tc, one_server, 0, ELEMENTSOF(cases));
        tcase_add_loop_test(tc, relayed, 0, ELEMENTSOF(relays));
        tcase_add_test(tc, relayed_elsewhere);
        tcase_add_loop_test(tc, no_answer_times_out, 0, ELEMENTSOF(unanswered));
        tcase_add_test(tc, late_answer_is_not_told_twice);
        tcase_add_test(tc, closed_port);
        tcase_add_test(tc, unreachable_at_once);
        tcase_add_loop_test(tc, failover, 0, ELEMENTSOF(failovers));
        tcase_add_test(tc, failover_to_the_third);
        tcase_add_test(tc, dead_server_is_left);
        tcase_add_test(tc, ipv6_server);
        tcase_add_test(tc, nothing_to_guess);
        tcase_add_test(tc, in_flight_limit);
        tcase_add_test(tc, ask_from_within_an_answer);
        tcase_add_test(tc, free_with_questions_in_flight);
        tcase_add_test(tc, nothing_is_left);
        tcase_add_test(tc, environment_has_no_say);
        tcase_add_test(tc, bad_arguments);
        suite_add_tcase(s, tc);
        return s;
}

#include "check-main.h"
