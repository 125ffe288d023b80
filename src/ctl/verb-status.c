/* SPDX-License-Identifier: Apache-2.0 */

/* status, scopes, is-enforcing: the state of the service. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "basic/clock.h"
#include "cli/time-text.h"
#include "ctl/ctl.h"
#include "ctl/open-units.h"
#include "ctl/table.h"
#include "ctl/unit-helpers.h"

#define DIGEST_DIGITS 12
#define RETRY_USEC (200 * USEC_PER_MSEC)

static Color mode_color(const char *mode) {
        return strcmp(mode, "enforce") == 0 ? COLOR_GREEN : strcmp(mode, "audit") == 0 ? COLOR_YELLOW : COLOR_RED;
}

/* ------------------------------------------------------------------ scopes */

/* As many digits of "sha256:..." as tell documents apart; "status SCOPE" and JSON have all of them. */
static const char *short_digest(const char *digest, char buf[static DIGEST_DIGITS + 1]) {
        const char *colon = strchr(digest, ':');

        (void) snprintf(buf, DIGEST_DIGITS + 1, "%s", colon ? colon + 1 : digest);
        return buf;
}

static int print_scopes(const Ctl *c, JsonObject *scopes) {
        static const char *const headers[] = { "SCOPE", "MODE", "SET", "CONFIGURED", "RULES", "DIGEST", "CGROUPS", "SOURCE" };
        _cleanup_(table_freep) Table *t = NULL;
        char digest[DIGEST_DIGITS + 1];

        int r = table_new(&c->output, headers, ELEMENTSOF(headers), &t);
        for (size_t i = 0; i < json_value_length(scopes) && r >= 0; i++) {
                JsonObject *o = json_object_array_get_idx(scopes, i);
                const char *mode = json_value_text(o, "mode"), *set = json_value_text(o, "mode_setting");

                r = table_add(t, json_value_text(o, "name"));
                if (r >= 0)
                        r = table_add_color(t, mode_color(mode), mode);
                if (r >= 0)
                        r = table_add(t, strcmp(set, "configured") == 0 ? "" : set);
                if (r >= 0)
                        r = table_add(t, json_value_text(o, "configured_mode"));
                if (r >= 0)
                        r = table_add_u64(t, json_value_u64(o, "rule_count"));
                if (r >= 0)
                        r = table_add(t, short_digest(json_value_text(o, "policy_digest"), digest));
                if (r >= 0)
                        r = table_add_u64(t, json_value_length(json_value_array(o, "control_groups")));
                if (r >= 0)
                        r = table_add(t, json_value_text(o, "policy_source"));
        }
        if (r < 0)
                return ctl_fail(r);
        table_print(t, stdout, c->legend, c->full);
        ctl_print_listed(c, json_value_length(scopes), "scope", "scopes");
        return STATUS_OK;
}

int verb_scopes(Ctl *c, _unused_ int argc, _unused_ char **argv) {
        _cleanup_(json_object_putp) JsonObject *scopes = NULL;

        int status = bus_client_objects(&c->client, BUS_SCOPE, &scopes);
        if (status != STATUS_OK)
                return status;
        return c->json != JSON_OFF ? ctl_print_json(c, scopes) : print_scopes(c, scopes);
}

static int no_such_scope(const Ctl *c, const char *name) {
        if (!c->client.silent)
                complain("no such scope: %s (see \"cargowallctl scopes\")", name);
        return STATUS_NO_SUCH;
}

/* ------------------------------------------------------------------ status */

static int print_time(const Ctl *c, JsonObject *p) {
        char local[TIME_TEXT_MAX], span[TIME_TEXT_MAX], text[2 * TIME_TEXT_MAX + 16];
        uint64_t start, now = clock_usec(CLOCK_REALTIME);

        if (time_parse(json_value_text(p, "start_timestamp"), now, &start) < 0)
                return STATUS_OK;
        (void) snprintf(text, sizeof(text), "%s; %s ago", time_format_local(start, local),
                        span_format(start < now ? now - start : 0, span));
        return ctl_print_field(c, "Since", text);
}

