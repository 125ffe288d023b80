/* SPDX-License-Identifier: Apache-2.0 */

#include "dns/dns-writer.h"

#include <assert.h>
#include <string.h>

#include "dns/dns-message.h"

void dns_writer_init(DnsWriter *w, uint8_t *data, size_t size) {
        assert(w);
        assert(data);

        w->data = data;
        w->size = size;
        w->pos = 0;
        w->failed = false;
        w->n_suffixes = 0;
}

DnsWriterMark dns_writer_mark(const DnsWriter *w) {
        assert(w);
        assert(!w->failed);

        return (DnsWriterMark) { .pos = w->pos, .n_suffixes = w->n_suffixes };
}

void dns_writer_reset(DnsWriter *w, const DnsWriterMark *mark) {
        assert(w);
        assert(mark && mark->pos <= w->pos);

        w->pos = mark->pos;
        w->n_suffixes = mark->n_suffixes;
        w->failed = false;
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

#define POINTER_MAX 0x3fff /* 14 bits */

/* Of a text in lower case, from its end, so that one pass yields the hashes of all its suffixes. */
static uint16_t hash_back(uint16_t hash, char c) {
        return (uint16_t) (hash * 31U + (uint8_t) c);
}

static char lower(uint8_t b) {
        return b >= 'A' && b <= 'Z' ? (char) (b + 'a' - 'A') : (char) b;
}

/* Is the name that the writer wrote at pos equal to text? Names in lower case, but for the question. */
static bool name_at_equals(const DnsWriter *w, size_t pos, const char *text) {
        for (;;) {
                while ((w->data[pos] & 0xc0) == 0xc0) /* leads to before, as this writer made it */
                        pos = (size_t) (w->data[pos] & 0x3f) << 8 | w->data[pos + 1];
                size_t n = w->data[pos++];

                if (n == 0)
                        return *text == '\0';
                for (size_t i = 0; i < n; i++)
                        if (lower(w->data[pos + i]) != text[i]) /* text ends in NUL, which no label has */
                                return false;
                pos += n;
                text += n;
                if (*text == '.')
                        text++;
                else if (*text != '\0')
                        return false;
        }
}

static void suffix_add(DnsWriter *w, size_t pos, uint16_t hash) {
        if (w->failed || pos > POINTER_MAX || w->n_suffixes == DNS_WRITER_SUFFIXES)
                return;
        w->suffixes[w->n_suffixes] = (uint16_t) pos;
        w->hashes[w->n_suffixes++] = hash;
}

static const uint16_t *suffix_find(const DnsWriter *w, const char *text, uint16_t hash) {
        for (size_t i = 0; i < w->n_suffixes; i++)
                if (w->hashes[i] == hash && name_at_equals(w, w->suffixes[i], text))
                        return &w->suffixes[i];
        return NULL;
}

/* hashes: of the suffix from each position of the name. */
static void hash_suffixes(const char *name, uint16_t hashes[static DNS_NAME_SIZE]) {
        uint16_t hash = 0;

        for (size_t i = strlen(name); i-- > 0;)
                hashes[i] = hash = hash_back(hash, name[i]);
}

void dns_writer_name_compressed(DnsWriter *w, const char *name) {
        uint16_t hashes[DNS_NAME_SIZE];

        assert(w);
        assert(name);

        if (!dns_name_is_canonical(name)) {
                w->failed = true;
                return;
        }
        hash_suffixes(name, hashes);
        for (const char *p = name; *p;) {
                const uint16_t *before = suffix_find(w, p, hashes[p - name]);
                size_t n = strcspn(p, "."), letter = 0;

                if (before) {
                        dns_writer_pointer(w, *before);
                        return;
                }
                suffix_add(w, w->pos, hashes[p - name]);
                write_label(w, p, n, NULL, &letter);
                p += n;
                if (*p == '.')
                        p++;
        }
        dns_writer_u8(w, 0);
}

void dns_writer_pointer(DnsWriter *w, size_t pos) {
        if (pos > POINTER_MAX) {
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
        size_t pos = w->pos;
        uint16_t hashes[DNS_NAME_SIZE];

        dns_writer_name(w, name, case_bits);
        if (!w->failed) {
                hash_suffixes(name, hashes);
                for (const char *p = name; *p; p += *p == '.') {
                        suffix_add(w, pos + (size_t) (p - name), hashes[p - name]);
                        p += strcspn(p, ".");
                }
        }
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
