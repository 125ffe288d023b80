/* SPDX-License-Identifier: Apache-2.0 */

/* A line for the user is found behind every text that ends its lines, and a text without any of the names has none. */

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "ctl/unit-helpers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const gid_t groups[] = { 27, 998 };
        static const char *const group_names[] = { "sudo", "docker" };
        static const char *const added[] = { "runner ALL=(ALL) ALL", "a, b ,\\\n c,%sudo ALL=ALL", "\t#1000,x ALL", "%#998 ALL", "ALL ALL" };
        static const char *const names[] = { "ALL", "runner", "#1000", "sudo", "docker", "#27", "#998" };
        const HelperUser user = { .uid = 1000, .name = "runner", .groups = groups, .group_names = group_names, .n_groups = 2 };
        char *text = malloc(size + 64);
        bool named = false;

        if (!text)
                return 0;
        if (size > 0)
                memcpy(text, data, size);
        text[size] = '\0';
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                named = named || strstr(text, names[i]);
        bool found = unit_helpers_sudoers_has(text, &user);
        assert(named || !found);

        size_t n = strlen(text);
        for (size_t i = 0; i < ELEMENTSOF(added); i++) {
                (void) snprintf(text + n, 64, "\n\n%s", added[i]); /* the first may be quoted */
                assert(unit_helpers_sudoers_has(text, &user));
        }
        free(text);
        return 0;
}
