/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/replay-format.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "basic/macro.h"
#include "event/escape.h"

#define REPLAY_SCHEMA_VERSION 1
#define REASON_MAX 2048 /* the longest rule has 32 port entries */
#define DESTINATION_MAX 320

static const char *const kind_names[] = {
        [RECORDED_CONNECTION] = "connection",
        [RECORDED_QUERY] = "dns", /* as in the summary of a run */
};

static const char *const change_names[] = {
        [REPLAY_WOULD_BE_DENIED] = "would_be_denied",
        [REPLAY_WOULD_BE_ALLOWED] = "would_be_allowed",
};

static const char *const verdict_names[] = {
        [RECORDED_ALLOWED] = "allowed",
        [RECORDED_DENIED] = "denied",
        [RECORDED_WOULD_DENY] = "would_deny",
};

/* Of lines that are counted as such; NULL: of others. */
static const struct {
        const char *key, *text;
} line_names[] = {
        [RECORDED_LINE_OTHER] = { "other", "Skipped, events without a decision" },
        [RECORDED_LINE_CUT] = { "cut", "Skipped, cut short" },
        [RECORDED_LINE_NOT_JSON] = { "not_json", "Skipped, not a JSON object" },
        [RECORDED_LINE_LONG] = { "too_long", "Skipped, too long" },
        [RECORDED_LINE_NEWER] = { "newer", "Skipped, of a newer version" },
        [RECORDED_LINE_INVALID] = { "invalid", "Skipped, a field is missing or invalid" },
};

_Static_assert(ELEMENTSOF(change_names) == _REPLAY_CHANGE_MAX, "a name for each change");
_Static_assert(ELEMENTSOF(verdict_names) == _RECORDED_VERDICT_MAX, "a name for each verdict");
_Static_assert(ELEMENTSOF(line_names) == _RECORDED_LINE_MAX, "a name for each kind of line");

/* ------------------------------------------------------------------ text */

static const char *plural(uint64_t n) {
        return n == 1 ? "" : "s";
}

static void write_entry_text(FILE *out, const ReplayTable *t, const ReplayEntry *e) {
        char destination[DESTINATION_MAX], process[RECORDED_PROCESS_SIZE * ESCAPE_TERMINAL_MAX];
        char reason[REASON_MAX], safe[2 * REASON_MAX];

        if (e->kind == RECORDED_QUERY)
                (void) snprintf(destination, sizeof(destination), "%s (DNS query)", e->destination.name);
        else
                (void) destination_format(&e->destination, destination, sizeof(destination));
        (void) explanation_format_reason(t->policy, &e->explanation, reason, sizeof(reason));

        fprintf(out, "  %s: %" PRIu64 " event%s, %s", destination, e->count, plural(e->count), e->first);
        if (strcmp(e->first, e->last) != 0)
                fprintf(out, " to %s", e->last);
        fprintf(out, ", %s%s: %s\n",
                e->process[0] != '\0' ? escape_terminal(e->process, process, sizeof(process)) : "unknown process",
                e->other_processes ? " and others" : "", escape_terminal(reason, safe, sizeof(safe)));
}

static void write_change_text(FILE *out, const ReplayTable *t, ReplayChange change, const char *heading) {
        uint64_t n_events = replay_table_n_changed(t, change);

        if (n_events == 0)
                return;
        fprintf(out, "%s: %" PRIu64 " event%s\n", heading, n_events, plural(n_events));
        for (size_t i = 0; i < t->n[change]; i++)
                write_entry_text(out, t, t->entries[change][i]);
        if (t->n_unlisted[change] > 0)
                fprintf(out, "  and %" PRIu64 " event%s of further destinations, beyond the limit of %zu\n",
                        t->n_unlisted[change], plural(t->n_unlisted[change]), t->n_max);
}

static void write_count(FILE *out, uint64_t n, const char *noun, const char *what) {
        if (n > 0)
                fprintf(out, "%s: %" PRIu64 " %s%s\n", what, n, noun, plural(n));
}

static void write_rest_text(FILE *out, const ReplayTable *t) {
        static const char *const unchanged[] = {
                "Still allowed", "Still denied", "Still denied, but passed in audit mode",
        };
        static const char *const fixed[] = {
                "Allowed whatever the policy", "Denied for a reason that no rule changes",
                "Denied for a reason that no rule changes, but passed in audit mode",
        };

        for (size_t i = 0; i < _RECORDED_VERDICT_MAX; i++)
                write_count(out, t->n_events[i][i == RECORDED_ALLOWED ? ACTION_ALLOW : ACTION_DENY], "event", unchanged[i]);
        for (size_t i = 0; i < _RECORDED_VERDICT_MAX; i++)
                write_count(out, t->n_fixed[i], "event", fixed[i]);
        write_count(out, t->n_lost, "event", "Not judged, lost before the log");
        write_count(out, t->n_suppressed, "denial", "Not judged, without an event of their own");
        for (size_t i = 0; i < _RECORDED_LINE_MAX; i++)
                if (line_names[i].text)
                        write_count(out, t->n_lines[i], "line", line_names[i].text);
}

