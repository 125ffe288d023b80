/* SPDX-License-Identifier: Apache-2.0 */
#include "event/event-message.h"

#include <assert.h>
#include <string.h>

#include "basic/macro.h"
#include "event/socket-family.h"
#include "event/text-writer.h"
#include "policy/port.h"

/* The most bytes that each part of a sentence may take, including escapes. */
enum {
        COMM_SHARE = (CW_COMM_MAX - 1) * 4,
        UNIT_SHARE = 128,
        NAME_SHARE = 256, /* a host name, a rule */
        WORD_SHARE = 64,  /* scope, query type, reason */
        DIGEST_SHARE = 96,
        DETAIL_SHARE = 512,

        WORDS_MAX = 300, /* our own words, numbers, an address; a test covers the worst case */
};

_Static_assert(COMM_SHARE + UNIT_SHARE + 2 * NAME_SHARE < EVENT_MESSAGE_MAX - WORDS_MAX, "traffic fits");
_Static_assert(WORD_SHARE + DIGEST_SHARE + DETAIL_SHARE < EVENT_MESSAGE_MAX - WORDS_MAX, "changes fit");

static bool is_set(const char *s) {
        return s && *s;
}

static void add_set(TextWriter *t, const char *before, const char *s, size_t share, const char *after) {
        if (!is_set(s))
                return;

        text_add(t, before);
        text_add_escaped(t, s, share);
        text_add(t, after);
}

/* "curl[123] (runner.service)" */
static void add_process(TextWriter *t, const Event *e) {
        if (is_set(e->process))
                text_add_escaped(t, e->process, COMM_SHARE);
        else
                text_add(t, "a process");
        if (e->pid > 0) {
                text_add(t, "[");
                text_add_number(t, e->pid);
                text_add(t, "]");
        }
        add_set(t, " (", e->unit, UNIT_SHARE, ")");
}

static void add_protocol(TextWriter *t, uint8_t protocol) {
        char text[PORT_TEXT_MAX];
        const char *name = protocol_to_string(protocol, text);
        char lower[PORT_TEXT_MAX];
        size_t n = 0;

        for (; name[n] && n < sizeof(lower) - 1; n++)
                lower[n] = name[n] >= 'A' && name[n] <= 'Z' ? (char) (name[n] | 0x20) : name[n];
        lower[n] = '\0';
        text_add(t, lower);
}

/* "evil.example [203.0.113.66]:443/tcp", "203.0.113.66:443/tcp", "[2001:db8::7]:443/tcp", "evil.example/icmp" */
static void add_destination(TextWriter *t, const Event *e) {
        bool named = is_set(e->hostname), bracket = e->has_dst && (named || !in_addr_is_v4(&e->dst));

        if (named)
                text_add_escaped(t, e->hostname, NAME_SHARE);
        if (bracket)
                text_add(t, named ? " [" : "[");
        if (e->has_dst)
                text_add_addr(t, &e->dst);
        if (bracket)
                text_add(t, "]");
        if (!named && !e->has_dst)
                text_add(t, "an unknown destination");
        if (e->dst_port > 0) {
                text_add(t, ":");
                text_add_number(t, e->dst_port);
        }
        if (e->protocol != 0) {
                text_add(t, "/");
                add_protocol(t, e->protocol);
        }
}

const char *event_denial_words(const char *reason) {
        static const struct {
                const char *reason, *words;
        } known[] = {
                { "policy", "no rule allows the name" },
                { "name", "not a host name" },
                { "cname", "an alias in the answer is denied" },
                { "rebinding", "the answer contains a private address" },
                { "reverse", "reverse lookup of an address that belongs to no allowed name" },
                { "lease", "the scope has too many addresses of allowed names" },
                { "rule", "a rule denies it" },
                { "default", "no rule allows it" },
                { "dns", "DNS traffic that bypasses the proxy" },
                { "protocol", "the protocol cannot be judged" },
                { "raw_socket", "raw sockets are refused" },
                { "malformed", "malformed packet" },
                { "fault", "firewall state missing, failed closed" },
                { "source_route", "source routing is refused" },
                { "source", "the source address is not one of this machine" },
                { "device", "a connection of this machine with itself keeps to its loopback device" },
                { "filtered", "lost on its way to the DNS proxy: see IPAddressDeny= and RestrictNetworkInterfaces= of the unit and its slices" },
                { "socket_family", "only sockets of families that can be judged are allowed" },
        };

        assert(reason);

        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (strcmp(reason, known[i].reason) == 0)
                        return known[i].words;
        return reason;
}

