/* SPDX-License-Identifier: Apache-2.0 */
#include "event/event-journal.h"

#include <assert.h>
#include <string.h>

#include "basic/macro.h"
#include "event/event-message.h"
#include "event/message-id.h"
#include "event/text-writer.h"
#include "policy/port.h"

/* The most bytes each value may take, escapes included. docs/events.md lists them. */
enum {
        HOSTNAME_SHARE = 1024,
        RULE_SHARE = 512,
        EXECUTABLE_SHARE = 1024,
        CGROUP_SHARE = 768,
        UNIT_SHARE = 512,
        DETAIL_SHARE = 512,
        COMM_SHARE = (CW_COMM_MAX - 1) * 4,
        WORD_SHARE = 96, /* scope, digest, query type, DNS reason, automatic rule */
        JOB_VALUE_SHARE = 256,

        JOB_KEY_ROOM = EVENT_LABEL_KEY_MAX + sizeof("CARGOWALL_JOB_=\n"),
        VALUES_MAX = EVENT_MESSAGE_MAX + 2 * HOSTNAME_SHARE + RULE_SHARE + EXECUTABLE_SHARE + CGROUP_SHARE +
                     UNIT_SHARE + DETAIL_SHARE + COMM_SHARE + 5 * WORD_SHARE +
                     EVENT_LABELS_MAX * (JOB_VALUE_SHARE + JOB_KEY_ROOM),
        REST_MAX = 1200, /* names of fields, numbers, addresses, our own words; the worst case is a test */
};

_Static_assert(VALUES_MAX + REST_MAX < EVENT_JOURNAL_MAX, "every event fits");
/* journald drops fields with longer names */
_Static_assert(EVENT_LABEL_KEY_MAX + sizeof("CARGOWALL_JOB_") - 1 <= 64, "every label is a field");

/* syslog(3); its header would bring the log itself into a pure layer. */
enum {
        PRIORITY_CRITICAL = 2,
        PRIORITY_ERROR,
        PRIORITY_WARNING,
        PRIORITY_NOTICE,
        PRIORITY_INFO,
};

static const struct {
        const char *id;
        int priority;
} classes[_EVENT_TYPE_MAX] = {
        [EVENT_CONNECTION_ALLOWED] = { MESSAGE_ID_CONNECTION_ALLOWED, PRIORITY_INFO },
        [EVENT_CONNECTION_BLOCKED] = { MESSAGE_ID_CONNECTION_DENIED, PRIORITY_WARNING },
        [EVENT_CONNECTION_CLOSED] = { MESSAGE_ID_CONNECTION_CLOSED, PRIORITY_INFO },
        [EVENT_DNS_BLOCKED] = { MESSAGE_ID_DNS_DENIED, PRIORITY_WARNING },
        [EVENT_PROTOCOL_BLOCKED] = { MESSAGE_ID_PROTOCOL_DENIED, PRIORITY_WARNING },
        [EVENT_EXISTING_CONNECTION] = { MESSAGE_ID_EXISTING_CONNECTION, PRIORITY_INFO },
        [EVENT_EVENTS_LOST] = { MESSAGE_ID_EVENTS_LOST, PRIORITY_WARNING },
        [EVENT_RUN_STARTED] = { MESSAGE_ID_RUN_STARTED, PRIORITY_INFO },
        [EVENT_RUN_ENDED] = { MESSAGE_ID_RUN_ENDED, PRIORITY_INFO },
        [EVENT_MODE_CHANGED] = { MESSAGE_ID_MODE_CHANGED, PRIORITY_NOTICE },
        [EVENT_POLICY_LOADED] = { MESSAGE_ID_POLICY_LOADED, PRIORITY_NOTICE },
        [EVENT_POLICY_REJECTED] = { MESSAGE_ID_POLICY_REJECTED, PRIORITY_ERROR },
        [EVENT_ENFORCEMENT_STARTED] = { MESSAGE_ID_ENFORCEMENT_STARTED, PRIORITY_NOTICE },
        [EVENT_ENFORCEMENT_ENDED] = { MESSAGE_ID_ENFORCEMENT_ENDED, PRIORITY_WARNING },
        [EVENT_ENFORCEMENT_RESUMED] = { MESSAGE_ID_ENFORCEMENT_RESUMED, PRIORITY_NOTICE },
        [EVENT_HOOK_LOST] = { MESSAGE_ID_HOOK_LOST, PRIORITY_CRITICAL },
        [EVENT_JOB_BEGUN] = { MESSAGE_ID_JOB_BEGUN, PRIORITY_INFO },
        [EVENT_JOB_ENDED] = { MESSAGE_ID_JOB_ENDED, PRIORITY_INFO },
        [EVENT_PRIVILEGED_CALL] = { MESSAGE_ID_PRIVILEGED_CALL, PRIORITY_NOTICE },
};

