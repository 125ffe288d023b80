/* SPDX-License-Identifier: Apache-2.0 */

#include "dns/dns-record.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "dns/dns-message.h"

/* At 12: "ns.example". */
#define MESSAGE_START "\0\0\0\0\0\0\0\0\0\0\0\0" "\2nS\7exaMple\0"
#define BYTES(text) text, sizeof(text) - 1
#define NS "\2ns\7example\0"

static const struct {
        const char *what;
        uint16_t type;
        const char *rdata;
        size_t size;
        int r; /* 1: *plain */
        const char *plain;
        size_t plain_size;
} cases[] = {
        { "NS", DNS_TYPE_NS, BYTES("\300\14"), 1, BYTES(NS) },
        { "NS, root", DNS_TYPE_NS, BYTES("\0"), 1, BYTES("\0") },
        { "NS and more", DNS_TYPE_NS, BYTES("\300\14x"), -EBADMSG, NULL, 0 },
        { "NS, no host name", DNS_TYPE_NS, BYTES("\1!\300\14"), 0, NULL, 0 },
        { "NS, empty", DNS_TYPE_NS, BYTES(""), -EBADMSG, NULL, 0 },
        { "MX", DNS_TYPE_MX, BYTES("\0\5\1m\300\17"), 1, BYTES("\0\5\1m\7example\0") },
        { "MX, none (RFC 7505)", DNS_TYPE_MX, BYTES("\0\0\0"), 1, BYTES("\0\0\0") },
        { "MX, cut", DNS_TYPE_MX, BYTES("\0"), -EBADMSG, NULL, 0 },
        { "SRV", DNS_TYPE_SRV, BYTES("\0\1\0\2\1\273\300\14"), 1, BYTES("\0\1\0\2\1\273" NS) },
        { "SRV, cut", DNS_TYPE_SRV, BYTES("\0\1\0\2\1"), -EBADMSG, NULL, 0 },
        { "SRV without target", DNS_TYPE_SRV, BYTES("\0\1\0\2\1\273"), -EBADMSG, NULL, 0 },
        { "SOA", DNS_TYPE_SOA, BYTES("\300\14\300\17aaaabbbbccccddddeeee"), 1,
          BYTES(NS "\7example\0aaaabbbbccccddddeeee") },
        { "SOA, dot in the mailbox", DNS_TYPE_SOA, BYTES("\300\14\3a.b\300\17aaaabbbbccccddddeeee"), 1,
          BYTES(NS "\0aaaabbbbccccddddeeee") },
        { "SOA, cut", DNS_TYPE_SOA, BYTES("\300\14\300\17aaaabbbbccccdddd"), -EBADMSG, NULL, 0 },
        { "TXT", DNS_TYPE_TXT, BYTES("\3abc\0\1\377"), 1, BYTES("\3abc\0\1\377") },
        { "TXT, no string", DNS_TYPE_TXT, BYTES(""), -EBADMSG, NULL, 0 },
        { "TXT, cut", DNS_TYPE_TXT, BYTES("\3ab"), -EBADMSG, NULL, 0 },
        { "CAA", DNS_TYPE_CAA, BYTES("\200\5issueca.example"), 1, BYTES("\200\5issueca.example") },
        { "CAA, tag", DNS_TYPE_CAA, BYTES("\0\3a-bx"), -EBADMSG, NULL, 0 },
        { "CAA, no tag", DNS_TYPE_CAA, BYTES("\0\0x"), -EBADMSG, NULL, 0 },
        { "CAA, no value", DNS_TYPE_CAA, BYTES("\0\1a"), -EBADMSG, NULL, 0 },
        { "NAPTR", DNS_TYPE_NAPTR, BYTES("\0\1\0\2\1u\0\2!!\300\14"), 1, BYTES("\0\1\0\2\1u\0\2!!" NS) },
        { "DS", DNS_TYPE_DS, BYTES("\1\2\3"), 1, BYTES("\1\2\3") },
        { "DS, empty", DNS_TYPE_DS, BYTES(""), -EBADMSG, NULL, 0 },
};

/* A message that ends with the rdata, for a sanitizer to see a read past the end. */
static int read_case(size_t i, size_t size, uint8_t *buf, size_t room) {
        uint8_t *message = malloc(sizeof(MESSAGE_START) - 1 + size);
        DnsCursor c;

        ck_assert_ptr_nonnull(message);
        memcpy(message, MESSAGE_START, sizeof(MESSAGE_START) - 1);
        memcpy(message + sizeof(MESSAGE_START) - 1, cases[i].rdata, size);
        dns_cursor_init(&c, message, sizeof(MESSAGE_START) - 1 + size);
        c.pos = sizeof(MESSAGE_START) - 1;
        int r = dns_record_read(&c, cases[i].type, buf, room);
        free(message);
        return r;
}

START_TEST(test_read) {
        uint8_t buf[512];

        int r = read_case((size_t) _i, cases[_i].size, buf, sizeof(buf));
        ck_assert_msg(r == (cases[_i].r > 0 ? (int) cases[_i].plain_size : cases[_i].r), "%s: %d", cases[_i].what, r);
        if (r <= 0)
                return;
        ck_assert_mem_eq(buf, cases[_i].plain, (size_t) r);
        ck_assert_int_eq(read_case((size_t) _i, cases[_i].size, buf, (size_t) r - 1), -ENOBUFS);
}
END_TEST

/* Written after a name with the same end, and read again. */
START_TEST(test_write) {
        uint8_t message[512], buf[512];
        DnsWriter w;
        DnsCursor c;

        if (cases[_i].r <= 0)
                return;
        dns_writer_init(&w, message, sizeof(message));
        dns_writer_header(&w, 1, 0, 1);
        dns_writer_question(&w, "x.example", cases[_i].type, NULL);
        size_t begin = w.pos;
        dns_record_write(&w, cases[_i].type, (const uint8_t *) cases[_i].plain, cases[_i].plain_size);
        ck_assert(!w.failed);
        dns_cursor_init(&c, message, w.pos);
        c.pos = begin;
        ck_assert_int_eq(dns_record_read(&c, cases[_i].type, buf, sizeof(buf)), (int) cases[_i].plain_size);
        ck_assert_mem_eq(buf, cases[_i].plain, cases[_i].plain_size);
}
END_TEST

START_TEST(test_known) {
        ck_assert(dns_record_is_known(DNS_TYPE_MX));
        ck_assert(!dns_record_is_known(DNS_TYPE_A));
        ck_assert(!dns_record_is_known(DNS_TYPE_ANY));
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("dns-record");
        TCase *tc = tcase_create("record");

        tcase_add_loop_test(tc, test_read, 0, ELEMENTSOF(cases));
        tcase_add_loop_test(tc, test_write, 0, ELEMENTSOF(cases));
        tcase_add_test(tc, test_known);
        suite_add_tcase(s, tc);
        return s;
}

#include "check-main.h"
