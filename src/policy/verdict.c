/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/verdict.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "basic/macro.h"

static const char *const action_names[] = {
        [ACTION_DENY] = "deny",
        [ACTION_ALLOW] = "allow",
};

static const char *const mode_names[] = {
        [MODE_ENFORCE] = "enforce",
        [MODE_AUDIT] = "audit",
        [MODE_OFF] = "off",
};

static const char *const tier_names[] = {
        [TIER_ABOVE] = "above",
        [TIER_USER] = "user",
        [TIER_AUTOMATIC] = "automatic",
};

static const char *const reason_names[] = {
        [CW_REASON_RULE] = "rule",
        [CW_REASON_DEFAULT] = "default",
        [CW_REASON_LOCAL] = "local",
        [CW_REASON_BASELINE] = "baseline",
        [CW_REASON_DNS] = "dns",
        [CW_REASON_PROTOCOL] = "protocol",
        [CW_REASON_RAW_SOCKET] = "raw_socket",
        [CW_REASON_MALFORMED] = "malformed",
        [CW_REASON_FLOW] = "flow",
        [CW_REASON_FAULT] = "fault",
        [CW_REASON_INBOUND] = "inbound",
        [CW_REASON_SOURCE_ROUTE] = "source_route",
        [CW_REASON_SOURCE] = "source",
        [CW_REASON_FAMILY] = "socket_family",
        [CW_REASON_DEVICE] = "device",
        [CW_REASON_FILTERED] = "filtered",
};

_Static_assert(ELEMENTSOF(tier_names) == _TIER_MAX, "a name for each tier");
_Static_assert(ELEMENTSOF(reason_names) == _CW_REASON_MAX, "a name for each reason");

/* Values also come from kernel records: out of range yields a text, not an error. */
static const char *name_of(const char *const *names, size_t n, unsigned value) {
        return value < n ? names[value] : "unknown";
}

static int value_of(const char *const *names, size_t n, const char *s, unsigned *ret) {
        assert(s);

        for (unsigned i = 0; i < n; i++)
                if (strcmp(names[i], s) == 0) {
                        *ret = i;
                        return 0;
                }
        return -EINVAL;
}

const char *action_to_string(Action a) {
        return name_of(action_names, ELEMENTSOF(action_names), a);
}

const char *mode_to_string(Mode m) {
        return name_of(mode_names, ELEMENTSOF(mode_names), m);
}

const char *tier_to_string(Tier t) {
        return name_of(tier_names, ELEMENTSOF(tier_names), t);
}

const char *reason_to_string(Reason r) {
        return name_of(reason_names, ELEMENTSOF(reason_names), r);
}

int action_from_string(const char *s, Action *ret) {
        unsigned value;

        assert(ret);

        int r = value_of(action_names, ELEMENTSOF(action_names), s, &value);
        if (r < 0)
                return r;

        *ret = (Action) value;
        return 0;
}

int mode_from_string(const char *s, Mode *ret) {
        unsigned value;

        assert(ret);

        int r = value_of(mode_names, ELEMENTSOF(mode_names), s, &value);
        if (r < 0)
                return r;
        if (value == MODE_OFF)
                return -EINVAL;

        *ret = (Mode) value;
        return 0;
}
