/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/replay-format.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "basic/macro.h"
#include "cli/recorded-format.h"
#include "event/escape.h"

#define REPLAY_SCHEMA_VERSION 1
#define REASON_MAX 2048 /* the longest rule has 32 port entries */

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

_Static_assert(ELEMENTSOF(change_names) == _REPLAY_CHANGE_MAX, "a name for each change");
_Static_assert(ELEMENTSOF(verdict_names) == _RECORDED_VERDICT_MAX, "a name for each verdict");

/* ------------------------------------------------------------------ text */

static void write_entry_text(FILE *out, const ReplayTable *t, const ReplayEntry *e) {
        char reason[REASON_MAX], safe[2 * REASON_MAX];

        (void) explanation_format_reason(t->policy, &e->explanation, reason, sizeof(reason));
        fprintf(out, "  ");
        destination_entry_write(out, &e->base);
        fprintf(out, ": %s\n", escape_terminal(reason, safe, sizeof(safe)));
}

static void write_change_text(FILE *out, const ReplayTable *t, ReplayChange change, const char *heading) {
        const DestinationTable *d = &t->destinations;
        uint64_t n_events = replay_table_n_changed(t, change);

        if (n_events == 0)
                return;
        fprintf(out, "%s: %" PRIu64 " event%s\n", heading, n_events, plural(n_events));
        for (size_t i = 0; i < d->n[change]; i++)
                write_entry_text(out, t, (const ReplayEntry *) d->entries[change][i]);
        if (d->n_unlisted[change] > 0)
                fprintf(out, "  and %" PRIu64 " event%s of further destinations, beyond the limit of %zu\n",
                        d->n_unlisted[change], plural(d->n_unlisted[change]), d->n_max);
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
                count_write(out, t->n_events[i][i == RECORDED_ALLOWED ? ACTION_ALLOW : ACTION_DENY], "event", unchanged[i]);
        for (size_t i = 0; i < _RECORDED_VERDICT_MAX; i++)
                count_write(out, t->n_fixed[i], "event", fixed[i]);
        line_counts_write(out, &t->lines);
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

static void write_destination_json(FILE *out, const DestinationEntry *e) {
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
        const DestinationEntry *b = &e->base;
        const Rule *rule = policy_rule(t->policy, x->rule);
        _cleanup_free_ char *text = rule ? rule_to_string(rule) : NULL;
        char reason[REASON_MAX];

        if (rule && !text)
                return -ENOMEM;
        (void) explanation_format_reason(t->policy, x, reason, sizeof(reason));

        fprintf(out, "{\"change\":\"%s\"", change_names[b->group]);
        write_string(out, "kind", kind_names[b->kind]);
        write_destination_json(out, b);
        fprintf(out, ",\"count\":%" PRIu64 ",\"first\":\"%s\",\"last\":\"%s\"", b->count, b->first, b->last);
        if (b->process[0] != '\0')
                write_string(out, "process", b->process);
        fprintf(out, ",\"other_processes\":%s", b->other_processes ? "true" : "false");
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
                fprintf(out, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", change_names[i], t->destinations.n_unlisted[i]);
        fprintf(out, "},\"lost\":%" PRIu64 ",\"suppressed\":%" PRIu64 ",\"lines\":{\"judged\":%" PRIu64, t->lines.n_lost,
                t->lines.n_suppressed, t->lines.n_lines[RECORDED_LINE_EVENT]);
        for (size_t i = 0; i < _RECORDED_LINE_MAX; i++)
                if (recorded_line_key((RecordedLine) i))
                        fprintf(out, ",\"%s\":%" PRIu64, recorded_line_key((RecordedLine) i), t->lines.n_lines[i]);
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
                for (size_t k = 0; k < t->destinations.n[i]; k++) {
                        fprintf(out, "%s", first ? "" : ",");
                        first = false;
                        int r = write_entry_json(out, t, (const ReplayEntry *) t->destinations.entries[i][k]);
                        if (r < 0)
                                return r;
                }
        fprintf(out, "]}\n");
        return 0;
}
