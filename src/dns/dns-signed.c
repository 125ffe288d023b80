/* SPDX-License-Identifier: Apache-2.0 */

#include "dns/dns-signed.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "dns/dns-cursor.h"
#include "dns/dns-service.h"
#include "dns/dns-writer.h"

#define TYPE_RRSIG 46
#define TYPE_NSEC 47
#define TYPE_NSEC3 50
#define N_ADDITIONALS_POS 10
#define OPT_FLAG_DO (1 << 15)
#define OPT_FLAGS_OFFSET 7

typedef struct SignedRecord {
        char owner[DNS_NAME_SIZE];
        uint16_t type;
        DnsCursor rdata;
} SignedRecord;

static bool read_record(DnsCursor *c, SignedRecord *ret) {
        uint16_t class, rdlength;
        uint32_t ttl;

        return dns_cursor_name(c, DNS_NAME_COMPRESSED, ret->owner, NULL) >= 0 && dns_cursor_u16(c, &ret->type) &&
                dns_cursor_u16(c, &class) && class == DNS_CLASS_IN && dns_cursor_u32(c, &ttl) &&
                dns_cursor_u16(c, &rdlength) && dns_cursor_sub(c, rdlength, &ret->rdata);
}

/* The i-th name on the way from the question to the records. */
static const char *hop(const DnsAnswer *a, const char *name, size_t i) {
        return i == 0 ? name : a->chain[i - 1];
}

static bool is_on_way(const DnsAnswer *a, const char *name, const char *owner) {
        for (size_t i = 0; i <= a->n_chain; i++)
                if (strcmp(owner, hop(a, name, i)) == 0)
                        return true;
        return false;
}

static bool is_alias(const DnsAnswer *a, const char *name, const char *owner) {
        for (size_t i = 0; i < a->n_chain; i++)
                if (strcmp(owner, hop(a, name, i)) == 0)
                        return true;
        return false;
}

/* The type that a signature covers; 0: it is none. */
static uint16_t covered_type(DnsCursor rdata) {
        static const size_t fixed = 16; /* algorithm, labels, TTL, times, tag of the key */
        const uint8_t *p;
        char signer[DNS_NAME_SIZE];
        uint16_t type;

        if (!dns_cursor_u16(&rdata, &type) || !dns_cursor_bytes(&rdata, fixed, &p) ||
            dns_cursor_name(&rdata, DNS_NAME_PLAIN, signer, NULL) < 0 || dns_cursor_at_end(&rdata))
                return 0;
        return type;
}

/* Is nothing in it that replies of our own leave out: addresses, keys of ech? */
static bool service_is_plain(DnsCursor rdata, const char *owner) {
        char target[DNS_NAME_SIZE];
        DnsCursor at = rdata;
        uint16_t priority;
        DnsService s;

        if (dns_service_read(&rdata, owner, &s) <= 0 || !dns_cursor_u16(&at, &priority) ||
            dns_cursor_name(&at, DNS_NAME_PLAIN, target, NULL) < 0)
                return false;
        while (!dns_cursor_at_end(&at)) {
                const uint8_t *value;
                uint16_t key, length;

                if (!dns_cursor_u16(&at, &key) || key > DNS_SVC_PORT || !dns_cursor_u16(&at, &length) ||
                    !dns_cursor_bytes(&at, length, &value))
                        return false;
        }
        return true;
}

static bool is_service(uint16_t type) {
        return type == DNS_TYPE_SVCB || type == DNS_TYPE_HTTPS;
}

/* A name above an alias that follows from it (RFC 6672 3.1). */
static bool is_above_alias(const DnsAnswer *a, const char *name, const char *owner) {
        for (size_t i = 0; i < a->n_chain; i++)
                if (strcmp(hop(a, name, i), owner) != 0 && dns_name_is_in_zone(hop(a, name, i), owner))
                        return true;
        return false;
}

