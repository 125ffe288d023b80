/* SPDX-License-Identifier: Apache-2.0 */

/* Up to the first NUL a modules.alias, then a file of modprobe.d: names are short words that occur once, configuration only
 * removes some, and one that blocks all of them leaves none. */

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/family-modules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_names(const FamilyModules *m) {
        assert(m->n <= FAMILY_MODULES_MAX);
        for (size_t i = 0; i < m->n; i++) {
                size_t length = strnlen(m->names[i], FAMILY_MODULE_NAME_MAX);

                assert(length > 0 && length < FAMILY_MODULE_NAME_MAX);
                assert(strcspn(m->names[i], "- \t\r\n") == length);
                for (size_t k = 0; k < i; k++)
                        assert(strcmp(m->names[i], m->names[k]) != 0);
        }
}

/* In the same order. */
static void check_subset(const FamilyModules *part, const FamilyModules *all) {
        size_t k = 0;

        for (size_t i = 0; i < part->n; i++, k++)
                while (k < all->n && strcmp(all->names[k], part->names[i]) != 0)
                        k++;
        assert(k <= all->n);
}

static void block_all(const FamilyModules *m) {
        char config[FAMILY_MODULES_MAX * (FAMILY_MODULE_NAME_MAX + sizeof("install  /bin/false\n"))];
        FamilyModules left = *m;
        size_t n = 0;

        config[0] = '\0';
        for (size_t i = 0; i < m->n; i++)
                n += (size_t) snprintf(config + n, sizeof(config) - n,
                                       i % 2 == 0 ? "blacklist %s\n" : "install %s /bin/false\n", m->names[i]);
        assert(n < sizeof(config));
        family_modules_remove_blocked(&left, config);
        assert(left.n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FamilyModules all = {}, left, again;
        char *text = malloc(size + 2);

        if (!text)
                return 0;
        if (size > 0)
                memcpy(text, data, size);
        text[size] = text[size + 1] = '\0';

        family_modules_add(&all, text, false);
        check_names(&all);
        again = all;
        family_modules_add(&again, text, false);
        assert(again.n == all.n);
        left = all;
        family_modules_remove_blocked(&left, text + strlen(text) + 1);
        check_names(&left);
        check_subset(&left, &all);
        again = left;
        family_modules_remove_blocked(&again, text + strlen(text) + 1);
        assert(again.n == left.n);
        block_all(&left);
        free(text);
        return 0;
}
