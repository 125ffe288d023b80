/* SPDX-License-Identifier: Apache-2.0 */

#include "dns/dns-message.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "basic/macro.h"
#include "dns/dns-cursor.h"
#include "dns/dns-record.h"
#include "dns/dns-service.h"
#include "dns/dns-writer.h"

#define CNAMES_MAX (2 * DNS_CHAIN_MAX) /* per answer, on the chain or not: bounds the work of ordering them */
#define QUESTION_MAX (DNS_NAME_MAX + 2 + 4)

typedef struct AnswerHeader {
        uint16_t flags;
        uint16_t n_answers;
        uint16_t n_authorities;
        uint16_t n_additionals;
} AnswerHeader;

typedef struct Record {
        char owner[DNS_NAME_SIZE];
        uint16_t type;
        uint16_t class;
        uint32_t ttl; /* unchanged: OPT has other data here */
        DnsCursor rdata;
} Record;

/* A message that has been checked to be well-formed as a whole. */
typedef struct Message {
        DnsCursor answers;
        DnsCursor authorities;
        DnsCursor cnames[CNAMES_MAX]; /* where the CNAME records begin in the answer section */
        size_t n_cnames;
        bool has_opt;
        uint16_t rcode;               /* extended (RFC 6891 6.1.3) */
} Message;

/* RFC 2181 8 */
static uint32_t ttl_from_wire(uint32_t ttl) {
        return ttl > INT32_MAX ? 0 : ttl;
}

static int read_header(DnsCursor *c, uint16_t id, AnswerHeader *ret) {
        uint16_t answer_id, n_questions;

        if (!dns_cursor_u16(c, &answer_id) || !dns_cursor_u16(c, &ret->flags) || !dns_cursor_u16(c, &n_questions) ||
            !dns_cursor_u16(c, &ret->n_answers) || !dns_cursor_u16(c, &ret->n_authorities) ||
            !dns_cursor_u16(c, &ret->n_additionals))
                return -EBADMSG;
        if (!(ret->flags & DNS_FLAG_QR) || ret->flags & DNS_OPCODE_MASK)
                return -EBADMSG;
        return answer_id == id && n_questions == 1 ? 0 : -EBADE;
}

static int check_question(DnsCursor *c, const char *name, uint16_t type, const uint8_t *case_bits) {
        uint8_t sent[QUESTION_MAX];
        const uint8_t *got;
        DnsWriter w;

        dns_writer_init(&w, sent, sizeof(sent));
        dns_writer_question(&w, name, type, case_bits);
        if (w.failed || !dns_cursor_bytes(c, w.pos, &got))
                return -EBADMSG;
        return memcmp(sent, got, w.pos) == 0 ? 0 : -EBADE;
}

static bool read_record(DnsCursor *c, Record *ret) {
        uint16_t rdlength;

        return dns_cursor_name(c, DNS_NAME_COMPRESSED, ret->owner, NULL) >= 0 && dns_cursor_u16(c, &ret->type) &&
                dns_cursor_u16(c, &ret->class) && dns_cursor_u32(c, &ret->ttl) && dns_cursor_u16(c, &rdlength) &&
                dns_cursor_sub(c, rdlength, &ret->rdata);
}

static int walk_answers(DnsCursor *c, size_t n, Message *m) {
        DnsCursor start = *c;
        Record rr;

        for (size_t i = 0; i < n; i++) {
                DnsCursor at = *c;

                if (!read_record(c, &rr))
                        return -EBADMSG;
                if (rr.type != DNS_TYPE_CNAME || rr.class != DNS_CLASS_IN)
                        continue;
                if (m->n_cnames == ELEMENTSOF(m->cnames))
                        return -ELOOP;
                m->cnames[m->n_cnames++] = at;
        }
        return dns_cursor_sub(&start, c->pos - start.pos, &m->answers) ? 0 : -EBADMSG;
}

