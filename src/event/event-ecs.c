/* SPDX-License-Identifier: Apache-2.0 */

/* Names and words are those of the Elastic Common Schema, version 8.11. */

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "event/event-format-internal.h"

#define ECS_VERSION "8.11.0"

typedef struct Kind {
        const char *type, *category;
        const char *words[2]; /* event.type, beside "allowed" or "denied" */
} Kind;

/* Of all others the category is "configuration" and the type "info". */
static const Kind kinds[] = {
        { "connection_allowed", "network", { "connection", "start" } },
        { "connection_blocked", "network", { "connection", NULL } },
        { "connection_closed", "network", { "connection", "end" } },
        { "existing_connection", "network", { "connection", "info" } },
        { "protocol_blocked", "network", { "protocol", NULL } },
        { "dns_blocked", "network", { "protocol", NULL } },
        { "upstream_failed", "network", { "protocol", "info" } },
        { "connections_suppressed", "network", { "connection", "info" } },
        { "queries_suppressed", "network", { "protocol", "info" } },
        { "queries_limited", "network", { "protocol", "info" } },
        { "mode_changed", "configuration", { "change", NULL } },
        { "policy_loaded", "configuration", { "change", NULL } },
        { "hook_lost", "configuration", { "change", NULL } },
        { "enforcement_started", "configuration", { "change", NULL } },
        { "enforcement_ended", "configuration", { "change", NULL } },
};

static const FieldPlace places[] = {
        { "timestamp", "@timestamp", FIELD_AS_IT_IS },
        { "sequence", "event.sequence", FIELD_AS_IT_IS },
        { "event_type", "event.action", FIELD_AS_IT_IS },
        { "reason", "event.reason", FIELD_AS_IT_IS },
        { "duration_usec", "event.duration", FIELD_IN_NSEC },
        { "src_ip", "source.ip", FIELD_AS_IT_IS },
        { "src_port", "source.port", FIELD_AS_IT_IS },
        { "bytes_out", "source.bytes", FIELD_AS_IT_IS },
        { "dst_ip", "destination.ip", FIELD_AS_IT_IS },
        { "dst_port", "destination.port", FIELD_AS_IT_IS },
        { "bytes_in", "destination.bytes", FIELD_AS_IT_IS },
        { "protocol", "network.transport", FIELD_LOWERED },
        { "query_type", "dns.question.type", FIELD_AS_IT_IS },
        { "matched_rule", "rule.name", FIELD_AS_IT_IS },
        { "rule", "rule.id", FIELD_AS_TEXT },
        { "scope", "rule.ruleset", FIELD_AS_IT_IS },
        { "process", "process.name", FIELD_AS_IT_IS },
        { "pid", "process.pid", FIELD_AS_IT_IS },
        { "tid", "process.thread.id", FIELD_AS_IT_IS },
        { "executable", "process.executable", FIELD_AS_IT_IS },
        { "uid", "user.id", FIELD_AS_TEXT },
        { "gid", "group.id", FIELD_AS_TEXT },
        { "detail", "message", FIELD_AS_IT_IS },
};

static const Kind *kind_of(const char *type) {
        static const Kind other = { NULL, "configuration", { "info", NULL } };

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (strcmp(kinds[i].type, type) == 0)
                        return &kinds[i];
        return &other;
}

static int put_words(json_object *root, const char *path, const char *const *words, size_t n) {
        _cleanup_(json_object_putp) json_object *array = json_object_new_array();

        for (size_t i = 0; i < n; i++) {
                int r = words[i] ? event_append_text(array, words[i]) : 0;
                if (r < 0)
                        return r;
        }
        return event_put(root, path, TAKE_PTR(array));
}

