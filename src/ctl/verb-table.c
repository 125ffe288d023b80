/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/verb-table.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define VERB_COLUMN 31
#define ARGUMENTS_MAX 10000

#define EVENT_OPTIONS \
        (OPTION_SCOPE | OPTION_FOLLOW | OPTION_LINES | OPTION_SINCE | OPTION_SELECT | OPTION_FILTER | OPTION_EXIT_CODE | \
         OPTION_JSON)

static const Verb verbs[] = {
        { "State", "status", NULL, "[SCOPE]", "Show mode, policy, hooks and counters", 0, 1,
          OPTION_SCOPE | OPTION_JSON, verb_status },
        { NULL, "is-enforcing", NULL, "[SCOPE]", "Exit status 0 if enforcing, 3 if not", 0, 1,
          OPTION_SCOPE | OPTION_WAIT | OPTION_JSON, verb_is_enforcing },
        { NULL, "scopes", NULL, "", "List scopes with mode and policy", 0, 0, OPTION_JSON, verb_scopes },
        { NULL, "dns", "flush", "", "Flush the DNS proxy's cache", 0, 0, 0, verb_dns_flush },
        { NULL, "dns", NULL, "", "Show the DNS proxy's counters and leases", 0, 0, OPTION_SCOPE | OPTION_JSON,
          verb_dns },
        { NULL, "events", NULL, "", "Show recent denials and changes", 0, 0, EVENT_OPTIONS, verb_events },
        { NULL, "explain", NULL, "DEST", "Show which rule decides about a connection", 1, 1,
          OPTION_SCOPE | OPTION_VIA | OPTION_JSON, verb_explain },
        { "Policy", "policy", "show", "", "Show the policy in force", 0, 0, OPTION_SCOPE | OPTION_JSON,
          verb_policy_show },
        { NULL, "policy", "load", "FILE|-", "Load a policy until the next reload", 1, 1, OPTION_SCOPE,
          verb_policy_load },
        { NULL, "policy", "check", "FILE|-", "Check a policy, without using the service", 1, 1, OPTION_JSON,
          verb_policy_check },
        { NULL, "policy", "lint", "FILE|-", "Show what is valid but hardly meant", 1, 1, OPTION_JSON,
          verb_policy_lint },
        { NULL, "policy", "diff", "FILE|-", "Compare a policy with the one in force", 1, 1, OPTION_SCOPE | OPTION_JSON,
          verb_policy_diff },
        { NULL, "suggest", NULL, "[LOG]...", "Print a policy that allows what was recorded", 0, ARGUMENTS_MAX,
          OPTION_SCOPE | OPTION_SINCE | OPTION_SELECT | OPTION_SUGGEST, verb_suggest },
        { "Jobs", "job", "begin", "", "Begin a job in the caller's unit", 0, 0, OPTION_LABEL | OPTION_JSON,
          verb_job_begin },
        { NULL, "job", "end", "ID", "End a job and show its summary", 1, 1, OPTION_JSON, verb_job_end },
        { NULL, "job", "allow", "ID HOST", "Grant a job access to a host for a time", 2, 2, OPTION_FOR,
          verb_job_allow },
        { NULL, "job", "list", "", "List active jobs", 0, 0, OPTION_JSON, verb_job_list },
        { NULL, "job", "show", "ID", "Show one job", 1, 1, OPTION_JSON, verb_job_show },
        { "Service", "mode", NULL, "[MODE]", "Show or set the mode: enforce, audit,\noff, configured", 0, 1,
          OPTION_SCOPE | OPTION_PERSIST | OPTION_JSON, verb_mode },
        { NULL, "reload", NULL, "", "Read all policy documents again", 0, 0, 0, verb_reload },
        { NULL, "log-level", NULL, "[LEVEL]", "Show or set the service's log level", 0, 1, OPTION_JSON,
          verb_log_level },
        { NULL, "check", NULL, "", "Check whether this host can run the service", 0, 0, OPTION_JSON, verb_check },
        { NULL, "version", NULL, "", "Show versions of client and service", 0, 0, OPTION_JSON, verb_version },
        { NULL, "help", NULL, "", "Show this help", 0, 0, 0, verb_help },
};

