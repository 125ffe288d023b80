/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Bounded writer of DNS messages. After something did not fit or was not a canonical name, the writer has failed and
 * ignores further calls, so the caller checks once, at the end. Integers are given in host byte order. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_WRITER_SUFFIXES 64 /* names and ends of names that later ones may point to */

typedef struct DnsWriter {
        uint8_t *data; /* borrowed */
        size_t size;
        size_t pos;
        bool failed;
        uint8_t n_suffixes;
        uint16_t suffixes[DNS_WRITER_SUFFIXES]; /* where they begin */
        uint16_t hashes[DNS_WRITER_SUFFIXES];   /* of the whole text of each */
} DnsWriter;

/* A state to return to. */
typedef struct DnsWriterMark {
        size_t pos;
        uint8_t n_suffixes;
} DnsWriterMark;

void dns_writer_init(DnsWriter *w, uint8_t *data, size_t size);
void dns_writer_u8(DnsWriter *w, uint8_t v);
void dns_writer_u16(DnsWriter *w, uint16_t v);
void dns_writer_u32(DnsWriter *w, uint32_t v);
void dns_writer_bytes(DnsWriter *w, const uint8_t *p, size_t n);
/* Overwrites two bytes that were written before. */
void dns_writer_set_u16(DnsWriter *w, size_t pos, uint16_t v);

DnsWriterMark dns_writer_mark(const DnsWriter *w);
/* Takes back what was written since, also if it failed. */
void dns_writer_reset(DnsWriter *w, const DnsWriterMark *mark);

/* Uncompressed. case_bits (DNS_CASE_BITS_SIZE bytes) may be NULL: all lower case. */
void dns_writer_name(DnsWriter *w, const char *name, const uint8_t *case_bits);
/* Its longest end that was written before, with this function or as the question, becomes a pointer. Not for types that
 * are younger than RFC 1035 (RFC 3597 4). */
void dns_writer_name_compressed(DnsWriter *w, const char *name);
/* A compression pointer (RFC 1035 4.1.4) to a name written at pos. */
void dns_writer_pointer(DnsWriter *w, size_t pos);
/* A header with one question or none, and no records; the record counts are set later. */
void dns_writer_header(DnsWriter *w, uint16_t id, uint16_t flags, uint16_t n_questions);
void dns_writer_question(DnsWriter *w, const char *name, uint16_t type, const uint8_t *case_bits);
/* The OPT record of our messages: our UDP size, version 0, no flags, no options (RFC 6891 6.1.2). */
void dns_writer_opt(DnsWriter *w);
