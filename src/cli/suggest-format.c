/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/suggest-format.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "basic/macro.h"
#include "cli/recorded-format.h"
#include "event/escape.h"
#include "policy/shared-domain.h"

static const char *const reasons[] = {
        [SUGGEST_REFUSED] = "denied when it was recorded; --keep-denied keeps it",
        [SUGGEST_RULE] = "a rule denies it; --keep-denied keeps it",
        [SUGGEST_ELSEWHERE] = "was also denied, in another scope or later; --keep-denied keeps it",
        [SUGGEST_AUTOMATIC] = "the firewall allows it whatever the policy",
        [SUGGEST_METADATA] = "a metadata service of clouds or a link-local address, which can give away credentials",
        [SUGGEST_REGISTRY] = "a rule for this name would allow all names of a registry",
        [SUGGEST_SHARED] = "anybody can have a name below this domain; --keep-shared keeps it",
        [SUGGEST_RARE] = "seen less often than --at-least asks for",
        [SUGGEST_LOOKUP] = "looked up only",
        [SUGGEST_NO_PORT] = "without a port: ICMP, or a later fragment",
        [SUGGEST_MULTICAST] = "multicast or broadcast",
        [SUGGEST_SPECIAL] = "the name has a special-purpose address, which only a rule for the address permits",
        [SUGGEST_NO_RULE] = "no rule can allow it",
        [SUGGEST_TOO_DEEP] = "below more names of the policy than can be judged",
};

_Static_assert(ELEMENTSOF(reasons) == _SUGGEST_GROUP_MAX, "a reason for each group");

static void write_reason(FILE *out, SuggestGroup group, const SuggestEntry *e) {
        char reason[RECORDED_REASON_SIZE * ESCAPE_TERMINAL_MAX], addr[IN_ADDR_TEXT_MAX];
        const char *name = e->base.destination.name;

        fprintf(out, ": %s", reasons[group]);
        if (group == SUGGEST_SHARED && name_shared_domain(name))
                fprintf(out, " (%s)", name_shared_domain(name));
        if (group == SUGGEST_METADATA && name[0] != '\0' && e->base.kind == RECORDED_CONNECTION)
                fprintf(out, " (%s)", in_addr_format(&e->base.destination.addr, addr));
        if (group == SUGGEST_NO_RULE && e->reason[0] != '\0')
                fprintf(out, " (%s)", escape_terminal(e->reason, reason, sizeof(reason)));
}

static void write_left_out(FILE *out, const SuggestTable *t, const Policy *p, SuggestGroup group) {
        for (size_t i = 0; i < t->destinations.n[group]; i++) {
                const SuggestEntry *e = suggest_table_entry(t, group, i);
                const Rule *rule = p ? policy_rule(p, e->allowed_by) : NULL;
                _cleanup_free_ char *text = rule ? rule_to_string(rule) : NULL;

                fprintf(out, "  ");
                destination_entry_write(out, &e->base);
                write_reason(out, group, e);
                if (e->is_denied)
                        fprintf(out, "; has a rule that denies it, since another rule would allow it");
                else if (rule)
                        fprintf(out, "; STILL ALLOWED by the rule \"%s\"", text ?: "?");
                fprintf(out, "\n");
        }
}

static void write_kept(FILE *out, const SuggestTable *t) {
        for (size_t i = 0; i < t->destinations.n[SUGGEST_KEPT]; i++) {
                const SuggestEntry *e = suggest_table_entry(t, SUGGEST_KEPT, i);
                bool is_private = e->base.destination.name[0] != '\0' && e->has_address[SUGGEST_ADDR_PRIVATE];

                fprintf(out, "  ");
                destination_entry_write(out, &e->base);
                fprintf(out, ": %s%s\n",
                        e->has_verdict[RECORDED_DENIED]       ? "was denied"
                        : e->has_verdict[RECORDED_WOULD_DENY] ? "was let pass by audit mode"
                                                              : "was allowed",
                        is_private ? "; has private addresses (allowPrivate)" : "");
        }
}

static void write_widened(FILE *out, const SuggestTable *t, const Policy *p) {
        char value[IN_PREFIX_TEXT_MAX];

        for (uint32_t i = 0; i < policy_n_rules(p); i++)
                if (suggest_rule_is_widened(t, policy_rule(p, i)))
                        fprintf(out, "  %s has more ports than the %d that a rule can list: its ranges also have ports that were "
                                "not seen\n", rule_value(policy_rule(p, i), value), RULE_PORTS_MAX);
}

static void write_unlisted(FILE *out, const SuggestTable *t) {
        const DestinationTable *d = &t->destinations;
        uint64_t n = 0;

        for (size_t i = SUGGEST_KEPT + 1; i < _SUGGEST_GROUP_MAX; i++)
                count_add(&n, d->n_unlisted[i]);
        count_write(out, d->n_unlisted[SUGGEST_KEPT], "event",
                    "MISSING in the policy, of destinations beyond the limit (select fewer events)");
        count_write(out, n, "event", "Left out, of destinations beyond the limit");
        count_write(out, t->n_looked_up, "DNS query event", "Not listed, denied look-ups of names that the policy has");
}

void suggest_write_report(FILE *out, const SuggestTable *t, const SuggestDocument *d) {
        size_t n_kept, n_left_out = 0;

        assert(out);
        assert(t);
        assert(d);

        n_kept = t->destinations.n[SUGGEST_KEPT];
        for (size_t i = SUGGEST_KEPT + 1; i < _SUGGEST_GROUP_MAX; i++)
                n_left_out += t->destinations.n[i];
        if (n_kept > 0) {
                size_t n_rules = d->n_rules - d->n_denials;

                fprintf(out, "Allowed, %zu destination%s in %zu rule%s:\n", n_kept, plural(n_kept), n_rules, plural(n_rules));
                write_kept(out, t);
                write_widened(out, t, d->policy);
        } else
                fprintf(out, "There is nothing to allow.\n");
        if (n_left_out > 0) {
                fprintf(out, "Left out, %zu destination%s:\n", n_left_out, plural(n_left_out));
                for (SuggestGroup g = SUGGEST_KEPT + 1; g < _SUGGEST_GROUP_MAX; g++)
                        write_left_out(out, t, d->policy, g);
        }
        write_unlisted(out, t);
        line_counts_write(out, &t->lines);
}
