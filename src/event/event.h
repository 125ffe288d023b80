/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One event: what happened, to which destination, by whom, and which rule decided. Strings are borrowed and may hold
 * any byte: every encoder escapes them. docs/events.md describes the fields. */

#include "basic/in-addr.h"
#include "policy/verdict.h"

typedef enum EventType {
        EVENT_CONNECTION_ALLOWED, /* first packet of a new flow */
        EVENT_CONNECTION_BLOCKED, /* denied, or would be in audit mode */
        EVENT_CONNECTION_CLOSED,  /* end of a flow, with its byte counts */
        EVENT_DNS_BLOCKED,        /* a query denied, or would be */
        EVENT_PROTOCOL_BLOCKED,   /* an unsupported protocol or family, a raw socket, a socket option */
        EVENT_EXISTING_CONNECTION, /* a socket opened before enforcement began */
        EVENT_EVENTS_LOST,        /* count: how many */
        EVENT_CONNECTIONS_SUPPRESSED, /* count: denials over the rate of one unit, not reported one by one; mode */
        EVENT_QUERIES_SUPPRESSED,     /* the same for refused DNS queries */
        EVENT_QUERIES_LIMITED,    /* a unit has used up its share of the DNS proxy: count queries or connections failed; detail */
        EVENT_UPSTREAM_FAILED,    /* a look-up of hostname got no answer from the resolver; count; detail: which, and why */
        EVENT_RUN_STARTED,        /* mode; detail: the variables of the environment that are in effect */
        EVENT_RUN_ENDED,
        EVENT_MODE_CHANGED,       /* detail: "audit, kept over reboots"; of scope, or all */
        EVENT_POLICY_LOADED,      /* of scope; policy_digest */
        EVENT_POLICY_REJECTED,    /* detail: the first fault. The policy in force is kept */
        EVENT_ENFORCEMENT_STARTED,
        EVENT_ENFORCEMENT_ENDED,
        EVENT_ENFORCEMENT_RESUMED, /* hooks and maps taken over from the previous process */
        EVENT_HOOK_LOST,          /* detail: which */
        EVENT_JOB_BEGUN,          /* unit and labels */
        EVENT_JOB_ENDED,          /* detail: a summary of the job, in words */
        EVENT_PRIVILEGED_CALL,    /* detail: "SetMode audit: denied"; uid, pid and unit are the caller's */
        EVENT_PROXY_SHARED,       /* another process shares a socket of the DNS proxy; detail: which, and whose */
        EVENT_STATE_NOT_KEPT,     /* a successor would not have all of it; detail: why */
        _EVENT_TYPE_MAX,
} EventType;

const char *event_type_to_string(EventType t);

#define EVENT_PARENTS_MAX 8
#define EVENT_LABELS_MAX 16
#define EVENT_LABEL_KEY_MAX 48 /* bytes */

typedef struct EventParent {
        uint32_t pid;
        const char *comm;
} EventParent;

typedef struct Event {
        EventType type;
        uint64_t time_usec;      /* CLOCK_REALTIME */
        uint64_t sequence;       /* of this log, from 1 */
        Mode mode;
        Action verdict;
        Reason reason;
        bool has_verdict;
        bool mid_stream;

        bool has_src, has_dst;
        InAddr src, dst;
        uint16_t src_port, dst_port; /* 0: unknown */
        uint8_t protocol;            /* IANA; 0: none */
        uint8_t socket_family;       /* of a socket that was refused for its family; 0: of no other event */

        const char *hostname;        /* dst_hostname; NULL: unknown */
        const char *cname_chain;     /* targets joined by ' '; the log makes an array of it, hostname first */
        const char *query_type;      /* DNS: "A" … */
        const char *dns_reason;      /* DNS: "policy", "rebinding", "cname" … */

        const char *matched_rule;    /* value of the deciding rule; NULL: none */
        uint32_t rule;               /* its index; RULE_NONE */
        const char *automatic;       /* auto_allowed_type */
        const char *scope;           /* its name; NULL: unknown */
        const char *policy_digest;

        uint32_t pid, tid, uid, gid; /* pid 0: process unknown */
        const char *process;         /* comm */
        const char *executable;      /* NULL: unknown */
        EventParent parents[EVENT_PARENTS_MAX]; /* nearest first */
        size_t n_parents;
        uint32_t actor;              /* by whose entry the kernel judged, a number of identity's; 0: unknown */
        uint64_t cgroup_id;
        const char *cgroup;          /* path; NULL: unknown */
        const char *unit;            /* systemd unit; NULL: unknown */
        const char *const *labels;   /* of the job: "key=value", sorted; those past EVENT_LABELS_MAX do not count */
        size_t n_labels;

        uint64_t bytes_out, bytes_in, duration_usec; /* CONNECTION_CLOSED */
        uint64_t count;              /* EVENTS_LOST, and aggregated events; 0: one */
        const char *detail;          /* in words, see the type; NULL: none */
} Event;

/* The event and its strings are borrowed for the call. */
typedef void (*event_fn)(const Event *e, void *userdata);

/* Is this event a refusal (blocked or would_deny)? */
bool event_is_denial(const Event *e);
/* The number of denials that it stands for; 0 if it is about something else. */
uint64_t event_n_denied(const Event *e);
/* Is it about a connection, query or packet, rather than about the firewall itself? */
bool event_is_traffic(const Event *e);
/* Length of the key of "key=value": 1 to EVENT_LABEL_KEY_MAX of [A-Za-z0-9_.-], which need no escaping in any
 * output. 0: not a valid label; encoders leave it out. */
size_t event_label_key_length(const char *label);
