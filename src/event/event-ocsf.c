/* SPDX-License-Identifier: Apache-2.0 */

/* Numbers and names are those of schema.ocsf.io, version 1.3.0, with the profiles host and security_control. */

#include <assert.h>
#include <string.h>

#include "event/event-format-internal.h"

#define OCSF_VERSION "1.3.0"

enum { CATEGORY_NETWORK = 4 };
enum { CLASS_BASE = 0, CLASS_NETWORK = 4001, CLASS_DNS = 4003 };
enum { ACTIVITY_OPEN = 1, ACTIVITY_CLOSE = 2, ACTIVITY_REFUSE = 5, ACTIVITY_TRAFFIC = 6, ACTIVITY_OTHER = 99 };
enum { ACTIVITY_QUERY = 1, ACTIVITY_RESPONSE = 2 }; /* of CLASS_DNS */
enum { SEVERITY_INFORMATIONAL = 1, SEVERITY_LOW, SEVERITY_MEDIUM, SEVERITY_HIGH };
enum { ACTION_ID_ALLOWED = 1, ACTION_ID_DENIED = 2 };
enum { DISPOSITION_ALLOWED = 1, DISPOSITION_BLOCKED = 2, DISPOSITION_LOGGED = 17 };
enum { STATUS_SUCCESS = 1, STATUS_FAILURE = 2 };
enum { DIRECTION_OUTBOUND = 2, FILE_REGULAR = 1 };

typedef struct Kind {
        const char *type;
        unsigned class, activity;
        unsigned severity; /* of one that is not a denial */
} Kind;

/* All others are CLASS_BASE, for information. */
static const Kind kinds[] = {
        { "connection_allowed", CLASS_NETWORK, ACTIVITY_OPEN, SEVERITY_INFORMATIONAL },
        { "connection_blocked", CLASS_NETWORK, ACTIVITY_REFUSE, SEVERITY_INFORMATIONAL },
        { "connection_closed", CLASS_NETWORK, ACTIVITY_CLOSE, SEVERITY_INFORMATIONAL },
        { "existing_connection", CLASS_NETWORK, ACTIVITY_TRAFFIC, SEVERITY_INFORMATIONAL },
        { "protocol_blocked", CLASS_NETWORK, ACTIVITY_REFUSE, SEVERITY_INFORMATIONAL },
        { "dns_blocked", CLASS_DNS, ACTIVITY_QUERY, SEVERITY_INFORMATIONAL },
        { "upstream_failed", CLASS_DNS, ACTIVITY_RESPONSE, SEVERITY_LOW },
        { "connections_suppressed", CLASS_BASE, ACTIVITY_OTHER, SEVERITY_MEDIUM },
        { "queries_suppressed", CLASS_BASE, ACTIVITY_OTHER, SEVERITY_MEDIUM },
        { "queries_limited", CLASS_BASE, ACTIVITY_OTHER, SEVERITY_MEDIUM },
        { "policy_rejected", CLASS_BASE, ACTIVITY_OTHER, SEVERITY_MEDIUM },
        { "events_lost", CLASS_BASE, ACTIVITY_OTHER, SEVERITY_HIGH },
        { "hook_lost", CLASS_BASE, ACTIVITY_OTHER, SEVERITY_HIGH },
        { "enforcement_ended", CLASS_BASE, ACTIVITY_OTHER, SEVERITY_HIGH },
        { "proxy_shared", CLASS_BASE, ACTIVITY_OTHER, SEVERITY_HIGH },
        { "state_not_kept", CLASS_BASE, ACTIVITY_OTHER, SEVERITY_MEDIUM },
};

