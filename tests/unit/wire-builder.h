/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* DNS messages for tests, made without the code under test and without its limits. Names are given as text; a label
 * may hold any byte but '.' and NUL. */

#include <check.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WIRE_SIZE (65535 + 512)

typedef struct Wire {
        uint8_t b[WIRE_SIZE];
        size_t n;
} Wire;

static inline void wire_raw(Wire *w, const void *p, size_t n) {
        ck_assert_uint_le(n, sizeof(w->b) - w->n);
        memcpy(w->b + w->n, p, n);
        w->n += n;
}

static inline void wire_u8(Wire *w, unsigned v) {
        wire_raw(w, (const uint8_t[]) { (uint8_t) v }, 1);
}

static inline void wire_u16(Wire *w, unsigned v) {
        wire_raw(w, (const uint8_t[]) { (uint8_t) (v >> 8), (uint8_t) v }, 2);
}

static inline void wire_u32(Wire *w, uint32_t v) {
        wire_u16(w, v >> 16);
        wire_u16(w, v & 0xffff);
}

static inline void wire_name(Wire *w, const char *name) {
        for (const char *p = name; *p;) {
                size_t n = strcspn(p, ".");

                wire_u8(w, (unsigned) n);
                wire_raw(w, p, n);
                p += n + (p[n] == '.');
        }
        wire_u8(w, 0);
}

/* Starts the message over. */
static inline void wire_header(Wire *w, unsigned flags, unsigned qd, unsigned an, unsigned ns, unsigned ar) {
        w->n = 0;
        wire_u16(w, 0x1234);
        wire_u16(w, flags);
        wire_u16(w, qd);
        wire_u16(w, an);
        wire_u16(w, ns);
        wire_u16(w, ar);
}

static inline void wire_question(Wire *w, const char *name, unsigned type) {
        wire_name(w, name);
        wire_u16(w, type);
        wire_u16(w, 1);
}

static inline void wire_record(Wire *w, const char *owner, unsigned type, uint32_t ttl, const void *rdata, size_t n) {
        wire_name(w, owner);
        wire_u16(w, type);
        wire_u16(w, 1);
        wire_u32(w, ttl);
        wire_u16(w, (unsigned) n);
        wire_raw(w, rdata, n);
}

static inline void wire_cname(Wire *w, const char *owner, const char *target, uint32_t ttl) {
        wire_record(w, owner, 5, ttl, "", 0);
        size_t start = w->n;
        wire_name(w, target);
        w->b[start - 2] = (uint8_t) ((w->n - start) >> 8);
        w->b[start - 1] = (uint8_t) (w->n - start);
}

/* A name of the given text length, in labels of 63 and a rest; buf has length + 1 bytes. */
static inline const char *name_of_length(char *buf, size_t length) {
        ck_assert_uint_ne(length % 64, 0); /* would end in a dot */
        for (size_t i = 0; i < length; i++)
                buf[i] = i % 64 == 63 ? '.' : 'a';
        buf[length] = '\0';
        return buf;
}
