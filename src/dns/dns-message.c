/* SPDX-License-Identifier: Apache-2.0 */

#include "dns/dns-message.h"

#include <assert.h>
#include <stdio.h>

#include "basic/macro.h"

const char *dns_type_to_string(uint16_t type, char buf[static 12]) {
        static const struct {
                uint16_t type;
                const char *name;
        } names[] = {
                { DNS_TYPE_A, "A" },         { DNS_TYPE_NS, "NS" },     { DNS_TYPE_CNAME, "CNAME" },
                { DNS_TYPE_SOA, "SOA" },     { DNS_TYPE_PTR, "PTR" },   { DNS_TYPE_MX, "MX" },
                { DNS_TYPE_TXT, "TXT" },     { DNS_TYPE_AAAA, "AAAA" }, { DNS_TYPE_SRV, "SRV" },
                { DNS_TYPE_OPT, "OPT" },     { DNS_TYPE_SVCB, "SVCB" }, { DNS_TYPE_HTTPS, "HTTPS" },
                { DNS_TYPE_ANY, "ANY" },
        };

        assert(buf);

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (names[i].type == type)
                        return names[i].name;
        (void) snprintf(buf, 12, "TYPE%u", (unsigned) type);
        return buf;
}

bool dns_type_is_served(uint16_t type) {
        switch (type) {
        case DNS_TYPE_A:
        case DNS_TYPE_NS:
        case DNS_TYPE_CNAME:
        case DNS_TYPE_SOA:
        case DNS_TYPE_MX:
        case DNS_TYPE_AAAA:
        case DNS_TYPE_SRV:
        case DNS_TYPE_SVCB:
        case DNS_TYPE_HTTPS:
        case DNS_TYPE_CAA:
                return true;
        default:
                return false;
        }
}
