/* SPDX-License-Identifier: Apache-2.0 */

#include "dns/dns-relay.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "basic/macro.h"
#include "dns/dns-cursor.h"
#include "dns/dns-writer.h"

#define FLAG_AD (1 << 5) /* RFC 4035 3.2.3 */
#define FLAG_CD (1 << 4) /* RFC 4035 3.2.2 */
#define FLAGS_OF_CLIENT (DNS_FLAG_RD | FLAG_AD | FLAG_CD)
#define OPT_FLAG_DO (1 << 15)
#define OPT_FLAGS_OFFSET 7 /* offset in the OPT record, after its root name, type, size, high rcode and version */
#define N_ADDITIONALS_POS 10
#define UDP_SIZE_MIN 512
#define OPCODE_NOTIFY 4
#define OPCODE_UPDATE 5

static uint16_t u16_at(const uint8_t *p) {
        return (uint16_t) (p[0] << 8 | p[1]);
}

int dns_relay_read(const void *query, size_t size, DnsRelay *ret) {
        const uint8_t *data = query;
        char name[DNS_NAME_SIZE];
        DnsCursor c;
        DnsQuery q;
        int r;

        assert(ret);

        r = dns_query_parse(query, size, &q);
        if (r < 0 && r != -EPERM)
                return r == -EBADMSG ? -EBADMSG : -EINVAL;
        dns_cursor_init(&c, query, size);
        c.pos = DNS_HEADER_SIZE;
        if (dns_cursor_name(&c, DNS_NAME_PLAIN, name, NULL) < 0)
                return -EINVAL;
        size_t n = c.pos + 4 - DNS_HEADER_SIZE;
        if (n > size - DNS_HEADER_SIZE || n > sizeof(ret->question))
                return -EINVAL;

        memset(ret, 0, offsetof(DnsRelay, question));
        ret->id = q.id;
        ret->flags = u16_at(data + 2) & FLAGS_OF_CLIENT;
        ret->udp_size = q.udp_size;
        ret->has_edns = q.has_edns;
        ret->dnssec_ok = q.dnssec_ok;
        ret->question_size = ret->size = (uint16_t) n;
        memcpy(ret->question, data + DNS_HEADER_SIZE, n);
        return 0;
}

/* The client's UDP size, from its OPT record. False: malformed. */
static bool read_udp_size(DnsCursor *c, size_t n_records, uint16_t *ret) {
        *ret = UDP_SIZE_MIN;
        for (size_t i = 0; i < n_records; i++) {
                char owner[DNS_NAME_SIZE];
                uint16_t type, class, rdlength;
                const uint8_t *rdata;
                uint32_t ttl;

                if (dns_cursor_name(c, DNS_NAME_COMPRESSED, owner, NULL) < 0 || !dns_cursor_u16(c, &type) ||
                    !dns_cursor_u16(c, &class) || !dns_cursor_u32(c, &ttl) || !dns_cursor_u16(c, &rdlength) ||
                    !dns_cursor_bytes(c, rdlength, &rdata))
                        return false;
                if (type == DNS_TYPE_OPT)
                        *ret = MAX(class, UDP_SIZE_MIN);
        }
        return dns_cursor_at_end(c);
}

static bool opcode_is_relayed(uint16_t flags) {
        unsigned opcode = (flags & DNS_OPCODE_MASK) >> 11;

        return opcode == 0 || opcode == OPCODE_NOTIFY || opcode == OPCODE_UPDATE;
}

int dns_relay_read_message(const void *message, size_t size, DnsRelay *ret) {
        const uint8_t *data = message;
        char name[DNS_NAME_SIZE];
        uint16_t udp_size;
        DnsCursor c;

        assert(message || size == 0);
        assert(ret);

        if (size < DNS_HEADER_SIZE || size > DNS_RELAY_MESSAGE_MAX)
                return -EINVAL;
        uint16_t flags = u16_at(data + 2);
        if (flags & DNS_FLAG_QR || !opcode_is_relayed(flags) || u16_at(data + 4) != 1)
                return -EINVAL;
        dns_cursor_init(&c, message, size);
        c.pos = DNS_HEADER_SIZE;
        if (dns_cursor_name(&c, DNS_NAME_PLAIN, name, NULL) < 0 || c.end - c.pos < 4)
                return -EINVAL;
        c.pos += 4;
        size_t question_size = c.pos - DNS_HEADER_SIZE;
        size_t n = (size_t) u16_at(data + 6) + u16_at(data + 8) + u16_at(data + 10);
        if (!read_udp_size(&c, n, &udp_size))
                return -EINVAL;

        memset(ret, 0, offsetof(DnsRelay, question));
        ret->id = u16_at(data);
        ret->flags = flags;
        ret->udp_size = udp_size;
        ret->is_whole = true;
        for (size_t i = 0; i < ELEMENTSOF(ret->counts); i++)
                ret->counts[i] = u16_at(data + 4 + 2 * i);
        ret->question_size = (uint16_t) question_size;
        ret->size = (uint16_t) (size - DNS_HEADER_SIZE);
        memcpy(ret->question, data + DNS_HEADER_SIZE, ret->size);
        return 0;
}

