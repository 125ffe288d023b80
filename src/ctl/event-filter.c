/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/event-filter.h"

#include <assert.h>
#include <fnmatch.h>
#include <string.h>
#include <strings.h>

#include "basic/in-addr.h"
#include "ctl/event-line.h"
#include "event/event-fields.h"

static const char *get_text(JsonObject *event, EventFieldId id) {
        return json_value_text(event, event_field_infos[id].name);
}

static bool matches(const char *pattern, const char *text) {
        return text[0] != '\0' && fnmatch(pattern, text, FNM_NOESCAPE) == 0;
}

static bool unit_matches(const char *pattern, JsonObject *event) {
        return matches(pattern, get_text(event, strchr(pattern, '/') ? EVENT_FIELD_ID_CGROUP : EVENT_FIELD_ID_UNIT));
}

/* "evil.example" is below "example", and equal to "evil.example". */
static bool is_within(const char *name, const char *domain) {
        size_t n = strlen(name), n_domain = strlen(domain);

        return n >= n_domain && strcasecmp(name + n - n_domain, domain) == 0 &&
               (n == n_domain || name[n - n_domain - 1] == '.');
}

static bool destination_matches(const char *wanted, JsonObject *event) {
        const char *name = get_text(event, EVENT_FIELD_ID_DST_HOSTNAME);
        InPrefix prefix;
        InAddr addr;

        if (in_prefix_parse(wanted, &prefix) >= 0)
                return strcmp(get_text(event, EVENT_FIELD_ID_EVENT_TYPE), "dns_blocked") != 0 && /* there, a resolver */
                       in_addr_parse(get_text(event, EVENT_FIELD_ID_DST_IP), &addr) >= 0 &&
                       in_prefix_contains(&prefix, &addr);
        return strpbrk(wanted, "*?[") ? name[0] != '\0' && fnmatch(wanted, name, FNM_NOESCAPE | FNM_CASEFOLD) == 0 :
                                        is_within(name, wanted);
}

static bool job_matches(const char *wanted, JsonObject *event) {
        const char *key = event_field_infos[EVENT_FIELD_ID_JOB].name, *equals = strchr(wanted, '=');
        _cleanup_(json_object_putp) JsonObject *parsed = json_tokener_parse(json_value_text(event, key));
        _cleanup_free_ char *label = strndup(wanted, (size_t) (equals - wanted));

        return label && matches(equals + 1, json_value_text(parsed ?: json_value_object(event, key), label));
}

const char *event_filter_fault(const EventFilter *f) {
        assert(f);

        const char *equals = f->job ? strchr(f->job, '=') : NULL;
        if (f->job && (!equals || equals == f->job))
                return "--job must be KEY=PATTERN, a label of the job";
        if (f->destination && f->destination[0] == '\0')
                return "--dest must be a name, an address or a network";
        return NULL;
}

bool event_filter_matches(const EventFilter *f, JsonObject *event) {
        assert(f);

        return (!f->denied || event_line_is_denial(event)) &&
               (!f->scope || strcmp(f->scope, get_text(event, EVENT_FIELD_ID_SCOPE)) == 0) &&
               (!f->unit || unit_matches(f->unit, event)) &&
               (!f->process || matches(f->process, get_text(event, EVENT_FIELD_ID_PROCESS))) &&
               (!f->destination || destination_matches(f->destination, event)) &&
               (!f->job || job_matches(f->job, event));
}
