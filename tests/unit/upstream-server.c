/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream-server.h"

#include <check.h>
#include <ctype.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "basic/macro.h"

#define GUESSES 40
#define GUESSES_TOLERATED 20

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

static size_t answer_edns(Script script, const uint8_t *query, size_t size, uint8_t right, uint8_t *buf) {
        size_t n;

        if (query[11] == 0)
                return build(buf, query, size, 0, 1, right);
        n = build(buf, query, size, script == EDNS_NOTIMP ? DNS_RCODE_NOTIMP : DNS_RCODE_FORMERR, 0, 0);
        if (script == EDNS_SILENT)
                return 0;
        if (script != EDNS_HEADER)
                return n;
        memset(buf + 4, 0, 8);
        return DNS_HEADER_SIZE;
}

/* The message for a script; 0: none. */
static size_t answer(Script script, const uint8_t *query, size_t size, bool tcp, uint8_t *buf) {
        uint8_t right = tcp ? SERVER_ADDR_TCP : SERVER_ADDR_UDP;
        size_t n;

        switch (script) {
        case SILENT:
                return 0;
        case WRONG_CASE:
        case LOWER_CASE:
                n = build(buf, query, size, 0, 1, script == WRONG_CASE ? SERVER_ADDR_FORGED : right);
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
        case EDNS_FORMERR:
        case EDNS_HEADER:
        case EDNS_NOTIMP:
        case EDNS_SILENT:
                return answer_edns(script, query, size, right, buf);
        case FORMERR:
                return build(buf, query, size, DNS_RCODE_FORMERR, 0, 0);
        default:
                return build(buf, query, size, 0, 1, right);
        }
}

/* Answers with n other ids. */
static void guess(int fd, const struct sockaddr *peer, socklen_t length, const uint8_t *answer, size_t size, unsigned n) {
        uint8_t buf[1024];

        for (unsigned i = 1; i <= n; i++) {
                memcpy(buf, answer, size);
                buf[0] ^= (uint8_t) (i >> 8);
                buf[1] ^= (uint8_t) i;
                ck_assert_int_eq(sendto(fd, buf, size, 0, peer, length), (ssize_t) size);
        }
}

/* Sends what an attacker would before the right answer. */
static void spoof(const Server *s, int fd, const struct sockaddr *peer, socklen_t length, const uint8_t *query,
                  size_t size) {
        uint8_t buf[1024];
        size_t n = build(buf, query, size, 0, 1, SERVER_ADDR_FORGED);
        int other = -EBADF;

        switch (s->script[false]) {
        case WRONG_ID:
                buf[1] ^= 1;
                break;
        case SOME_GUESSES:
                guess(fd, peer, length, buf, n, GUESSES_TOLERATED);
                return;
        case MANY_GUESSES:
                guess(fd, peer, length, buf, n, GUESSES);
                break;
        case COPIES:
                n = build(buf, query, size, 0, 1, SERVER_ADDR_UDP);
                for (unsigned i = 0; i < GUESSES; i++)
                        ck_assert_int_eq(sendto(fd, buf, n, 0, peer, length), (ssize_t) n);
                return;
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
        if (!tcp && s->n_queries[false] < SERVER_QUERIES_MAX) {
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
        ServerConnection *c = userdata;
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
        ck_assert_uint_lt(s->n_connections, SERVER_CONNECTIONS_MAX);
        ServerConnection *c = &s->connections[s->n_connections++];
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

int server_start(Server *s, sd_event *event, const char *text) {
        uint16_t port = s->address.port;

        for (unsigned i = 0; i < 16; i++) {
                ck_assert_int_eq(in_addr_parse(text, &s->address.addr), 0);
                s->address.port = port;
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

void server_stop(Server *s) {
        s->udp = sd_event_source_disable_unref(s->udp);
        s->tcp = sd_event_source_disable_unref(s->tcp);
        for (size_t i = 0; i < s->n_connections; i++) {
                sd_event_source_disable_unref(s->connections[i].io);
                dns_frame_reader_done(&s->connections[i].in);
        }
        s->n_connections = 0;
}
