/* SPDX-License-Identifier: Apache-2.0 */

/* "ADDRESS:PORT": what is accepted has a port, and its own text means the same. */

#include <assert.h>
#include <string.h>

#include "basic/endpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char text[128], buf[ENDPOINT_TEXT_MAX];
        Endpoint e, again;

        if (size >= sizeof(text))
                return 0;
        memcpy(text, data, size);
        text[size] = '\0';
        if (endpoint_parse(text, 53, &e) < 0)
                return 0;
        assert(e.port != 0);
        assert(endpoint_parse(endpoint_format(&e, buf), 1, &again) == 0);
        assert(in_addr_equal(&e.addr, &again.addr) && e.port == again.port);
        return 0;
}
