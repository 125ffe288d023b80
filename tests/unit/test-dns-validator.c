/* SPDX-License-Identifier: Apache-2.0 */

/* What a resolver that validates gets where a policy is enforced: the answers to what the policy allows with their
 * signatures, the keys for them, and nothing else. */

#include "dns-proxy-fixture.h"

#define Q "\300\14"
#define DAY "\0\1\121\200"
#define RR(owner, type, length, rdata) owner "\0" type "\0\1" DAY "\0" length rdata
#define A(owner, addr) RR(owner, "\1", "\4", addr)
/* RFC 4034 3.1: the type, 16 bytes, the signer (the root), and the signature itself */
#define SIG(owner, type) RR(owner, "\56", "\26", "\0" type "\10\2\0\0\0\1" "\0\0\0\1" "\0\0\0\1" "\0\1" "\0" "sig")
#define NSEC(owner) RR(owner, "\57", "\4", "\1a\0\0")
#define SOA(owner) RR(owner, "\6", "\26", "\0\0" "\0\0\0\1" "\0\0\0\1" "\0\0\0\1" "\0\0\0\1" DAY)
#define NS(owner) RR(owner, "\2", "\2", "\1n")
#define DNSKEY(owner) RR(owner, "\60", "\7", "\1\1\3\10key")
#define DS(owner) RR(owner, "\53", "\7", "\0\1\10\2sum")
#define HTTPS(params_length, length, params) RR(Q, "\101", length, "\0\1\0" params)
#define ALPN "\0\1\0\3\2h2"
#define ECH "\0\5\0\3ech"
#define HINT "\0\4\0\4\313\0\161\11"
#define OPT "\0\0\51\4\320\0\0\200\0\0\0"
#define PUBLIC "\313\0\161\1"  /* 203.0.113.1 */
#define PRIVATE "\12\143\0\1"  /* 10.99.0.1 */
#define LOOPBACK "\177\0\0\1"
#define BYTES(s) (s), sizeof(s) - 1

enum {
        FORWARDER = 1,
        DNSSEC = 2,
        VALIDATOR = FORWARDER | DNSSEC,
};

static bool reply_has(const Fixture *f, const char *bytes, size_t n) {
        return memmem(f->last.b, f->last.n, bytes, n) != NULL;
}

static bool is_signed(const Fixture *f) {
        return reply_has(f, "sig", 3);
}

static void validator_init(Fixture *f, unsigned who) {
        fixture_init(f);
        ask_as(f, add_layer(f, MODE_ENFORCE, ACTION_DENY, "one.example", "bad.example", 100), 1);
        f->requester.forwards = who & FORWARDER;
}

/* ------------------------------------------------------------------ answers */

