/* SPDX-License-Identifier: Apache-2.0 */
/* Length-prefixed DNS: the framing alone, and one connection on a socket pair in a real loop. */

#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>

#include "basic/macro.h"
#include "net/dns-frame.h"
#include "net/dns-stream.h"

#define PIPELINE 4U
#define LONG_USEC (60 * USEC_PER_SEC)
#define WAIT_USEC (10 * USEC_PER_SEC) /* never reached unless something is broken */

/* ---- framing ---- */

static void put(DnsFrameReader *r, const uint8_t *data, size_t size) {
        while (size > 0) {
                uint8_t *room;
                size_t n;
                ck_assert_int_eq(dns_frame_reader_reserve(r, &room, &n), 0);
                ck_assert_uint_gt(n, 0);
                n = MIN(n, size);
                memcpy(room, data, n);
                dns_frame_reader_commit(r, n);
                data += n;
                size -= n;
        }
}

START_TEST(frame_split_anywhere) {
        static const uint8_t wire[] = { 0, 3, 'a', 'b', 'c', 0, 1, 'd', 0, 2, 'e', 'f' };
        static const char *const expected[] = { "abc", "d", "ef" };

        for (size_t split = 0; split <= sizeof(wire); split++) {
                DnsFrameReader r = {};
                size_t n = 0;

                for (size_t part = 0; part < 2; part++) {
                        const uint8_t *data;
                        size_t size;
                        put(&r, part == 0 ? wire : wire + split, part == 0 ? split : sizeof(wire) - split);
                        while (dns_frame_reader_next(&r, &data, &size) == 1) {
                                ck_assert_uint_lt(n, ELEMENTSOF(expected));
                                ck_assert_uint_eq(size, strlen(expected[n]));
                                ck_assert_mem_eq(data, expected[n], size);
                                n++;
                        }
                }
                ck_assert_uint_eq(n, ELEMENTSOF(expected));
                dns_frame_reader_done(&r);
        }
}
END_TEST

START_TEST(frame_largest) {
        static uint8_t wire[DNS_FRAME_MAX] = { 0xff, 0xff };
        DnsFrameReader r = {};
        const uint8_t *data;
        uint8_t *room;
        size_t size;

        put(&r, wire, sizeof(wire) - 1);
        ck_assert_int_eq(dns_frame_reader_next(&r, &data, &size), 0);
        put(&r, wire + sizeof(wire) - 1, 1);
        ck_assert_int_eq(dns_frame_reader_reserve(&r, &room, &size), -ENOBUFS);
        ck_assert_int_eq(dns_frame_reader_next(&r, &data, &size), 1);
        ck_assert_uint_eq(size, 65535);
        ck_assert_int_eq(dns_frame_reader_reserve(&r, &room, &size), 0);
        ck_assert_uint_lt(r.allocated, 65536); /* the large buffer was given back */
        dns_frame_reader_done(&r);
}
END_TEST

START_TEST(frame_memory_follows_bytes) {
        static const uint8_t wire[] = { 0xff, 0xff, 'x' };
        DnsFrameReader r = {};
        uint8_t *room;
        size_t size;

        put(&r, wire, sizeof(wire));
        ck_assert_int_eq(dns_frame_reader_reserve(&r, &room, &size), 0);
        ck_assert_uint_lt(r.allocated, 4096);
        dns_frame_reader_done(&r);
}
END_TEST

START_TEST(frame_empty) {
        static const uint8_t wire[] = { 0, 1, 'x', 0, 0 };
        DnsFrameReader r = {};
        const uint8_t *data;
        size_t size;

        put(&r, wire, sizeof(wire));
        ck_assert_int_eq(dns_frame_reader_next(&r, &data, &size), 1);
        ck_assert_int_eq(dns_frame_reader_next(&r, &data, &size), -EPROTO);
        dns_frame_reader_done(&r);
}
END_TEST

/* ---- one connection ---- */

typedef struct Peer {
        sd_event *event;
        DnsStream *stream;
        int fd; /* the client's end */
        unsigned n_queries;
        unsigned n_closed;
        bool reply_at_once;
        char seen[64]; /* first byte of each query */
} Peer;

static void on_query(DnsStream *s, const uint8_t *data, size_t size, void *userdata) {
        Peer *p = userdata;

        ck_assert_uint_gt(size, 0);
        if (p->n_queries < sizeof(p->seen))
                p->seen[p->n_queries] = (char) data[0];
        p->n_queries++;
        if (p->reply_at_once)
                ck_assert_int_eq(dns_stream_reply(s, data, size), 0);
}

static void on_closed(DnsStream *s, void *userdata) {
        Peer *p = userdata;

        ck_assert_ptr_eq(s, p->stream);
        p->n_closed++;
        p->stream = dns_stream_free(s);
}

