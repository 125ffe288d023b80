/* SPDX-License-Identifier: Apache-2.0 */

#include "basic/fair-share.h"

#include <assert.h>

bool fair_share_take(FairShare *f, unsigned share) {
        assert(f);
        assert(share < FAIR_SHARES);

        if (f->n >= f->max || f->n_of[share] >= f->max - f->n)
                return false;
        f->n_of[share]++;
        f->n++;
        return true;
}

void fair_share_put(FairShare *f, unsigned share) {
        assert(f);
        assert(share < FAIR_SHARES && f->n_of[share] > 0);

        f->n_of[share]--;
        f->n--;
}