static const struct {
        const char *what;
        uint16_t type;
        unsigned who;
        uint8_t server_rcode;
        uint8_t counts[3];
        const char *records;
        size_t size;
        uint8_t rcode;
        uint8_t n_answers;
        bool is_signed;
        unsigned n_leases;
} answers[] = {
        { "an address", DNS_TYPE_A, VALIDATOR, 0, { 2, 0, 1 }, BYTES(A(Q, PUBLIC) SIG(Q, "\1") OPT), 0, 2, true, 1 },
        { "with the servers of the zone", DNS_TYPE_A, VALIDATOR, 0, { 2, 2, 1 },
          BYTES(A(Q, PUBLIC) SIG(Q, "\1") NS(Q) SIG(Q, "\2") OPT), 0, 2, true, 1 },
        { "no signature", DNS_TYPE_A, VALIDATOR, 0, { 1, 0, 1 }, BYTES(A(Q, PUBLIC) OPT), 0, 1, false, 1 },
        { "an alias", DNS_TYPE_A, VALIDATOR, 0, { 4, 0, 1 },
          BYTES(RR(Q, "\5", "\3", "\1c\0") SIG(Q, "\5") A("\1c\0", PUBLIC) SIG("\1c\0", "\1") OPT), 0, 4, true, 1 },
        { "an alias from a rule for all names below", DNS_TYPE_A, VALIDATOR, 0, { 5, 0, 1 },
          BYTES(RR("\300\20", "\47", "\3", "\1d\0") SIG("\300\20", "\47") RR(Q, "\5", "\7", "\3one\1d\0")
                A("\3one\1d\0", PUBLIC) SIG("\3one\1d\0", "\1") OPT), 0, 5, true, 1 },
        { "no such type", DNS_TYPE_AAAA, VALIDATOR, 0, { 0, 4, 1 },
          BYTES(SOA(Q) SIG(Q, "\6") NSEC(Q) SIG(Q, "\57") OPT), 0, 0, true, 0 },
        { "no such name", DNS_TYPE_A, VALIDATOR, DNS_RCODE_NXDOMAIN, { 0, 4, 1 },
          BYTES(SOA(Q) SIG(Q, "\6") NSEC("\1*\0") SIG("\1*\0", "\57") OPT), DNS_RCODE_NXDOMAIN, 0, true, 0 },
        { "mail servers", DNS_TYPE_MX, VALIDATOR, 0, { 2, 0, 1 },
          BYTES(RR(Q, "\17", "\5", "\0\1\1m\0") SIG(Q, "\17") OPT), 0, 2, true, 0 },
        { "a service", DNS_TYPE_HTTPS, VALIDATOR, 0, { 2, 0, 1 },
          BYTES(RR(Q, "\101", "\12", "\0\1\0" ALPN) SIG(Q, "\101") OPT), 0, 2, true, 0 },

        { "nobody validates", DNS_TYPE_A, FORWARDER, 0, { 2, 0, 1 }, BYTES(A(Q, PUBLIC) SIG(Q, "\1") OPT), 0, 1, false, 1 },
        { "no forwarder", DNS_TYPE_A, DNSSEC, 0, { 2, 0, 1 }, BYTES(A(Q, PUBLIC) SIG(Q, "\1") OPT), 0, 1, false, 1 },
        { "a private address", DNS_TYPE_A, VALIDATOR, 0, { 2, 0, 1 },
          BYTES(A(Q, PRIVATE) SIG(Q, "\1") OPT), 0, 0, false, 0 },
        { "a private address beside another", DNS_TYPE_A, VALIDATOR, 0, { 3, 0, 1 },
          BYTES(A(Q, PUBLIC) A(Q, LOOPBACK) SIG(Q, "\1") OPT), 0, 0, false, 0 },
        { "an alias that is denied", DNS_TYPE_A, VALIDATOR, 0, { 4, 0, 1 },
          BYTES(RR(Q, "\5", "\15", "\3bad\7example\0") SIG(Q, "\5") A("\3bad\7example\0", PUBLIC)
                SIG("\3bad\7example\0", "\1") OPT), DNS_RCODE_NXDOMAIN, 0, false, 0 },
        { "an address of another name", DNS_TYPE_A, VALIDATOR, 0, { 3, 0, 1 },
          BYTES(A(Q, PUBLIC) SIG(Q, "\1") A("\1x\0", PRIVATE) OPT), 0, 1, false, 1 },
        { "an address of the other family", DNS_TYPE_AAAA, VALIDATOR, 0, { 2, 1, 1 },
          BYTES(A(Q, PRIVATE) SIG(Q, "\1") SOA(Q) OPT), 0, 0, false, 0 },
        { "an address among the proofs", DNS_TYPE_A, VALIDATOR, 0, { 2, 1, 1 },
          BYTES(A(Q, PUBLIC) SIG(Q, "\1") A("\1x\0", PRIVATE) OPT), 0, 1, false, 1 },
        { "a record of another class", DNS_TYPE_A, VALIDATOR, 0, { 3, 0, 1 },
          BYTES(A(Q, PUBLIC) SIG(Q, "\1") Q "\0\1\0\3" DAY "\0\4" PRIVATE OPT), 0, 1, false, 1 },
        { "another alias", DNS_TYPE_A, VALIDATOR, 0, { 3, 0, 1 },
          BYTES(A(Q, PUBLIC) SIG(Q, "\1") RR("\1x\0", "\5", "\3", "\1c\0") OPT), 0, 1, false, 1 },
        { "a name beside the signature", DNS_TYPE_A, VALIDATOR, 0, { 3, 0, 1 },
          BYTES(A(Q, PUBLIC) SIG(Q, "\1") SIG("\1x\0", "\1") OPT), 0, 1, false, 1 },
        { "a rule for all names below another", DNS_TYPE_A, VALIDATOR, 0, { 3, 0, 1 },
          BYTES(A(Q, PUBLIC) SIG(Q, "\1") RR("\1x\0", "\47", "\3", "\1d\0") OPT), 0, 1, false, 1 },
        { "text", DNS_TYPE_A, VALIDATOR, 0, { 3, 0, 1 },
          BYTES(A(Q, PUBLIC) SIG(Q, "\1") RR(Q, "\20", "\4", "\3sig") OPT), 0, 1, false, 1 },
        { "servers of another zone", DNS_TYPE_A, VALIDATOR, 0, { 2, 1, 1 },
          BYTES(A(Q, PUBLIC) SIG(Q, "\1") NS("\1x\0") OPT), 0, 1, false, 1 },
        { "addresses in the additional section", DNS_TYPE_A, VALIDATOR, 0, { 2, 1, 2 },
          BYTES(A(Q, PUBLIC) SIG(Q, "\1") NS(Q) A("\1n\0", PRIVATE) OPT), 0, 2, true, 1 },
        { "a service with keys of ech", DNS_TYPE_HTTPS, VALIDATOR, 0, { 2, 0, 1 },
          BYTES(RR(Q, "\101", "\21", "\0\1\0" ALPN ECH) SIG(Q, "\101") OPT), 0, 1, false, 0 },
        { "a service with addresses", DNS_TYPE_HTTPS, VALIDATOR, 0, { 2, 0, 1 },
          BYTES(RR(Q, "\101", "\22", "\0\1\0" ALPN HINT) SIG(Q, "\101") OPT), 0, 1, false, 0 },
        { "a type that is not served", DNS_TYPE_TXT, VALIDATOR, 0, { 2, 0, 1 },
          BYTES(RR(Q, "\20", "\4", "\3txt") SIG(Q, "\20") OPT), 0, 0, false, 0 },
};