static int walk_authorities(DnsCursor *c, size_t n, Message *m) {
        DnsCursor start = *c;
        Record rr;

        for (size_t i = 0; i < n; i++)
                if (!read_record(c, &rr))
                        return -EBADMSG;
        return dns_cursor_sub(&start, c->pos - start.pos, &m->authorities) ? 0 : -EBADMSG;
}

static int walk_additionals(DnsCursor *c, size_t n, Message *m) {
        Record rr;

        for (size_t i = 0; i < n; i++) {
                if (!read_record(c, &rr))
                        return -EBADMSG;
                if (rr.type != DNS_TYPE_OPT)
                        continue;
                if (m->has_opt || rr.owner[0] != '\0')
                        return -EBADMSG;
                m->has_opt = true;
                m->rcode |= (uint16_t) (rr.ttl >> 24 << 4);
        }
        return dns_cursor_at_end(c) ? 0 : -EBADMSG;
}

static int walk_message(DnsCursor *c, const AnswerHeader *h, Message *ret) {
        ret->rcode = h->flags & DNS_RCODE_MASK;

        int r = walk_answers(c, h->n_answers, ret);
        if (r < 0)
                return r;
        r = walk_authorities(c, h->n_authorities, ret);
        if (r < 0)
                return r;
        return walk_additionals(c, h->n_additionals, ret);
}

/* The CNAME target of name. Returns 1, or 0 if there is none. RFC 2181 10.1: there is at most one. */
static int find_cname(const Message *m, const char *name, char ret_target[static DNS_NAME_SIZE], uint32_t *ret_ttl) {
        int found = 0;

        for (size_t i = 0; i < m->n_cnames; i++) {
                DnsCursor c = m->cnames[i];
                char target[DNS_NAME_SIZE];
                Record rr;

                if (!read_record(&c, &rr))
                        return -EBADMSG;
                if (strcmp(rr.owner, name) != 0)
                        continue;
                if (dns_cursor_name(&rr.rdata, DNS_NAME_COMPRESSED, target, NULL) != 0 || target[0] == '\0' ||
                    !dns_cursor_at_end(&rr.rdata))
                        return -EBADMSG;
                if (found && strcmp(target, ret_target) != 0)
                        return -EBADMSG;
                *ret_ttl = found ? MIN(*ret_ttl, ttl_from_wire(rr.ttl)) : ttl_from_wire(rr.ttl);
                strcpy(ret_target, target);
                found = 1;
        }
        return found;
}

static bool is_on_chain(const DnsAnswer *a, const char *name, const char *target) {
        if (strcmp(target, name) == 0)
                return true;
        for (size_t i = 0; i < a->n_chain; i++)
                if (strcmp(target, a->chain[i]) == 0)
                        return true;
        return false;
}

static int read_chain(const Message *m, const char *name, DnsAnswer *a) {
        const char *last = name;

        for (;;) {
                char target[DNS_NAME_SIZE];
                uint32_t ttl = 0;

                int r = find_cname(m, last, target, &ttl);
                if (r <= 0)
                        return r;
                if (a->n_chain == DNS_CHAIN_MAX || is_on_chain(a, name, target))
                        return -ELOOP;
                a->chain_ttl[a->n_chain] = ttl;
                last = strcpy(a->chain[a->n_chain++], target);
                if (a->type == DNS_TYPE_CNAME)
                        return 0;
        }
}

static int take_addr(DnsCursor *rdata, DnsAnswer *a) {
        const uint8_t *p;

        if (!dns_cursor_bytes(rdata, a->type == DNS_TYPE_A ? 4 : 16, &p) || !dns_cursor_at_end(rdata))
                return -EBADMSG;
        if (a->n_addrs == DNS_ADDRS_MAX)
                return 0;
        if (a->type == DNS_TYPE_A)
                in_addr_from_v4(p, &a->addrs[a->n_addrs++]);
        else
                in_addr_from_v6(p, &a->addrs[a->n_addrs++]);
        return 0;
}