/* "a, b": the elements of an array of strings, without those in except (may be NULL). */
static char *join(JsonObject *array, JsonObject *except) {
        _cleanup_free_ char *text = strdup("");

        for (size_t i = 0; i < json_value_length(array) && text; i++) {
                const char *element = json_value_element(array, i);
                char *more;

                if (except && json_value_contains(except, element))
                        continue;
                if (asprintf(&more, "%s%s%s", text, text[0] != '\0' ? ", " : "", element) < 0)
                        return NULL;
                free(text);
                text = more;
        }
        return TAKE_PTR(text);
}

static int print_hooks(const Ctl *c, JsonObject *p) {
        JsonObject *required = json_value_array(p, "required_hooks"), *achieved = json_value_array(p, "achieved_hooks");
        _cleanup_free_ char *missing = achieved ? join(required, achieved) : join(required, NULL);
        _cleanup_free_ char *text = NULL;

        if (!missing ||
            asprintf(&text, "%zu attached, %zu required%s%s", json_value_length(achieved), json_value_length(required),
                     missing[0] != '\0' ? ", missing: " : "", missing) < 0)
                return ctl_fail(-ENOMEM);
        int status = ctl_print_field(c, "Hooks", text);
        if (status != STATUS_OK)
                return status;
        status = ctl_print_field(c, "Families",
                                 json_value_contains(achieved, "socket_create") ? "others than IP are refused in units" :
                                 json_value_contains(achieved, "backstop") ?
                                         "others than IP are dropped at network devices: see \"cargowallctl check\"" :
                                         "others than IP are not refused: see \"cargowallctl check\"");
        if (status != STATUS_OK)
                return status;
        return ctl_print_field(c, "Names",
                               json_value_contains(achieved, "unix_stream_connect") || json_value_contains(achieved, "connect_unix") ?
                                       "sockets of name services are closed to units" :
                                       "units reach sockets of name services: see \"cargowallctl check\"");
}

/* What the service does not know: what the users of units may do elsewhere. Nothing if it is not known here either. */
static int print_helpers(const Ctl *c) {
        char names[96], text[256];
        OpenUnits units;

        if (!c->client.bus)
                return STATUS_OK;
        open_units_find(c->client.bus, &units);
        if (units.error != 0 || units.n_helped == 0)
                return STATUS_OK;
        (void) snprintf(text, sizeof(text), "%s can have others act (%s): see \"cargowallctl check\"", units.first_helped,
                        unit_helpers_format(units.helpers, names, sizeof(names)));
        return ctl_print_field(c, "Helpers", text);
}

static int print_dns(const Ctl *c, JsonObject *p) {
        _cleanup_free_ char *upstreams = join(json_value_array(p, "upstreams"), NULL), *text = NULL;

        if (!upstreams || asprintf(&text, "%s, upstream %s", json_value_text(p, "dns_wiring"),
                                   upstreams[0] != '\0' ? upstreams : "none known: names do not resolve") < 0)
                return ctl_fail(-ENOMEM);
        return ctl_print_field(c, "DNS", text);
}

/* what: "connections" or "queries". A service that does not count what audit mode let pass has that in the other number. */
static int print_verdicts(const Ctl *c, JsonObject *p, const char *label, const char *what) {
        char allowed[32], denied[32], audited[32], text[128];

        (void) snprintf(allowed, sizeof(allowed), "%s_allowed", what);
        (void) snprintf(denied, sizeof(denied), "%s_denied", what);
        (void) snprintf(audited, sizeof(audited), "%s_would_deny", what);
        bool apart = json_object_object_get_ex(p, audited, NULL);
        int n = snprintf(text, sizeof(text), "%" PRIu64 " allowed, %" PRIu64 " denied", json_value_u64(p, allowed),
                         json_value_u64(p, denied));
        if (apart)
                (void) snprintf(text + n, sizeof(text) - (size_t) n, ", %" PRIu64 " would be denied", json_value_u64(p, audited));
        return ctl_print_field(c, label, text);
}

static int print_counters(const Ctl *c, JsonObject *p) {
        uint64_t lost = json_value_u64(p, "events_lost");

        int status = print_verdicts(c, p, "Connections", "connections");
        if (status == STATUS_OK)
                status = print_verdicts(c, p, "Queries", "queries");
        if (status == STATUS_OK)
                (void) printf("%12s: %s%" PRIu64 "%s\n", "Events lost", lost > 0 ? output_color(&c->output, COLOR_RED) : "",
                              lost, lost > 0 ? output_color(&c->output, COLOR_NORMAL) : "");
        return status;
}