START_TEST(test_answers) {
        const char *what = answers[_i].what;
        Fixture f;

        validator_init(&f, answers[_i].who);
        f.rcode = answers[_i].server_rcode;
        f.records = answers[_i].records;
        f.records_size = answers[_i].size;
        memcpy(f.counts, answers[_i].counts, sizeof(f.counts));
        ck_assert_msg(ask(&f, "one.example", answers[_i].type, answers[_i].who & DNSSEC) == answers[_i].rcode, "%s: rcode %u", what, f.last.rcode);
        ck_assert_msg(f.last.n_answers == answers[_i].n_answers, "%s: %u answers", what, f.last.n_answers);
        ck_assert_msg(is_signed(&f) == answers[_i].is_signed, "%s: signature", what);
        ck_assert_msg(lease_table_n(f.layers[0]->leases) == answers[_i].n_leases, "%s: leases", what);
        ck_assert_msg(n_written == answers[_i].n_leases, "%s: in the kernel", what);
        ck_assert_msg(!reply_has(&f, BYTES(PRIVATE)) && !reply_has(&f, BYTES(LOOPBACK)) && !reply_has(&f, BYTES(ECH)) &&
                      !reply_has(&f, BYTES(HINT)), "%s: an address that nobody judged", what);
        ck_assert_msg(!reply_has(&f, BYTES(DAY "\0\4" PUBLIC)), "%s: a TTL beyond the lease", what);
        ck_assert_uint_le(f.last.b[11], 1); /* OPT */
        fixture_done(&f);
}
END_TEST

/* ------------------------------------------------------------------ keys */

