/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/document-json.h"

#include <assert.h>
#include <string.h>

#include "policy/rule-json.h"

static int read_default_action(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        PolicyDocument *d = into;

        if (action_from_string(json_object_get_string(o), &d->source.default_action) < 0)
                json_fault(faults, at, "unknown action, expected allow or deny");
        return 0;
}

static int read_mode(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        PolicyDocument *d = into;

        d->source.has_mode = true;
        if (mode_from_string(json_object_get_string(o), &d->source.mode) < 0)
                json_fault(faults, at, "unknown mode, expected enforce or audit");
        return 0;
}

/* The elements were cut out of the text and are read one by one. */
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
        return json_read_array(faults, at, o, IS_STRING, "a search domain must be a string", read_search_domain, into);
}

static int read_types(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        PolicyDocument *d = into;

        return json_read_record_types(faults, at, o, &d->source.types);
}

static int read_enabled(_unused_ FaultList *faults, _unused_ const JsonStep *at, json_object *o, void *into) {
        PolicyDocument *d = into;

        d->source.sudo_lockdown = json_object_get_boolean(o);
        return 0;
}

/* sudo takes arguments and wildcards as part of the command: such an entry would grant more than it appears to. */
static int read_command(FaultList *faults, const JsonStep *at, json_object *o, _unused_ void *into) {
        static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-";
        const char *s = json_object_get_string(o);

        if (s[0] != '/' || s[strspn(s, safe)] != '\0')
                json_fault(faults, at, "a command must be an absolute path, without arguments or special characters");
        return 0;
}

static int read_commands(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        return json_read_array(faults, at, o, IS_STRING, "a command must be a string", read_command, into);
}

static int read_sudo_lockdown(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        static const JsonKey keys[] = {
                { "enabled", IS_BOOL, "enabled must be true or false", read_enabled },
                { "allowCommands", IS_ARRAY, "allowCommands must be an array", read_commands },
        };

        return json_read_object(faults, at, o, keys, ELEMENTSOF(keys), into);
}

/* ------------------------------------------------------------------ who the document is for */

static int read_name(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        PolicyDocument *d = into;
        const char *s = json_object_get_string(o);

        if (!policy_document_name_is_valid(s)) {
                json_fault(faults, at, "a name has 1 to 63 characters of a-z, 0-9 and -, and cannot begin with -");
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
                json_fault(faults, at, "unknown value, expected allow or judge");
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
        return json_read_array(faults, at, o, IS_STRING, "a unit must be a string", read_unit, into);
}

static int read_container(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        return read_pattern(faults, at, o, into, MATCH_CONTAINER);
}

static int read_containers(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        return json_read_array(faults, at, o, IS_STRING, "a container must be a string", read_container, into);
}

static int read_slice(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        return read_pattern(faults, at, o, into, MATCH_SLICE);
}

static int read_slices(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        return json_read_array(faults, at, o, IS_STRING, "a slice must be a string", read_slice, into);
}

static int read_job_label(FaultList *faults, const JsonStep *at, const char *key, json_object *o, JobPattern *pattern) {
        const JsonStep inner = { .outer = at, .key = key, .n = strlen(key) };
        const char *reason;

        if (!json_is_text(o)) {
                json_fault(faults, &inner, "the pattern of a label must be a string");
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
        return json_read_array(faults, at, o, IS_OBJECT, "a job must be an object of labels and patterns", read_job,
                               into);
}

static int read_follow(_unused_ FaultList *faults, _unused_ const JsonStep *at, json_object *o, void *into) {
        PolicyDocument *d = into;

        d->follow = json_object_get_boolean(o);
        return 0;
}

static bool has_units(const MatchList *l) {
        for (size_t i = 0; i < l->n; i++)
                if (l->patterns[i].kind == MATCH_UNIT)
                        return true;
        return false;
}

/* An empty match would make a document that is loaded but never applies. A document for jobs restricts what the
 * policy of their units allows, and a document for units is that policy: one document cannot be both. */
static int read_match(FaultList *faults, const JsonStep *at, json_object *o, void *into) {
        static const JsonKey keys[] = {
                { "units", IS_ARRAY, "units must be an array", read_units },
                { "slices", IS_ARRAY, "slices must be an array", read_slices },
                { "containers", IS_ARRAY, "containers must be an array", read_containers },
                { "jobs", IS_ARRAY, "jobs must be an array", read_jobs },
                { "follow", IS_BOOL, "follow must be true or false", read_follow },
        };
        PolicyDocument *d = into;
        size_t before = fault_list_count(faults);

        match_list_done(&d->match);
        job_match_list_done(&d->jobs);
        d->follow = false;
        int k = json_read_object(faults, at, o, keys, ELEMENTSOF(keys), into);
        if (k < 0 || fault_list_count(faults) > before)
                return k;
        if (d->match.n == 0 && d->jobs.n == 0)
                json_fault(faults, at, "match must name a unit, slice, container or job");
        if (d->follow && !has_units(&d->match))
                json_fault(faults, at, "follow needs units: it is their users that are followed");
        if (d->match.n > 0 && d->jobs.n > 0)
                json_fault(faults, at, "jobs excludes other matches: it restricts what another document allows");
        return 0;
}

int json_read_document(FaultList *faults, json_object *root, PolicyDocument *d) {
        static const JsonKey keys[] = {
                { "defaultAction", IS_STRING, "defaultAction must be a string: allow or deny", read_default_action },
                { "inbound", IS_STRING, "inbound must be a string: allow or judge", read_inbound },
                { "match", IS_OBJECT, "match must be an object", read_match },
                { "mode", IS_STRING, "mode must be a string: enforce or audit", read_mode },
                { "name", IS_STRING, "name must be a string", read_name },
                { "rules", IS_ARRAY, "rules must be an array", read_rules },
                { "searchDomains", IS_ARRAY, "searchDomains must be an array", read_search_domains },
                { "sudoLockdown", IS_OBJECT, "sudoLockdown must be an object", read_sudo_lockdown },
                { "types", IS_ARRAY, "types must be an array", read_types },
        };

        static const JsonStep inbound = { .key = "inbound", .n = strlen("inbound") };

        assert(d);

        int k = json_read_object(faults, NULL, root, keys, ELEMENTSOF(keys), d);
        if (k >= 0 && d->jobs.n > 0 && d->has_inbound)
                json_fault(faults, &inbound, "not allowed in a document for jobs: the unit's document sets it");
        return k;
}
