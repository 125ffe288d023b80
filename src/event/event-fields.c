/* SPDX-License-Identifier: Apache-2.0 */
#include "event/event-fields.h"

#include <assert.h>
#include <string.h>

#include "basic/macro.h"

const EventFieldInfo event_field_infos[_EVENT_FIELD_ID_MAX] = {
#define X(id, name, journal, type, share) [EVENT_FIELD_ID_##id] = { name, journal, EVENT_FIELD_##type, share },
        EVENT_FIELDS(X)
#undef X
};

static bool is_set(const char *s) {
        return s && *s;
}

static void add_number(EventFields *f, EventFieldId id, uint64_t v) {
        f->fields[f->n++] = (EventField) { .id = id, .number = v };
}

static void add_word(EventFields *f, EventFieldId id, const char *s) {
        f->fields[f->n++] = (EventField) { .id = id, .text = s };
}

static void add_text(EventFields *f, EventFieldId id, const char *s) {
        if (is_set(s))
                add_word(f, id, s);
}

static void add_address(EventFields *f, EventFieldId id, const InAddr *a) {
        f->fields[f->n++] = (EventField) { .id = id, .addr = a };
}

static void add_event(EventFields *f, EventFieldId id, const Event *e) {
        f->fields[f->n++] = (EventField) { .id = id, .event = e };
}

static void add_verdict(EventFields *f, const Event *e) {
        bool denial = event_is_denial(e);

        add_word(f, EVENT_FIELD_ID_EVENT_TYPE, event_type_to_string(e->type));
        if (e->has_verdict)
                add_word(f, EVENT_FIELD_ID_VERDICT, action_to_string(e->verdict));
        add_number(f, EVENT_FIELD_ID_BLOCKED, denial && e->mode == MODE_ENFORCE);
        add_number(f, EVENT_FIELD_ID_WOULD_DENY, denial && e->mode == MODE_AUDIT);
        add_word(f, EVENT_FIELD_ID_MODE, mode_to_string(e->mode));
        if (e->has_verdict)
                add_word(f, EVENT_FIELD_ID_REASON, reason_to_string(e->reason));
}

static void add_destination(EventFields *f, const Event *e) {
        if (e->has_src)
                add_address(f, EVENT_FIELD_ID_SRC_IP, &e->src);
        if (e->src_port > 0)
                add_number(f, EVENT_FIELD_ID_SRC_PORT, e->src_port);
        if (e->has_dst)
                add_address(f, EVENT_FIELD_ID_DST_IP, &e->dst);
        add_text(f, EVENT_FIELD_ID_DST_HOSTNAME, e->hostname);
        if (e->dst_port > 0)
                add_number(f, EVENT_FIELD_ID_DST_PORT, e->dst_port);
        if (e->protocol != 0)
                add_word(f, EVENT_FIELD_ID_PROTOCOL, protocol_to_string(e->protocol, f->protocol));
        if (e->socket_family != 0)
                add_word(f, EVENT_FIELD_ID_SOCKET_FAMILY, socket_family_to_string(e->socket_family, f->socket_family));
        if (is_set(e->cname_chain) && event_names_next(&(EventNames) { .event = e }))
                add_event(f, EVENT_FIELD_ID_CNAME_CHAIN, e);
        add_text(f, EVENT_FIELD_ID_QUERY_TYPE, e->query_type);
        add_text(f, EVENT_FIELD_ID_DNS_REASON, e->dns_reason);
        if (e->mid_stream)
                add_number(f, EVENT_FIELD_ID_MID_STREAM, true);
}

static void add_rule(EventFields *f, const Event *e) {
        add_text(f, EVENT_FIELD_ID_MATCHED_RULE, e->matched_rule);
        if (e->has_verdict && e->rule != RULE_NONE)
                add_number(f, EVENT_FIELD_ID_RULE, e->rule);
        add_text(f, EVENT_FIELD_ID_AUTO_ALLOWED_TYPE, e->automatic);
        add_text(f, EVENT_FIELD_ID_SCOPE, e->scope);
        add_text(f, EVENT_FIELD_ID_POLICY_DIGEST, e->policy_digest);
}