static const struct {
        const char *name;
        uint16_t type;
        unsigned who;
        bool relayed;
} keys[] = {
        { "", DNS_TYPE_DNSKEY, VALIDATOR, true },
        { "example", DNS_TYPE_DS, VALIDATOR, true },
        { "example", DNS_TYPE_DNSKEY, VALIDATOR, true },
        { "one.example", DNS_TYPE_DS, VALIDATOR, true },
        { "one.example", DNS_TYPE_DNSKEY, VALIDATOR, true },
        { "cdn.test", DNS_TYPE_DNSKEY, VALIDATOR, true },
        { "test", DNS_TYPE_DS, VALIDATOR, true },
        { "edge.cdn.test", DNS_TYPE_DS, VALIDATOR, true },

        { "secret.evil.example", DNS_TYPE_DNSKEY, VALIDATOR, false },
        { "evil.example", DNS_TYPE_DS, VALIDATOR, false },
        { "bad.example", DNS_TYPE_DNSKEY, VALIDATOR, false },
        { "secret.bad.example", DNS_TYPE_DS, VALIDATOR, false },
        { "secretone.example", DNS_TYPE_DS, VALIDATOR, false },
        { "secret.cdn.test", DNS_TYPE_DNSKEY, VALIDATOR, false },
        { "secret.test", DNS_TYPE_DS, VALIDATOR, false },
        { "secret", DNS_TYPE_DNSKEY, VALIDATOR, false },
        { "example", DNS_TYPE_A, VALIDATOR, false },
        { "example", DNS_TYPE_TXT, VALIDATOR, false },
        { "example", DNS_TYPE_NS, VALIDATOR, false },
        { "", DNS_TYPE_NS, VALIDATOR, false },
        { "", DNS_TYPE_TXT, VALIDATOR, false },
        { "", DNS_TYPE_DNSKEY, FORWARDER, false },
        { "", DNS_TYPE_DNSKEY, DNSSEC, false },
        { "example", DNS_TYPE_DNSKEY, FORWARDER, false },
        { "example", DNS_TYPE_DNSKEY, DNSSEC, false },
};

static void give(Fixture *f, const char *records, size_t size, uint8_t n_answers, uint8_t n_additionals) {
        f->records = records;
        f->records_size = size;
        f->counts[0] = n_answers;
        f->counts[2] = n_additionals;
}

START_TEST(test_keys) {
        const char *name = keys[_i].name;
        Fixture f;

        validator_init(&f, VALIDATOR);
        give(&f, BYTES(RR(Q, "\5", "\17", "\4edge\3cdn\4test\0") A("\4edge\3cdn\4test\0", PUBLIC) OPT), 2, 1);
        ck_assert_uint_eq(ask(&f, "one.example", DNS_TYPE_A, true), DNS_RCODE_NOERROR); /* leads to a name of another zone */
        f.requester.forwards = keys[_i].who & FORWARDER;
        if (keys[_i].type == DNS_TYPE_DS)
                give(&f, BYTES(DS(Q) SIG(Q, "\53") OPT), 2, 1);
        else
                give(&f, BYTES(DNSKEY(Q) SIG(Q, "\60") OPT), 2, 1);
        uint8_t rcode = ask(&f, name, keys[_i].type, keys[_i].who & DNSSEC);
        ck_assert_msg(f.n_asked == 1U + keys[_i].relayed, "%s: asked", name);
        ck_assert_msg(is_signed(&f) == keys[_i].relayed, "%s: signature", name);
        ck_assert_msg((rcode == 0) == keys[_i].relayed, "%s: rcode %u", name, rcode);
        ck_assert_msg(f.n_denials == !keys[_i].relayed, "%s: denials", name);
        fixture_done(&f);
}
END_TEST

/* Keys come with their signatures or not at all. */
START_TEST(test_bad_keys) {
        Fixture f;

        validator_init(&f, VALIDATOR);
        give(&f, BYTES(DNSKEY(Q) SIG(Q, "\60") A(Q, PUBLIC) OPT), 3, 1);
        ck_assert_uint_eq(ask(&f, "example", DNS_TYPE_DNSKEY, true), DNS_RCODE_SERVFAIL);
        ck_assert_uint_eq(f.last.n_answers, 0);
        give(&f, BYTES(DNSKEY(Q) SIG(Q, "\60") "rest"), 2, 1);
        ck_assert_uint_eq(ask(&f, "example", DNS_TYPE_DNSKEY, true), DNS_RCODE_SERVFAIL);
        give(&f, BYTES(DNSKEY(Q) SIG(Q, "\60") OPT), 2, 1);
        ck_assert_uint_eq(ask(&f, "example", DNS_TYPE_DNSKEY, true), DNS_RCODE_NOERROR);
        ck_assert_uint_eq(lease_table_n(f.layers[0]->leases), 0);
        fixture_done(&f);
}
END_TEST