static size_t build_whole(const DnsRelay *r, uint16_t id, uint8_t buf[static DNS_RELAY_MESSAGE_MAX]) {
        DnsWriter w;

        dns_writer_init(&w, buf, DNS_RELAY_MESSAGE_MAX);
        dns_writer_u16(&w, id);
        dns_writer_u16(&w, r->flags);
        for (size_t i = 0; i < ELEMENTSOF(r->counts); i++)
                dns_writer_u16(&w, r->counts[i]);
        dns_writer_bytes(&w, r->question, r->size);
        assert(!w.failed);
        return w.pos;
}

/* Header, question and, if the client uses EDNS, our OPT record. */
static size_t build(const DnsRelay *r, uint16_t id, uint16_t flags, uint8_t buf[static 512]) {
        DnsWriter w;

        dns_writer_init(&w, buf, 512);
        dns_writer_header(&w, id, flags, 1);
        dns_writer_bytes(&w, r->question, r->question_size);
        if (r->has_edns) {
                size_t opt = w.pos;

                dns_writer_opt(&w);
                if (r->dnssec_ok)
                        dns_writer_set_u16(&w, opt + OPT_FLAGS_OFFSET, OPT_FLAG_DO);
                dns_writer_set_u16(&w, N_ADDITIONALS_POS, 1);
        }
        assert(!w.failed);
        return w.pos;
}

static uint8_t fold(uint8_t b) {
        return b >= 'A' && b <= 'Z' ? b | 0x20 : b;
}

bool dns_relay_asks(const DnsRelay *r, const char *name, uint16_t type) {
        const uint8_t *p = r->question, *end = r->question + r->question_size;

        assert(r && name);

        while (p < end && *p != 0 && *p < end - p) {
                size_t length = *p++;

                if (strncasecmp((const char *) p, name, length) != 0 || (name[length] != '.' && name[length] != '\0'))
                        return false;
                name += length + (name[length] == '.');
                p += length;
        }
        return *name == '\0' && end - p >= 5 && *p == 0 && (p[1] << 8 | p[2]) == type && (p[3] << 8 | p[4]) == DNS_CLASS_IN;
}

size_t dns_relay_build_query(const DnsRelay *r, uint16_t id, uint8_t buf[static DNS_RELAY_MESSAGE_MAX]) {
        assert(r);

        if (r->is_whole)
                return build_whole(r, id, buf);
        size_t n = build(r, id, r->flags, buf);
        for (size_t i = 0; r->lower_case && i < r->question_size - 4U; i++)
                buf[DNS_HEADER_SIZE + i] = fold(buf[DNS_HEADER_SIZE + i]);
        return n;
}

/* Servers may answer in another case. Only letters are affected: a label length is at most 63, and types and classes
 * are compared exactly. */
static bool is_same_question(const DnsRelay *r, const uint8_t *question) {
        size_t name = r->question_size - 4U;

        for (size_t i = 0; i < name; i++)
                if (fold(question[i]) != fold(r->question[i]))
                        return false;
        return memcmp(question + name, r->question + name, 4) == 0;
}

bool dns_relay_asks_same(const DnsRelay *a, const DnsRelay *b) {
        assert(a && b);

        return !a->is_whole && !b->is_whole && a->question_size == b->question_size && is_same_question(a, b->question);
}

