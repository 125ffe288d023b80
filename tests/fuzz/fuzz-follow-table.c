/* SPDX-License-Identifier: Apache-2.0 */

/* The text of /proc/PID/status, or a path. What is read is a number that the text has. */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/follow-table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char *text = malloc(size + 1), number[32];
        uint32_t uid;

        if (!text)
                return 0;
        memcpy(text, data, size);
        text[size] = '\0';
        if (follow_user_of_status(text, &uid) >= 0) {
                (void) snprintf(number, sizeof(number), "Uid:\t%u\t", uid);
                assert(strstr(text, number) && strstr(text, "PPid:\t1\n"));
        }
        if (follow_manager_of(text, &uid) >= 0) {
                (void) snprintf(number, sizeof(number), "/user@%u.service", uid);
                assert(strncmp(text, "/user.slice/user-", strlen("/user.slice/user-")) == 0 && strstr(text, number));
        }
        free(text);
        return 0;
}
