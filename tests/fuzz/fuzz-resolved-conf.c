/* SPDX-License-Identifier: Apache-2.0 */
#include "host/resolved-conf.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A domain in front is found whatever follows, and a comment changes nothing. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char comment[] = "# Domains=~lan\n", domain[] = "Domains=~lan\n";
        char *text = calloc(1, sizeof(comment) + size);

        if (!text)
                return 0;
        memcpy(text, comment, sizeof(comment) - 1);
        if (size > 0)
                memcpy(text + sizeof(comment) - 1, data, size);
        if (resolved_conf_has_domains(text) != resolved_conf_has_domains(text + sizeof(comment) - 1))
                abort();
        memcpy(text + sizeof(comment) - sizeof(domain), domain, sizeof(domain) - 1);
        if (!resolved_conf_has_domains(text + sizeof(comment) - sizeof(domain)))
                abort();
        free(text);
        return 0;
}