static int print_fault(const Ctl *c, JsonObject *p) {
        const char *fault = json_value_text(p, "policy_fault");
        _cleanup_free_ char *safe = output_safe(&c->output, fault);

        if (!safe)
                return ctl_fail(-ENOMEM);
        if (fault[0] != '\0')
                (void) printf("%12s: %s%s%s\n", "Fault", output_color(&c->output, COLOR_RED), safe,
                              output_color(&c->output, COLOR_NORMAL));
        return STATUS_OK;
}

static int print_policy(const Ctl *c, JsonObject *o) {
        char rules[48];

        int status = ctl_print_field(c, "Policy", json_value_text(o, "policy_source"));
        if (status == STATUS_OK)
                status = ctl_print_field(c, "Digest", json_value_text(o, "policy_digest"));
        (void) snprintf(rules, sizeof(rules), "%" PRIu64, json_value_u64(o, "rule_count"));
        return status != STATUS_OK ? status : ctl_print_field(c, "Rules", rules);
}

/* With several documents, the table has those of each. */
static int print_documents(const Ctl *c, JsonObject *p, JsonObject *scopes) {
        size_t n = 0, n_rules = 0;
        char text[96];

        for (size_t i = 0; i < json_value_length(scopes); i++) {
                JsonObject *o = json_object_array_get_idx(scopes, i);
                bool document = json_value_text(o, "policy_digest")[0] != '\0';

                n += document;
                n_rules += document ? json_value_u64(o, "rule_count") : 0;
        }
        if (n <= 1)
                return print_policy(c, p);
        (void) snprintf(text, sizeof(text), "%zu documents with %zu rules: see below", n, n_rules);
        return ctl_print_field(c, "Policy", text);
}

static size_t n_scopes_in(JsonObject *scopes, const char *mode) {
        size_t n = 0;

        for (size_t i = 0; i < json_value_length(scopes); i++)
                n += strcmp(json_value_text(json_object_array_get_idx(scopes, i), "mode"), mode) == 0;
        return n;
}

/* The names of the scopes in this mode: "a, b". */
static char *scopes_in(JsonObject *scopes, const char *mode) {
        _cleanup_(json_object_putp) JsonObject *names = json_object_new_array();

        for (size_t i = 0; names && i < json_value_length(scopes); i++) {
                JsonObject *o = json_object_array_get_idx(scopes, i);

                if (strcmp(json_value_text(o, "mode"), mode) == 0)
                        (void) json_object_array_add(names, json_object_new_string(json_value_text(o, "name")));
        }
        return names ? join(names, NULL) : NULL;
}

/* The policy of the package, which has no rules yet. */
static bool is_as_installed(JsonObject *p, JsonObject *scopes) {
        return json_value_length(scopes) == 1 && json_value_u64(p, "rule_count") == 0 &&
               strcmp(json_value_text(p, "mode"), "configured") == 0 &&
               strcmp(json_value_text(p, "policy_source"), "/etc/cargowall/policy.json") == 0;
}

/* What the modes mean for the traffic: of which scopes something is refused. */
static int print_effect(const Ctl *c, JsonObject *p, JsonObject *scopes) {
        size_t n = json_value_length(scopes), n_enforced = n_scopes_in(scopes, "enforce"), n_audited = n_scopes_in(scopes, "audit");
        _cleanup_free_ char *enforced = scopes_in(scopes, "enforce"), *audited = scopes_in(scopes, "audit"), *off = scopes_in(scopes, "off");
        _cleanup_free_ char *text = NULL;
        int r;

        if (!enforced || !audited || !off)
                return ctl_fail(-ENOMEM);
        if (!ctl_hooks_complete(p))
                r = asprintf(&text, "hooks are missing, so what the policy denies may pass: see Hooks");
        else if (n_enforced == n)
                r = asprintf(&text, "what the policy denies is refused");
        else if (n_audited == n)
                r = asprintf(&text, "%snothing is refused; what the policy denies is reported",
                             is_as_installed(p, scopes) ? "as installed: " : "");
        else
                r = asprintf(&text, "refused in: %s%s%s%s%s", n_enforced > 0 ? enforced : "no scope",
                             n_audited > 0 ? "; only reported in: " : "", audited, off[0] != '\0' ? "; not judged: " : "", off);
        return r < 0 ? ctl_fail(-ENOMEM) : ctl_print_field(c, "Effect", text);
}

