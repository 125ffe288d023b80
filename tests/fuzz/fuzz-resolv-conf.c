/* SPDX-License-Identifier: Apache-2.0 */
#include "host/resolv-conf.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SERVERS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        DnsServer servers[MAX_SERVERS];
        char *text;
        size_t n;

        text = malloc(size + 1);
        if (!text)
                return 0;
        if (size > 0)
                memcpy(text, data, size);
        text[size] = '\0';

        n = resolv_conf_parse(text, servers, MAX_SERVERS);
        if (n > MAX_SERVERS)
                abort();
        for (size_t i = 0; i < n; i++) {
                if (servers[i].port != 53)
                        abort();
                for (size_t j = 0; j < i; j++)
                        if (dns_server_equal(&servers[i], &servers[j]))
                                abort();
        }
        free(text);
        return 0;
}