int event_journal_priority(const Event *e) {
        assert(e);
        assert(e->type < _EVENT_TYPE_MAX);

        if (event_is_denial(e))
                return e->mode == MODE_ENFORCE ? PRIORITY_WARNING : PRIORITY_NOTICE;
        if (e->type == EVENT_MODE_CHANGED && e->mode != MODE_ENFORCE)
                return PRIORITY_CRITICAL; /* from here on what the policy denies gets through */
        return classes[e->type].priority;
}

const char *event_journal_message_id(const Event *e) {
        assert(e);
        assert(e->type < _EVENT_TYPE_MAX);

        if (event_is_denial(e) && e->mode != MODE_ENFORCE)
                return MESSAGE_ID_WOULD_DENY;
        return classes[e->type].id;
}

static bool is_set(const char *s) {
        return s && *s;
}

/* key: "NAME=" */
static void put_number(TextWriter *t, const char *key, uint64_t v) {
        text_add(t, key);
        text_add_number(t, v);
        text_add(t, "\n");
}

static void put_text(TextWriter *t, const char *key, const char *value, size_t share) {
        if (!is_set(value))
                return;

        text_add(t, key);
        text_add_escaped(t, value, share);
        text_add(t, "\n");
}

static void put_addr(TextWriter *t, const char *key, const InAddr *a) {
        text_add(t, key);
        text_add_addr(t, a);
        text_add(t, "\n");
}

static void put_port(TextWriter *t, const char *key, uint16_t port) {
        if (port > 0)
                put_number(t, key, port);
}

static void put_verdict(TextWriter *t, const Event *e) {
        bool audited = event_is_denial(e) && e->mode != MODE_ENFORCE;

        if (!e->has_verdict)
                return;
        put_text(t, "CARGOWALL_VERDICT=", audited ? "would_deny" : action_to_string(e->verdict), WORD_SHARE);
        put_text(t, "CARGOWALL_REASON=", reason_to_string(e->reason), WORD_SHARE);
}

/* What is lost, a job or a call has no mode: zero in the event says nothing of it. */
static void put_mode(TextWriter *t, const Event *e) {
        if (e->type == EVENT_EVENTS_LOST || e->type == EVENT_JOB_BEGUN || e->type == EVENT_JOB_ENDED ||
            e->type == EVENT_PRIVILEGED_CALL)
                return;

        put_text(t, "CARGOWALL_MODE=", mode_to_string(e->mode), WORD_SHARE);
}

static void put_destination(TextWriter *t, const Event *e) {
        char protocol[PORT_TEXT_MAX];

        if (e->has_src)
                put_addr(t, "CARGOWALL_SRC_IP=", &e->src);
        put_port(t, "CARGOWALL_SRC_PORT=", e->src_port);
        if (e->has_dst)
                put_addr(t, "CARGOWALL_DST_IP=", &e->dst);
        put_port(t, "CARGOWALL_DST_PORT=", e->dst_port);
        put_text(t, "CARGOWALL_DST_HOST=", e->hostname, HOSTNAME_SHARE);
        if (e->protocol != 0)
                put_text(t, "CARGOWALL_PROTOCOL=", protocol_to_string(e->protocol, protocol), WORD_SHARE);
        if (e->type == EVENT_DNS_BLOCKED)
                put_text(t, "CARGOWALL_QNAME=", e->hostname, HOSTNAME_SHARE);
        put_text(t, "CARGOWALL_QTYPE=", e->query_type, WORD_SHARE);
        put_text(t, "CARGOWALL_DNS_REASON=", e->dns_reason, WORD_SHARE);
}

