/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A scripted DNS server on loopback, over UDP and TCP, in the loop of the test. */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "net/dns-frame.h"
#include "net/dns-upstream.h"

#define SERVER_ADDR_UDP 1 /* last byte of the address in a correct answer, by transport */
#define SERVER_ADDR_TCP 2
#define SERVER_ADDR_FORGED 66
#define SERVER_CONNECTIONS_MAX 16
#define SERVER_QUERIES_MAX 2048

/* What a server does with a query over UDP, or over TCP. */
typedef enum Script {
        RIGHT,
        SILENT,
        WRONG_ID, /* then RIGHT; and so on */
        SOME_GUESSES, /* then RIGHT */
        MANY_GUESSES, /* the last one is right */
        COPIES,       /* RIGHT many times */
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
        /* RIGHT without EDNS, otherwise */
        EDNS_FORMERR,
        EDNS_HEADER, /* FORMERR, without the question */
        EDNS_NOTIMP,
        EDNS_SILENT,
} Script;

typedef struct Server Server;

typedef struct ServerConnection {
        Server *server;
        sd_event_source *io;
        DnsFrameReader in;
} ServerConnection;

struct Server {
        sd_event_source *udp, *tcp;
        DnsServer address;
        Script script[2]; /* UDP, TCP */
        unsigned n_queries[2];
        ServerConnection connections[SERVER_CONNECTIONS_MAX];
        size_t n_connections;
        uint16_t ids[SERVER_QUERIES_MAX];
        char first_name[64]; /* of the first query, as it came */
        unsigned n_other_case;
        bool ports[65536];
        unsigned n_ports;
};

/* On the port of s->address, 0: a free one, of the address in text; both are returned in s->address. Negative errno: no such address here. */
int server_start(Server *s, sd_event *event, const char *text);
/* Its ports are closed from here on. */
void server_stop(Server *s);
