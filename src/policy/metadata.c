/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/metadata.h"

#include <assert.h>
#include <string.h>

#include "basic/macro.h"
#include "policy/special-addr.h"

#define V4(a, b, c, d) { { [10] = 0xff, [11] = 0xff, (a), (b), (c), (d) } }

static const InAddr services[] = {
        V4(169, 254, 169, 254),  /* most clouds */
        V4(168, 63, 129, 16),    /* Azure's platform */
        V4(100, 100, 100, 200),  /* Alibaba */
        { { 0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54 } }, /* fd00:ec2::254, AWS */
};

static const InPrefix link_local[] = {
        { V4(169, 254, 0, 0), 112 },   /* RFC 3927 */
        { { { 0xfe, 0x80 } }, 10 },    /* RFC 4291 */
};

static const char *const names[] = {
        "metadata.google.internal", "metadata.goog", "instance-data.ec2.internal", "instance-data",
};

const InAddr *metadata_service(size_t i) {
        return i < ELEMENTSOF(services) ? &services[i] : NULL;
}

bool addr_is_metadata(const InAddr *a) {
        InAddr embedded;

        assert(a);

        for (size_t i = 0; i < ELEMENTSOF(services); i++)
                if (in_addr_equal(&services[i], a))
                        return true;
        for (size_t i = 0; i < ELEMENTSOF(link_local); i++)
                if (in_prefix_contains(&link_local[i], a))
                        return true;
        return !in_addr_is_v4(a) && addr_embedded_v4(a, &embedded) && addr_is_metadata(&embedded);
}

bool name_is_metadata(const char *name) {
        assert(name);

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcmp(names[i], name) == 0)
                        return true;
        return false;
}
