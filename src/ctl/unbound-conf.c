/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/unbound-conf.h"

#include <assert.h>
#include <string.h>

#include "basic/macro.h"

#define SPACE " \t\r\n"

/* The sections of unbound.conf(5), each up to the next one. */
static const char *const sections[] = {
        "server:", "remote-control:", "forward-zone:", "stub-zone:", "auth-zone:", "view:", "python:", "dynlib:",
        "cachedb:", "dnscrypt:", "dnstap:", "ipset:", "rpz:",
};

static bool word_is(const char *word, size_t n, const char *s) {
        return strlen(s) == n && strncmp(word, s, n) == 0;
}

static bool is_section(const char *word, size_t n) {
        for (size_t i = 0; i < ELEMENTSOF(sections); i++)
                if (word_is(word, n, sections[i]))
                        return true;
        return false;
}

/* "." with or without quotes */
static bool is_root(const char *word, size_t n) {
        return word_is(word, n, ".") || word_is(word, n, "\".\"") || word_is(word, n, "'.'");
}

bool unbound_conf_forwards(const char *text) {
        bool in_zone = false, is_name = false;

        assert(text);

        for (const char *p = text; *(p += strspn(p, SPACE)) != '\0';) {
                size_t n = strcspn(p, SPACE "#"), name = strlen("name:");

                if (n == 0) { /* a comment */
                        p += strcspn(p, "\n");
                        continue;
                }
                if (in_zone && (is_name ? is_root(p, n) : n > name && strncmp(p, "name:", name) == 0 && is_root(p + name, n - name)))
                        return true;
                is_name = word_is(p, n, "name:");
                if (is_section(p, n))
                        in_zone = word_is(p, n, "forward-zone:");
                p += n;
        }
        return false;
}
