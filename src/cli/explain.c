/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/explain.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "cli/options.h"
#include "cli/policy-load.h"
#include "event/escape.h"
#include "policy/explain.h"

enum {
        STATUS_ALLOWED = 0,
        STATUS_DENIED = 1,
        STATUS_USAGE = 2,
        STATUS_INVALID = 125,
};

static const char usage[] =
        "Usage: cargowall explain [--policy FILE] [--via NAME] [--json] DEST\n"
        "\n"
        "DEST is a host name or an address, with :PORT (default 443) and /tcp, /udp or /icmp\n"
        "(default tcp): github.com:22, [2001:db8::1]:443/udp, 192.0.2.1/icmp.\n"
        "\n"
        "  --policy FILE  the policy; without it, the CARGOWALL_* variables of the environment\n"
        "  --via NAME     DEST is an address that NAME resolved to\n"
        "  --json         print one JSON object\n";

typedef struct Arguments {
        const char *policy;      /* all borrowed */
        const char *via;
        const char *destination;
        bool json;
        bool help;
} Arguments;

typedef struct Question {
        Destination destination;
        char via[HOST_NAME_TEXT_MAX];           /* canonical; empty for none */
} Question;

typedef json_object JsonObject;
DEFINE_CLEANUP_FUNC(JsonObject *, json_object_put)

static int usage_error(const char *what, const char *reason) {
        char safe[512];

        fprintf(stderr, "cargowall: %s: %s\n%s", escape_terminal(what, safe, sizeof(safe)), reason, usage);
        return STATUS_USAGE;
}

static int parse_arguments(int argc, char **argv, Arguments *a) {
        bool options = true;

        for (int i = 0; i < argc; i++) {
                const char *word = argv[i];

                if (options && strcmp(word, "--") == 0)
                        options = false;
                else if (options && option_value("--policy", argc, argv, &i, &a->policy)) {
                        if (!a->policy)
                                return usage_error(word, "a file is missing");
                } else if (options && option_value("--via", argc, argv, &i, &a->via)) {
                        if (!a->via)
                                return usage_error(word, "a name is missing");
                } else if (options && strcmp(word, "--json") == 0)
                        a->json = true;
                else if (options && strcmp(word, "--help") == 0)
                        a->help = true;
                else if (options && word[0] == '-')
                        return usage_error(word, "unknown option");
                else if (a->destination)
                        return usage_error(word, "one destination is enough");
                else
                        a->destination = word;
        }
        if (!a->help && !a->destination)
                return usage_error("explain", "a destination is missing");
        return 0;
}

static int parse_question(const Arguments *a, Question *ret) {
        const char *reason;

        if (destination_parse(a->destination, &ret->destination, &reason) < 0)
                return usage_error(a->destination, reason);
        if (!a->via)
                return 0;
        if (ret->destination.name[0] != '\0')
                return usage_error("--via", "the destination must be an address");
        if (hostname_canonical(a->via, false, ret->via, &reason) < 0)
                return usage_error(a->via, reason);
        return 0;
}

static int load_policy(const Arguments *a, Policy **ret) {
        _cleanup_(policy_source_done) PolicySource source = {};

        int r = a->policy ? policy_load_file(a->policy, &source) : policy_load_environment(&source);
        if (r < 0)
                return STATUS_INVALID;
        if (!a->policy && r == 0)
                return usage_error("explain", "no --policy FILE, and no CARGOWALL_* variable is set");
        return policy_load_finish(&source, a->policy ?: "environment", ret) < 0 ? STATUS_INVALID : 0;
}

static int print_json(const Policy *p, const Arguments *a, const Question *q, const Explanation *e) {
        _cleanup_(json_object_putp) JsonObject *o = json_object_new_object();
        const Rule *rule = policy_rule(p, e->rule);
        _cleanup_free_ char *text = rule ? rule_to_string(rule) : NULL;

        if (!o || (rule && !text))
                return STATUS_INVALID;
        json_object_object_add(o, "destination", json_object_new_string(a->destination));
        if (q->via[0] != '\0')
                json_object_object_add(o, "via", json_object_new_string(q->via));
        json_object_object_add(o, "verdict", json_object_new_string(action_to_string(e->verdict)));
        json_object_object_add(o, "action", json_object_new_string(action_to_string(e->action)));
        json_object_object_add(o, "rule", text ? json_object_new_string(text) : NULL);
        json_object_object_add(o, "reason", json_object_new_string(reason_to_string(e->reason)));
        json_object_object_add(o, "tier", rule ? json_object_new_string(tier_to_string(e->tier)) : NULL);
        json_object_object_add(o, "name_refused", json_object_new_boolean(e->name_refused));
        puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
        return 0;
}

static void print_text(const Policy *p, const Question *q, const Explanation *e) {
        char buf[4096];

        (void) explanation_format(p, &q->destination, e, buf, sizeof(buf));
        puts(buf);
}

int cli_explain(int argc, char **argv) {
        _cleanup_(policy_freep) Policy *policy = NULL;
        Arguments arguments = {};
        Question question = {};
        Explanation e;
        int r;

        r = parse_arguments(argc, argv, &arguments);
        if (r != 0)
                return r;
        if (arguments.help) {
                fputs(usage, stdout);
                return STATUS_ALLOWED;
        }
        r = parse_question(&arguments, &question);
        if (r != 0)
                return r;
        r = load_policy(&arguments, &policy);
        if (r != 0)
                return r;

        r = policy_explain(policy, policy_mode(policy, MODE_ENFORCE), &question.destination,
                           question.via[0] != '\0' ? question.via : NULL, &e);
        if (r < 0)
                return STATUS_INVALID;

        if (arguments.json) {
                r = print_json(policy, &arguments, &question, &e);
                if (r != 0)
                        return r;
        } else
                print_text(policy, &question, &e);
        return e.verdict == ACTION_ALLOW ? STATUS_ALLOWED : STATUS_DENIED;
}
