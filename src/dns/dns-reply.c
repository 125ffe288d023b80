/* SPDX-License-Identifier: Apache-2.0 */

#include "dns/dns-message.h"

#include <assert.h>
#include <string.h>

#include "basic/macro.h"
#include "dns/dns-record.h"
#include "dns/dns-service.h"
#include "dns/dns-writer.h"

#define N_ANSWERS_POS 6
#define N_AUTHORITIES_POS 8
#define N_ADDITIONALS_POS 10
#define OPT_SIZE 11
#define OPT_EXTENDED_ERROR 15   /* RFC 8914 2 */
#define EXTENDED_ERROR_SIZE 6   /* code and length of the option, error */

/* In the SOA record of our own negative replies. */
#define OUR_SERVER "cargowall.invalid"

/* Writes a record up to its rdata. Returns the position of the rdata, for end_record(). */
static size_t begin_record(DnsWriter *w, const char *owner, uint16_t type, uint32_t ttl) {
        dns_writer_name_compressed(w, owner);
        dns_writer_u16(w, type);
        dns_writer_u16(w, DNS_CLASS_IN);
        dns_writer_u32(w, ttl);
        dns_writer_u16(w, 0);
        return w->pos;
}

static void end_record(DnsWriter *w, size_t rdata_pos) {
        dns_writer_set_u16(w, rdata_pos - 2, (uint16_t) (w->pos - rdata_pos));
}

static void write_name_record(DnsWriter *w, const char *owner, uint16_t type, uint32_t ttl, const char *target) {
        size_t rdata_pos = begin_record(w, owner, type, ttl);

        dns_writer_name_compressed(w, target);
        end_record(w, rdata_pos);
}

static void write_addr(DnsWriter *w, const char *owner, uint16_t type, uint32_t ttl, const InAddr *addr) {
        size_t rdata_pos = begin_record(w, owner, type, ttl);

        if (type == DNS_TYPE_A)
                dns_writer_bytes(w, addr->b + 12, 4);
        else
                dns_writer_bytes(w, addr->b, 16);
        end_record(w, rdata_pos);
}

static void write_other(DnsWriter *w, const char *owner, uint16_t type, uint32_t ttl, const uint8_t *plain, size_t size) {
        size_t rdata_pos = begin_record(w, owner, type, ttl);

        dns_record_write(w, type, plain, size);
        end_record(w, rdata_pos);
}

/* Keys in ascending order (RFC 9460 2.2); the target is the owner itself. */
static void write_service(DnsWriter *w, const char *owner, uint16_t type, uint32_t ttl, const DnsService *s) {
        size_t rdata_pos = begin_record(w, owner, type, ttl);

        dns_writer_u16(w, s->priority);
        dns_writer_u8(w, 0);
        if (s->alpn_length > 0) {
                dns_writer_u16(w, DNS_SVC_ALPN);
                dns_writer_u16(w, s->alpn_length);
                dns_writer_bytes(w, s->alpn, MIN(s->alpn_length, sizeof(s->alpn)));
        }
        if (s->no_default_alpn) {
                dns_writer_u16(w, DNS_SVC_NO_DEFAULT_ALPN);
                dns_writer_u16(w, 0);
        }
        if (s->port > 0) {
                dns_writer_u16(w, DNS_SVC_PORT);
                dns_writer_u16(w, 2);
                dns_writer_u16(w, s->port);
        }
        end_record(w, rdata_pos);
}

/* A reply in progress. Space for the OPT record is set aside, so that it always fits. */
typedef struct Reply {
        DnsWriter w;
        DnsWriterMark whole; /* the end of the last record that fitted */
        uint16_t flags;
        size_t opt_size;     /* 0: the client has no EDNS */
        DnsExtendedError error;
} Reply;

static uint16_t reply_flags(const DnsQuery *q, uint8_t rcode) {
        uint16_t flags = (uint16_t) (DNS_FLAG_QR | DNS_FLAG_RA | (rcode & DNS_RCODE_MASK));

        return q->recursion_desired ? flags | DNS_FLAG_RD : flags;
}

static void reply_begin(Reply *r, uint8_t *buf, size_t max, const DnsQuery *q, uint8_t rcode, DnsExtendedError error) {
        r->flags = reply_flags(q, rcode);
        r->error = error;
        r->opt_size = q->has_edns ? OPT_SIZE + (error != DNS_ERROR_NONE ? EXTENDED_ERROR_SIZE : 0) : 0;
        dns_writer_init(&r->w, buf, max - r->opt_size);
        dns_writer_header(&r->w, q->id, r->flags, 1);
        dns_writer_question(&r->w, q->name, q->type, q->case_bits);
        if (!r->w.failed)
                r->whole = dns_writer_mark(&r->w);
}

/* After each record. False: it did not fit and was taken back, and no other may follow. */
static bool reply_commit(Reply *r) {
        if (r->w.failed) {
                dns_writer_reset(&r->w, &r->whole);
                r->flags |= DNS_FLAG_TC;
                return false;
        }
        r->whole = dns_writer_mark(&r->w);
        return true;
}

