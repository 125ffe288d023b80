/* SPDX-License-Identifier: Apache-2.0 */
#include "handover/state-record.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "basic/macro.h"

/* Once a value is too long or does not fit, the writer has failed and ignores further calls. */
typedef struct Writer {
        uint8_t *data;
        size_t size;
        size_t pos;
        int error;
} Writer;

/* The same, for missing or invalid values. */
typedef struct Reader {
        const uint8_t *data;
        size_t size;
        size_t pos;
        bool failed;
} Reader;

static void put(Writer *w, const void *p, size_t n) {
        if (w->error == 0 && n > w->size - w->pos)
                w->error = -ENOSPC;
        if (w->error < 0)
                return;
        memcpy(w->data + w->pos, p, n);
        w->pos += n;
}

static void put_u8(Writer *w, uint8_t v, uint8_t max) {
        if (v > max)
                w->error = -EINVAL;
        put(w, &v, sizeof(v));
}

static void put_u32(Writer *w, uint32_t v) {
        put(w, &v, sizeof(v));
}

static void put_u64(Writer *w, uint64_t v) {
        put(w, &v, sizeof(v));
}

/* Length, bytes, NUL: a reader can point to the text in place. */
static void put_text(Writer *w, const char *s, size_t min, size_t max) {
        size_t n = strnlen(s, max + 1);
        uint16_t length = (uint16_t) n;

        if (n < min || n > max)
                w->error = -EINVAL;
        put(w, &length, sizeof(length));
        put(w, s, w->error < 0 ? 0 : n + 1);
}

static void get(Reader *r, void *ret, size_t n) {
        if (r->failed || n > r->size - r->pos) {
                r->failed = true;
                memset(ret, 0, n);
                return;
        }
        memcpy(ret, r->data + r->pos, n);
        r->pos += n;
}

static uint8_t get_u8(Reader *r, uint8_t max) {
        uint8_t v;

        get(r, &v, sizeof(v));
        if (v > max)
                r->failed = true;
        return v;
}

static uint32_t get_u32(Reader *r) {
        uint32_t v;

        get(r, &v, sizeof(v));
        return v;
}

static uint64_t get_u64(Reader *r) {
        uint64_t v;

        get(r, &v, sizeof(v));
        return v;
}

static const char *get_text(Reader *r, size_t min, size_t max) {
        uint16_t length;

        get(r, &length, sizeof(length));
        if (r->failed || length < min || length > max || r->size - r->pos <= length ||
            memchr(r->data + r->pos, '\0', (size_t) length + 1) != r->data + r->pos + length) {
                r->failed = true;
                return "";
        }

        const char *s = (const char *) r->data + r->pos;
        r->pos += (size_t) length + 1;
        return s;
}

static void put_scope(Writer *w, const StateScope *s) {
        put_u32(w, s->policy_id);
        put_u8(w, s->mode, STATE_MODE_MAX);
        put_text(w, s->name, 1, STATE_SCOPE_NAME_MAX);
        put_text(w, s->digest, 0, STATE_DIGEST_MAX);
}

static void get_scope(Reader *r, StateScope *ret) {
        ret->policy_id = get_u32(r);
        ret->mode = get_u8(r, STATE_MODE_MAX);
        ret->name = get_text(r, 1, STATE_SCOPE_NAME_MAX);
        ret->digest = get_text(r, 0, STATE_DIGEST_MAX);
}

static void put_lease(Writer *w, const StateLease *l) {
        put_u64(w, l->expires_nsec);
        put(w, l->addr.b, sizeof(l->addr.b));
        put_u32(w, l->ttl_seconds);
        put_text(w, l->scope, 1, STATE_SCOPE_NAME_MAX);
        put_text(w, l->name, 0, STATE_NAME_MAX);
        put_text(w, l->chain ? l->chain : "", 0, STATE_CHAIN_MAX);
}