static const char options_text[] =
        "  -h --help                    Show this help\n"
        "     --version                 Show the version of this program\n"
        "     --scope=SCOPE             Use this scope instead of the default\n"
        "     --json=pretty|short|off   Print JSON\n"
        "  -j                           --json=pretty on a terminal, otherwise short\n"
        "  -q --quiet                   Print errors only\n"
        "  -l --full                    Do not truncate lines\n"
        "     --no-legend               Do not print headers and footers\n"
        "     --no-pager                Do not pipe output into a pager\n"
        "     --no-ask-password         Do not ask for a password\n"
        "  -f --follow                  events: follow new denials\n"
        "  -n --lines=N                 events: show the last N only\n"
        "     --since=TIME              events, suggest: of events since TIME\n"
        "     --denied                  events: show denials only\n"
        "     --unit=PATTERN            events, suggest: of these units\n"
        "     --process=PATTERN         events: of processes with such names\n"
        "     --dest=NAME|ADDRESS|CIDR  events: to these destinations\n"
        "     --job=KEY=PATTERN         events, suggest: of jobs with such a label\n"
        "     --by=dest|process|rule    events: count them by what they have in common\n"
        "     --format=ndjson|ocsf|ecs  events: print JSON in this schema, one line each\n"
        "     --exit-code               events: exit with 1 if there are denials\n"
        "     --at-least=N              suggest: only what was seen N times or more\n"
        "     --keep-denied             suggest: keep what was denied\n"
        "     --keep-shared             suggest: keep names that anybody can have\n"
        "     --via=NAME                explain: DEST is an address of NAME\n"
        "     --persist                 mode: keep it over reboots\n"
        "     --label=KEY=VALUE         job begin: add a label; may be repeated\n"
        "     --for=TIME                job allow: duration (default: 10min)\n"
        "     --wait=SECONDS            is-enforcing: wait up to SECONDS\n";

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

/* The next verb after i that is to be listed. name: NULL lists first words. */
static size_t next_listed(const char *name, size_t i) {
        for (; i < ELEMENTSOF(verbs); i++)
                if (name ? verbs[i].noun && strcmp(verbs[i].name, name) == 0 :
                           i == 0 || strcmp(verbs[i].name, verbs[i - 1].name) != 0)
                        break;
        return i;
}

bool verb_list(const char *name, char *buf, size_t size) {
        bool found = next_listed(name, 0) < ELEMENTSOF(verbs);
        size_t n = 0, next;

        assert(name && buf && size > 0);

        buf[0] = '\0';
        if (!found)
                name = NULL;
        for (size_t i = next_listed(name, 0); i < ELEMENTSOF(verbs) && n < size; i = next) {
                next = next_listed(name, i + 1);
                const char *before = n == 0 ? "" : next < ELEMENTSOF(verbs) ? ", " : " or ";
                n += (size_t) snprintf(buf + n, size - n, "%s%s", before, name ? verbs[i].noun : verbs[i].name);
        }
        return found;
}

static void print_heading(const Ctl *c, const char *heading) {
        (void) printf("\n%s%s:%s\n", output_color(&c->output, COLOR_BOLD), heading,
                      output_color(&c->output, COLOR_NORMAL));
}

int verb_help(Ctl *c, _unused_ int argc, _unused_ char **argv) {
        ctl_page(c);
        (void) fputs("cargowallctl [OPTION]... [VERB]\n\n"
                     "Query and control the egress firewall cargowalld.\n",
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
        (void) fputs("\nSee cargowallctl(1) for details.\n", stdout);
        return STATUS_OK;
}

int verb_version(Ctl *c, _unused_ int argc, _unused_ char **argv) {
        _cleanup_(json_object_putp) JsonObject *p = NULL, *o = json_object_new_object();
        _cleanup_free_ char *safe = NULL;

        c->client.silent = true; /* the version of the client is printed in any case */
        bool running = bus_client_properties(&c->client, &p) == STATUS_OK;
        const char *service = json_value_text(p, "version");
        if (c->json != JSON_OFF) {
                int r = json_value_add(o, "client", json_object_new_string(CARGOWALL_VERSION));
                if (r >= 0)
                        r = running ? json_value_add(o, "service", json_object_new_string(service))
                                    : json_value_add_null(o, "service");
                return r < 0 ? ctl_fail(r) : ctl_print_json(c, o);
        }
        safe = output_safe(&c->output, running ? service : "not running or not reachable");
        if (!safe)
                return ctl_fail(-ENOMEM);
        (void) printf("cargowallctl %s\ncargowalld %s\n", CARGOWALL_VERSION, safe);
        return STATUS_OK;
}
