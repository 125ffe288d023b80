/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/lint-rules.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/rule-json.h"

typedef json_tokener JsonTokener;
DEFINE_CLEANUP_FUNC(JsonTokener *, json_tokener_free)

typedef struct Reading {
        LintRules *rules;
        size_t n_allocated;
        JsonTokener *tokener;
        const char *text;
        size_t offset; /* up to which lines were counted */
        unsigned line;
} Reading;

static int grow(Reading *reading) {
        LintRules *l = reading->rules;

        if (l->n < reading->n_allocated)
                return 0;
        size_t n = reading->n_allocated > 0 ? 2 * reading->n_allocated : 64;
        LintRule *rules = reallocarray(l->rules, n, sizeof(LintRule));
        if (!rules)
                return -ENOMEM;
        l->rules = rules;
        reading->n_allocated = n;
        return 0;
}

static void count_lines(Reading *reading, size_t offset) {
        for (; reading->offset < offset; reading->offset++)
                reading->line += reading->text[reading->offset] == '\n';
}

static int read_rule(_unused_ size_t index, size_t offset, size_t length, void *userdata) {
        _cleanup_(fault_list_done) FaultList faults = {};
        Reading *reading = userdata;

        json_tokener_reset(reading->tokener);
        _cleanup_(json_object_putp) JsonObject *o =
                json_tokener_parse_ex(reading->tokener, reading->text + offset, (int) length);
        if (!o)
                return -EINVAL;
        int r = grow(reading);
        if (r < 0)
                return r;
        count_lines(reading, offset);
        LintRule *rule = &reading->rules->rules[reading->rules->n];
        *rule = (LintRule) { .line = reading->line };
        r = json_read_rule(&faults, NULL, o, &rule->list);
        reading->rules->n++; /* its list is freed with the others */
        if (r < 0)
                return r == -ENOMEM ? r : -EINVAL;
        if (rule->list.n != 1)
                return -EINVAL;
        rule_list_seal(&rule->list);
        return 0;
}

/* ------------------------------------------------------------------ order */

static int sign(int r) {
        return r < 0 ? -1 : r > 0;
}

/* -1, 0 or 1. */
static int compare_values(const Rule *a, const RuleValue *b) {
        if (a->type != b->type)
                return a->type == RULE_HOSTNAME ? -1 : 1;
        if (a->type == RULE_HOSTNAME)
                return sign(strcmp(a->name, b->name));
        if (a->prefix.length != b->prefix.length)
                return a->prefix.length < b->prefix.length ? -1 : 1;
        return sign(memcmp(&a->prefix.addr, &b->prefix.addr, sizeof(InAddr)));
}

static RuleValue value_of(const Rule *rule) {
        RuleValue v = { .type = rule->type, .prefix = rule->prefix };

        if (rule->name)
                (void) snprintf(v.name, sizeof(v.name), "%s", rule->name);
        return v;
}

static int compare(const void *a, const void *b, void *userdata) {
        const LintRules *l = userdata;
        uint32_t i = *(const uint32_t *) a, k = *(const uint32_t *) b;
        RuleValue y = value_of(lint_rules_get(l, k));

        int r = compare_values(lint_rules_get(l, i), &y);
        return r != 0 ? r : i < k ? -1 : i > k;
}

static int sort(LintRules *l) {
        l->by_value = calloc(l->n + 1, sizeof(uint32_t));
        if (!l->by_value)
                return -ENOMEM;
        for (uint32_t i = 0; i < l->n; i++)
                l->by_value[i] = i;
        qsort_r(l->by_value, l->n, sizeof(uint32_t), compare, l);
        return 0;
}

/* The first position from low on whose value compares as at least this much. */
static size_t bound(const LintRules *l, const RuleValue *v, size_t low, int least) {
        size_t high = l->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (compare_values(lint_rules_get(l, l->by_value[middle]), v) < least)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static LintGroup find(const LintRules *l, const RuleValue *v) {
        size_t first = bound(l, v, 0, 0);

        return (LintGroup) { .first = first, .end = bound(l, v, first, 1) };
}

LintGroup lint_rules_with_name(const LintRules *l, const char *name) {
        assert(l);
        assert(name);

        RuleValue v = { .type = RULE_HOSTNAME };
        (void) snprintf(v.name, sizeof(v.name), "%s", name);
        return find(l, &v);
}

LintGroup lint_rules_with_prefix(const LintRules *l, const InPrefix *prefix) {
        assert(l);
        assert(prefix);

        const RuleValue v = { .type = RULE_CIDR, .prefix = *prefix };
        return find(l, &v);
}

/* ------------------------------------------------------------------ */

int lint_rules_read(const char *text, size_t length, LintRules *ret) {
        _cleanup_(json_tokener_freep) JsonTokener *tokener = json_tokener_new_ex(JSON_TEXT_DEPTH_MAX);
        _cleanup_(fault_list_done) FaultList faults = {};
        LintRules l = {};
        Reading reading = { .rules = &l, .tokener = tokener, .text = text, .line = 1 };

        assert(text);
        assert(ret);

        if (!tokener)
                return -ENOMEM;
        int r = json_text_for_each(text, length, "rules", read_rule, &reading, &faults);
        if (r >= 0)
                r = sort(&l);
        if (r < 0) {
                lint_rules_done(&l);
                return r == -ENOMEM ? r : -EINVAL;
        }
        *ret = l;
        return 0;
}

void lint_rules_done(LintRules *l) {
        assert(l);

        for (size_t i = 0; i < l->n; i++)
                rule_list_done(&l->rules[i].list);
        free(l->rules);
        free(l->by_value);
        *l = (LintRules) {};
}

const Rule *lint_rules_get(const LintRules *l, uint32_t index) {
        assert(l);
        assert(index < l->n);

        return &l->rules[index].list.rules[0];
}

/* ------------------------------------------------------------------ ports */

/* The highest port up to which a has all from low on, or low - 1. */
static uint32_t covered_up_to(const Rule *a, uint8_t protocol, uint32_t low) {
        uint32_t end = low - 1;

        for (size_t i = 0; i < a->n_ports; i++) {
                const PortRange *range = &a->ports[i];

                if ((range->protocol == PROTOCOL_ALL || range->protocol == protocol) && range->low <= low && range->high >= low &&
                    range->high > end)
                        end = range->high;
        }
        return end;
}

static bool covers_range(const Rule *a, uint8_t protocol, uint32_t low, uint32_t high) {
        while (low <= high) {
                uint32_t end = covered_up_to(a, protocol, low);

                if (end + 1 == low)
                        return false;
                low = end + 1;
        }
        return true;
}

bool lint_ports_cover(const Rule *a, const Rule *b) {
        static const uint8_t protocols[] = { PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP };

        assert(a);
        assert(b);

        if (a->n_ports == 0 || b->n_ports == 0)
                return a->n_ports == 0;
        for (size_t i = 0; i < b->n_ports; i++)
                for (size_t k = 0; k < ELEMENTSOF(protocols); k++)
                        if ((b->ports[i].protocol == PROTOCOL_ALL || b->ports[i].protocol == protocols[k]) &&
                            !covers_range(a, protocols[k], b->ports[i].low, b->ports[i].high))
                                return false;
        return true;
}