/* The spelling of a name carries nothing out, and the client gets back its own. */
START_TEST(test_case) {
        static const char *const names[] = { "oNe.eXample", "eXAMPLE" };
        uint8_t b[512], bits[DNS_CASE_BITS_SIZE] = {};
        Fixture f;

        validator_init(&f, VALIDATOR);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                size_t length = strlen(names[i]);
                uint16_t type = i == 0 ? DNS_TYPE_A : DNS_TYPE_DNSKEY;

                if (i == 0)
                        give(&f, BYTES(A(Q, PUBLIC) SIG(Q, "\1") OPT), 2, 1);
                else
                        give(&f, BYTES(DNSKEY(Q) SIG(Q, "\60") OPT), 2, 1);
                size_t n = dns_query_build(b, 7, i == 0 ? "one.example" : "example", type, bits);
                b[n - 4] |= 0x80;
                for (size_t k = 0; k < length; k++)
                        if (names[i][k] != '.')
                                b[DNS_HEADER_SIZE + 1 + k] = (uint8_t) names[i][k];
                ck_assert_int_eq(sendto(f.client_fd, b, n, 0, (struct sockaddr *) &f.proxy_addr, sizeof(f.proxy_addr)), n);
                wait_replies(&f, i + 1);
                ck_assert(is_signed(&f));
                ck_assert_mem_eq(f.last.b + DNS_HEADER_SIZE, b + DNS_HEADER_SIZE, length + 6);
                for (size_t k = 0; k < length; k++)
                        ck_assert(f.asked.b[DNS_HEADER_SIZE + 1 + k] < 'A' || f.asked.b[DNS_HEADER_SIZE + 1 + k] > 'Z');
        }
        fixture_done(&f);
}
END_TEST

/* Nothing was enforced when it was asked: now it may be no more than it would be, had it been asked now. */
START_TEST(test_enforced_meanwhile) {
        Fixture f;

        validator_init(&f, VALIDATOR);
        f.layers[0]->mode = MODE_AUDIT;
        f.hold = true;
        give(&f, BYTES(DNSKEY(Q) SIG(Q, "\60") OPT), 2, 1);
        send_query(&f, _i == 0 ? "secret.evil.example" : "", DNS_TYPE_DNSKEY, true);
        wait_asked(&f, 1);
        f.layers[0]->mode = MODE_ENFORCE;
        release(&f);
        wait_replies(&f, 1);
        ck_assert_uint_eq(f.last.rcode, DNS_RCODE_SERVFAIL);
        ck_assert(!is_signed(&f));
        fixture_done(&f);
}
END_TEST

/* A server that does not know EDNS, or whose answer cannot be read, is asked as for anybody else. */
START_TEST(test_asked_again) {
        Fixture f;

        validator_init(&f, VALIDATOR);
        f.rcode = DNS_RCODE_FORMERR;
        send_query(&f, "one.example", DNS_TYPE_A, true);
        wait_asked(&f, 1);
        f.rcode = 0;
        wait_replies(&f, 1);
        ck_assert_uint_eq(f.last.rcode, 0);
        ck_assert_uint_eq(f.last.n_answers, 1);
        fixture_done(&f);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("dns-validator");
        TCase *t = tcase_create("dns-validator");

        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, test_answers, 0, ELEMENTSOF(answers));
        tcase_add_loop_test(t, test_keys, 0, ELEMENTSOF(keys));
        tcase_add_test(t, test_bad_keys);
        tcase_add_test(t, test_case);
        tcase_add_loop_test(t, test_enforced_meanwhile, 0, 2);
        tcase_add_test(t, test_asked_again);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