static int print_mode(const Ctl *c, JsonObject *p, JsonObject *scopes) {
        const char *effective = json_value_text(p, "effective_mode"), *set = json_value_text(p, "mode");
        const char *configured = json_value_text(p, "configured_mode");
        bool overridden = strcmp(set, "configured") != 0;
        const char *how_long = json_value_bool(p, "mode_kept") ? ", kept over reboots; " : " until stop or reboot; ";
        _cleanup_free_ char *text = NULL, *safe = NULL;

        if (asprintf(&text, "%s (%s%s%sconfigured: %s)", effective, overridden ? "set: " : "", overridden ? set : "",
                     overridden ? how_long : "", configured) < 0 ||
            !(safe = output_safe(&c->output, text)))
                return ctl_fail(-ENOMEM);
        (void) printf("%12s: %s%s%s%s\n", "Mode", output_color(&c->output, mode_color(effective)), safe,
                      output_color(&c->output, COLOR_NORMAL),
                      json_value_bool(p, "enforcing") || n_scopes_in(scopes, "enforce") == 0 ? "" : ", not enforcing everywhere");
        return print_effect(c, p, scopes);
}

/* Green if all is enforced, what no document is for included. */
static int print_headline(const Ctl *c, JsonObject *p, JsonObject *scopes) {
        bool complete = ctl_hooks_complete(p), enforcing = complete && json_value_bool(p, "enforcing");
        bool audit = strcmp(json_value_text(p, "effective_mode"), "audit") == 0;
        Color color = enforcing && n_scopes_in(scopes, "enforce") == json_value_length(scopes) ? COLOR_GREEN :
                      enforcing || (complete && audit)                                         ? COLOR_YELLOW :
                                                                                                 COLOR_RED;
        _cleanup_free_ char *version = output_safe(&c->output, json_value_text(p, "version"));

        if (!version)
                return ctl_fail(-ENOMEM);
        (void) printf("%s%s%s cargowalld %s - egress firewall\n", output_color(&c->output, color),
                      output_dot(&c->output), output_color(&c->output, COLOR_NORMAL), version);
        return STATUS_OK;
}

static int print_status(const Ctl *c, JsonObject *p, JsonObject *scopes) {
        int status = print_headline(c, p, scopes);
        if (status == STATUS_OK)
                status = print_mode(c, p, scopes);
        if (status == STATUS_OK)
                status = print_time(c, p);
        if (status == STATUS_OK)
                status = print_fault(c, p);
        if (status == STATUS_OK)
                status = print_documents(c, p, scopes);
        if (status == STATUS_OK)
                status = print_hooks(c, p);
        if (status == STATUS_OK)
                status = print_helpers(c);
        if (status == STATUS_OK)
                status = print_dns(c, p);
        if (status == STATUS_OK)
                status = print_counters(c, p);
        if (status != STATUS_OK)
                return status;
        (void) putchar('\n');
        return print_scopes(c, scopes);
}

static int print_scope(const Ctl *c, JsonObject *o) {
        JsonObject *groups = json_value_array(o, "control_groups");
        const char *mode = json_value_text(o, "mode");
        _cleanup_free_ char *name = output_safe(&c->output, json_value_text(o, "name"));

        if (!name)
                return ctl_fail(-ENOMEM);
        (void) printf("%s%s%s %s - scope\n", output_color(&c->output, mode_color(mode)), output_dot(&c->output),
                      output_color(&c->output, COLOR_NORMAL), name);
        int status = ctl_print_field(c, "Mode", mode);
        if (status == STATUS_OK)
                status = print_policy(c, o);
        for (size_t i = 0; i < json_value_length(groups) && status == STATUS_OK; i++)
                status = ctl_print_field(c, i == 0 ? "CGroups" : "", json_value_element(groups, i));
        return status;
}

/* Both must agree: if the service contradicts itself, it is not enforcing. */
static bool all_enforcing(JsonObject *properties) {
        return json_value_bool(properties, "enforcing") && ctl_hooks_complete(properties);
}