static int take_service(DnsCursor *rdata, const char *owner, DnsAnswer *a) {
        DnsService s;

        int r = dns_service_read(rdata, owner, &s);
        if (r > 0 && a->n_services < DNS_SVC_MAX)
                a->services[a->n_services++] = s;
        return r;
}

/* Those that do not fit are left out. */
static int take_other(DnsCursor *rdata, uint16_t type, DnsAnswer *a) {
        size_t room = sizeof(a->records) - a->records_size;
        uint8_t *p = a->records + a->records_size;

        if (room < 2)
                return 0;
        int n = dns_record_read(rdata, type, p + 2, room - 2);
        if (n == -ENOBUFS)
                return 0;
        if (n <= 0)
                return n;
        p[0] = (uint8_t) (n >> 8);
        p[1] = (uint8_t) n;
        a->records_size = (uint16_t) (a->records_size + 2 + n);
        a->n_records++;
        return 0;
}

static int take_record(Record *rr, DnsAnswer *a) {
        switch (a->type) {
        case DNS_TYPE_A:
        case DNS_TYPE_AAAA:
                return take_addr(&rr->rdata, a);
        case DNS_TYPE_SVCB:
        case DNS_TYPE_HTTPS:
                return take_service(&rr->rdata, rr->owner, a);
        default:
                return dns_record_is_known(a->type) ? take_other(&rr->rdata, a->type, a) : 0;
        }
}

/* Reads the owner's records of the requested type. Returns 1 and their lowest TTL, including those that were not
 * kept, or 0 if there are none. */
static int read_records(const Message *m, const char *owner, DnsAnswer *a, uint32_t *ret_ttl) {
        DnsCursor c = m->answers;
        int found = 0;
        Record rr;

        while (!dns_cursor_at_end(&c)) {
                if (!read_record(&c, &rr))
                        return -EBADMSG;
                if (rr.type != a->type || rr.class != DNS_CLASS_IN || strcmp(rr.owner, owner) != 0)
                        continue;
                int r = take_record(&rr, a);
                if (r < 0)
                        return r;
                *ret_ttl = found ? MIN(*ret_ttl, ttl_from_wire(rr.ttl)) : ttl_from_wire(rr.ttl);
                found = 1;
        }
        return found;
}

/* The first SOA of a zone that holds the name becomes the record of the answer. */
static int take_soa(Record *rr, const char *name, DnsAnswer *a) {
        uint32_t serial, refresh, retry, expire, minimum;
        char ignored[DNS_NAME_SIZE];
        DnsCursor rdata = rr->rdata;

        if (dns_cursor_name(&rdata, DNS_NAME_COMPRESSED, ignored, NULL) < 0 ||
            dns_cursor_name(&rdata, DNS_NAME_COMPRESSED, ignored, NULL) < 0 || !dns_cursor_u32(&rdata, &serial) ||
            !dns_cursor_u32(&rdata, &refresh) || !dns_cursor_u32(&rdata, &retry) || !dns_cursor_u32(&rdata, &expire) ||
            !dns_cursor_u32(&rdata, &minimum) || !dns_cursor_at_end(&rdata))
                return -EBADMSG;
        a->ttl = MIN(a->ttl, MIN(ttl_from_wire(rr->ttl), ttl_from_wire(minimum)));
        if (a->has_soa)
                return 0;
        a->has_soa = true;
        a->zone_offset = (uint8_t) (strlen(name) - strlen(rr->owner));
        return take_other(&rr->rdata, DNS_TYPE_SOA, a);
}