static void peer_start(Peer *p, uint64_t idle_usec) {
        int fds[2];

        *p = (Peer) {};
        ck_assert_int_eq(sd_event_new(&p->event), 0);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
        p->fd = fds[0];
        /* small, so that a large reply is never taken whole */
        ck_assert_int_eq(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &(int) { 4096 }, sizeof(int)), 0);
        ck_assert_int_eq(dns_stream_new(p->event, fds[1], idle_usec, PIPELINE, on_query, on_closed, p, &p->stream), 0);
}

static void peer_stop(Peer *p) {
        p->stream = dns_stream_free(p->stream);
        (void) close(p->fd);
        sd_event_unref(p->event);
}

/* Handles all that is ready. */
static void settle(Peer *p) {
        while (sd_event_run(p->event, 0) > 0)
                ;
}

static void wait_closed(Peer *p) {
        while (p->n_closed == 0)
                ck_assert_int_gt(sd_event_run(p->event, WAIT_USEC), 0);
        ck_assert_uint_eq(p->n_closed, 1);
}

static void client_write(Peer *p, const void *data, size_t size) {
        if (size > 0)
                ck_assert_int_eq(send(p->fd, data, size, MSG_NOSIGNAL), (ssize_t) size);
}

static void client_expect(Peer *p, const void *data, size_t size) {
        uint8_t buf[256];

        ck_assert_int_eq(recv(p->fd, buf, sizeof(buf), 0), (ssize_t) size);
        ck_assert_mem_eq(buf, data, size);
}

START_TEST(stream_split_anywhere) {
        static const uint8_t wire[] = { 0, 3, 'a', 'b', 'c', 0, 1, 'd', 0, 2, 'e', 'f' };

        for (size_t split = 0; split <= sizeof(wire); split++) {
                Peer p;
                peer_start(&p, LONG_USEC);
                p.reply_at_once = true;
                client_write(&p, wire, split);
                settle(&p);
                client_write(&p, wire + split, sizeof(wire) - split);
                settle(&p);
                ck_assert_str_eq(p.seen, "ade");
                client_expect(&p, wire, sizeof(wire));
                peer_stop(&p);
        }
}
END_TEST

START_TEST(stream_one_byte_at_a_time) {
        static const uint8_t wire[] = { 0, 2, 'a', 'b', 0, 1, 'c' };
        Peer p;

        peer_start(&p, LONG_USEC);
        p.reply_at_once = true;
        for (size_t i = 0; i < sizeof(wire); i++) {
                client_write(&p, wire + i, 1);
                settle(&p);
        }
        client_expect(&p, wire, sizeof(wire));
        peer_stop(&p);
}
END_TEST

START_TEST(stream_pipeline_limit) {
        static const uint8_t wire[] = { 0, 1, 'a', 0, 1, 'b', 0, 1, 'c', 0, 1, 'd', 0, 1, 'e', 0, 1, 'f' };
        Peer p;

        peer_start(&p, LONG_USEC);
        client_write(&p, wire, sizeof(wire));
        settle(&p);
        ck_assert_uint_eq(p.n_queries, PIPELINE);

        /* out of order */
        ck_assert_int_eq(dns_stream_reply(p.stream, (const uint8_t *) "D", 1), 0);
        ck_assert_uint_eq(p.n_queries, PIPELINE); /* never from within the reply */
        settle(&p);
        ck_assert_uint_eq(p.n_queries, PIPELINE + 1);

        ck_assert_int_eq(dns_stream_reply(p.stream, NULL, 0), 0);
        ck_assert_int_eq(dns_stream_reply(p.stream, (const uint8_t *) "A", 1), 0);
        settle(&p);
        ck_assert_uint_eq(p.n_queries, PIPELINE + 2);
        ck_assert_str_eq(p.seen, "abcdef");
        client_expect(&p, "\0\1D\0\1A", 6);
        peer_stop(&p);
}
END_TEST

START_TEST(stream_many_in_one_buffer) {
        uint8_t wire[3 * 200];
        Peer p;

        peer_start(&p, LONG_USEC);
        p.reply_at_once = true;
        for (size_t i = 0; i < sizeof(wire); i += 3)
                memcpy(wire + i, "\0\1q", 3);
        client_write(&p, wire, sizeof(wire));
        settle(&p);
        ck_assert_uint_eq(p.n_queries, 200);
        ck_assert_ptr_nonnull(p.stream);
        peer_stop(&p);
}
END_TEST

START_TEST(stream_empty_message_closes) {
        Peer p;

        peer_start(&p, LONG_USEC);
        client_write(&p, "\0\1q\0\0", 5);
        settle(&p);
        ck_assert_uint_eq(p.n_queries, 1);
        ck_assert_uint_eq(p.n_closed, 1);
        ck_assert_int_eq(recv(p.fd, &(char) { 0 }, 1, 0), 0);
        peer_stop(&p);
}
END_TEST

