/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/suggest-text.h"

#include <assert.h>
#include <string.h>

void rule_text_begin(FILE *out, bool first, bool is_name, const char *value, Action action) {
        assert(out);
        assert(value);

        fprintf(out, "%s\n        { \"type\": \"%s\", \"value\": \"%s\", \"action\": \"%s\"", first ? "" : ",",
                is_name ? "hostname" : "cidr", value, action_to_string(action));
}

void rule_text_ports(FILE *out, const PortRange *ranges, size_t n) {
        char port[PORT_TEXT_MAX];

        assert(out);
        assert(ranges || n == 0);

        for (size_t i = 0; i < n; i++)
                fprintf(out, "%s\"%s\"%s", i == 0 ? ", \"ports\": [" : ", ", port_range_format(&ranges[i], port),
                        i + 1 == n ? "]" : "");
}

/* How many ports are between two neighbours; more than there are if no range can hold both. */
static uint32_t gap(const PortRange *a, const PortRange *b) {
        return a->protocol == b->protocol ? (uint32_t) (b->low - a->high) : UINT32_MAX;
}

size_t port_ranges_reduce(PortRange *ranges, size_t n) {
        assert(ranges || n == 0);

        while (n > RULE_PORTS_MAX) {
                size_t best = 0;

                for (size_t i = 1; i + 1 < n; i++)
                        if (gap(&ranges[i], &ranges[i + 1]) < gap(&ranges[best], &ranges[best + 1]))
                                best = i;
                ranges[best].high = ranges[best + 1].high;
                memmove(&ranges[best + 1], &ranges[best + 2], (n - best - 2) * sizeof(PortRange));
                n--;
        }
        return n;
}
