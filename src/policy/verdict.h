/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Actions, modes, reasons and tiers. The numbers are those of bpf/api.h, so that the kernel and user space agree. */

#include "bpf/api.h"

typedef enum Action {
        ACTION_DENY = CW_DENY,
        ACTION_ALLOW = CW_ALLOW,
} Action;

typedef enum Mode {
        MODE_ENFORCE = CW_ENFORCE,
        MODE_AUDIT = CW_AUDIT,
        MODE_OFF = CW_OFF, /* of a scope that is not judged; a policy cannot set it */
} Mode;

typedef enum cw_reason Reason;

/* Where a rule comes from. Lower numbers win: a deny from above cannot be lifted below, a user's rule beats an
 * automatic one. */
typedef enum Tier {
        TIER_ABOVE,
        TIER_USER,
        TIER_AUTOMATIC,
        _TIER_MAX,
} Tier;

#define RULE_NONE CW_NO_RULE

const char *action_to_string(Action a);
const char *mode_to_string(Mode m);
const char *tier_to_string(Tier t);
const char *reason_to_string(Reason r);
int action_from_string(const char *s, Action *ret); /* "allow", "deny"; -EINVAL */
int mode_from_string(const char *s, Mode *ret);     /* "enforce", "audit": the modes a policy may set; -EINVAL */