/* What audit mode let pass was allowed; "would_deny" is kept below "cargowall". */
static int put_event(json_object *root, const Kind *k, bool is_verdict, bool blocked) {
        const char *words[] = { k->words[0], k->words[1], is_verdict ? (blocked ? "denied" : "allowed") : NULL };

        int r = event_put_text(root, "event.kind", "event");
        if (r >= 0)
                r = put_words(root, "event.category", &k->category, 1);
        if (r >= 0)
                r = put_words(root, "event.type", words, ELEMENTSOF(words));
        if (r >= 0)
                r = event_put_text(root, "event.module", "cargowall");
        if (r >= 0)
                r = event_put_text(root, "event.dataset", "cargowall.events");
        return r >= 0 && is_verdict ? event_put_text(root, "event.outcome", blocked ? "failure" : "success") : r;
}

static int put_network(json_object *root, json_object *event, const char *type) {
        const char *name = event_text(event, "dst_hostname"), *addr = event_text(event, "dst_ip");
        bool is_dns = strcmp(type, "dns_blocked") == 0 || strcmp(type, "upstream_failed") == 0;
        unsigned number = event_protocol_number(event);
        char text[12];
        int r = 0;

        if (*name)
                r = event_put_text(root, is_dns ? "dns.question.name" : "destination.domain", name);
        if (r >= 0 && is_dns)
                r = event_put_text(root, "network.protocol", "dns");
        if (r >= 0 && number > 0) {
                (void) snprintf(text, sizeof(text), "%u", number);
                r = event_put_text(root, "network.iana_number", text);
        }
        if (r >= 0 && *addr)
                r = event_put_text(root, "network.type", strchr(addr, ':') ? "ipv6" : "ipv4");
        return r >= 0 && *addr ? event_put_text(root, "network.direction", "egress") : r;
}

static int put_parent(json_object *root, json_object *event) {
        json_object *parents, *parent, *value;
        int r = 0;

        if (!json_object_object_get_ex(event, "parents", &parents) || !json_object_is_type(parents, json_type_array) ||
            !json_object_is_type(parent = json_object_array_get_idx(parents, 0), json_type_object))
                return 0;
        if (json_object_object_get_ex(parent, "pid", &value))
                r = event_put(root, "process.parent.pid", json_object_get(value));
        if (r >= 0 && json_object_object_get_ex(parent, "comm", &value))
                r = event_put(root, "process.parent.name", json_object_get(value));
        return r;
}

/* Keys of labels have no dots, which would be levels. */
static int put_labels(json_object *root, json_object *event) {
        json_object *job, *labels;

        if (!json_object_object_get_ex(event, "job", &job) || !json_object_is_type(job, json_type_object))
                return 0;
        int r = event_put(root, "labels", json_object_new_object());
        if (r < 0)
                return r;
        (void) json_object_object_get_ex(root, "labels", &labels);
        json_object_object_foreach(job, key, value) {
                _cleanup_free_ char *flat = strdup(key);

                if (!flat)
                        return -ENOMEM;
                for (char *dot = flat; (dot = strchr(dot, '.'));)
                        *dot = '_';
                if (json_object_object_add(labels, flat, json_object_get(value)) < 0) {
                        json_object_put(value);
                        return -ENOMEM;
                }
        }
        return 0;
}

int event_to_ecs(json_object *event, const char *type, const char *host, json_object *root) {
        static const char *const skipped[] = { "schema_version", "job", "dst_hostname", NULL };
        bool is_verdict = *event_text(event, "verdict") != '\0';
        uint64_t msec;

        assert(root);

        int r = event_time_msec(event, &msec);
        if (r >= 0)
                r = event_put_fields(root, event, places, ELEMENTSOF(places), skipped, "cargowall");
        if (r >= 0)
                r = event_put_text(root, "ecs.version", ECS_VERSION);
        if (r >= 0)
                r = put_event(root, kind_of(type), is_verdict, event_flag(event, "blocked"));
        if (r >= 0)
                r = put_network(root, event, type);
        if (r >= 0)
                r = put_parent(root, event);
        if (r >= 0)
                r = put_labels(root, event);
        if (r >= 0)
                r = event_put_text(root, "service.type", "cargowall");
        return r >= 0 && host ? event_put_text(root, "host.name", host) : r;
}
