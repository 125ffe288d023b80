/* SPDX-License-Identifier: Apache-2.0 */

/* A section for the root is found behind every text that ends its lines, none in a text without the words, and a comment has none. */

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/unbound-conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char added[] = "\nforward-zone:\n\tname: \".\"\n";
        char *text = calloc(size + sizeof(added) + 1, 1);

        if (!text)
                return 0;
        if (size > 0)
                memcpy(text, data, size);
        size_t n = strlen(text);
        bool found = unbound_conf_forwards(text);
        assert(!found || (strstr(text, "forward-zone:") && strstr(text, "name:")));
        memcpy(text + n, added, sizeof(added));
        assert(unbound_conf_forwards(text));
        for (char *p = text; *p; p++)
                if (*p == '\n')
                        *p = ' ';
        text[0] = '#';
        assert(!unbound_conf_forwards(text));
        free(text);
        return 0;
}
