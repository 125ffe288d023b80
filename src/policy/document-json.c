/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/document-json.h"

#include <assert.h>
#include <string.h>

static int read_default_action(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        PolicyDocument *d = into;

        if (action_from_string(json_object_get_string(o), &d->source.default_action) < 0)
                json_fault(faults, at, "unknown action: it is allow or deny");
        return 0;
}

static int read_mode(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        PolicyDocument *d = into;

        d->source.has_mode = true;
        if (mode_from_string(json_object_get_string(o), &d->source.mode) < 0)
                json_fault(faults, at, "unknown mode: it is enforce or audit");
        return 0;
}

/* Its elements were cut out: they are read one by one. */
static int read_rules(_unused_ FaultList *faults, _unused_ const JsonStep *at, _unused_ json_object *o,
                      _unused_ void *into) {
        return 0;
}

/* ------------------------------------------------------------------ search domains, sudo */

static int read_search_domain(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        PolicyDocument *d = into;
        const char *reason;

        int k = policy_source_add_search_domain(&d->source, json_object_get_string(o), &reason);
        if (k == -EINVAL)
                json_fault(faults, at, reason);
        return k == -EINVAL ? 0 : k;
}

static int read_search_domains(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        return json_read_array(faults, at, o, IS_STRING, "a search domain is a string", read_search_domain, into);
}

static int read_enabled(_unused_ FaultList *faults, _unused_ const JsonStep *at, json_object *o, void *into) {
        PolicyDocument *d = into;

        d->source.sudo_lockdown = json_object_get_boolean(o);
        return 0;
}

/* sudo takes arguments and wildcards as part of the command: such an entry would grant something else than it says. */
static int read_command(FaultList *faults, const JsonStep *at, json_object *o, _unused_ void *into) {
        static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-";
        const char *s = json_object_get_string(o);

        if (s[0] != '/' || s[strspn(s, safe)] != '\0')
                json_fault(faults, at, "a command is an absolute path, without arguments or special characters");
        return 0;
}

static int read_commands(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        return json_read_array(faults, at, o, IS_STRING, "a command is a string", read_command, into);
}

static int read_sudo_lockdown(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        static const JsonKey keys[] = {
                { "enabled", IS_BOOL, "enabled is true or false", read_enabled },
                { "allowCommands", IS_ARRAY, "allowCommands is an array", read_commands },
        };

        return json_read_object(faults, at, o, keys, ELEMENTSOF(keys), into);
}

/* ------------------------------------------------------------------ who the document is for */

static int read_name(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        PolicyDocument *d = into;
        const char *s = json_object_get_string(o);

        if (!policy_document_name_is_valid(s)) {
                json_fault(faults, at, "a name has 1 to 63 of a-z, 0-9 and -, and does not begin with -");
                return 0;
        }

        char *name = strdup(s);
        if (!name)
                return -ENOMEM;
        free(d->name);
        d->name = name;
        return 0;
}

static int read_inbound(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        PolicyDocument *d = into;
        const char *s = json_object_get_string(o);

        d->has_inbound = true;
        d->inbound = strcmp(s, "allow") == 0;
        if (!d->inbound && strcmp(s, "judge") != 0)
                json_fault(faults, at, "unknown word: it is allow or judge");
        return 0;
}

static int read_pattern(FaultList *faults, const JsonStep *at, json_object *o, PolicyDocument *d, MatchKind kind) {
        const char *reason;

        int k = match_list_add(&d->match, kind, json_object_get_string(o), &reason);
        if (k == -EINVAL)
                json_fault(faults, at, reason);
        return k == -EINVAL ? 0 : k;
}

static int read_unit(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        return read_pattern(faults, at, o, into, MATCH_UNIT);
}

static int read_units(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        return json_read_array(faults, at, o, IS_STRING, "a unit is a string", read_unit, into);
}

static int read_container(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        return read_pattern(faults, at, o, into, MATCH_CONTAINER);
}