const char *event_reason_words(Reason reason, Action verdict) {
        if (verdict == ACTION_ALLOW && reason == CW_REASON_RULE)
                return "a rule allows it";
        if (verdict == ACTION_ALLOW && reason == CW_REASON_DEFAULT)
                return "the default action";
        return event_denial_words(reason_to_string(reason));
}

static void add_why(TextWriter *t, const Event *e) {
        if (!e->has_verdict)
                return;

        text_add(t, ", ");
        if (e->reason == CW_REASON_RULE && is_set(e->matched_rule)) {
                text_add(t, e->verdict == ACTION_DENY ? "denied by rule " : "rule ");
                text_add_escaped(t, e->matched_rule, NAME_SHARE);
        } else if (e->type == EVENT_DNS_BLOCKED && is_set(e->detail))
                text_add_escaped(t, e->detail, NAME_SHARE);
        else if (e->type == EVENT_DNS_BLOCKED && is_set(e->dns_reason))
                text_add_escaped(t, event_denial_words(e->dns_reason), WORD_SHARE);
        else
                text_add(t, event_reason_words(e->reason, e->verdict));
}

static void add_action(TextWriter *t, const Event *e) {
        if (e->type == EVENT_DNS_BLOCKED) {
                text_add(t, " asked for ");
                text_add_escaped(t, is_set(e->hostname) ? e->hostname : "a name", NAME_SHARE);
                add_set(t, " (", e->query_type, WORD_SHARE, ")");
        } else if (e->type == EVENT_PROTOCOL_BLOCKED && e->reason == CW_REASON_RAW_SOCKET)
                text_add(t, " asked for a raw socket");
        else if (e->type == EVENT_PROTOCOL_BLOCKED && e->reason == CW_REASON_FAMILY) {
                char family[SOCKET_FAMILY_TEXT_MAX];

                /* A filter of a device sees the packet, and no process. */
                text_add(t, e->pid != 0 || is_set(e->process) ? " asked for a socket of " : " sent over a socket of ");
                text_add(t, e->socket_family != 0 ? socket_family_to_string(e->socket_family, family) :
                                                    "an unknown family");
        } else if (e->type == EVENT_PROTOCOL_BLOCKED && !e->has_dst && !is_set(e->hostname))
                text_add(t, " set a socket option");
        else {
                text_add(t, " to ");
                add_destination(t, e);
        }
}

/* "Denied 37 more times: …": the repeats that an aggregated event stands for. */
static void add_traffic(TextWriter *t, const Event *e) {
        if (event_is_denial(e))
                text_add(t, e->mode == MODE_ENFORCE ? "Denied" : "Would deny");
        else
                text_add(t, e->type == EVENT_CONNECTION_CLOSED ? "Closed" : "Allowed");
        if (e->count > 0) {
                text_add(t, " ");
                text_add_number(t, e->count);
                text_add(t, e->count == 1 ? " more time" : " more times");
        }
        text_add(t, e->type == EVENT_EXISTING_CONNECTION ? ", a connection opened before enforcement began: " : ": ");
        add_process(t, e);
        add_action(t, e);

        if (e->type != EVENT_CONNECTION_CLOSED) {
                add_why(t, e);
                return;
        }
        text_add(t, ", ");
        text_add_number(t, e->bytes_out);
        text_add(t, " bytes sent, ");
        text_add_number(t, e->bytes_in);
        text_add(t, " received");
}

static void add_policy(TextWriter *t, const Event *e, const char *what) {
        text_add(t, "Policy");
        add_set(t, " of scope ", e->scope, WORD_SHARE, "");
        text_add(t, what);
        add_set(t, e->type == EVENT_POLICY_REJECTED ? " (" : ": ", e->policy_digest, DIGEST_SHARE,
                e->type == EVENT_POLICY_REJECTED ? ")" : "");
        add_set(t, ": ", e->detail, DETAIL_SHARE, "");
}

static void add_enforcement(TextWriter *t, const Event *e, const char *what) {
        text_add(t, "Enforcement ");
        text_add(t, what);
        text_add(t, " (mode ");
        text_add(t, mode_to_string(e->mode));
        add_set(t, ", scope ", e->scope, WORD_SHARE, "");
        add_set(t, ", policy ", e->policy_digest, DIGEST_SHARE, "");
        text_add(t, ")");
        add_set(t, ": ", e->detail, DETAIL_SHARE, "");
}

