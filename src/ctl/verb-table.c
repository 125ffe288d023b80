/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/verb-table.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define VERB_COLUMN 31

#define EVENT_OPTIONS (OPTION_FOLLOW | OPTION_LINES | OPTION_SINCE | OPTION_DENIED | OPTION_EXIT_CODE | OPTION_JSON)

static const Verb verbs[] = {
        { "State", "status", NULL, "[SCOPE]", "What is in force, and whether it is enforced", 0, 1,
          OPTION_SCOPE | OPTION_JSON, verb_status },
        { NULL, "is-enforcing", NULL, "[SCOPE]", "Exit status 0 if enforcing, 3 if not", 0, 1,
          OPTION_SCOPE | OPTION_WAIT | OPTION_JSON, verb_is_enforcing },
        { NULL, "scopes", NULL, "", "Scopes, with mode and policy", 0, 0, OPTION_JSON, verb_scopes },
        { NULL, "dns", NULL, "", "The DNS proxy: resolvers, counters, leases", 0, 0, OPTION_SCOPE | OPTION_JSON,
          verb_dns },
        { NULL, "events", NULL, "", "Denials and changes that are remembered", 0, 0, EVENT_OPTIONS, verb_events },
        { NULL, "explain", NULL, "DEST", "What would happen to a connection, and why", 1, 1,
          OPTION_SCOPE | OPTION_VIA | OPTION_JSON, verb_explain },
        { "Policy", "policy", "show", "", "The policy in force", 0, 0, OPTION_SCOPE | OPTION_JSON, verb_policy_show },
        { NULL, "policy", "load", "FILE|-", "Put another in its place, until reload", 1, 1, OPTION_SCOPE,
          verb_policy_load },
        { NULL, "policy", "check", "FILE|-", "Is the file valid? Asks no service", 1, 1, OPTION_JSON,
          verb_policy_check },
        { NULL, "policy", "diff", "FILE|-", "What the file would change", 1, 1, OPTION_SCOPE | OPTION_JSON,
          verb_policy_diff },
        { "Jobs", "job", "begin", "", "Put labels on the unit of the caller", 0, 0, OPTION_LABEL | OPTION_JSON,
          verb_job_begin },
        { NULL, "job", "end", "ID", "End a job and show what it did", 1, 1, OPTION_JSON, verb_job_end },
        { NULL, "job", "allow", "ID HOST", "Allow a host to one job, for a while", 2, 2, OPTION_FOR, verb_job_allow },
        { NULL, "job", "list", "", "Jobs under way", 0, 0, OPTION_JSON, verb_job_list },
        { NULL, "job", "show", "ID", "One job", 1, 1, OPTION_JSON, verb_job_show },
        { "Service", "mode", NULL, "[MODE]", "Show the mode, or set it: enforce, audit,\noff, configured", 0, 1,
          OPTION_JSON, verb_mode },
        { NULL, "reload", NULL, "", "Read configuration and policies anew", 0, 0, 0, verb_reload },
        { NULL, "log-level", NULL, "[LEVEL]", "Show or set the level of its own messages", 0, 1, OPTION_JSON,
          verb_log_level },
        { NULL, "check", NULL, "", "Can the service work on this host?", 0, 0, OPTION_JSON, verb_check },
        { NULL, "version", NULL, "", "Versions of this program and the service", 0, 0, OPTION_JSON, verb_version },
        { NULL, "help", NULL, "", "This text", 0, 0, 0, verb_help },
};

static const char options_text[] =
        "  -h --help                    This text\n"
        "     --version                 Version of this program\n"
        "     --scope=SCOPE             Of this scope (dns: all; else: host)\n"
        "     --json=pretty|short|off   Output for programs\n"
        "  -j                           --json=pretty on a terminal, else --json=short\n"
        "  -q --quiet                   Only the exit status, and errors\n"
        "  -l --full                    Cut no lines to the width of the terminal\n"
        "     --no-legend               No headers and no footers\n"
        "     --no-pager                No pager\n"
        "     --no-ask-password         Do not ask for a password\n"
        "  -f --follow                  events: go on with new denials\n"
        "  -n --lines=N                 events: the last N only\n"
        "     --since=TIME              events: from that time on\n"
        "     --denied                  events: denials only\n"
        "     --exit-code               events: exit status 1 if there were denials\n"
        "     --via=NAME                explain: DEST is an address that NAME resolved to\n"
        "     --label=KEY=VALUE         job begin: a label; may be given again\n"
        "     --for=TIME                job allow: for so long (default: 10min)\n"
        "     --wait=SECONDS            is-enforcing: wait that long for it\n";

const Verb *verb_find(int argc, char **argv, int *ret_words) {
        assert(ret_words);

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                const Verb *v = &verbs[i];

                if (argc == 0) { /* the first verb is the default */
                        *ret_words = 0;
                        return v;
                }
                if (strcmp(argv[0], v->name) == 0 && (!v->noun || (argc > 1 && strcmp(argv[1], v->noun) == 0))) {
                        *ret_words = v->noun ? 2 : 1;
                        return v;
                }
        }
        return NULL;
}

static void print_heading(const Ctl *c, const char *heading) {
        (void) printf("\n%s%s:%s\n", output_color(&c->output, COLOR_BOLD), heading,
                      output_color(&c->output, COLOR_NORMAL));
}

int verb_help(Ctl *c, _unused_ int argc, _unused_ char **argv) {
        ctl_page(c);
        (void) fputs("cargowallctl [OPTION]... [VERB]\n\n"
                     "Look into the egress firewall cargowalld, and control it.\n",
                     stdout);
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                const Verb *v = &verbs[i];
                char left[64];

                if (v->group)
                        print_heading(c, v->group);
                (void) snprintf(left, sizeof(left), "  %s%s%s%s%s", v->name, v->noun ? " " : "", v->noun ?: "",
                                v->arguments[0] != '\0' ? " " : "", v->arguments);
                size_t first = strcspn(v->help, "\n");
                (void) printf("%-*s%.*s\n", VERB_COLUMN, left, (int) first, v->help);
                if (v->help[first] != '\0')
                        (void) printf("%*s%s\n", VERB_COLUMN, "", v->help + first + 1);
        }
        print_heading(c, "Options");
        (void) fputs(options_text, stdout);
        (void) fputs("\nThe man page cargowallctl(1) has the details.\n", stdout);
        return STATUS_OK;
}

int verb_version(Ctl *c, _unused_ int argc, _unused_ char **argv) {
        _cleanup_(json_object_putp) JsonObject *p = NULL, *o = json_object_new_object();
        _cleanup_free_ char *safe = NULL;

        c->client.silent = true; /* without the service there is still a version */
        bool running = bus_client_properties(&c->client, &p) == STATUS_OK;
        const char *service = json_value_text(p, "version");
        if (c->json != JSON_OFF) {
                int r = json_value_add(o, "client", json_object_new_string(CARGOWALL_VERSION));
                if (r >= 0)
                        r = running ? json_value_add(o, "service", json_object_new_string(service))
                                    : json_value_add_null(o, "service");
                return r < 0 ? ctl_fail(r) : ctl_print_json(c, o);
        }
        safe = output_safe(&c->output, running ? service : "not running, or out of reach");
        if (!safe)
                return ctl_fail(-ENOMEM);
        (void) printf("cargowallctl %s\ncargowalld %s\n", CARGOWALL_VERSION, safe);
        return STATUS_OK;
}
