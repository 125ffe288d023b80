/* SPDX-License-Identifier: Apache-2.0 */

/* "PATTERN NAME": a canonical text is its own canonical form, and a pattern without wildcards matches itself alone. */

#include <assert.h>
#include <string.h>

#include "policy/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char text[600], canonical[254], again[254];
        Pattern *p = NULL;
        const char *reason;

        if (size >= sizeof(text))
                return 0;
        memcpy(text, data, size);
        text[size] = '\0';
        char *name = strchr(text, ' ');
        if (name)
                *name++ = '\0';

        if (hostname_canonical(text, true, canonical, &reason) == 0) {
                assert(hostname_canonical(canonical, true, again, &reason) == 0 && strcmp(canonical, again) == 0);
                if (pattern_new(canonical, &p, &reason) == 0) {
                        assert(pattern_has_wildcard(p) == (strchr(canonical, '*') != NULL));
                        if (!pattern_has_wildcard(p))
                                assert(pattern_matches(p, canonical));
                }
        }
        if (p && name && hostname_canonical(name, false, again, &reason) == 0 && pattern_matches(p, again) &&
            !pattern_has_wildcard(p))
                assert(strcmp(canonical, again) == 0);
        pattern_free(p);
        return 0;
}
