/* SPDX-License-Identifier: Apache-2.0 */
#include "event/event-decode.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "policy/port.h"

static bool addr_is_zero(const struct cw_addr *a) {
        static const struct cw_addr zero = {};
        return memcmp(a, &zero, sizeof(zero)) == 0;
}

/* What a record of each type can say of its verdict; CLOSE may be of a flow that audit mode let pass. */
static bool verdict_is_consistent(const struct cw_record *r) {
        switch (r->type) {
        case CW_RECORD_OPEN:
                return r->action == CW_ALLOW;
        case CW_RECORD_DENY:
                return r->action == CW_DENY;
        case CW_RECORD_CLOSE:
                return r->action == CW_DENY || r->action == CW_ALLOW;
        case CW_RECORD_RAW_SOCKET:
                return r->action == CW_DENY && r->reason == CW_REASON_RAW_SOCKET;
        case CW_RECORD_OPTION:
                return r->action == CW_DENY &&
                       (r->reason == CW_REASON_SOURCE_ROUTE || r->reason == CW_REASON_SOURCE ||
                        r->reason == CW_REASON_DEVICE || r->reason == CW_REASON_PROTOCOL || r->reason == CW_REASON_FAULT);
        case CW_RECORD_FAMILY:
                return r->action == CW_DENY && r->reason == CW_REASON_FAMILY;
        default:
                return false;
        }
}

/* A new socket has no destination yet, a socket option none; a header that cannot be read may not have shown one. */
static bool has_destination(const struct cw_record *r) {
        if (r->type == CW_RECORD_RAW_SOCKET || r->type == CW_RECORD_OPTION || r->type == CW_RECORD_FAMILY)
                return false;

        return r->reason != CW_REASON_MALFORMED || !addr_is_zero(&r->dst);
}

static bool record_is_valid(const struct cw_record *r) {
        if (r->version < 1 || r->version > CW_API_VERSION || !verdict_is_consistent(r))
                return false;
        if (r->reason >= _CW_REASON_MAX || r->mode > CW_AUDIT || r->hook > CW_HOOK_OPTION)
                return false;
        if (r->mid_stream > 1 || (r->socket_family != 0) != (r->type == CW_RECORD_FAMILY))
                return false;
        if (r->family != 4 && r->family != 6)
                return false;
        return memchr(r->process.comm, '\0', sizeof(r->process.comm));
}

static InAddr addr_from_record(const struct cw_addr *a) {
        InAddr addr;

        _Static_assert(sizeof(addr.b) == sizeof(a->b), "one address form");
        memcpy(addr.b, a->b, sizeof(addr.b));
        return addr;
}

static EventType event_type(const struct cw_record *r) {
        switch (r->type) {
        case CW_RECORD_OPEN:
                return EVENT_CONNECTION_ALLOWED;
        case CW_RECORD_CLOSE:
                return EVENT_CONNECTION_CLOSED;
        case CW_RECORD_OPTION:
        case CW_RECORD_FAMILY:
                return EVENT_PROTOCOL_BLOCKED;
        default:
                return r->reason == CW_REASON_PROTOCOL || r->reason == CW_REASON_RAW_SOCKET ?
                               EVENT_PROTOCOL_BLOCKED :
                               EVENT_CONNECTION_BLOCKED;
        }
}

static uint64_t real_usec(uint64_t monotonic_nsec, int64_t monotonic_to_real_usec) {
        int64_t usec = (int64_t) (monotonic_nsec / 1000), real; /* at most 2^54 */

        if (__builtin_add_overflow(usec, monotonic_to_real_usec, &real))
                return INT64_MAX;
        return real < 0 ? 0 : (uint64_t) real;
}

static void add_addresses(Event *e, const struct cw_record *r) {
        e->protocol = r->protocol;
        e->socket_family = r->socket_family;
        e->has_src = !addr_is_zero(&r->src);
        if (e->has_src)
                e->src = addr_from_record(&r->src);
        e->has_dst = has_destination(r);
        if (e->has_dst)
                e->dst = addr_from_record(&r->dst);

        if (e->has_dst && (r->protocol == PROTOCOL_TCP || r->protocol == PROTOCOL_UDP)) {
                e->src_port = r->src_port;
                e->dst_port = r->dst_port;
        }
}

static void add_process(Event *e, const struct cw_process *p, char comm_buf[static CW_COMM_MAX]) {
        memcpy(comm_buf, p->comm, CW_COMM_MAX);
        e->cgroup_id = p->cgroup_id;
        if (p->pid == 0)
                return;

        e->pid = p->pid;
        e->tid = p->tid;
        e->uid = p->uid;
        e->gid = p->gid;
        e->process = comm_buf;
}

int event_decode(const void *data, size_t size, int64_t monotonic_to_real_usec, char comm_buf[static CW_COMM_MAX],
                 Event *ret, struct cw_record *ret_record) {
        assert(data || size == 0);
        assert(ret);
        assert(ret_record);

        struct cw_record r;
        if (size != sizeof(r))
                return -EBADMSG;
        memcpy(&r, data, sizeof(r)); /* may be unaligned, and may change meanwhile */
        if (!record_is_valid(&r))
                return -EBADMSG;

        if (r.version < 2) { /* written by a predecessor's programs: one layer, no chain */
                r.chain = CW_POLICY_LAYER(r.policy_id);
                r.actor = 0;
        }
        Event e = {
                .type = event_type(&r),
                .time_usec = real_usec(r.time_ns, monotonic_to_real_usec),
                .mode = (Mode) r.mode,
                .has_verdict = true,
                .verdict = (Action) r.action,
                .reason = (Reason) r.reason,
                .rule = r.rule,
                .mid_stream = r.mid_stream,
                .actor = r.actor,
        };
        add_addresses(&e, &r);
        if (e.has_dst && r.family == 4 && !in_addr_is_v4(&e.dst))
                return -EBADMSG;

        if (r.type == CW_RECORD_CLOSE) {
                e.bytes_out = r.bytes_out;
                e.bytes_in = r.bytes_in;
                e.duration_usec = r.time_ns > r.start_ns ? (r.time_ns - r.start_ns) / 1000 : 0;
        }

        add_process(&e, &r.process, comm_buf);
        *ret = e;
        *ret_record = r;
        return 0;
}