/* The caller of a privileged request is identified by its user, even after the process has ended. */
static void add_process(EventFields *f, const Event *e) {
        add_text(f, EVENT_FIELD_ID_PROCESS, e->process);
        if (e->pid > 0)
                add_number(f, EVENT_FIELD_ID_PID, e->pid);
        if (e->pid > 0 && e->tid > 0)
                add_number(f, EVENT_FIELD_ID_TID, e->tid);
        if (e->pid > 0 || e->type == EVENT_PRIVILEGED_CALL)
                add_number(f, EVENT_FIELD_ID_UID, e->uid);
        if (e->pid > 0)
                add_number(f, EVENT_FIELD_ID_GID, e->gid);
        add_text(f, EVENT_FIELD_ID_EXECUTABLE, e->executable);
        if (e->n_parents > 0)
                add_event(f, EVENT_FIELD_ID_PARENTS, e);
        add_text(f, EVENT_FIELD_ID_UNIT, e->unit);
        add_text(f, EVENT_FIELD_ID_CGROUP, e->cgroup);
        if (e->cgroup_id > 0)
                add_number(f, EVENT_FIELD_ID_CGROUP_ID, e->cgroup_id);
        if (event_labels_next(e, &(size_t) { 0 }, &(size_t) { 0 }))
                add_event(f, EVENT_FIELD_ID_JOB, e);
}

void event_fields(const Event *e, EventFields *ret) {
        assert(e);
        assert(ret);

        ret->n = 0;
        add_number(ret, EVENT_FIELD_ID_TIMESTAMP, e->time_usec);
        add_number(ret, EVENT_FIELD_ID_SCHEMA_VERSION, EVENT_SCHEMA_VERSION);
        add_number(ret, EVENT_FIELD_ID_SEQUENCE, e->sequence);
        add_verdict(ret, e);
        add_destination(ret, e);
        add_rule(ret, e);
        add_process(ret, e);
        if (e->type == EVENT_CONNECTION_CLOSED) {
                add_number(ret, EVENT_FIELD_ID_BYTES_OUT, e->bytes_out);
                add_number(ret, EVENT_FIELD_ID_BYTES_IN, e->bytes_in);
                add_number(ret, EVENT_FIELD_ID_DURATION_USEC, e->duration_usec);
        }
        if (e->count > 0 || e->type == EVENT_EVENTS_LOST)
                add_number(ret, EVENT_FIELD_ID_COUNT, e->count);
        add_text(ret, EVENT_FIELD_ID_DETAIL, e->detail);
        assert(ret->n <= _EVENT_FIELD_ID_MAX);
}

static bool take_name(EventNames *names, const char *s, size_t length) {
        names->name = s;
        names->length = length;
        return length > 0;
}

bool event_names_next(EventNames *names) {
        assert(names);
        assert(names->event);

        if (!names->rest) {
                names->rest = names->event->cname_chain ?: "";
                if (is_set(names->event->hostname))
                        return take_name(names, names->event->hostname, strlen(names->event->hostname));
        }
        names->rest += strspn(names->rest, " ");
        size_t n = strcspn(names->rest, " ");
        const char *name = names->rest;
        names->rest += n;
        return take_name(names, name, n);
}

/* Many JSON readers reject duplicate keys. */
static bool key_is_new(const Event *e, size_t i, size_t key_length) {
        for (size_t k = 0; k < i; k++)
                if (strncmp(e->labels[k], e->labels[i], key_length + 1) == 0) /* including the '=' */
                        return false;
        return true;
}

const char *event_labels_next(const Event *e, size_t *i, size_t *ret_key_length) {
        assert(e);
        assert(i);
        assert(ret_key_length);

        while (*i < MIN(e->n_labels, (size_t) EVENT_LABELS_MAX)) {
                const char *label = e->labels[*i];
                size_t n = event_label_key_length(label);
                bool is_new = n > 0 && key_is_new(e, *i, n);

                (*i)++;
                if (is_new) {
                        *ret_key_length = n;
                        return label;
                }
        }
        return NULL;
}
