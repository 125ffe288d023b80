/* SPDX-License-Identifier: Apache-2.0 */

#include "policy/chain.h"

#include <check.h>
#include <string.h>

#include "basic/macro.h"

/* A layer in four letters: kind (b, r, g), mode (e, a, o), what it says (allow or deny) and by what (rule or default). */
static LayerVerdict layer_from(const char *s) {
        return (LayerVerdict) {
                .kind = s[0] == 'b' ? LAYER_BASE : s[0] == 'r' ? LAYER_RESTRICT : LAYER_GRANT,
                .mode = s[1] == 'e' ? MODE_ENFORCE : s[1] == 'a' ? MODE_AUDIT : MODE_OFF,
                .action = s[2] == 'a' ? ACTION_ALLOW : ACTION_DENY,
                .reason = s[3] == 'r' ? CW_REASON_RULE : s[3] == 'd' ? CW_REASON_DEFAULT : CW_REASON_DNS,
        };
}

static const struct {
        const char *layers[CW_CHAIN_MAX];
        int deciding;
} cases[] = {
        { { "bear" }, 0 },
        { { "bedd" }, 0 },
        { { "boar" }, -1 },
        /* a restriction takes away, and gives nothing */
        { { "bear", "rear" }, 0 },
        { { "bear", "redd" }, 1 },
        { { "bedd", "rear" }, 0 },
        { { "boar", "redr" }, 1 },
        { { "boar", "rear" }, 1 },
        /* of two refusals the enforced one, of two enforced ones the more general */
        { { "bedd", "redr" }, 0 },
        { { "badd", "redr" }, 1 },
        { { "badd", "radr" }, 0 },
        { { "badd", "redd", "redr" }, 1 },
        { { "baar", "redd" }, 1 },
        /* a grant lifts default denies, also more than one */
        { { "bedd", "gear" }, 1 },
        { { "bedd", "redd", "gear" }, 2 },
        { { "badd", "gear" }, 1 },
        { { "bear", "redd", "gear" }, 0 },
        { { "bear", "gear" }, 0 },
        /* ... and no rule, nothing that has no rule, and not by its own default */
        { { "bedr", "gear" }, 0 },
        { { "bear", "redr", "gear" }, 1 },
        { { "bedx", "gear" }, 0 },
        { { "bedd", "gead" }, 0 },
        { { "bedd", "gedr" }, 0 },
        { { "bedd", "goar" }, 0 },
        { { "bedd", "gedd", "gear" }, 2 },
        /* ... and alone it judges nothing */
        { { "bodd", "gear" }, -1 },
        { { "bodd", "rodr", "gear" }, -1 },
};

START_TEST(chain_decides) {
        LayerVerdict layers[CW_CHAIN_MAX];
        size_t n = 0;

        while (n < CW_CHAIN_MAX && cases[_i].layers[n]) {
                layers[n] = layer_from(cases[_i].layers[n]);
                n++;
        }
        ck_assert_int_eq(chain_fold(layers, n), cases[_i].deciding);
}
END_TEST

START_TEST(no_layer_decides_nothing) {
        ck_assert_int_eq(chain_fold(NULL, 0), -1);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("chain");
        TCase *t = tcase_create("chain");

        tcase_add_loop_test(t, chain_decides, 0, ELEMENTSOF(cases));
        tcase_add_test(t, no_layer_decides_nothing);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
