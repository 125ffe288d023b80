/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/suffix.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <libpsl.h>
#include <string.h>

#include "basic/macro.h"
#include "policy/pattern.h"

/* Kubernetes service names: "service.namespace.svc.cluster.local" is also called "service.namespace". */
static const char *const kubernetes_suffixes[] = { ".svc.cluster.local", ".cluster.local" };

static int refuse(const char **ret_reason, const char *reason) {
        *ret_reason = reason;
        return -EINVAL;
}

static bool has_suffix(const char *name, size_t length, const char *suffix) {
        size_t n = strlen(suffix);

        return length > n && memcmp(name + length - n, suffix, n) == 0;
}

static bool hyphen_at_edge(const char *name) {
        size_t n = strlen(name);

        return name[0] == '-' || name[n - 1] == '-' || strstr(name, ".-") || strstr(name, "-.");
}

/* name: canonical, without the leading dot. */
static int check(const char *name, const char **ret_reason) {
        const psl_ctx_t *psl = psl_builtin();

        if (hyphen_at_edge(name))
                return refuse(ret_reason, "a label cannot begin or end with a hyphen");
        if (!strchr(name, '.'))
                return refuse(ret_reason, "a search domain needs at least two labels");
        if (strcmp(name, kubernetes_suffixes[1] + 1) == 0)
                return refuse(ret_reason, "all names of a cluster: use svc.cluster.local");
        if (!psl)
                return refuse(ret_reason, "libpsl has no built-in list of public suffixes");
        if (psl_is_public_suffix2(psl, name, PSL_TYPE_ANY))
                return refuse(ret_reason, "a public suffix: anybody can register names under it");
        return 0;
}

int search_domain_canonical(const char *text, char ret[static 254], const char **ret_reason) {
        char name[254], buf[256];

        assert(text);
        assert(ret_reason);

        while (isspace((unsigned char) *text))
                text++;
        size_t n = strnlen(text, sizeof(buf));
        while (n > 0 && isspace((unsigned char) text[n - 1]))
                n--;
        if (n > 0 && *text == '.') {
                text++;
                n--;
        }
        if (n == 0)
                return refuse(ret_reason, "the search domain is empty");
        if (n > 252) /* together with its dot it must fit into a name */
                return refuse(ret_reason, "the search domain is longer than 252 bytes");
        memcpy(buf, text, n);
        buf[n] = '\0';

        int r = hostname_canonical(buf, false, name, ret_reason);
        if (r < 0)
                return r;
        r = check(name, ret_reason);
        if (r < 0)
                return r;

        ret[0] = '.';
        memcpy(ret + 1, name, strlen(name) + 1);
        return 0;
}

bool name_has_public_suffix(const char *name) {
        const psl_ctx_t *psl = psl_builtin();
        const char *last;

        assert(name);

        last = strrchr(name, '.');
        if (!last || last == name)
                return false;
        if (strcmp(last, ".example") == 0 || strcmp(last, ".invalid") == 0) /* RFC 6761: of no network, and in no list */
                return true;
        return psl && psl_is_public_suffix2(psl, last + 1, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE);
}

static bool part_has_public_suffix(const char *name, size_t length) {
        char part[256];

        if (length >= sizeof(part))
                return false;
        memcpy(part, name, length);
        part[length] = '\0';
        return name_has_public_suffix(part);
}

bool search_domain_strip(char *const *domains, size_t n_domains, const char *name, size_t *ret_length,
                         bool *ret_configured) {
        assert(domains || n_domains == 0);
        assert(name);
        assert(ret_length);
        assert(ret_configured);

        size_t length = strlen(name), longest = 0;

        for (size_t i = 0; i < n_domains; i++)
                if (has_suffix(name, length, domains[i]))
                        longest = MAX(longest, strlen(domains[i]));
        *ret_configured = longest > 0;
        for (size_t i = 0; i < ELEMENTSOF(kubernetes_suffixes); i++) {
                size_t n = strlen(kubernetes_suffixes[i]);

                if (has_suffix(name, length, kubernetes_suffixes[i]) && n > longest &&
                    (*ret_configured || !part_has_public_suffix(name, length - n)))
                        longest = n;
        }
        if (longest == 0)
                return false;

        *ret_length = length - longest;
        return true;
}
