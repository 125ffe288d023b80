/* SPDX-License-Identifier: Apache-2.0 */

#include "dns/dns-message.h"

#include <assert.h>
#include <stdio.h>

#include "basic/macro.h"
#include "policy/record-type.h"

const char *dns_type_to_string(uint16_t type, char buf[static 12]) {
        const char *name = record_type_name(type);

        assert(buf);

        if (name)
                return name;
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
