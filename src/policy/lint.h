/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is valid in a policy, but hardly meant: rules that allow far more than they say, and rules without effect. Pure. */

#include "policy/policy.h"

#define LINT_FINDINGS_MAX 1000

typedef enum LintKind {
        LINT_EVERY_NAME,     /* the pattern has wildcards only */
        LINT_REGISTRY,       /* the name, or what follows its last wildcard, is one of a registry */
        LINT_SHARED,         /* ... is a domain where anybody can have a name */
        LINT_CLOUD,          /* ... has such domains of a cloud below */
        LINT_WIDE_NETWORK,   /* more than a network of one owner has */
        LINT_METADATA,       /* a network with the metadata service of a cloud, which nothing denies */
        LINT_NO_PORTS,
        LINT_QUIC,           /* UDP 443 */
        LINT_LOOPBACK,       /* decides about no connection: loopback is allowed before all rules */
        LINT_DNS_PORT,       /* the same: queries are judged by name */
        LINT_DENIED,         /* allows nothing: a rule for the same value denies it */
        LINT_OUTRANKED,      /* never matches: a name above it has a rule that allows, which counts alone */
        LINT_REPEATED,       /* the same is in another rule */
        LINT_COVERED,        /* without the rule, another one would do the same */
        _LINT_KIND_MAX,
} LintKind;

typedef struct LintFinding {
        LintKind kind;
        uint32_t rule;   /* index in the document */
        uint32_t other;  /* the rule that is the reason, or RULE_NONE */
        unsigned line;   /* of the rule, from 1 */
        RuleValue value; /* of the rule */
        bool has_all_protocols; /* LINT_QUIC: the port is written without a protocol */
} LintFinding;

typedef struct LintReport {
        LintFinding *findings; /* in the order of the rules */
        size_t n;
        size_t n_more;  /* beyond the limit */
        size_t n_rules; /* in the document */
} LintReport;

void lint_report_done(LintReport *r);
/* text: a valid policy. -EINVAL: it is not; -ENOMEM. */
int policy_lint(const char *text, size_t length, LintReport *ret);

#define LINT_TEXT_MAX 512
/* "public-suffix", a constant word for programs. */
const char *lint_kind_to_string(LintKind kind);
/* What is wrong, and a better form: sentences without a period. All text is printable. Return buf. */
const char *lint_reason(const LintFinding *f, char buf[static LINT_TEXT_MAX]);
const char *lint_advice(const LintFinding *f, char buf[static LINT_TEXT_MAX]);