static size_t reply_end(Reply *r, uint16_t n_answers, uint16_t n_authorities) {
        DnsWriter *w = &r->w;

        dns_writer_set_u16(w, 2, r->flags);
        dns_writer_set_u16(w, N_ANSWERS_POS, n_answers);
        dns_writer_set_u16(w, N_AUTHORITIES_POS, n_authorities);
        w->size += r->opt_size;
        if (r->opt_size > 0) {
                dns_writer_opt(w);
                dns_writer_set_u16(w, N_ADDITIONALS_POS, 1);
        }
        if (r->opt_size > OPT_SIZE) {
                dns_writer_set_u16(w, w->pos - 2, EXTENDED_ERROR_SIZE);
                dns_writer_u16(w, OPT_EXTENDED_ERROR);
                dns_writer_u16(w, 2);
                dns_writer_u16(w, (uint16_t) r->error);
        }
        return w->pos;
}

/* Returns the number of records written. */
static uint16_t write_records(Reply *r, const DnsAnswer *a, const char *owner, uint16_t type, uint32_t ttl) {
        const uint8_t *p = a->records;
        uint16_t n = 0;

        for (size_t i = 0; i < a->n_records; i++) {
                size_t size = (size_t) p[0] << 8 | p[1];

                write_other(&r->w, owner, type, ttl, p + 2, size);
                if (!reply_commit(r))
                        break;
                p += 2 + size;
                n++;
        }
        return n;
}

/* Returns the numbers of records. */
static uint16_t write_answer(Reply *r, const DnsQuery *q, const DnsAnswer *a, uint32_t ttl, uint16_t *ret_authorities) {
        const char *owner = q->name;
        uint16_t n = 0;

        *ret_authorities = 0;
        for (size_t i = 0; i < a->n_chain; i++) {
                write_name_record(&r->w, owner, DNS_TYPE_CNAME, ttl, a->chain[i]);
                if (!reply_commit(r))
                        return n;
                owner = a->chain[i];
                n++;
        }
        for (size_t i = 0; i < a->n_addrs; i++, n++) {
                write_addr(&r->w, owner, a->type, ttl, &a->addrs[i]);
                if (!reply_commit(r))
                        return n;
        }
        for (size_t i = 0; i < a->n_services; i++, n++) {
                write_service(&r->w, owner, a->type, ttl, &a->services[i]);
                if (!reply_commit(r))
                        return n;
        }
        if (a->has_soa)
                *ret_authorities = write_records(r, a, owner + MIN((size_t) a->zone_offset, strlen(owner)), DNS_TYPE_SOA, ttl);
        else
                n = (uint16_t) (n + write_records(r, a, owner, a->type, ttl));
        return n;
}

size_t dns_reply_build_error(uint8_t buf[static DNS_HEADER_SIZE], const DnsQuery *q, uint8_t rcode) {
        DnsWriter w;

        assert(q);

        dns_writer_init(&w, buf, DNS_HEADER_SIZE);
        dns_writer_header(&w, q->id, reply_flags(q, rcode), 0);
        return w.pos;
}

size_t dns_reply_build_negative(uint8_t *buf, size_t max, const DnsQuery *q, uint8_t rcode, uint32_t ttl,
                                DnsExtendedError error) {
        uint16_t n = 0;
        Reply r;

        assert(buf);
        assert(max >= 512);
        assert(q);

        if (q->type == 0)
                return dns_reply_build_error(buf, q, rcode);
        reply_begin(&r, buf, MIN(max, (size_t) DNS_MESSAGE_MAX), q, rcode, error);
        if (r.w.failed)
                return dns_reply_build_error(buf, q, rcode);
        if (rcode == DNS_RCODE_NOERROR || rcode == DNS_RCODE_NXDOMAIN) {
                size_t rdata_pos = begin_record(&r.w, q->name, DNS_TYPE_SOA, ttl);

                dns_writer_name_compressed(&r.w, OUR_SERVER);
                dns_writer_name_compressed(&r.w, OUR_SERVER);
                dns_writer_u32(&r.w, 1); /* serial */
                for (size_t i = 0; i < 4; i++)
                        dns_writer_u32(&r.w, ttl);
                end_record(&r.w, rdata_pos);
                n = reply_commit(&r);
        }
        return reply_end(&r, 0, n);
}

size_t dns_reply_build(uint8_t *buf, size_t max, const DnsQuery *q, uint8_t rcode, const DnsAnswer *answer,
                       uint32_t ttl, const char *ptr_name) {
        uint16_t n = 0, n_authorities = 0;
        Reply r;

        assert(buf);
        assert(max >= 512);
        assert(q);
        assert(!answer || answer->type == q->type);
        assert(!ptr_name || q->type == DNS_TYPE_PTR);

        if (q->type == 0)
                return dns_reply_build_error(buf, q, rcode);
        reply_begin(&r, buf, MIN(max, (size_t) DNS_MESSAGE_MAX), q, rcode, DNS_ERROR_NONE);
        if (r.w.failed)
                return dns_reply_build_error(buf, q, rcode);
        if (answer)
                n = write_answer(&r, q, answer, ttl, &n_authorities);
        if (ptr_name) {
                write_name_record(&r.w, q->name, DNS_TYPE_PTR, ttl, ptr_name);
                n = (uint16_t) (n + reply_commit(&r));
        }
        return reply_end(&r, n, n_authorities);
}