int dns_relay_check(const DnsRelay *r, const void *answer, size_t size, bool *ret_truncated) {
        const uint8_t *data = answer;

        assert(r);
        assert(answer || size == 0);
        assert(ret_truncated);

        if (size < DNS_HEADER_SIZE || size > DNS_MESSAGE_MAX)
                return -EBADMSG;
        uint16_t flags = u16_at(data + 2), n_questions = u16_at(data + 4);
        uint8_t rcode = flags & DNS_RCODE_MASK;
        bool failed = rcode != DNS_RCODE_NOERROR && rcode != DNS_RCODE_NXDOMAIN;
        if (!(flags & DNS_FLAG_QR) || (flags ^ r->flags) & DNS_OPCODE_MASK)
                return -EBADMSG;
        if (n_questions == 0 && failed) /* from a server that could not parse the query */
                return -EREMOTEIO;
        if (n_questions != 1 || size < DNS_HEADER_SIZE + (size_t) r->question_size)
                return -EBADMSG;
        if (!is_same_question(r, data + DNS_HEADER_SIZE))
                return -EBADE;
        if (failed)
                return -EREMOTEIO;
        *ret_truncated = flags & DNS_FLAG_TC;
        return 0;
}

size_t dns_relay_build_error(const DnsRelay *r, uint8_t rcode, uint8_t buf[static 512]) {
        assert(r);

        return build(r, r->id, (uint16_t) (DNS_FLAG_QR | DNS_FLAG_RA | (r->flags & (DNS_OPCODE_MASK | DNS_FLAG_RD | FLAG_CD)) | (rcode & DNS_RCODE_MASK)), buf);
}

static int limit_record(DnsCursor *c, uint8_t *message, uint32_t max) {
        char owner[DNS_NAME_SIZE];
        uint16_t type, class, rdlength;
        const uint8_t *rdata;
        uint32_t ttl;

        if (dns_cursor_name(c, DNS_NAME_COMPRESSED, owner, NULL) < 0 || !dns_cursor_u16(c, &type) ||
            !dns_cursor_u16(c, &class))
                return -EBADMSG;
        uint8_t *place = message + c->pos;
        if (!dns_cursor_u32(c, &ttl) || !dns_cursor_u16(c, &rdlength) || !dns_cursor_bytes(c, rdlength, &rdata))
                return -EBADMSG;
        if (type == DNS_TYPE_OPT || ttl <= max) /* OPT has its flags in place of the TTL */
                return 0;
        DnsWriter w;
        dns_writer_init(&w, place, sizeof(ttl));
        dns_writer_u32(&w, max);
        return 0;
}

int dns_relay_limit_ttl(uint8_t *message, size_t size, uint32_t max) {
        uint16_t type, class;
        DnsCursor c;
        char name[DNS_NAME_SIZE];

        assert(message);

        if (size < DNS_HEADER_SIZE || u16_at(message + 4) != 1)
                return -EBADMSG;
        dns_cursor_init(&c, message, size);
        c.pos = DNS_HEADER_SIZE;
        if (dns_cursor_name(&c, DNS_NAME_PLAIN, name, NULL) < 0 || !dns_cursor_u16(&c, &type) ||
            !dns_cursor_u16(&c, &class))
                return -EBADMSG;
        size_t n = (size_t) u16_at(message + 6) + u16_at(message + 8) + u16_at(message + 10);
        for (size_t i = 0; i < n; i++) {
                int r = limit_record(&c, message, max);
                if (r < 0)
                        return r;
        }
        return 0;
}

size_t dns_relay_build_truncated(const DnsRelay *r, const uint8_t header[static DNS_HEADER_SIZE], uint8_t buf[static 512]) {
        assert(r);
        assert(header);

        return build(r, r->id, u16_at(header + 2) | DNS_FLAG_TC, buf);
}

size_t dns_relay_build_reply(const DnsRelay *r, const void *answer, size_t size, size_t max, uint8_t *buf) {
        const uint8_t *data = answer;
        DnsWriter w;

        assert(r);
        assert(answer && size >= DNS_HEADER_SIZE);
        assert(buf);

        if (u16_at(data + 4) != 1)
                return dns_relay_build_error(r, data[3] & DNS_RCODE_MASK, buf);
        if (size > max)
                return dns_relay_build_truncated(r, data, buf);
        assert(size >= DNS_HEADER_SIZE + (size_t) r->question_size);
        memcpy(buf, data, size);
        dns_writer_init(&w, buf, size);
        dns_writer_u16(&w, r->id);
        memcpy(buf + DNS_HEADER_SIZE, r->question, r->question_size);
        return size;
}
