/* SPDX-License-Identifier: Apache-2.0 */
#include "identity/process.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        ProcessStat s;

        if (process_stat_parse((const char *) data, size, &s) >= 0 && !memchr(s.comm, '\0', sizeof(s.comm)))
                abort();
        return 0;
}
