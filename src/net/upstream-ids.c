/* SPDX-License-Identifier: Apache-2.0 */
#include "net/upstream-ids.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

int upstream_ids_random(UpstreamIds *ids, void *buf, size_t size) {
        assert(ids && size <= sizeof(ids->random));

        if (ids->n_random < size) {
                ssize_t n = getrandom(ids->random, sizeof(ids->random), 0);
                if (n < 0)
                        return -errno;
                if ((size_t) n < sizeof(ids->random))
                        return -EIO;
                ids->n_random = sizeof(ids->random);
        }

        ids->n_random -= size;
        memcpy(buf, ids->random + ids->n_random, size);
        return 0;
}

int upstream_ids_take(UpstreamIds *ids, uint16_t *ret) {
        uint16_t id = 0;

        do {
                int r = upstream_ids_random(ids, &id, sizeof(id));
                if (r < 0)
                        return r;
        } while (ids->used[id / 8] & 1U << id % 8);

        ids->used[id / 8] |= (uint8_t) (1U << id % 8);
        *ret = id;
        return 0;
}

void upstream_ids_release(UpstreamIds *ids, uint16_t id) {
        ids->used[id / 8] &= (uint8_t) ~(1U << id % 8);
}
