/* SPDX-License-Identifier: Apache-2.0 */

#include "host/search-list.h"

#include <assert.h>
#include <string.h>

#include "policy/pattern.h"

#define BLANKS " \t\r"

static const char *const kubernetes_domains[] = { "svc.cluster.local", "cluster.local" };

/* The length of what precedes ".domain", 0 if name does not end in it. */
static size_t length_before(const char *name, const char *domain) {
        size_t n = strlen(name), d = strlen(domain);

        return n > d + 1 && name[n - d - 1] == '.' && strcmp(name + n - d, domain) == 0 ? n - d - 1 : 0;
}

static void list_add(SearchList *list, const char *text, size_t n) {
        char domain[256];
        const char *why;

        if (list->n == SEARCH_LIST_MAX || n == 0 || n >= sizeof(domain))
                return;
        memcpy(domain, text, n);
        domain[n] = '\0';
        if (hostname_canonical(domain, false, list->domains[list->n], &why) >= 0)
                list->n++;
}

/* What follows the keyword in a line of this kind, otherwise NULL. */
static const char *line_value(const char *line, size_t length, const char *keyword) {
        size_t n = strlen(keyword);

        return length > n && strncmp(line, keyword, n) == 0 && strchr(BLANKS, line[n]) ? line + n : NULL;
}

static void read_line(const char *line, size_t length, SearchList *list) {
        const char *end = line + length, *p = line_value(line, length, "search");
        bool one = !p;

        if (!p)
                p = line_value(line, length, "domain");
        if (!p)
                return;
        list->n = 0;
        while (p < end && !(one && list->n > 0)) {
                p += strspn(p, BLANKS);
                size_t n = MIN(strcspn(p, BLANKS "\n"), (size_t) (end - MIN(p, end)));

                if (n == 0)
                        return;
                list_add(list, p, n);
                p += n;
        }
}

void search_list_parse(const char *text, const char *host_name, SearchList *ret) {
        assert(text);
        assert(host_name);
        assert(ret);

        ret->n = 0;
        const char *dot = strchr(host_name, '.');
        if (dot)
                list_add(ret, dot + 1, strlen(dot + 1));
        for (const char *line = text; *line;) {
                size_t length = strcspn(line, "\n");

                read_line(line, length, ret);
                line += length + (line[length] == '\n');
        }
}

/* The shorter of two lengths that is more than the last. */
static size_t next_length(size_t found, size_t candidate, size_t last) {
        return candidate > last && (found == 0 || candidate < found) ? candidate : found;
}

bool search_list_strip(const SearchList *list, const char *name, size_t *length) {
        size_t found = 0;

        assert(name);
        assert(length);

        for (size_t i = 0; list && i < list->n; i++)
                found = next_length(found, length_before(name, list->domains[i]), *length);
        for (size_t i = 0; i < ELEMENTSOF(kubernetes_domains); i++)
                found = next_length(found, length_before(name, kubernetes_domains[i]), *length);
        /* The list of a pod begins with its namespace. */
        for (size_t n = length_before(name, kubernetes_domains[0]); n > 0 && name[n - 1] != '.'; n--)
                if (n > 1 && name[n - 2] == '.')
                        found = next_length(found, n - 2, *length);
        if (found == 0)
                return false;
        *length = found;
        return true;
}

bool search_list_is_service_domain(const SearchList *list, const char *name) {
        assert(name);

        for (size_t i = 0; i < ELEMENTSOF(kubernetes_domains); i++) {
                size_t n = length_before(name, kubernetes_domains[i]);

                for (size_t k = 0; n > 0 && !memchr(name, '.', n) && list && k < list->n; k++)
                        if (strcmp(list->domains[k], kubernetes_domains[i]) == 0)
                                return true;
        }
        return false;
}