START_TEST(stream_idle_closes) {
        Peer p;

        /* part of a query does not keep the connection open */
        peer_start(&p, 20 * USEC_PER_MSEC);
        client_write(&p, "\0\2q", 3);
        wait_closed(&p);
        ck_assert_uint_eq(p.n_queries, 0);
        peer_stop(&p);
}
END_TEST

START_TEST(stream_half_closed_client_gets_its_reply) {
        Peer p;

        peer_start(&p, LONG_USEC);
        client_write(&p, "\0\1q\0\1r\0", 7);
        ck_assert_int_eq(shutdown(p.fd, SHUT_WR), 0);
        settle(&p);
        ck_assert_uint_eq(p.n_queries, 2);
        ck_assert_uint_eq(p.n_closed, 0);
        ck_assert_int_eq(dns_stream_reply(p.stream, (const uint8_t *) "R", 1), 0);
        settle(&p);
        ck_assert_uint_eq(p.n_closed, 0);
        ck_assert_int_eq(dns_stream_reply(p.stream, (const uint8_t *) "Q", 1), 0);
        settle(&p);
        ck_assert_uint_eq(p.n_closed, 1);
        client_expect(&p, "\0\1R\0\1Q", 6);
        peer_stop(&p);
}
END_TEST

START_TEST(stream_vanished_client) {
        Peer p;

        peer_start(&p, LONG_USEC);
        client_write(&p, "\0\1q", 3);
        settle(&p);
        (void) close(p.fd);
        p.fd = -EBADF;
        ck_assert_int_lt(dns_stream_reply(p.stream, (const uint8_t *) "Q", 1), 0);
        ck_assert_uint_eq(p.n_closed, 0); /* never from within the reply */
        settle(&p);
        ck_assert_uint_eq(p.n_closed, 1);
        peer_stop(&p);
}
END_TEST

START_TEST(stream_slow_reader_is_closed) {
        static const uint8_t large[60000];
        Peer p;

        peer_start(&p, LONG_USEC);
        client_write(&p, "\0\1q\0\1r", 6);
        settle(&p);
        ck_assert_int_eq(dns_stream_reply(p.stream, large, sizeof(large)), 0);
        ck_assert_int_eq(dns_stream_reply(p.stream, large, sizeof(large)), -ENOBUFS);
        ck_assert_uint_eq(p.n_closed, 0);
        settle(&p);
        ck_assert_uint_eq(p.n_closed, 1);
        peer_stop(&p);
}
END_TEST

START_TEST(stream_late_reader_gets_all) {
        static uint8_t large[60000], got[DNS_FRAME_MAX];
        size_t read = 0;
        Peer p;

        peer_start(&p, LONG_USEC);
        memset(large, 0x5a, sizeof(large));
        client_write(&p, "\0\1q\0\1r", 6);
        settle(&p);
        ck_assert_int_eq(dns_stream_reply(p.stream, large, sizeof(large)), 0);
        ck_assert_int_eq(dns_stream_reply(p.stream, (const uint8_t *) "R", 1), 0);
        while (read < sizeof(large) + 5) {
                ssize_t n = recv(p.fd, got + read, sizeof(got) - read, 0);
                if (n < 0) {
                        ck_assert_int_eq(errno, EAGAIN);
                        ck_assert_int_gt(sd_event_run(p.event, WAIT_USEC), 0);
                        continue;
                }
                ck_assert_int_gt(n, 0);
                read += (size_t) n;
        }
        ck_assert_uint_eq((unsigned) got[0] << 8 | got[1], sizeof(large));
        ck_assert_mem_eq(got + 2, large, sizeof(large));
        ck_assert_mem_eq(got + 2 + sizeof(large), "\0\1R", 3);
        settle(&p);
        ck_assert_uint_eq(p.n_closed, 0);
        peer_stop(&p);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("dns-stream");
        TCase *frame = tcase_create("frame");
        TCase *stream = tcase_create("stream");

        tcase_add_test(frame, frame_split_anywhere);
        tcase_add_test(frame, frame_largest);
        tcase_add_test(frame, frame_memory_follows_bytes);
        tcase_add_test(frame, frame_empty);
        suite_add_tcase(s, frame);

        tcase_set_timeout(stream, 60);
        tcase_add_test(stream, stream_split_anywhere);
        tcase_add_test(stream, stream_one_byte_at_a_time);
        tcase_add_test(stream, stream_pipeline_limit);
        tcase_add_test(stream, stream_many_in_one_buffer);
        tcase_add_test(stream, stream_empty_message_closes);
        tcase_add_test(stream, stream_idle_closes);
        tcase_add_test(stream, stream_half_closed_client_gets_its_reply);
        tcase_add_test(stream, stream_vanished_client);
        tcase_add_test(stream, stream_slow_reader_is_closed);
        tcase_add_test(stream, stream_late_reader_gets_all);
        suite_add_tcase(s, stream);
        return s;
}

#include "check-main.h"