static void add_job(TextWriter *t, const Event *e, const char *what) {
        text_add(t, what);
        add_set(t, " in ", e->unit, UNIT_SHARE, "");
        add_set(t, ": ", e->detail, DETAIL_SHARE, "");
}

static void add_lost(TextWriter *t, const Event *e) {
        text_add_number(t, e->count);
        text_add(t, e->count == 1 ? " event was lost" : " events were lost");
        add_set(t, ": ", e->detail, DETAIL_SHARE, "");
}

static void add_suppressed(TextWriter *t, const Event *e) {
        add_set(t, "", e->unit, UNIT_SHARE, ": ");
        text_add_number(t, e->count);
        add_set(t, " ", e->detail, DETAIL_SHARE, "");
        text_add(t, " were not logged one by one");
        if (e->mode != MODE_ENFORCE)
                text_add(t, " (not enforced)");
}

static void add_limited(TextWriter *t, const Event *e) {
        add_set(t, "", is_set(e->unit) ? e->unit : "A client", UNIT_SHARE, " has used up its share of the DNS proxy");
        if (e->count > 1) {
                text_add(t, ", ");
                text_add_number(t, e->count);
                text_add(t, " times");
        }
        add_set(t, ": ", e->detail, DETAIL_SHARE, "");
}

static void add_call(TextWriter *t, const Event *e) {
        text_add(t, "Privileged call by uid ");
        text_add_number(t, e->uid);
        text_add(t, ", ");
        add_process(t, e);
        add_set(t, ": ", e->detail, DETAIL_SHARE, "");
}

const char *event_message_write(const Event *e, char buf[static EVENT_MESSAGE_MAX]) {
        TextWriter t;

        assert(e);

        text_init(&t, buf, EVENT_MESSAGE_MAX);
        switch (e->type) {
        case EVENT_EVENTS_LOST:
                add_lost(&t, e);
                break;
        case EVENT_CONNECTIONS_SUPPRESSED:
        case EVENT_QUERIES_SUPPRESSED:
                add_suppressed(&t, e);
                break;
        case EVENT_UPSTREAM_FAILED:
                add_set(&t, "", is_set(e->hostname) ? e->hostname : "Names", NAME_SHARE, " did not resolve");
                add_set(&t, ": ", e->detail, DETAIL_SHARE, "");
                break;
        case EVENT_QUERIES_LIMITED:
                add_limited(&t, e);
                break;
        case EVENT_MODE_CHANGED:
                text_add(&t, "Mode changed");
                add_set(&t, " in scope ", e->scope, WORD_SHARE, "");
                add_set(&t, ": ", e->detail, DETAIL_SHARE, "");
                break;
        case EVENT_POLICY_LOADED:
                add_policy(&t, e, " loaded");
                break;
        case EVENT_POLICY_REJECTED:
                add_policy(&t, e, " rejected, not in force");
                break;
        case EVENT_RUN_STARTED:
        case EVENT_ENFORCEMENT_STARTED:
                add_enforcement(&t, e, "started");
                break;
        case EVENT_RUN_ENDED:
        case EVENT_ENFORCEMENT_ENDED:
                add_enforcement(&t, e, "ended");
                break;
        case EVENT_ENFORCEMENT_RESUMED:
                add_enforcement(&t, e, "resumed");
                break;
        case EVENT_HOOK_LOST:
                text_add(&t, "A hook was detached, enforcement has a gap");
                add_set(&t, ": ", e->detail, DETAIL_SHARE, "");
                break;
        case EVENT_PROXY_SHARED:
                text_add(&t, "A socket of the DNS proxy is shared by another process");
                add_set(&t, ": ", e->detail, DETAIL_SHARE, "");
                break;
        case EVENT_STATE_NOT_KEPT:
                text_add(&t, "The service manager does not keep the service's state");
                add_set(&t, ": ", e->detail, DETAIL_SHARE, "");
                break;
        case EVENT_JOB_BEGUN:
                add_job(&t, e, "Job started");
                break;
        case EVENT_JOB_ENDED:
                add_job(&t, e, "Job ended");
                break;
        case EVENT_PRIVILEGED_CALL:
                add_call(&t, e);
                break;
        default:
                add_traffic(&t, e);
        }
        return buf;
}