static int read_containers(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        return json_read_array(faults, at, o, IS_STRING, "a container is a string", read_container, into);
}

static int read_slice(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        return read_pattern(faults, at, o, into, MATCH_SLICE);
}

static int read_slices(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        return json_read_array(faults, at, o, IS_STRING, "a slice is a string", read_slice, into);
}

static int read_job_label(FaultList *faults, const JsonStep *at, const char *key, json_object *o, JobPattern *pattern) {
        const JsonStep inner = { .outer = at, .key = key, .n = strlen(key) };
        const char *reason;

        if (!json_is_text(o)) {
                json_fault(faults, &inner, "the pattern of a label is a string");
                return 0;
        }
        int k = job_pattern_add(pattern, key, json_object_get_string(o), &reason);
        if (k == -EINVAL)
                json_fault(faults, &inner, reason);
        return k == -EINVAL ? 0 : k;
}

static int read_job(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        _cleanup_(job_pattern_done) JobPattern pattern = {};
        PolicyDocument *d = into;
        size_t before = fault_list_count(faults);
        const char *reason;

        json_object_object_foreach(o, key, value) {
                int k = read_job_label(faults, at, key, value, &pattern);
                if (k < 0)
                        return k;
        }
        if (fault_list_count(faults) > before)
                return 0;
        int k = job_match_list_add(&d->jobs, &pattern, &reason);
        if (k == -EINVAL)
                json_fault(faults, at, reason);
        return k == -EINVAL ? 0 : k;
}

static int read_jobs(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        return json_read_array(faults, at, o, IS_OBJECT, "a job is an object of labels and patterns", read_job, into);
}

/* An empty match would be a document that is there and holds for nothing. One for jobs narrows what the policy of their
 * units allows; one for units is that policy: it cannot be both. */
static int read_match(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        static const JsonKey keys[] = {
                { "units", IS_ARRAY, "units is an array", read_units },
                { "slices", IS_ARRAY, "slices is an array", read_slices },
                { "containers", IS_ARRAY, "containers is an array", read_containers },
                { "jobs", IS_ARRAY, "jobs is an array", read_jobs },
        };
        PolicyDocument *d = into;
        size_t before = fault_list_count(faults);

        match_list_done(&d->match);
        job_match_list_done(&d->jobs);
        int k = json_read_object(faults, at, o, keys, ELEMENTSOF(keys), into);
        if (k < 0 || fault_list_count(faults) > before)
                return k;
        if (d->match.n == 0 && d->jobs.n == 0)
                json_fault(faults, at, "match names no unit, slice, container or job");
        if (d->match.n > 0 && d->jobs.n > 0)
                json_fault(faults, at, "jobs stands alone: a document for jobs narrows what another one allows their units");
        return 0;
}

int json_read_document(FaultList *faults, json_object *root, PolicyDocument *d) {
        static const JsonKey keys[] = {
                { "defaultAction", IS_STRING, "defaultAction is a string: allow or deny", read_default_action },
                { "inbound", IS_STRING, "inbound is a string: allow or judge", read_inbound },
                { "match", IS_OBJECT, "match is an object", read_match },
                { "mode", IS_STRING, "mode is a string: enforce or audit", read_mode },
                { "name", IS_STRING, "name is a string", read_name },
                { "rules", IS_ARRAY, "rules is an array", read_rules },
                { "searchDomains", IS_ARRAY, "searchDomains is an array", read_search_domains },
                { "sudoLockdown", IS_OBJECT, "sudoLockdown is an object", read_sudo_lockdown },
        };

        static const JsonStep inbound = { .key = "inbound", .n = strlen("inbound") };

        assert(d);

        int k = json_read_object(faults, NULL, root, keys, ELEMENTSOF(keys), d);
        if (k >= 0 && d->jobs.n > 0 && d->has_inbound)
                json_fault(faults, &inbound, "a document for jobs has none: that of the unit's holds");
        return k;
}
