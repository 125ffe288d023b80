/* SPDX-License-Identifier: Apache-2.0 */

#include "dns/dns-record.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "basic/macro.h"
#include "dns/dns-message.h"

/* Fields: 1, 2, 4: that many bytes; N: a name that replies compress, n: one that they do not; R: a mailbox as a name, of
 * which nothing depends; t: a tag of letters and digits; s: a string with its length; S: one or more of these; *: all
 * bytes that are left, at least one. */
static const struct {
        uint16_t type;
        const char *fields;
} formats[] = {
        { DNS_TYPE_NS, "N" },
        { DNS_TYPE_SOA, "NR44444" },
        { DNS_TYPE_PTR, "N" },
        { DNS_TYPE_MX, "2N" },
        { DNS_TYPE_TXT, "S" },
        { DNS_TYPE_LOC, "*" },
        { DNS_TYPE_SRV, "222n" },
        { DNS_TYPE_NAPTR, "22sssn" },
        { DNS_TYPE_CERT, "*" },
        { DNS_TYPE_DNAME, "n" },
        { DNS_TYPE_DS, "*" },
        { DNS_TYPE_SSHFP, "*" },
        { DNS_TYPE_DNSKEY, "*" },
        { DNS_TYPE_TLSA, "*" },
        { DNS_TYPE_SMIMEA, "*" },
        { DNS_TYPE_OPENPGPKEY, "*" },
        { DNS_TYPE_SPF, "S" },
        { DNS_TYPE_URI, "*" },
        { DNS_TYPE_CAA, "1t*" },
};

static const char *fields_of(uint16_t type) {
        for (size_t i = 0; i < ELEMENTSOF(formats); i++)
                if (formats[i].type == type)
                        return formats[i].fields;
        return NULL;
}

bool dns_record_is_known(uint16_t type) {
        return fields_of(type) != NULL;
}

static int read_bytes(DnsCursor *c, size_t n, DnsWriter *w) {
        const uint8_t *p;

        if (!dns_cursor_bytes(c, n, &p))
                return -EBADMSG;
        dns_writer_bytes(w, p, n);
        return 1;
}

/* A string with its length in front. */
static int read_string(DnsCursor *c, DnsWriter *w) {
        uint8_t n;

        if (!dns_cursor_u8(c, &n))
                return -EBADMSG;
        dns_writer_u8(w, n);
        return read_bytes(c, n, w);
}

static int read_strings(DnsCursor *c, DnsWriter *w) {
        int r;

        do
                r = read_string(c, w);
        while (r > 0 && !dns_cursor_at_end(c));
        return r;
}

static int read_tag(DnsCursor *c, DnsWriter *w) {
        const uint8_t *p;
        DnsCursor at = *c;
        uint8_t n;

        if (!dns_cursor_u8(&at, &n) || n == 0 || !dns_cursor_bytes(&at, n, &p))
                return -EBADMSG;
        for (size_t i = 0; i < n; i++)
                if (!(p[i] >= '0' && p[i] <= '9') && !((p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'z'))
                        return -EBADMSG; /* RFC 8659 4.1 */
        return read_string(c, w);
}

static int read_name(DnsCursor *c, bool mailbox, DnsWriter *w) {
        char name[DNS_NAME_SIZE];

        int r = dns_cursor_name(c, DNS_NAME_COMPRESSED, name, NULL);
        if (r < 0)
                return r;
        if (r > 0 && !mailbox)
                return 0;
        dns_writer_name(w, r > 0 ? "" : name, NULL); /* mailboxes may have dots in a label */
        return 1;
}

static int read_field(DnsCursor *c, char field, DnsWriter *w) {
        switch (field) {
        case 'N':
        case 'n':
        case 'R':
                return read_name(c, field == 'R', w);
        case 's':
                return read_string(c, w);
        case 'S':
                return read_strings(c, w);
        case 't':
                return read_tag(c, w);
        case '*':
                return dns_cursor_at_end(c) ? -EBADMSG : read_bytes(c, c->end - c->pos, w);
        default:
                return read_bytes(c, (size_t) (field - '0'), w);
        }
}

int dns_record_read(DnsCursor *rdata, uint16_t type, uint8_t *buf, size_t size) {
        const char *fields = fields_of(type);
        bool passed_on = true;
        DnsWriter w;

        assert(rdata);
        assert(buf);
        assert(fields);

        dns_writer_init(&w, buf, size);
        for (; *fields; fields++) {
                int r = read_field(rdata, *fields, &w);
                if (r < 0)
                        return r;
                passed_on = passed_on && r > 0;
        }
        if (!dns_cursor_at_end(rdata))
                return -EBADMSG;
        if (!passed_on)
                return 0;
        return w.failed ? -ENOBUFS : (int) w.pos;
}

void dns_record_write(DnsWriter *w, uint16_t type, const uint8_t *plain, size_t size) {
        const char *fields = fields_of(type);
        char name[DNS_NAME_SIZE];
        const uint8_t *p;
        DnsCursor c;

        assert(w);
        assert(plain);
        assert(fields);

        /* Only names are written in another way than they are kept. */
        dns_cursor_init(&c, plain, size);
        for (; *fields && !dns_cursor_at_end(&c); fields++) {
                size_t n = *fields >= '0' && *fields <= '9' ? (size_t) (*fields - '0') : c.end - c.pos;

                if (*fields == 'N' || *fields == 'R') {
                        if (dns_cursor_name(&c, DNS_NAME_PLAIN, name, NULL) != 0)
                                break;
                        dns_writer_name_compressed(w, name);
                } else if (dns_cursor_bytes(&c, n, &p))
                        dns_writer_bytes(w, p, n);
        }
}
