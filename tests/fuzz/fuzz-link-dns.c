/* SPDX-License-Identifier: Apache-2.0 */
#include "host/link-dns.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Lines that say nothing about DNS have no effect, and a line that does has one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char without[] = "\nOPER_STATE=routable\n", with[] = "\nDOMAINS=";
        char *text;
        uint64_t hash;

        text = calloc(1, size + sizeof(without) + sizeof(with));
        if (!text)
                return 0;
        if (size > 0)
                memcpy(text, data, size);
        size = strlen(text);
        hash = link_dns_hash(text);
        memcpy(text + size, without, sizeof(without));
        if (link_dns_hash(text) != hash)
                abort();
        memcpy(text + size, with, sizeof(with));
        if (link_dns_hash(text) == hash)
                abort();
        free(text);
        return 0;
}
