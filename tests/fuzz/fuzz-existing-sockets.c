/* SPDX-License-Identifier: Apache-2.0 */
#include "host/existing-sockets.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_socket(const ExistingSocket *s, void *userdata) {
        size_t *n = userdata;

        if (s->accepted)
                abort();
        (*n)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        size_t n = 0;
        int r;

        r = existing_sockets_parse(data, size, on_socket, &n);
        if (r > 1 || r < -4095)
                abort();
        if (n > size / 16) /* no message is shorter than its header */
                abort();
        return 0;
}
