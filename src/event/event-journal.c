/* SPDX-License-Identifier: Apache-2.0 */
#include "event/event-journal.h"

#include <assert.h>
#include <string.h>

#include "basic/macro.h"
#include "event/event-fields.h"
#include "event/event-message.h"
#include "event/message-id.h"
#include "event/text-writer.h"

#define X(id, name, journal, type, share) +((journal) ? (share) : 0)
enum {
        JOB_KEY_ROOM = EVENT_LABEL_KEY_MAX + sizeof("CARGOWALL_JOB_=\n"),
        QNAME_SHARE = 1024,
        VALUES_MAX = EVENT_MESSAGE_MAX + QNAME_SHARE EVENT_FIELDS(X) +
                     EVENT_LABELS_MAX * (EVENT_LABEL_VALUE_SHARE + JOB_KEY_ROOM),
        REST_MAX = 1200, /* field names, numbers, addresses, our own words; a test covers the worst case */
};
#undef X

_Static_assert(VALUES_MAX + REST_MAX < EVENT_JOURNAL_MAX, "every event fits");
/* journald drops fields with longer names */
_Static_assert(EVENT_LABEL_KEY_MAX + sizeof("CARGOWALL_JOB_") - 1 <= 64, "every label is a field");

/* syslog(3), whose header would pull the logging functions into a pure layer. */
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
        [EVENT_CONNECTIONS_SUPPRESSED] = { MESSAGE_ID_CONNECTIONS_SUPPRESSED, PRIORITY_WARNING },
        [EVENT_QUERIES_SUPPRESSED] = { MESSAGE_ID_QUERIES_SUPPRESSED, PRIORITY_WARNING },
        [EVENT_QUERIES_LIMITED] = { MESSAGE_ID_QUERIES_LIMITED, PRIORITY_WARNING },
        [EVENT_UPSTREAM_FAILED] = { MESSAGE_ID_UPSTREAM_FAILED, PRIORITY_WARNING },
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
        [EVENT_PROXY_SHARED] = { MESSAGE_ID_PROXY_SHARED, PRIORITY_CRITICAL },
        [EVENT_STATE_NOT_KEPT] = { MESSAGE_ID_STATE_NOT_KEPT, PRIORITY_ERROR },
};

int event_journal_priority(const Event *e) {
        assert(e);
        assert(e->type < _EVENT_TYPE_MAX);

        if (event_is_denial(e))
                return e->mode == MODE_ENFORCE ? PRIORITY_WARNING : PRIORITY_NOTICE;
        if (e->type == EVENT_MODE_CHANGED && e->mode != MODE_ENFORCE)
                return PRIORITY_CRITICAL; /* from now on denied traffic passes */
        return classes[e->type].priority;
}

const char *event_journal_message_id(const Event *e) {
        assert(e);
        assert(e->type < _EVENT_TYPE_MAX);

        if (event_is_denial(e) && e->mode != MODE_ENFORCE)
                return MESSAGE_ID_WOULD_DENY;
        return classes[e->type].id;
}

static void put_name(TextWriter *t, const char *name) {
        text_add(t, name);
        text_add(t, "=");
}

static void put_text(TextWriter *t, const char *name, const char *value, size_t share) {
        put_name(t, name);
        text_add_escaped(t, value, share);
        text_add(t, "\n");
}

static void put_word(TextWriter *t, const char *name, const char *value) {
        put_name(t, name);
        text_add(t, value);
        text_add(t, "\n");
}

static void put_number(TextWriter *t, const char *name, uint64_t v) {
        put_name(t, name);
        text_add_number(t, v);
        text_add(t, "\n");
}

/* "run-id=7" becomes CARGOWALL_JOB_RUN_ID=7; a label without a value is left out. */
static void put_labels(TextWriter *t, const Event *e) {
        static const char prefix[] = "CARGOWALL_JOB_";
        char name[sizeof(prefix) + EVENT_LABEL_KEY_MAX];
        const char *label;
        size_t n, next = 0;

        while ((label = event_labels_next(e, &next, &n))) {
                if (label[n + 1] == '\0')
                        continue;

                char *p = mempcpy(name, prefix, sizeof(prefix) - 1);
                for (size_t k = 0; k < n; k++) {
                        char c = label[k];
                        *p++ = c >= 'a' && c <= 'z' ? (char) (c & ~0x20) : c == '-' || c == '.' ? '_' : c;
                }
                *p = '\0';
                put_text(t, name, label + n + 1, EVENT_LABEL_VALUE_SHARE);
        }
}