void replay_write_text(FILE *out, const ReplayTable *t, const char *policy) {
        char safe[512];

        assert(out);
        assert(t);
        assert(policy);

        (void) escape_terminal(policy, safe, sizeof(safe));
        if (replay_table_n_changed(t, REPLAY_WOULD_BE_DENIED) == 0 && replay_table_n_changed(t, REPLAY_WOULD_BE_ALLOWED) == 0)
                fprintf(out, "%s changes nothing.\n", safe);
        else
                fprintf(out, "With %s:\n", safe);
        write_change_text(out, t, REPLAY_WOULD_BE_DENIED, "Allowed in the log, would be denied");
        write_change_text(out, t, REPLAY_WOULD_BE_ALLOWED, "Denied in the log, would be allowed");
        write_rest_text(out, t);
}

/* ------------------------------------------------------------------ JSON */

static void write_string(FILE *out, const char *key, const char *s) {
        char text[REASON_MAX * ESCAPE_JSON_MAX];
        size_t n = escape_json(s, strlen(s), text, sizeof(text));

        fprintf(out, ",\"%s\":\"%.*s\"", key, (int) n, text);
}

static void write_destination_json(FILE *out, const ReplayEntry *e) {
        char addr[IN_ADDR_TEXT_MAX], protocol[PORT_TEXT_MAX];
        const Destination *d = &e->destination;

        if (d->name[0] != '\0')
                write_string(out, "hostname", d->name);
        else
                write_string(out, "address", in_addr_format(&d->addr, addr));
        if (e->kind == RECORDED_QUERY)
                return;
        if (d->port > 0)
                fprintf(out, ",\"port\":%u", d->port);
        write_string(out, "protocol", protocol_to_string(d->protocol, protocol));
}

static int write_entry_json(FILE *out, const ReplayTable *t, const ReplayEntry *e) {
        const Explanation *x = &e->explanation;
        const Rule *rule = policy_rule(t->policy, x->rule);
        _cleanup_free_ char *text = rule ? rule_to_string(rule) : NULL;
        char reason[REASON_MAX];

        if (rule && !text)
                return -ENOMEM;
        (void) explanation_format_reason(t->policy, x, reason, sizeof(reason));

        fprintf(out, "{\"change\":\"%s\"", change_names[e->change]);
        write_string(out, "kind", kind_names[e->kind]);
        write_destination_json(out, e);
        fprintf(out, ",\"count\":%" PRIu64 ",\"first\":\"%s\",\"last\":\"%s\"", e->count, e->first, e->last);
        if (e->process[0] != '\0')
                write_string(out, "process", e->process);
        fprintf(out, ",\"other_processes\":%s", e->other_processes ? "true" : "false");
        write_string(out, "verdict", action_to_string(x->verdict));
        write_string(out, "reason", reason_to_string(x->reason));
        if (text)
                write_string(out, "rule", text);
        write_string(out, "explanation", reason);
        fprintf(out, ",\"name_refused\":%s}", x->name_refused ? "true" : "false");
        return 0;
}

static void write_totals_json(FILE *out, const ReplayTable *t) {
        fprintf(out, "\"totals\":{");
        for (size_t i = 0; i < _RECORDED_VERDICT_MAX; i++)
                fprintf(out, "%s\"%s\":{\"would_be_allowed\":%" PRIu64 ",\"would_be_denied\":%" PRIu64
                        ",\"any_policy\":%" PRIu64 "}", i > 0 ? "," : "", verdict_names[i],
                        t->n_events[i][ACTION_ALLOW], t->n_events[i][ACTION_DENY], t->n_fixed[i]);
        fprintf(out, "},\"unlisted\":{");
        for (size_t i = 0; i < _REPLAY_CHANGE_MAX; i++)
                fprintf(out, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", change_names[i], t->n_unlisted[i]);
        fprintf(out, "},\"lost\":%" PRIu64 ",\"suppressed\":%" PRIu64 ",\"lines\":{\"judged\":%" PRIu64, t->n_lost,
                t->n_suppressed, t->n_lines[RECORDED_LINE_EVENT]);
        for (size_t i = 0; i < _RECORDED_LINE_MAX; i++)
                if (line_names[i].key)
                        fprintf(out, ",\"%s\":%" PRIu64, line_names[i].key, t->n_lines[i]);
        fprintf(out, "}");
}

int replay_write_json(FILE *out, const ReplayTable *t) {
        bool first = true;

        assert(out);
        assert(t);

        fprintf(out, "{\"schema_version\":%d,", REPLAY_SCHEMA_VERSION);
        write_totals_json(out, t);
        fprintf(out, ",\"destinations\":[");
        for (size_t i = 0; i < _REPLAY_CHANGE_MAX; i++)
                for (size_t k = 0; k < t->n[i]; k++) {
                        fprintf(out, "%s", first ? "" : ",");
                        first = false;
                        int r = write_entry_json(out, t, t->entries[i][k]);
                        if (r < 0)
                                return r;
                }
        fprintf(out, "]}\n");
        return 0;
}