static const FieldPlace places[] = {
        { "timestamp", "metadata.original_time", FIELD_AS_IT_IS },
        { "sequence", "metadata.sequence", FIELD_AS_IT_IS },
        { "event_type", "metadata.event_code", FIELD_AS_IT_IS },
        { "src_ip", "src_endpoint.ip", FIELD_AS_IT_IS },
        { "src_port", "src_endpoint.port", FIELD_AS_IT_IS },
        { "dst_ip", "dst_endpoint.ip", FIELD_AS_IT_IS },
        { "protocol", "connection_info.protocol_name", FIELD_LOWERED },
        { "matched_rule", "firewall_rule.name", FIELD_AS_IT_IS },
        { "rule", "firewall_rule.uid", FIELD_AS_TEXT },
        { "scope", "policy.name", FIELD_AS_IT_IS },
        { "policy_digest", "policy.uid", FIELD_AS_IT_IS },
        { "process", "actor.process.name", FIELD_AS_IT_IS },
        { "pid", "actor.process.pid", FIELD_AS_IT_IS },
        { "tid", "actor.process.tid", FIELD_AS_IT_IS },
        { "uid", "actor.process.user.uid", FIELD_AS_TEXT },
        { "bytes_out", "traffic.bytes_out", FIELD_AS_IT_IS },
        { "bytes_in", "traffic.bytes_in", FIELD_AS_IT_IS },
        { "duration_usec", "duration", FIELD_IN_MSEC },
        { "count", "count", FIELD_AS_IT_IS },
        { "detail", "message", FIELD_AS_IT_IS },
        { "dst_port", "dst_endpoint.port", FIELD_AS_IT_IS }, /* the last: an end must have an address or a name */
};

static const Kind *kind_of(const char *type) {
        static const Kind other = { NULL, CLASS_BASE, ACTIVITY_OTHER, SEVERITY_INFORMATIONAL };

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (strcmp(kinds[i].type, type) == 0)
                        return &kinds[i];
        return &other;
}

static int put_class(json_object *root, const char *type, const Kind *k, unsigned severity) {
        int r = event_put_number(root, "class_uid", k->class);

        if (r >= 0)
                r = event_put_number(root, "category_uid", k->class == CLASS_BASE ? 0 : CATEGORY_NETWORK);
        if (r >= 0)
                r = event_put_number(root, "activity_id", k->activity);
        if (r >= 0 && k->activity == ACTIVITY_OTHER)
                r = event_put_text(root, "activity_name", type);
        if (r >= 0)
                r = event_put_number(root, "type_uid", (uint64_t) k->class * 100 + k->activity);
        return r >= 0 ? event_put_number(root, "severity_id", severity) : r;
}

static int put_metadata(json_object *root, bool is_verdict) {
        _cleanup_(json_object_putp) json_object *profiles = json_object_new_array();
        int r = event_append_text(profiles, "host");

        if (r >= 0 && is_verdict)
                r = event_append_text(profiles, "security_control");
        if (r >= 0)
                r = event_put(root, "metadata.profiles", TAKE_PTR(profiles));
        if (r >= 0)
                r = event_put_text(root, "metadata.version", OCSF_VERSION);
        if (r >= 0)
                r = event_put_text(root, "metadata.product.name", "CargoWall");
        if (r >= 0)
                r = event_put_text(root, "metadata.product.vendor_name", "CargoWall");
        return r >= 0 ? event_put_text(root, "metadata.product.version", CARGOWALL_VERSION) : r;
}

/* A denial that audit mode let pass was allowed, and logged. */
static int put_verdict(json_object *root, bool blocked, bool would_deny) {
        int r = event_put_number(root, "action_id", blocked ? ACTION_ID_DENIED : ACTION_ID_ALLOWED);

        if (r >= 0)
                r = event_put_number(root, "disposition_id",
                                     blocked ? DISPOSITION_BLOCKED : would_deny ? DISPOSITION_LOGGED : DISPOSITION_ALLOWED);
        return r >= 0 ? event_put_number(root, "status_id", blocked ? STATUS_FAILURE : STATUS_SUCCESS) : r;
}

