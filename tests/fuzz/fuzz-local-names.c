/* SPDX-License-Identifier: Apache-2.0 */

/* The text, after its first byte, as hosts(5), as the search list of resolv.conf(5), or as a table of routes. */

#include <stdlib.h>
#include <string.h>

#include "dns/dns-name.h"
#include "host/default-route.h"
#include "host/hosts-file.h"
#include "host/search-list.h"

#define CHECK(x) ((x) ? (void) 0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_hosts(const char *text) {
        HostsFile h;

        if (hosts_file_parse(text, &h) < 0)
                return;
        for (size_t i = 0; i < h.n; i++) {
                size_t k = 0;

                CHECK(dns_name_is_canonical(h.entries[i].name));
                CHECK(hosts_file_next(&h, h.entries[i].name, &k) && k <= i + 1);
                CHECK(!h.entries[i].is_first || hosts_file_reverse(&h, &h.entries[i].addr));
        }
        hosts_file_done(&h);
}

static void check_search(const char *text) {
        static SearchList list;
        size_t length = 0, last;

        search_list_parse(text, "host.example", &list);
        CHECK(list.n <= SEARCH_LIST_MAX);
        for (size_t i = 0; i < list.n; i++)
                CHECK(dns_name_is_canonical(list.domains[i]));
        for (last = 0; search_list_strip(&list, text, &length); last = length)
                CHECK(length > last && length < strlen(text) && text[length] == '.');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        InAddr addrs[4];

        if (size == 0)
                return 0;
        char *text = malloc(size);
        if (!text)
                return 0;
        memcpy(text, data + 1, size - 1);
        text[size - 1] = '\0';
        switch (data[0] % 4) {
        case 0:
                check_hosts(text);
                break;
        case 1:
                check_search(text);
                break;
        case 2:
                CHECK(default_route_parse(text, addrs, 4) <= 4);
                break;
        default:
                CHECK(default_route_parse6(text, addrs, 4) <= 4);
        }
        free(text);
        return 0;
}
