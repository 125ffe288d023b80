/* SPDX-License-Identifier: Apache-2.0 */

#include "dns/dns-message.h"

#include <assert.h>

#include "basic/macro.h"
#include "dns/dns-service.h"
#include "dns/dns-writer.h"

#define N_ANSWERS_POS 6
#define N_ADDITIONALS_POS 10

static uint16_t reply_flags(const DnsQuery *q, uint8_t rcode) {
        uint16_t flags = (uint16_t) (DNS_FLAG_QR | DNS_FLAG_RA | (rcode & DNS_RCODE_MASK));

        return q->recursion_desired ? flags | DNS_FLAG_RD : flags;
}

/* Writes a record up to its rdata. Returns the position of the rdata, for end_record(). */
static size_t begin_record(DnsWriter *w, size_t owner_pos, uint16_t type, uint32_t ttl) {
        dns_writer_pointer(w, owner_pos);
        dns_writer_u16(w, type);
        dns_writer_u16(w, DNS_CLASS_IN);
        dns_writer_u32(w, ttl);
        dns_writer_u16(w, 0);
        return w->pos;
}

static void end_record(DnsWriter *w, size_t rdata_pos) {
        dns_writer_set_u16(w, rdata_pos - 2, (uint16_t) (w->pos - rdata_pos));
}

/* Returns the position of the name that the record points to. */
static size_t write_name_record(DnsWriter *w, size_t owner_pos, uint16_t type, uint32_t ttl, const char *target) {
        size_t rdata_pos = begin_record(w, owner_pos, type, ttl);

        dns_writer_name(w, target, NULL);
        end_record(w, rdata_pos);
        return rdata_pos;
}

static void write_addr(DnsWriter *w, size_t owner_pos, uint16_t type, uint32_t ttl, const InAddr *addr) {
        size_t rdata_pos = begin_record(w, owner_pos, type, ttl);

        if (type == DNS_TYPE_A)
                dns_writer_bytes(w, addr->b + 12, 4);
        else
                dns_writer_bytes(w, addr->b, 16);
        end_record(w, rdata_pos);
}

/* Keys in ascending order (RFC 9460 2.2); the target is the owner itself. */
static void write_service(DnsWriter *w, size_t owner_pos, uint16_t type, uint32_t ttl, const DnsService *s) {
        size_t rdata_pos = begin_record(w, owner_pos, type, ttl);

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

/* Returns the number of records. */
static uint16_t write_answer(DnsWriter *w, const DnsAnswer *a, uint32_t ttl) {
        size_t owner_pos = DNS_HEADER_SIZE; /* of the question's name */

        for (size_t i = 0; i < a->n_chain; i++)
                owner_pos = write_name_record(w, owner_pos, DNS_TYPE_CNAME, ttl, a->chain[i]);
        for (size_t i = 0; i < a->n_addrs; i++)
                write_addr(w, owner_pos, a->type, ttl, &a->addrs[i]);
        for (size_t i = 0; i < a->n_services; i++)
                write_service(w, owner_pos, a->type, ttl, &a->services[i]);
        return (uint16_t) (a->n_chain + a->n_addrs + a->n_services);
}

static void write_opt(DnsWriter *w, const DnsQuery *q) {
        if (!q->has_edns)
                return;
        dns_writer_opt(w);
        dns_writer_set_u16(w, N_ADDITIONALS_POS, 1);
}

size_t dns_reply_build_error(uint8_t buf[static DNS_HEADER_SIZE], const DnsQuery *q, uint8_t rcode) {
        DnsWriter w;

        assert(q);

        dns_writer_init(&w, buf, DNS_HEADER_SIZE);
        dns_writer_header(&w, q->id, reply_flags(q, rcode), 0);
        return w.pos;
}

/* A reply without records; flags are added to the usual ones. */
static size_t build_empty(uint8_t *buf, size_t max, const DnsQuery *q, uint8_t rcode, uint16_t flags) {
        DnsWriter w;

        dns_writer_init(&w, buf, max);
        dns_writer_header(&w, q->id, reply_flags(q, rcode) | flags, 1);
        dns_writer_question(&w, q->name, q->type, q->case_bits);
        write_opt(&w, q);
        return w.failed ? dns_reply_build_error(buf, q, rcode) : w.pos;
}

size_t dns_reply_build(uint8_t *buf, size_t max, const DnsQuery *q, uint8_t rcode, const DnsAnswer *answer,
                       uint32_t ttl, const char *ptr_name) {
        DnsWriter w;

        assert(buf);
        assert(max >= 512);
        assert(q);
        assert(!answer || answer->type == q->type);
        assert(!ptr_name || q->type == DNS_TYPE_PTR);

        if (q->type == 0)
                return dns_reply_build_error(buf, q, rcode);
        max = MIN(max, (size_t) DNS_MESSAGE_MAX);
        if (!answer && !ptr_name)
                return build_empty(buf, max, q, rcode, 0);

        uint16_t n = 0;
        dns_writer_init(&w, buf, max);
        dns_writer_header(&w, q->id, reply_flags(q, rcode), 1);
        dns_writer_question(&w, q->name, q->type, q->case_bits);
        if (answer)
                n = write_answer(&w, answer, ttl);
        if (ptr_name) {
                write_name_record(&w, DNS_HEADER_SIZE, DNS_TYPE_PTR, ttl, ptr_name);
                n++;
        }
        dns_writer_set_u16(&w, N_ANSWERS_POS, n);
        write_opt(&w, q);
        return w.failed ? build_empty(buf, max, q, rcode, DNS_FLAG_TC) : w.pos;
}
