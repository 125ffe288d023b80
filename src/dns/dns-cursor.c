/* SPDX-License-Identifier: Apache-2.0 */

#include "dns/dns-cursor.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "dns/dns-message.h"

#define NAME_JUMPS_MAX 127   /* a name of 255 bytes cannot have more labels */
#define POINTER_FLAGS 0xc0   /* RFC 1035 4.1.4; 01 and 10 in the two bits are reserved */

void dns_cursor_init(DnsCursor *c, const void *data, size_t size) {
        assert(c);
        assert(data || size == 0);

        *c = (DnsCursor) { .data = data, .end = size };
}

bool dns_cursor_at_end(const DnsCursor *c) {
        assert(c);

        return c->pos == c->end;
}

bool dns_cursor_bytes(DnsCursor *c, size_t n, const uint8_t **ret) {
        assert(c);
        assert(ret);

        if (n > c->end - c->pos)
                return false;
        *ret = c->data + c->pos;
        c->pos += n;
        return true;
}

bool dns_cursor_u8(DnsCursor *c, uint8_t *ret) {
        const uint8_t *p;

        assert(ret);

        if (!dns_cursor_bytes(c, 1, &p))
                return false;
        *ret = *p;
        return true;
}

bool dns_cursor_u16(DnsCursor *c, uint16_t *ret) {
        const uint8_t *p;

        assert(ret);

        if (!dns_cursor_bytes(c, 2, &p))
                return false;
        *ret = (uint16_t) (p[0] << 8 | p[1]);
        return true;
}

bool dns_cursor_u32(DnsCursor *c, uint32_t *ret) {
        const uint8_t *p;

        assert(ret);

        if (!dns_cursor_bytes(c, 4, &p))
                return false;
        *ret = (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
        return true;
}

bool dns_cursor_sub(DnsCursor *c, size_t n, DnsCursor *ret) {
        const uint8_t *p;

        assert(ret);

        size_t start = c->pos;
        if (!dns_cursor_bytes(c, n, &p))
                return false;
        *ret = (DnsCursor) { .data = c->data, .pos = start, .end = start + n };
        return true;
}

/* A name being read. */
typedef struct NameText {
        char *text;
        size_t length;
        uint8_t *case_bits; /* NULL: not requested */
        size_t n_letters;
        bool has_other;     /* has characters replaced by '?' */
} NameText;

static void name_append_char(NameText *n, uint8_t b) {
        bool upper = b >= 'A' && b <= 'Z';
        char c = upper ? (char) (b - 'A' + 'a') : (char) b;

        if (!dns_name_char_is_valid(c)) {
                c = '?';
                n->has_other = true;
        }
        if (c >= 'a' && c <= 'z') {
                if (n->case_bits && upper)
                        n->case_bits[n->n_letters / 8] |= (uint8_t) (1U << n->n_letters % 8);
                n->n_letters++;
        }
        n->text[n->length++] = c;
}

static bool name_append_label(NameText *n, const uint8_t *label, size_t size) {
        size_t dot = n->length > 0;

        if (n->length + dot + size > DNS_NAME_MAX)
                return false;
        if (dot)
                n->text[n->length++] = '.';
        for (size_t i = 0; i < size; i++)
                name_append_char(n, label[i]);
        return true;
}

/* Resolves a compression pointer. *start is where the labels being read began: a pointer may only lead to before it,
 * so each jump moves towards the header and loops are impossible. */
static bool follow_pointer(const DnsCursor *c, uint8_t high, uint8_t low, size_t *start, DnsCursor *ret) {
        size_t target = (size_t) (high & ~POINTER_FLAGS) << 8 | low;

        if (target < DNS_HEADER_SIZE || target >= *start)
                return false;
        *ret = (DnsCursor) { .data = c->data, .pos = target, .end = *start };
        *start = target;
        return true;
}

static bool read_labels(DnsCursor *c, DnsNameForm form, NameText *n) {
        DnsCursor at = *c;
        size_t start = c->pos, jumps = 0;

        for (;;) {
                const uint8_t *label;
                uint8_t b, low;

                if (!dns_cursor_u8(&at, &b))
                        return false;
                if ((b & POINTER_FLAGS) == POINTER_FLAGS) {
                        if (form != DNS_NAME_COMPRESSED || !dns_cursor_u8(&at, &low))
                                return false;
                        if (jumps == 0)
                                c->pos = at.pos;
                        if (++jumps > NAME_JUMPS_MAX || !follow_pointer(c, b, low, &start, &at))
                                return false;
                        continue;
                }
                if (b == 0)
                        break;
                if (b > DNS_LABEL_MAX || !dns_cursor_bytes(&at, b, &label) || !name_append_label(n, label, b))
                        return false;
        }
        if (jumps == 0)
                c->pos = at.pos;
        return true;
}

int dns_cursor_name(DnsCursor *c, DnsNameForm form, char ret[static DNS_NAME_SIZE], uint8_t *case_bits) {
        assert(c);
        assert(ret);

        NameText n = { .text = ret, .case_bits = case_bits };
        DnsCursor at = *c;

        if (case_bits)
                memset(case_bits, 0, DNS_CASE_BITS_SIZE);
        if (!read_labels(&at, form, &n))
                return -EBADMSG;
        ret[n.length] = '\0';
        *c = at;
        return n.has_other;
}
