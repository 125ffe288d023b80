/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns-frame.h"

#include <assert.h>
#include <string.h>

#include "basic/macro.h"

#define ALLOCATION_MIN 512U   /* most queries fit */
#define ALLOCATION_KEEP 4096U /* larger buffers are freed once empty */

void dns_frame_reader_done(DnsFrameReader *r) {
        assert(r);

        free(r->data);
        *r = (DnsFrameReader) {};
}

static int reader_grow(DnsFrameReader *r) {
        if (r->allocated == DNS_FRAME_MAX)
                return -ENOBUFS;

        size_t size = MIN(MAX(r->allocated * 2, ALLOCATION_MIN), (size_t) DNS_FRAME_MAX);
        uint8_t *data = realloc(r->data, size);
        if (!data)
                return -ENOMEM;

        r->data = data;
        r->allocated = size;
        return 0;
}

int dns_frame_reader_reserve(DnsFrameReader *r, uint8_t **ret, size_t *ret_size) {
        assert(r);
        assert(ret);
        assert(ret_size);

        if (r->start == r->end) {
                r->start = r->end = 0;
                if (r->allocated > ALLOCATION_KEEP)
                        dns_frame_reader_done(r);
        }

        if (r->end == r->allocated && r->start > 0) {
                memmove(r->data, r->data + r->start, r->end - r->start);
                r->end -= r->start;
                r->start = 0;
        }

        if (r->end == r->allocated) {
                int k = reader_grow(r);
                if (k < 0)
                        return k;
        }

        *ret = r->data + r->end;
        *ret_size = r->allocated - r->end;
        return 0;
}

void dns_frame_reader_commit(DnsFrameReader *r, size_t size) {
        assert(r);
        assert(size <= r->allocated - r->end);

        r->end += size;
}

int dns_frame_reader_next(DnsFrameReader *r, const uint8_t **ret, size_t *ret_size) {
        assert(r);
        assert(ret);
        assert(ret_size);

        size_t have = r->end - r->start;
        if (have < DNS_FRAME_PREFIX)
                return 0;

        const uint8_t *p = r->data + r->start;
        size_t size = (size_t) p[0] << 8 | p[1];
        if (size == 0)
                return -EPROTO;
        if (have - DNS_FRAME_PREFIX < size)
                return 0;

        r->start += DNS_FRAME_PREFIX + size;
        *ret = p + DNS_FRAME_PREFIX;
        *ret_size = size;
        return 1;
}
