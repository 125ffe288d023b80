/* SPDX-License-Identifier: Apache-2.0 */

/* The input: a type, then a message that begins with rdata. What was read can be written and is read again as the same. */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dns/dns-message.h"
#include "dns/dns-record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static uint8_t message[DNS_MESSAGE_MAX], plain[DNS_MESSAGE_MAX], again[DNS_MESSAGE_MAX];
        DnsCursor c;
        DnsWriter w;

        if (size < 2)
                return 0;
        uint16_t type = (uint16_t) (data[0] << 8 | data[1]);
        if (!dns_record_is_known(type))
                return 0;
        dns_cursor_init(&c, data + 2, size - 2);
        c.pos = c.end < DNS_HEADER_SIZE ? 0 : DNS_HEADER_SIZE;
        int n = dns_record_read(&c, type, plain, sizeof(plain));
        if (n <= 0)
                return 0;
        assert(dns_cursor_at_end(&c));
        dns_writer_init(&w, message, sizeof(message));
        dns_writer_header(&w, 1, 0, 1);
        dns_writer_question(&w, "a.example", type, NULL);
        size_t begin = w.pos;
        dns_record_write(&w, type, plain, (size_t) n);
        assert(!w.failed || n > DNS_MESSAGE_MAX - 100);
        if (w.failed)
                return 0;
        dns_cursor_init(&c, message, w.pos);
        c.pos = begin;
        assert(dns_record_read(&c, type, again, sizeof(again)) == n);
        assert(memcmp(plain, again, (size_t) n) == 0);
        return 0;
}
