/* SPDX-License-Identifier: Apache-2.0 */

#include "dns/dns-message.h"

#include <assert.h>
#include <errno.h>

#include "basic/macro.h"
#include "dns/dns-cursor.h"
#include "dns/dns-writer.h"

#define EDNS_FLAG_DO (1 << 15)
#define UDP_SIZE_MIN 512 /* RFC 6891 6.2.3: smaller values are treated as this */

typedef struct QueryHeader {
        uint16_t flags;
        uint16_t n_questions;
        uint16_t n_answers;
        uint16_t n_authorities;
        uint16_t n_additionals;
} QueryHeader;

static bool read_header(DnsCursor *c, uint16_t *ret_id, QueryHeader *ret) {
        return dns_cursor_u16(c, ret_id) && dns_cursor_u16(c, &ret->flags) && dns_cursor_u16(c, &ret->n_questions) &&
                dns_cursor_u16(c, &ret->n_answers) && dns_cursor_u16(c, &ret->n_authorities) &&
                dns_cursor_u16(c, &ret->n_additionals);
}

/* Options are ignored, but their lengths must add up (RFC 6891 6.1.2). */
static bool options_are_valid(DnsCursor c) {
        while (!dns_cursor_at_end(&c)) {
                const uint8_t *value;
                uint16_t code, length;

                if (!dns_cursor_u16(&c, &code) || !dns_cursor_u16(&c, &length) || !dns_cursor_bytes(&c, length, &value))
                        return false;
        }
        return true;
}

static int read_opt(DnsCursor *c, DnsQuery *q) {
        uint8_t root, rcode_high, version;
        uint16_t type, udp_size, flags, rdlength;
        DnsCursor options;

        if (!dns_cursor_u8(c, &root) || !dns_cursor_u16(c, &type) || !dns_cursor_u16(c, &udp_size) ||
            !dns_cursor_u8(c, &rcode_high) || !dns_cursor_u8(c, &version) || !dns_cursor_u16(c, &flags) ||
            !dns_cursor_u16(c, &rdlength) || !dns_cursor_sub(c, rdlength, &options))
                return -EINVAL;
        if (root != 0 || type != DNS_TYPE_OPT || version != 0 || !options_are_valid(options))
                return -EINVAL;
        q->has_edns = true;
        q->dnssec_ok = flags & EDNS_FLAG_DO;
        q->udp_size = MAX(udp_size, UDP_SIZE_MIN);
        return 0;
}

static int read_body(DnsCursor *c, const QueryHeader *h, DnsQuery *q) {
        uint16_t type, class;

        if (h->flags & DNS_OPCODE_MASK)
                return -EOPNOTSUPP;
        if (h->n_questions != 1 || h->n_answers != 0 || h->n_authorities != 0 || h->n_additionals > 1)
                return -EINVAL;

        int name = dns_cursor_name(c, DNS_NAME_PLAIN, q->name, q->case_bits);
        if (name < 0) {
                q->name[0] = '\0';
                return -EINVAL;
        }
        if (!dns_cursor_u16(c, &type) || !dns_cursor_u16(c, &class) || type == 0)
                return -EINVAL;
        if (h->n_additionals == 1) {
                int r = read_opt(c, q);
                if (r < 0)
                        return r;
        }
        if (!dns_cursor_at_end(c))
                return -EINVAL;
        if (name > 0 || class != DNS_CLASS_IN)
                return -EPERM;
        q->type = type;
        return q->name[0] == '\0' ? -EPERM : 0;
}

int dns_query_parse(const void *data, size_t size, DnsQuery *ret) {
        DnsCursor c;
        QueryHeader h;
        DnsQuery q = { .udp_size = UDP_SIZE_MIN };

        assert(data || size == 0);
        assert(ret);

        dns_cursor_init(&c, data, size);
        if (!read_header(&c, &q.id, &h) || h.flags & DNS_FLAG_QR)
                return -EBADMSG;
        q.recursion_desired = h.flags & DNS_FLAG_RD;
        q.checking_disabled = h.flags & DNS_FLAG_CD;

        int r = read_body(&c, &h, &q);
        *ret = q;
        return r;
}

size_t dns_query_build(uint8_t buf[static 512], uint16_t id, const char *name, uint16_t type,
                       const uint8_t case_bits[static DNS_CASE_BITS_SIZE]) {
        DnsWriter w;

        assert(name);

        dns_writer_init(&w, buf, 512);
        dns_writer_header(&w, id, DNS_FLAG_RD, 1);
        dns_writer_question(&w, name, type, case_bits);
        dns_writer_opt(&w);
        dns_writer_set_u16(&w, DNS_HEADER_SIZE - 2, 1);
        return w.failed ? 0 : w.pos;
}
