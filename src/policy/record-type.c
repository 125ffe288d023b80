/* SPDX-License-Identifier: Apache-2.0 */

#include "policy/record-type.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <strings.h>

#include "basic/macro.h"

typedef enum Service {
        ALWAYS,  /* served for every name that is allowed */
        BY_RULE,
        NEVER,
} Service;

/* The order of those by rule is that of their bits. */
static const struct {
        const char *name;
        uint16_t type;
        Service service;
} types[] = {
        { "A", 1, ALWAYS },       { "NS", 2, ALWAYS },      { "CNAME", 5, ALWAYS },  { "SOA", 6, ALWAYS },
        { "MX", 15, ALWAYS },     { "AAAA", 28, ALWAYS },   { "SRV", 33, ALWAYS },   { "SVCB", 64, ALWAYS },
        { "HTTPS", 65, ALWAYS },  { "CAA", 257, ALWAYS },   { "OPT", 41, NEVER },    { "AXFR", 252, NEVER },
        { "IXFR", 251, NEVER },   { "ANY", 255, NEVER },    { "RRSIG", 46, NEVER },  { "NSEC", 47, NEVER },
        { "NSEC3", 50, NEVER },   { "TXT", 16, BY_RULE },   { "PTR", 12, BY_RULE },  { "LOC", 29, BY_RULE },
        { "NAPTR", 35, BY_RULE }, { "CERT", 37, BY_RULE },  { "DNAME", 39, BY_RULE }, { "DS", 43, BY_RULE },
        { "SSHFP", 44, BY_RULE }, { "DNSKEY", 48, BY_RULE }, { "TLSA", 52, BY_RULE }, { "SMIMEA", 53, BY_RULE },
        { "OPENPGPKEY", 61, BY_RULE }, { "SPF", 99, BY_RULE }, { "URI", 256, BY_RULE },
};

const char *record_type_name(uint16_t type) {
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (types[i].type == type)
                        return types[i].name;
        return NULL;
}

uint32_t record_type_bit(uint16_t type) {
        unsigned bit = 0;

        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                if (types[i].service != BY_RULE)
                        continue;
                if (types[i].type == type)
                        return 1U << bit;
                bit++;
        }
        return 0;
}

const char *record_types_format(uint32_t set, char buf[static RECORD_TYPES_TEXT_MAX]) {
        int n = 0;

        assert(buf);

        buf[0] = '\0';
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (set & record_type_bit(types[i].type) && n < RECORD_TYPES_TEXT_MAX)
                        n += snprintf(buf + n, RECORD_TYPES_TEXT_MAX - (size_t) n, "%s%s", n > 0 ? ", " : "", types[i].name);
        return buf;
}

uint32_t record_type_parse(const char *name, const char **ret_reason) {
        assert(name);
        assert(ret_reason);

        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                if (strcasecmp(types[i].name, name) != 0)
                        continue;
                if (types[i].service == BY_RULE)
                        return record_type_bit(types[i].type);
                *ret_reason = types[i].service == ALWAYS ? "records of this type are always served" :
                                                           "records of this type are never served";
                return 0;
        }
        *ret_reason = "unknown type of record: expected TXT, PTR, NAPTR, TLSA, SSHFP, DS or another that "
                      "cargowall-policy(5) lists";
        return 0;
}