/* How long it may be cached that the name has no such records (RFC 2308 5). */
static int read_negative(const Message *m, const char *name, DnsAnswer *a) {
        DnsCursor c = m->authorities;
        Record rr;

        a->n_records = a->records_size = 0;
        a->ttl = UINT32_MAX;
        while (!dns_cursor_at_end(&c)) {
                if (!read_record(&c, &rr))
                        return -EBADMSG;
                if (rr.type != DNS_TYPE_SOA || rr.class != DNS_CLASS_IN || !dns_name_is_in_zone(name, rr.owner))
                        continue;
                int r = take_soa(&rr, name, a);
                if (r < 0)
                        return r;
        }
        a->ttl = a->ttl == UINT32_MAX ? 0 : MIN(a->ttl, (uint32_t) DNS_NEGATIVE_TTL_MAX);
        a->has_soa = a->n_records > 0;
        return 0;
}

static int read_answer(const Message *m, const char *name, DnsAnswer *a) {
        int r = read_chain(m, name, a);
        if (r < 0)
                return r;
        const char *last = a->n_chain > 0 ? a->chain[a->n_chain - 1] : name;
        bool found = a->type == DNS_TYPE_CNAME && a->n_chain > 0;
        uint32_t ttl = UINT32_MAX;

        if (!found) {
                r = read_records(m, last, a, &ttl);
                if (r < 0)
                        return r;
                found = r > 0;
        }
        if (found && a->rcode != DNS_RCODE_NOERROR) /* RFC 2308 2.1: the rcode applies to the end of the chain */
                return -EBADMSG;
        if (!found) {
                r = read_negative(m, last, a);
                if (r < 0)
                        return r;
                ttl = a->ttl;
        }
        for (size_t i = 0; i < a->n_chain; i++)
                ttl = MIN(ttl, a->chain_ttl[i]);
        a->ttl = ttl;
        return 0;
}

void dns_answer_init(DnsAnswer *a, uint16_t type) {
        assert(a);

        memset(a, 0, offsetof(DnsAnswer, chain));
        a->type = type;
}

void dns_answer_copy(DnsAnswer *to, const DnsAnswer *from) {
        assert(to);
        assert(from);

        memcpy(to, from, offsetof(DnsAnswer, chain));
        for (size_t i = 0; i < from->n_chain; i++) {
                memcpy(to->chain[i], from->chain[i], strlen(from->chain[i]) + 1);
                to->chain_ttl[i] = from->chain_ttl[i];
        }
        memcpy(to->addrs, from->addrs, from->n_addrs * sizeof(from->addrs[0]));
        memcpy(to->services, from->services, from->n_services * sizeof(from->services[0]));
        memcpy(to->records, from->records, from->records_size);
}

static bool rcode_is_answer(uint16_t rcode) {
        return rcode == DNS_RCODE_NOERROR || rcode == DNS_RCODE_NXDOMAIN;
}

int dns_answer_parse(const void *data, size_t size, uint16_t id, const char *name, uint16_t type,
                     const uint8_t case_bits[static DNS_CASE_BITS_SIZE], DnsAnswer *ret) {
        DnsCursor c;
        AnswerHeader h;
        Message m = {};

        assert(data || size == 0);
        assert(name);
        assert(ret);

        dns_cursor_init(&c, data, size);
        int r = read_header(&c, id, &h);
        if (r < 0)
                return r;
        r = check_question(&c, name, type, case_bits);
        if (r < 0)
                return r;

        DnsAnswer a;
        dns_answer_init(&a, type);
        a.rcode = (uint8_t) (h.flags & DNS_RCODE_MASK);
        a.truncated = h.flags & DNS_FLAG_TC && rcode_is_answer(a.rcode);
        if (!a.truncated) {
                r = walk_message(&c, &h, &m);
                if (r < 0)
                        return r;
                if (!rcode_is_answer(m.rcode)) {
                        ret->rcode = (uint8_t) MIN(m.rcode, UINT8_MAX);
                        return -EREMOTEIO;
                }
                r = read_answer(&m, name, &a);
                if (r < 0)
                        return r;
        }
        dns_answer_copy(ret, &a);
        return 0;
}
