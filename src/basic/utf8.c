/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/utf8.h"

#include <assert.h>

size_t utf8_decode(const char *s, size_t n, uint32_t *ret) {
        static const uint32_t smallest[5] = { 0, 0, 0x80, 0x800, 0x10000 };

        assert(s && n > 0);
        assert(ret);

        uint8_t first = (uint8_t) s[0];
        if (first < 0x80) {
                *ret = first;
                return 1;
        }

        size_t length = first >= 0xf8 ? 0 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;
        if (length == 0 || length > n)
                return 0;

        uint32_t code = first & (0xffU >> (length + 1));
        for (size_t i = 1; i < length; i++) {
                uint8_t b = (uint8_t) s[i];

                if ((b & 0xc0) != 0x80)
                        return 0;
                code = code << 6 | (b & 0x3f);
        }
        if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
                return 0;

        *ret = code;
        return length;
}
