/* SPDX-License-Identifier: Apache-2.0 */

#include "dns/dns-writer.h"

#include <assert.h>
#include <string.h>

#include "dns/dns-message.h"

void dns_writer_init(DnsWriter *w, uint8_t *data, size_t size) {
        assert(w);
        assert(data);

        *w = (DnsWriter) { .data = data, .size = size };
}

void dns_writer_bytes(DnsWriter *w, const uint8_t *p, size_t n) {
        assert(w);
        assert(p || n == 0);

        if (w->failed || n > w->size - w->pos) {
                w->failed = true;
                return;
        }
        if (n > 0)
                memcpy(w->data + w->pos, p, n);
        w->pos += n;
}

void dns_writer_u8(DnsWriter *w, uint8_t v) {
        dns_writer_bytes(w, &v, 1);
}

void dns_writer_u16(DnsWriter *w, uint16_t v) {
        dns_writer_bytes(w, (const uint8_t[]) { (uint8_t) (v >> 8), (uint8_t) v }, 2);
}

void dns_writer_u32(DnsWriter *w, uint32_t v) {
        dns_writer_u16(w, (uint16_t) (v >> 16));
        dns_writer_u16(w, (uint16_t) v);
}

void dns_writer_set_u16(DnsWriter *w, size_t pos, uint16_t v) {
        assert(w);

        if (w->failed)
                return;
        assert(pos + 2 <= w->pos);
        w->data[pos] = (uint8_t) (v >> 8);
        w->data[pos + 1] = (uint8_t) v;
}

/* Writes one label; bits from *letter on select upper case. */
static void write_label(DnsWriter *w, const char *label, size_t n, const uint8_t *case_bits, size_t *letter) {
        dns_writer_u8(w, (uint8_t) n);
        for (size_t i = 0; i < n; i++) {
                char c = label[i];

                if (c >= 'a' && c <= 'z') {
                        if (case_bits && case_bits[*letter / 8] & 1U << *letter % 8)
                                c = (char) (c - 'a' + 'A');
                        (*letter)++;
                }
                dns_writer_u8(w, (uint8_t) c);
        }
}

void dns_writer_name(DnsWriter *w, const char *name, const uint8_t *case_bits) {
        assert(w);
        assert(name);

        if (!dns_name_is_canonical(name)) {
                w->failed = true;
                return;
        }
        size_t letter = 0;
        for (const char *p = name; *p;) {
                size_t n = strcspn(p, ".");
                write_label(w, p, n, case_bits, &letter);
                p += n;
                if (*p == '.')
                        p++;
        }
        dns_writer_u8(w, 0);
}

void dns_writer_pointer(DnsWriter *w, size_t pos) {
        if (pos > 0x3fff) { /* 14 bits */
                w->failed = true;
                return;
        }
        dns_writer_u16(w, (uint16_t) (0xc000 | pos));
}

void dns_writer_header(DnsWriter *w, uint16_t id, uint16_t flags, uint16_t n_questions) {
        dns_writer_u16(w, id);
        dns_writer_u16(w, flags);
        dns_writer_u16(w, n_questions);
        dns_writer_u16(w, 0);
        dns_writer_u16(w, 0);
        dns_writer_u16(w, 0);
}

void dns_writer_question(DnsWriter *w, const char *name, uint16_t type, const uint8_t *case_bits) {
        dns_writer_name(w, name, case_bits);
        dns_writer_u16(w, type);
        dns_writer_u16(w, DNS_CLASS_IN);
}

void dns_writer_opt(DnsWriter *w) {
        dns_writer_u8(w, 0);
        dns_writer_u16(w, DNS_TYPE_OPT);
        dns_writer_u16(w, DNS_UDP_MAX);
        dns_writer_u32(w, 0);
        dns_writer_u16(w, 0);
}