static int put_connection(json_object *root, json_object *event) {
        const char *addr = event_text(event, "dst_ip");
        unsigned number = event_protocol_number(event);

        int r = event_put_number(root, "connection_info.direction_id", DIRECTION_OUTBOUND);
        if (r >= 0 && *addr)
                r = event_put_number(root, "connection_info.protocol_ver_id", strchr(addr, ':') ? 6 : 4);
        return r >= 0 && number > 0 ? event_put_number(root, "connection_info.protocol_num", number) : r;
}

static int put_name(json_object *root, json_object *event, const Kind *k) {
        const char *name = event_text(event, "dst_hostname"), *type = event_text(event, "query_type");

        if (!*name)
                return 0;
        if (k->class != CLASS_DNS)
                return event_put_text(root, "dst_endpoint.hostname", name);
        int r = event_put_text(root, "query.hostname", name);
        if (r >= 0)
                r = event_put_text(root, "query.class", "IN");
        return r >= 0 && *type ? event_put_text(root, "query.type", type) : r;
}

static int put_program(json_object *root, json_object *event) {
        const char *path = event_text(event, "executable"), *slash = strrchr(path, '/');
        json_object *parents, *parent, *pid, *comm;
        int r = 0;

        if (*path) {
                r = event_put_text(root, "actor.process.file.path", path);
                if (r >= 0)
                        r = event_put_text(root, "actor.process.file.name", slash && slash[1] ? slash + 1 : path);
                if (r >= 0)
                        r = event_put_number(root, "actor.process.file.type_id", FILE_REGULAR);
        }
        if (!json_object_object_get_ex(event, "parents", &parents) || !json_object_is_type(parents, json_type_array) ||
            !json_object_is_type(parent = json_object_array_get_idx(parents, 0), json_type_object))
                return r;
        if (r >= 0 && json_object_object_get_ex(parent, "pid", &pid))
                r = event_put(root, "actor.process.parent_process.pid", json_object_get(pid));
        if (r >= 0 && json_object_object_get_ex(parent, "comm", &comm))
                r = event_put(root, "actor.process.parent_process.name", json_object_get(comm));
        return r;
}

/* The host profile wants its kind as well; an event of the network category, one end at least. */
static int put_host(json_object *root, const char *host, const Kind *k) {
        int r = 0;

        if (host) {
                r = event_put_text(root, "device.hostname", host);
                if (r >= 0)
                        r = event_put_number(root, "device.type_id", 0);
        }
        if (r >= 0 && k->class != CLASS_BASE && !json_object_object_get_ex(root, "dst_endpoint", NULL) &&
            !json_object_object_get_ex(root, "src_endpoint", NULL))
                r = event_put_text(root, "src_endpoint.hostname", host ?: "localhost");
        return r;
}

int event_to_ocsf(json_object *event, const char *type, const char *host, json_object *root) {
        static const char *const skipped[] = { "schema_version", "blocked", "executable", "dst_hostname", "query_type", NULL };
        bool blocked = event_flag(event, "blocked"), would_deny = event_flag(event, "would_deny");
        bool is_verdict = *event_text(event, "verdict") != '\0';
        const Kind *k = kind_of(type);
        bool has_end = *event_text(event, "dst_ip") || (k->class != CLASS_DNS && *event_text(event, "dst_hostname"));
        uint64_t msec;

        assert(root);

        int r = event_time_msec(event, &msec);
        if (r >= 0)
                r = put_class(root, type, k, blocked ? SEVERITY_MEDIUM : would_deny ? SEVERITY_LOW : k->severity);
        if (r >= 0)
                r = event_put_number(root, "time", msec);
        if (r >= 0)
                r = put_metadata(root, is_verdict);
        if (r >= 0)
                r = event_put_fields(root, event, places, ELEMENTSOF(places) - !has_end, skipped, "unmapped");
        if (r >= 0 && is_verdict)
                r = put_verdict(root, blocked, would_deny);
        if (r >= 0 && k->class != CLASS_BASE)
                r = put_connection(root, event);
        if (r >= 0)
                r = put_name(root, event, k);
        if (r >= 0)
                r = put_program(root, event);
        return r >= 0 ? put_host(root, host, k) : r;
}
