/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/flood-watch.h"

#include <assert.h>

#include "basic/clock.h"

bool flood_watch_look(FloodWatch *w, uint64_t n_lost) {
        assert(w);

        if (n_lost == w->n_lost && w->until_nsec == 0)
                return false;
        uint64_t now = clock_nsec(CLOCK_MONOTONIC);
        if (n_lost != w->n_lost)
                w->until_nsec = now + NSEC_PER_SEC;
        else if (now > w->until_nsec)
                w->until_nsec = 0;
        w->n_lost = n_lost;
        return w->until_nsec != 0;
}
