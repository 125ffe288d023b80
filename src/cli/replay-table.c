/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/replay-table.h"

#include <assert.h>
#include <stddef.h>

_Static_assert(offsetof(ReplayEntry, base) == 0, "an entry's address is its base's");

int replay_table_init(ReplayTable *t, const Policy *policy, size_t n_max, const uint8_t key[static 16]) {
        assert(t);
        assert(policy);

        *t = (ReplayTable) { .policy = policy };
        return destination_table_init(&t->destinations, _REPLAY_CHANGE_MAX, n_max, sizeof(ReplayEntry), key);
}

void replay_table_done(ReplayTable *t) {
        assert(t);

        destination_table_done(&t->destinations);
        *t = (ReplayTable) {};
}

/* ------------------------------------------------------------------ the policy */

static int judge(const Policy *p, const RecordedEvent *e, Explanation *ret) {
        const char *names[RECORDED_NAMES_MAX];

        if (e->kind == RECORDED_QUERY)
                return policy_explain_query(p, MODE_ENFORCE, e->names[0], e->for_addresses, ret);
        for (size_t i = 0; i < e->n_names; i++)
                names[i] = e->names[i];
        return policy_explain_aliases(p, MODE_ENFORCE, &e->destination, names, e->n_names, ret);
}

/* The rules that the firewall adds are not in the policy, but would be in force with it: only its rules precede them. */
static bool is_kept_by_automatic_rule(const RecordedEvent *e, const Explanation *x) {
        return e->automatic && x->reason != CW_REASON_RULE;
}

/* ------------------------------------------------------------------ events */

static int add_changed(ReplayTable *t, ReplayChange change, const RecordedEvent *e, const Explanation *x) {
        DestinationEntry *entry;
        bool is_new;

        int r = destination_table_add(&t->destinations, change, e, &entry, &is_new);
        if (r >= 0 && is_new)
                ((ReplayEntry *) entry)->explanation = *x;
        return r;
}

static int add_event(ReplayTable *t, const RecordedEvent *e) {
        bool allowed = e->verdict == RECORDED_ALLOWED;
        Explanation x;

        int r = judge(t->policy, e, &x);
        if (r < 0)
                return r;
        Action action = is_kept_by_automatic_rule(e, &x) ? (allowed ? ACTION_ALLOW : ACTION_DENY) : x.verdict;
        count_add(&t->n_events[e->verdict][action], e->count);
        if (allowed == (action == ACTION_ALLOW))
                return 0;
        return add_changed(t, allowed ? REPLAY_WOULD_BE_DENIED : REPLAY_WOULD_BE_ALLOWED, e, &x);
}

int replay_table_add(ReplayTable *t, RecordedLine line, const RecordedEvent *e) {
        assert(t);
        assert(line >= 0 && line < _RECORDED_LINE_MAX);
        assert(e || line > RECORDED_LINE_FIXED);

        line_counts_add(&t->lines, line, e);
        if (line == RECORDED_LINE_EVENT)
                return add_event(t, e);
        if (line == RECORDED_LINE_FIXED)
                count_add(&t->n_fixed[e->verdict], e->count);
        return 0;
}

/* ------------------------------------------------------------------ results */

void replay_table_sort(ReplayTable *t) {
        assert(t);

        destination_table_sort(&t->destinations);
}

uint64_t replay_table_n_changed(const ReplayTable *t, ReplayChange change) {
        assert(t);

        if (change == REPLAY_WOULD_BE_DENIED)
                return t->n_events[RECORDED_ALLOWED][ACTION_DENY];
        uint64_t n = t->n_events[RECORDED_DENIED][ACTION_ALLOW];
        count_add(&n, t->n_events[RECORDED_WOULD_DENY][ACTION_ALLOW]);
        return n;
}