static void get_lease(Reader *r, StateLease *ret) {
        ret->expires_nsec = get_u64(r);
        get(r, ret->addr.b, sizeof(ret->addr.b));
        ret->ttl_seconds = get_u32(r);
        ret->scope = get_text(r, 1, STATE_SCOPE_NAME_MAX);
        ret->name = get_text(r, 0, STATE_NAME_MAX);
        ret->chain = get_text(r, 0, STATE_CHAIN_MAX);
        if (*ret->chain == '\0')
                ret->chain = NULL;
}

static void put_job(Writer *w, const StateJob *j) {
        if (j->n_labels > STATE_LABELS_MAX) {
                w->error = -EINVAL;
                return;
        }
        put_u64(w, j->id);
        put_u64(w, j->start_usec);
        put_u64(w, j->cgroup_id);
        put_text(w, j->unit, 1, STATE_UNIT_MAX);
        put_text(w, j->cgroup, 1, STATE_CGROUP_MAX);
        put_u8(w, (uint8_t) j->n_labels, STATE_LABELS_MAX);
        for (size_t i = 0; i < j->n_labels; i++)
                put_text(w, j->labels[i], 1, STATE_LABEL_MAX);
}

static void get_job(Reader *r, bool has_cgroup_id, StateJob *ret) {
        ret->id = get_u64(r);
        ret->start_usec = get_u64(r);
        ret->cgroup_id = has_cgroup_id ? get_u64(r) : 0;
        ret->unit = get_text(r, 1, STATE_UNIT_MAX);
        ret->cgroup = get_text(r, 1, STATE_CGROUP_MAX);
        ret->n_labels = get_u8(r, STATE_LABELS_MAX);
        for (size_t i = 0; i < ret->n_labels && !r->failed; i++)
                ret->labels[i] = get_text(r, 1, STATE_LABEL_MAX);
}

int state_record_encode(const StateRecord *record, uint8_t *data, size_t size) {
        assert(record);
        assert(data);

        Writer w = { .data = data, .size = MIN(size, (size_t) STATE_PAYLOAD_MAX) };

        switch (record->type) {
        case STATE_RECORD_SCOPE:
                put_scope(&w, &record->scope);
                break;
        case STATE_RECORD_LEASE:
                put_lease(&w, &record->lease);
                break;
        case STATE_RECORD_OVERRIDE:
                put_u8(&w, record->override, STATE_OVERRIDE_MAX);
                break;
        case STATE_RECORD_SEQUENCE:
                put_u64(&w, record->sequence);
                break;
        case STATE_RECORD_JOB:
                put_job(&w, &record->job);
                break;
        case STATE_RECORD_JOB_END:
                put_u64(&w, record->job_end);
                break;
        case STATE_RECORD_LAST_JOB:
                put_u64(&w, record->last_job);
                break;
        default:
                return -EINVAL;
        }
        return w.error < 0 ? w.error : (int) w.pos;
}

int state_record_decode(uint32_t type, const uint8_t *data, size_t size, StateRecord *ret) {
        assert(data);
        assert(ret);

        Reader r = { .data = data, .size = size, .failed = size > STATE_PAYLOAD_MAX };
        StateRecord record = { .type = (StateRecordType) type };

        switch (type) {
        case STATE_RECORD_SCOPE:
                get_scope(&r, &record.scope);
                break;
        case STATE_RECORD_LEASE:
                get_lease(&r, &record.lease);
                break;
        case STATE_RECORD_OVERRIDE:
                record.override = get_u8(&r, STATE_OVERRIDE_MAX);
                break;
        case STATE_RECORD_SEQUENCE:
                record.sequence = get_u64(&r);
                break;
        case STATE_RECORD_JOB_1:
        case STATE_RECORD_JOB:
                get_job(&r, type == STATE_RECORD_JOB, &record.job);
                record.type = STATE_RECORD_JOB;
                break;
        case STATE_RECORD_JOB_END:
                record.job_end = get_u64(&r);
                break;
        case STATE_RECORD_LAST_JOB:
                record.last_job = get_u64(&r);
                break;
        default:
                return -EBADMSG;
        }
        if (r.failed || r.pos != r.size)
                return -EBADMSG;

        *ret = record;
        return 0;
}