static void put_rule(TextWriter *t, const Event *e) {
        put_text(t, "CARGOWALL_RULE=", e->matched_rule, RULE_SHARE);
        put_text(t, "CARGOWALL_AUTO_ALLOWED=", e->automatic, WORD_SHARE);
        put_text(t, "CARGOWALL_SCOPE=", is_set(e->scope) || !event_is_traffic(e) ? e->scope : "unknown", WORD_SHARE);
        put_text(t, "CARGOWALL_POLICY_DIGEST=", e->policy_digest, WORD_SHARE);
}

static void put_process(TextWriter *t, const Event *e) {
        put_text(t, "CARGOWALL_COMM=", e->process, COMM_SHARE);
        if (e->pid > 0) {
                put_number(t, "CARGOWALL_PID=", e->pid);
                if (e->tid > 0)
                        put_number(t, "CARGOWALL_TID=", e->tid);
        }
        if (e->pid > 0 || e->type == EVENT_PRIVILEGED_CALL)
                put_number(t, "CARGOWALL_UID=", e->uid);
        put_text(t, "CARGOWALL_EXE=", e->executable, EXECUTABLE_SHARE);
        put_text(t, "CARGOWALL_UNIT=", e->unit, UNIT_SHARE);
        put_text(t, "CARGOWALL_CGROUP=", e->cgroup, CGROUP_SHARE);
}

/* "run-id=7" -> CARGOWALL_JOB_RUN_ID=7; a value of nothing says nothing. */
static void put_labels(TextWriter *t, const Event *e) {
        static const char prefix[] = "CARGOWALL_JOB_";
        char key[sizeof(prefix) + EVENT_LABEL_KEY_MAX + 1];

        for (size_t i = 0; i < MIN(e->n_labels, (size_t) EVENT_LABELS_MAX); i++) {
                size_t n = event_label_key_length(e->labels[i]);
                if (n == 0)
                        continue;

                char *p = mempcpy(key, prefix, sizeof(prefix) - 1);
                for (size_t k = 0; k < n; k++) {
                        char c = e->labels[i][k];
                        *p++ = c >= 'a' && c <= 'z' ? (char) (c & ~0x20) : c == '-' || c == '.' ? '_' : c;
                }
                *p++ = '=';
                *p = '\0';
                put_text(t, key, e->labels[i] + n + 1, JOB_VALUE_SHARE);
        }
}

/* The catalog names the detail of these, so they always have one. */
static bool needs_detail(const Event *e) {
        return e->type == EVENT_MODE_CHANGED || e->type == EVENT_POLICY_REJECTED || e->type == EVENT_HOOK_LOST ||
               e->type == EVENT_PRIVILEGED_CALL;
}

static void put_counts(TextWriter *t, const Event *e) {
        if (e->type == EVENT_CONNECTION_CLOSED) {
                put_number(t, "CARGOWALL_BYTES_OUT=", e->bytes_out);
                put_number(t, "CARGOWALL_BYTES_IN=", e->bytes_in);
                put_number(t, "CARGOWALL_DURATION_USEC=", e->duration_usec);
        }
        if (e->count > 0 || e->type == EVENT_EVENTS_LOST)
                put_number(t, "CARGOWALL_COUNT=", e->count);
        if (e->sequence > 0)
                put_number(t, "CARGOWALL_SEQUENCE=", e->sequence);
        put_text(t, "CARGOWALL_DETAIL=", is_set(e->detail) ? e->detail : needs_detail(e) ? "unknown" : NULL,
                 DETAIL_SHARE);
}

size_t event_journal_write(const Event *e, char buf[static EVENT_JOURNAL_MAX]) {
        char message[EVENT_MESSAGE_MAX];
        TextWriter t;

        assert(e);

        text_init(&t, buf, EVENT_JOURNAL_MAX);
        text_add(&t, "MESSAGE=");
        text_add(&t, event_message_write(e, message)); /* escaped there */
        text_add(&t, "\n");
        put_number(&t, "PRIORITY=", (uint64_t) event_journal_priority(e));
        put_text(&t, "MESSAGE_ID=", event_journal_message_id(e), WORD_SHARE);
        text_add(&t, "SYSLOG_IDENTIFIER=cargowalld\n");
        put_text(&t, "CARGOWALL_EVENT=", event_type_to_string(e->type), WORD_SHARE);
        put_verdict(&t, e);
        put_mode(&t, e);
        put_destination(&t, e);
        put_rule(&t, e);
        put_process(&t, e);
        put_labels(&t, e);
        put_counts(&t, e);

        assert(t.p < t.end);
        return (size_t) (t.p - buf);
}
