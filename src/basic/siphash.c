/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/siphash.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

typedef struct SipState {
        uint64_t v0, v1, v2, v3;
} SipState;

static uint64_t rotate_left(uint64_t x, unsigned bits) {
        return x << bits | x >> (64 - bits);
}

/* The algorithm reads words in little-endian order on every machine. */
static uint64_t read_word(const uint8_t *p) {
        uint64_t x;

        memcpy(&x, p, sizeof(x));
        return le64toh(x);
}

static uint64_t read_rest(const uint8_t *p, size_t n) {
        uint64_t x = 0;

        for (size_t i = 0; i < n; i++)
                x |= (uint64_t) p[i] << (8 * i);
        return x;
}

static inline __attribute__((always_inline)) void sip_round(SipState *s) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = rotate_left(s->v1, 13) ^ s->v0;
        s->v3 = rotate_left(s->v3, 16) ^ s->v2;
        s->v0 = rotate_left(s->v0, 32);

        s->v2 += s->v1;
        s->v0 += s->v3;
        s->v1 = rotate_left(s->v1, 17) ^ s->v2;
        s->v3 = rotate_left(s->v3, 21) ^ s->v0;
        s->v2 = rotate_left(s->v2, 32);
}

static void sip_word(SipState *s, uint64_t m) {
        s->v3 ^= m;
        sip_round(s);
        sip_round(s);
        s->v0 ^= m;
}

uint64_t siphash24(const void *data, size_t size, const uint8_t key[static 16]) {
        assert(data || size == 0);

        uint64_t k0 = read_word(key), k1 = read_word(key + 8);
        const uint8_t *p = data;
        /* The constants spell "somepseudorandomlygeneratedbytes". */
        SipState s = {
                .v0 = k0 ^ 0x736f6d6570736575ULL,
                .v1 = k1 ^ 0x646f72616e646f6dULL,
                .v2 = k0 ^ 0x6c7967656e657261ULL,
                .v3 = k1 ^ 0x7465646279746573ULL,
        };

        size_t n_words = size / 8;
        for (size_t i = 0; i < n_words; i++)
                sip_word(&s, read_word(p + 8 * i));

        uint64_t last = (uint64_t) size << 56;
        if (size % 8 > 0)
                last |= read_rest(p + 8 * n_words, size % 8);
        sip_word(&s, last);

        s.v2 ^= 0xff;
        for (unsigned i = 0; i < 4; i++)
                sip_round(&s);
        return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
