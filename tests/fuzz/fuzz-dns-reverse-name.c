/* SPDX-License-Identifier: Apache-2.0 */

/* A reverse name that was read is the one way to write its address. */

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "dns/dns-name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_reverse(const InAddr *a, bool v4, char buf[static DNS_NAME_SIZE]) {
        char *p = buf;

        for (size_t i = 16; i-- > (v4 ? 12 : 0);)
                p += v4 ? sprintf(p, "%u.", a->b[i]) : sprintf(p, "%x.%x.", a->b[i] & 0xfU, a->b[i] >> 4U);
        strcpy(p, v4 ? "in-addr.arpa" : "ip6.arpa");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char name[300], again[DNS_NAME_SIZE];
        InAddr a;

        if (size >= sizeof(name))
                return 0;
        memcpy(name, data, size);
        name[size] = '\0';
        (void) dns_name_is_canonical(name);
        if (dns_reverse_name_to_addr(name, &a) < 0)
                return 0;
        write_reverse(&a, strcasecmp(name + strlen(name) - 8, "ip6.arpa") != 0, again);
        assert(strcasecmp(name, again) == 0);
        return 0;
}