/* A scope is enforced if its own mode is enforce and the hooks are attached; other scopes do not matter. */
static bool scope_enforcing(JsonObject *properties, JsonObject *scope) {
        return strcmp(json_value_text(scope, "mode"), "enforce") == 0 && ctl_hooks_complete(properties);
}

/* Gets the objects for status. *ret_scope: the named one, borrowed from *ret_scopes; NULL if name is NULL. */
static int fetch(Ctl *c, const char *name, JsonObject **ret_properties, JsonObject **ret_scopes,
                 JsonObject **ret_scope) {
        *ret_scope = NULL;
        int status = bus_client_properties(&c->client, ret_properties);
        if (status == STATUS_OK)
                status = bus_client_objects(&c->client, BUS_SCOPE, ret_scopes);
        if (status != STATUS_OK || !name)
                return status;
        *ret_scope = ctl_find(*ret_scopes, "name", name);
        return *ret_scope ? STATUS_OK : no_such_scope(c, name);
}

int verb_status(Ctl *c, int argc, char **argv) {
        _cleanup_(json_object_putp) JsonObject *p = NULL, *scopes = NULL;
        const char *name = argc > 0 ? argv[0] : c->scope;
        JsonObject *scope;

        int status = fetch(c, name, &p, &scopes, &scope);
        if (status != STATUS_OK)
                return status;
        bool enforcing = scope ? scope_enforcing(p, scope) : all_enforcing(p);

        ctl_page(c);
        if (c->json != JSON_OFF && scope)
                status = ctl_print_json(c, scope);
        else if (c->json != JSON_OFF) {
                if (json_value_add(p, "scopes", json_object_get(scopes)) < 0)
                        return ctl_fail(-ENOMEM);
                status = ctl_print_json(c, p);
        } else if (!c->quiet)
                status = scope ? print_scope(c, scope) : print_status(c, p, scopes);
        return status != STATUS_OK ? status : enforcing ? STATUS_OK : STATUS_NOT_ENFORCING;
}

/* ------------------------------------------------------------------ is-enforcing */

static int ask_enforcing(Ctl *c, const char *name) {
        _cleanup_(json_object_putp) JsonObject *p = NULL, *scopes = NULL;
        JsonObject *scope;
        int status;

        if (name) {
                status = fetch(c, name, &p, &scopes, &scope);
                if (status == STATUS_OK && !scope_enforcing(p, scope))
                        status = STATUS_NOT_ENFORCING;
                return status;
        }
        status = bus_client_properties(&c->client, &p);
        if (status == STATUS_OK && !all_enforcing(p))
                status = STATUS_NOT_ENFORCING;
        return status;
}

/* Drops a broken connection, so that the next call connects again. */
static void pause_for(Ctl *c, uint64_t usec) {
        if (c->client.bus && sd_bus_is_open(c->client.bus) <= 0)
                c->client.bus = sd_bus_close_unref(c->client.bus);
        struct timespec pause = { .tv_sec = (time_t) (usec / USEC_PER_SEC),
                                  .tv_nsec = (long) (usec % USEC_PER_SEC * 1000) };
        (void) nanosleep(&pause, NULL);
}

int verb_is_enforcing(Ctl *c, int argc, char **argv) {
        const char *name = argc > 0 ? argv[0] : c->scope;
        uint64_t begin = clock_usec(CLOCK_MONOTONIC), end;
        int status;

        if (__builtin_add_overflow(begin, c->wait_usec, &end))
                end = UINT64_MAX;
        for (;;) {
                uint64_t now = clock_usec(CLOCK_MONOTONIC);
                bool last = now >= end;

                c->client.silent = !last || c->quiet;
                status = ask_enforcing(c, name);
                if (status == STATUS_OK || last)
                        break;
                pause_for(c, MIN(RETRY_USEC, end - now));
        }
        if (c->quiet || (status != STATUS_OK && status != STATUS_NOT_ENFORCING))
                return status;
        if (c->json != JSON_OFF) {
                _cleanup_(json_object_putp) JsonObject *o = json_object_new_object();
                if (json_value_add(o, "enforcing", json_object_new_boolean(status == STATUS_OK)) < 0)
                        return ctl_fail(-ENOMEM);
                return ctl_print_json(c, o) != STATUS_OK ? STATUS_FAILED : status;
        }
        (void) puts(status == STATUS_OK ? "enforcing" : "not enforcing");
        return status;
}
