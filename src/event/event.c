/* SPDX-License-Identifier: Apache-2.0 */
#include "event/event.h"

#include <assert.h>
#include <string.h>

#include "basic/macro.h"

static const char *const names[_EVENT_TYPE_MAX] = {
        [EVENT_CONNECTION_ALLOWED] = "connection_allowed",
        [EVENT_CONNECTION_BLOCKED] = "connection_blocked",
        [EVENT_CONNECTION_CLOSED] = "connection_closed",
        [EVENT_DNS_BLOCKED] = "dns_blocked",
        [EVENT_PROTOCOL_BLOCKED] = "protocol_blocked",
        [EVENT_EXISTING_CONNECTION] = "existing_connection",
        [EVENT_EVENTS_LOST] = "events_lost",
        [EVENT_CONNECTIONS_SUPPRESSED] = "connections_suppressed",
        [EVENT_QUERIES_SUPPRESSED] = "queries_suppressed",
        [EVENT_QUERIES_LIMITED] = "queries_limited",
        [EVENT_UPSTREAM_FAILED] = "upstream_failed",
        [EVENT_RUN_STARTED] = "run_started",
        [EVENT_RUN_ENDED] = "run_ended",
        [EVENT_MODE_CHANGED] = "mode_changed",
        [EVENT_POLICY_LOADED] = "policy_loaded",
        [EVENT_POLICY_REJECTED] = "policy_rejected",
        [EVENT_ENFORCEMENT_STARTED] = "enforcement_started",
        [EVENT_ENFORCEMENT_ENDED] = "enforcement_ended",
        [EVENT_ENFORCEMENT_RESUMED] = "enforcement_resumed",
        [EVENT_HOOK_LOST] = "hook_lost",
        [EVENT_JOB_BEGUN] = "job_begun",
        [EVENT_JOB_ENDED] = "job_ended",
        [EVENT_PRIVILEGED_CALL] = "privileged_call",
        [EVENT_PROXY_SHARED] = "proxy_shared",
        [EVENT_STATE_NOT_KEPT] = "state_not_kept",
};

const char *event_type_to_string(EventType t) {
        return t < ELEMENTSOF(names) ? names[t] : "unknown";
}

bool event_is_denial(const Event *e) {
        assert(e);

        switch (e->type) {
        case EVENT_CONNECTION_ALLOWED:
        case EVENT_CONNECTION_BLOCKED:
        case EVENT_DNS_BLOCKED:
        case EVENT_PROTOCOL_BLOCKED:
        case EVENT_EXISTING_CONNECTION:
                return e->has_verdict && e->verdict == ACTION_DENY;
        default: /* when a flow that audit mode let pass ends, its start was already reported as a denial */
                return false;
        }
}

uint64_t event_n_denied(const Event *e) {
        assert(e);

        if (e->type == EVENT_CONNECTIONS_SUPPRESSED || e->type == EVENT_QUERIES_SUPPRESSED)
                return e->count;
        return event_is_denial(e) ? MAX(e->count, UINT64_C(1)) : 0;
}

bool event_is_traffic(const Event *e) {
        assert(e);

        switch (e->type) {
        case EVENT_CONNECTION_ALLOWED:
        case EVENT_CONNECTION_BLOCKED:
        case EVENT_CONNECTION_CLOSED:
        case EVENT_DNS_BLOCKED:
        case EVENT_PROTOCOL_BLOCKED:
        case EVENT_EXISTING_CONNECTION:
                return true;
        default:
                return false;
        }
}

size_t event_label_key_length(const char *label) {
        assert(label);

        size_t n = strspn(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
        return n <= EVENT_LABEL_KEY_MAX && label[n] == '=' ? n : 0;
}