/* Losses, jobs and calls have no mode: zero in the event means nothing then. */
static bool has_mode(const Event *e) {
        return e->type != EVENT_EVENTS_LOST && e->type != EVENT_JOB_BEGUN && e->type != EVENT_JOB_ENDED &&
               e->type != EVENT_PRIVILEGED_CALL;
}

/* Their catalog entries refer to the detail, so it is always present. */
static bool needs_detail(const Event *e) {
        return e->type == EVENT_MODE_CHANGED || e->type == EVENT_POLICY_REJECTED || e->type == EVENT_HOOK_LOST ||
               e->type == EVENT_PRIVILEGED_CALL || e->type == EVENT_PROXY_SHARED || e->type == EVENT_STATE_NOT_KEPT;
}

static bool is_wanted(const Event *e, const EventField *f) {
        switch (f->id) {
        case EVENT_FIELD_ID_MODE:
                return has_mode(e);
        case EVENT_FIELD_ID_SEQUENCE:
                return f->number > 0; /* of records missing from every log */
        default:
                return event_field_infos[f->id].journal != NULL;
        }
}

static const char *word_of(const Event *e, const EventField *f) {
        bool audited = f->id == EVENT_FIELD_ID_VERDICT && event_is_denial(e) && e->mode != MODE_ENFORCE;

        return audited ? "would_deny" : f->text;
}

static void put_field(TextWriter *t, const Event *e, const EventField *f) {
        const EventFieldInfo *info = &event_field_infos[f->id];
        char addr[IN_ADDR_TEXT_MAX];

        switch (info->type) {
        case EVENT_FIELD_NUMBER:
                put_number(t, info->journal, f->number);
                break;
        case EVENT_FIELD_WORD:
                put_word(t, info->journal, word_of(e, f));
                break;
        case EVENT_FIELD_TEXT:
                put_text(t, info->journal, f->text, info->share);
                break;
        case EVENT_FIELD_ADDRESS:
                put_word(t, info->journal, in_addr_format(f->addr, addr));
                break;
        default: /* no journal field has another type, see EVENT_FIELDS */
                assert(false);
        }
}

static void put_fields(TextWriter *t, const Event *e) {
        EventFields fields;
        bool seen[_EVENT_FIELD_ID_MAX] = {};

        event_fields(e, &fields);
        for (size_t i = 0; i < fields.n; i++) {
                const EventField *f = &fields.fields[i];

                seen[f->id] = true;
                if (f->id == EVENT_FIELD_ID_JOB)
                        put_labels(t, f->event);
                else if (is_wanted(e, f))
                        put_field(t, e, f);
                if (f->id == EVENT_FIELD_ID_DST_HOSTNAME && e->type == EVENT_DNS_BLOCKED)
                        put_text(t, "CARGOWALL_QNAME", f->text, QNAME_SHARE);
        }
        if (!seen[EVENT_FIELD_ID_SCOPE] && event_is_traffic(e))
                put_word(t, event_field_infos[EVENT_FIELD_ID_SCOPE].journal, "unknown");
        if (!seen[EVENT_FIELD_ID_DETAIL] && needs_detail(e))
                put_word(t, event_field_infos[EVENT_FIELD_ID_DETAIL].journal, "unknown");
}

size_t event_journal_write(const Event *e, char buf[static EVENT_JOURNAL_MAX]) {
        char message[EVENT_MESSAGE_MAX];
        TextWriter t;

        assert(e);

        text_init(&t, buf, EVENT_JOURNAL_MAX);
        put_word(&t, "MESSAGE", event_message_write(e, message)); /* already escaped */
        put_number(&t, "PRIORITY", (uint64_t) event_journal_priority(e));
        put_word(&t, "MESSAGE_ID", event_journal_message_id(e));
        put_word(&t, "SYSLOG_IDENTIFIER", "cargowalld");
        put_fields(&t, e);

        assert(t.p < t.end);
        return (size_t) (t.p - buf);
}