/* *n: the records of the type of the question so far. */
static bool answer_record_is_fit(const SignedRecord *rr, const DnsAnswer *a, const char *name, size_t *n) {
        if (rr->type == TYPE_RRSIG) {
                uint16_t covered = covered_type(rr->rdata);

                return covered == DNS_TYPE_DNAME && a->type != covered ?
                               is_above_alias(a, name, rr->owner) :
                               (covered == a->type || covered == DNS_TYPE_CNAME) && is_on_way(a, name, rr->owner);
        }
        if (rr->type == DNS_TYPE_DNAME && a->type != rr->type)
                return is_above_alias(a, name, rr->owner);
        if (rr->type == DNS_TYPE_CNAME)
                return is_alias(a, name, rr->owner);
        if (rr->type != a->type || strcmp(rr->owner, hop(a, name, a->n_chain)) != 0 ||
            (is_service(rr->type) && !service_is_plain(rr->rdata, rr->owner)))
                return false;
        (*n)++;
        return true;
}

static bool is_above(const DnsAnswer *a, const char *name, const char *zone) {
        for (size_t i = 0; i <= a->n_chain; i++)
                if (dns_name_is_in_zone(hop(a, name, i), zone))
                        return true;
        return false;
}

static bool authority_record_is_fit(const SignedRecord *rr, const DnsAnswer *a, const char *name) {
        if (rr->type == DNS_TYPE_SOA || rr->type == DNS_TYPE_NS)
                return is_above(a, name, rr->owner);
        if (rr->type == TYPE_RRSIG)
                return covered_type(rr->rdata) != 0;
        return rr->type == TYPE_NSEC || rr->type == TYPE_NSEC3; /* of any name in the zone, or of a hash */
}

static size_t n_kept(const DnsAnswer *a) {
        return a->has_soa ? 0 : (size_t) a->n_addrs + a->n_services + a->n_records;
}

/* The end of the authority section, or -EBADMSG. */
static int walk(const uint8_t *message, size_t size, const char *name, const DnsAnswer *a) {
        uint16_t n_questions, n_answers, n_authorities, n_additionals, type, class;
        char question[DNS_NAME_SIZE];
        SignedRecord rr;
        DnsCursor c;
        size_t n = 0;

        dns_cursor_init(&c, message, size);
        c.pos = 4;
        if (!dns_cursor_u16(&c, &n_questions) || !dns_cursor_u16(&c, &n_answers) || !dns_cursor_u16(&c, &n_authorities) ||
            !dns_cursor_u16(&c, &n_additionals) || n_questions != 1 ||
            dns_cursor_name(&c, DNS_NAME_PLAIN, question, NULL) != 0 || strcmp(question, name) != 0 ||
            !dns_cursor_u16(&c, &type) || type != a->type || !dns_cursor_u16(&c, &class))
                return -EBADMSG;
        for (size_t i = 0; i < n_answers; i++)
                if (!read_record(&c, &rr) || !answer_record_is_fit(&rr, a, name, &n))
                        return -EBADMSG;
        for (size_t i = 0; i < n_authorities; i++)
                if (!read_record(&c, &rr) || !authority_record_is_fit(&rr, a, name))
                        return -EBADMSG;
        return n == n_kept(a) ? (int) c.pos : -EBADMSG;
}

int dns_signed_limit(uint8_t *message, size_t size, const char *name, const DnsAnswer *a) {
        DnsWriter w;

        assert(message);
        assert(size >= DNS_HEADER_SIZE && size <= DNS_MESSAGE_MAX);
        assert(name);
        assert(a && !a->truncated);

        int end = walk(message, size, name, a);
        if (end < 0)
                return end;
        uint8_t opt[16];
        dns_writer_init(&w, opt, sizeof(opt));
        dns_writer_opt(&w);
        dns_writer_set_u16(&w, OPT_FLAGS_OFFSET, OPT_FLAG_DO);
        if (w.failed || w.pos > size - (size_t) end) /* the server's own OPT record is as long */
                return -EBADMSG;
        memcpy(message + end, opt, w.pos);
        message[N_ADDITIONALS_POS] = 0;
        message[N_ADDITIONALS_POS + 1] = 1;
        return end + (int) w.pos;
}
