/* SPDX-License-Identifier: Apache-2.0 */
/* Who sent a query, by a map like that of the kernel's programs. */

#include "engine/requesters.h"

#include <bpf/bpf.h>
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void put_client(int map, const DnsPeer *peer, uint32_t pid) {
        struct cw_dns_client_key key = { .src_port = peer->port,
                                         .protocol = peer->is_tcp ? IPPROTO_TCP : IPPROTO_UDP };
        const struct cw_dns_client client = { .process.pid = pid };

        memcpy(key.src.b, peer->addr.b, sizeof(key.src.b));
        ck_assert_int_eq(bpf_map_update_elem(map, &key, &client, BPF_ANY), 0);
}

/* 0: nobody is known. */
static uint32_t pid_of(Requesters *r, const DnsPeer *peer) {
        struct cw_dns_client client;

        return requesters_client(r, peer, &client) ? client.process.pid : 0;
}

START_TEST(same_batch_same_sender) {
        Requesters r = { .dns_clients_fd = bpf_map_create(BPF_MAP_TYPE_HASH, "senders", sizeof(struct cw_dns_client_key),
                                                          sizeof(struct cw_dns_client), 16, NULL) };
        DnsPeer peer = { .port = 1000, .batch = 1 }, other;

        if (r.dns_clients_fd < 0) {
                printf("# SKIP no map can be created here\n");
                return;
        }
        ck_assert_int_eq(in_addr_parse("127.0.0.1", &peer.addr), 0);
        ck_assert_uint_eq(pid_of(&r, &peer), 0);
        put_client(r.dns_clients_fd, &peer, 10);
        ck_assert_uint_eq(pid_of(&r, &peer), 10); /* that nobody was known is not kept */
        put_client(r.dns_clients_fd, &peer, 11);
        ck_assert_uint_eq(pid_of(&r, &peer), 10);

        /* Another socket is another sender, of the same batch or not. */
        other = peer;
        other.port = 1001;
        put_client(r.dns_clients_fd, &other, 20);
        ck_assert_uint_eq(pid_of(&r, &other), 20);
        ck_assert_int_eq(in_addr_parse("::1", &other.addr), 0);
        ck_assert_uint_eq(pid_of(&r, &other), 0);
        ck_assert_uint_eq(pid_of(&r, &peer), 11);

        /* The port may have another owner by the next batch. */
        put_client(r.dns_clients_fd, &peer, 12);
        peer.batch = 2;
        ck_assert_uint_eq(pid_of(&r, &peer), 12);

        /* Over TCP there are no batches. */
        peer = (DnsPeer) { .addr = peer.addr, .port = 1002, .is_tcp = true };
        put_client(r.dns_clients_fd, &peer, 30);
        ck_assert_uint_eq(pid_of(&r, &peer), 30);
        put_client(r.dns_clients_fd, &peer, 31);
        ck_assert_uint_eq(pid_of(&r, &peer), 31);
        (void) close(r.dns_clients_fd);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("dns-senders");
        TCase *tc = tcase_create("map");

        tcase_add_test(tc, same_batch_same_sender);
        suite_add_tcase(s, tc);
        return s;
}

#include "check-main.h"
