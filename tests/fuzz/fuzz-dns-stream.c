/* SPDX-License-Identifier: Apache-2.0 */
/* However a stream is cut, the same messages come out. The first byte is the size of the pieces, the rest the stream. */

#include <assert.h>
#include <string.h>

#include "net/dns-frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        DnsFrameReader r = {};
        size_t piece, written = 0, taken = 0;
        int k = 0;

        if (size-- == 0)
                return 0;
        piece = 1U + *data++;

        while (k >= 0 && written < size) {
                const uint8_t *message;
                uint8_t *room;
                size_t n;

                assert(dns_frame_reader_reserve(&r, &room, &n) == 0 && n > 0);
                n = n < piece ? n : piece;
                n = n < size - written ? n : size - written;
                memcpy(room, data + written, n);
                dns_frame_reader_commit(&r, n);
                written += n;
                assert(r.allocated <= DNS_FRAME_MAX && r.allocated <= 512 + 2 * written);

                while ((k = dns_frame_reader_next(&r, &message, &n)) > 0) {
                        assert(n > 0 && n == ((size_t) data[taken] << 8 | data[taken + 1]));
                        assert(memcmp(message, data + taken + DNS_FRAME_PREFIX, n) == 0);
                        taken += DNS_FRAME_PREFIX + n;
                }
        }
        assert(k == 0 ? taken + (r.end - r.start) == written : data[taken] == 0 && data[taken + 1] == 0);
        dns_frame_reader_done(&r);
        return 0;
}
