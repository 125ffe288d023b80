/* SPDX-License-Identifier: Apache-2.0 */

/* cargowallctl: parses options and dispatches to a verb. */

#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/suggest-run.h"
#include "cli/time-text.h"
#include "ctl/ctl.h"
#include "ctl/verb-table.h"

enum {
        ARG_VERSION = 0x100,
        ARG_SCOPE,
        ARG_JSON,
        ARG_NO_LEGEND,
        ARG_NO_PAGER,
        ARG_NO_ASK_PASSWORD,
        ARG_SINCE,
        ARG_DENIED,
        ARG_UNIT,
        ARG_PROCESS,
        ARG_DEST,
        ARG_JOB,
        ARG_BY,
        ARG_FORMAT,
        ARG_EXIT_CODE,
        ARG_AT_LEAST,
        ARG_KEEP_DENIED,
        ARG_KEEP_SHARED,
        ARG_LABEL,
        ARG_FOR,
        ARG_WAIT,
        ARG_VIA,
        ARG_PERSIST,
};

static const struct option long_options[] = {
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, ARG_VERSION },
        { "scope", required_argument, NULL, ARG_SCOPE },
        { "json", required_argument, NULL, ARG_JSON },
        { "quiet", no_argument, NULL, 'q' },
        { "full", no_argument, NULL, 'l' },
        { "no-legend", no_argument, NULL, ARG_NO_LEGEND },
        { "no-pager", no_argument, NULL, ARG_NO_PAGER },
        { "no-ask-password", no_argument, NULL, ARG_NO_ASK_PASSWORD },
        { "follow", no_argument, NULL, 'f' },
        { "lines", required_argument, NULL, 'n' },
        { "since", required_argument, NULL, ARG_SINCE },
        { "denied", no_argument, NULL, ARG_DENIED },
        { "unit", required_argument, NULL, ARG_UNIT },
        { "process", required_argument, NULL, ARG_PROCESS },
        { "dest", required_argument, NULL, ARG_DEST },
        { "job", required_argument, NULL, ARG_JOB },
        { "by", required_argument, NULL, ARG_BY },
        { "exit-code", no_argument, NULL, ARG_EXIT_CODE },
        { "at-least", required_argument, NULL, ARG_AT_LEAST },
        { "keep-denied", no_argument, NULL, ARG_KEEP_DENIED },
        { "keep-shared", no_argument, NULL, ARG_KEEP_SHARED },
        { "label", required_argument, NULL, ARG_LABEL },
        { "for", required_argument, NULL, ARG_FOR },
        { "wait", required_argument, NULL, ARG_WAIT },
        { "via", required_argument, NULL, ARG_VIA },
        { "format", required_argument, NULL, ARG_FORMAT },
        { "persist", no_argument, NULL, ARG_PERSIST },
        {},
};

/* The OptionMask bit that a verb must have to take this option. 0: every verb takes it. */
static unsigned option_mask(int option) {
        static const struct {
                int option;
                unsigned mask;
        } masks[] = {
                { ARG_SCOPE, OPTION_SCOPE },
                { ARG_JSON, OPTION_JSON },
                { 'j', OPTION_JSON },
                { 'f', OPTION_FOLLOW },
                { 'n', OPTION_LINES },
                { ARG_SINCE, OPTION_SINCE },
                { ARG_DENIED, OPTION_FILTER },
                { ARG_UNIT, OPTION_SELECT },
                { ARG_PROCESS, OPTION_FILTER },
                { ARG_DEST, OPTION_FILTER },
                { ARG_JOB, OPTION_SELECT },
                { ARG_BY, OPTION_FILTER },
                { ARG_FORMAT, OPTION_FILTER },
                { ARG_EXIT_CODE, OPTION_EXIT_CODE },
                { ARG_AT_LEAST, OPTION_SUGGEST },
                { ARG_KEEP_DENIED, OPTION_SUGGEST },
                { ARG_KEEP_SHARED, OPTION_SUGGEST },
                { ARG_LABEL, OPTION_LABEL },
                { ARG_FOR, OPTION_FOR },
                { ARG_WAIT, OPTION_WAIT },
                { ARG_VIA, OPTION_VIA },
                { ARG_PERSIST, OPTION_PERSIST },
        };

        for (size_t i = 0; i < ELEMENTSOF(masks); i++)
                if (masks[i].option == option)
                        return masks[i].mask;
        return 0;
}

static int usage(const char *what, const char *reason) {
        complain("%s: %s (see \"cargowallctl help\")", what, reason);
        return STATUS_USAGE;
}

static int parse_json(Ctl *c, const char *value) {
        if (strcmp(value, "pretty") == 0)
                c->json = JSON_PRETTY;
        else if (strcmp(value, "short") == 0)
                c->json = JSON_SHORT;
        else if (strcmp(value, "off") == 0)
                c->json = JSON_OFF;
        else
                return usage(value, "--json must be pretty, short or off");
        return STATUS_OK;
}

static int parse_lines(Ctl *c, const char *value) {
        char *end;

        errno = 0;
        unsigned long n = strtoul(value, &end, 10);
        if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 || n > UINT32_MAX)
                return usage(value, "--lines must be a number");
        c->lines = (uint32_t) n;
        c->has_lines = true;
        return STATUS_OK;
}

static int parse_label(Ctl *c, const char *value) {
        const char *equals = strchr(value, '=');

        if (!equals || equals == value)
                return usage(value, "a label must be KEY=VALUE");
        if (c->n_labels == LABELS_MAX)
                return usage(value, "too many labels");
        c->labels[c->n_labels++] = value;
        return STATUS_OK;
}

static int parse_filter(Ctl *c, int option, const char *value) {
        switch (option) {
        case ARG_UNIT:
                c->filter.unit = value;
                break;
        case ARG_PROCESS:
                c->filter.process = value;
                break;
        case ARG_DEST:
                c->filter.destination = value;
                break;
        case ARG_JOB:
                c->filter.job = value;
                break;
        case ARG_BY:
                if (event_part_parse(value, &c->by) < 0)
                        return usage(value, "--by must be dest, process or rule");
                break;
        default:
                c->filter.denied = true;
        }
        const char *fault = event_filter_fault(&c->filter);
        return fault ? usage(value, fault) : STATUS_OK;
}

static int parse_suggest(Ctl *c, int option, const char *value) {
        const char *reason;

        if (option == ARG_KEEP_DENIED)
                c->suggest.denied = true;
        else if (option == ARG_KEEP_SHARED)
                c->suggest.shared_domains = true;
        else if (suggest_set_at_least(&c->suggest, value, &reason) < 0)
                return usage(value, reason);
        return STATUS_OK;
}

static int parse_option(Ctl *c, int option, const char *value) {
        switch (option) {
        case ARG_SCOPE:
                c->scope = value;
                break;
        case ARG_VIA:
                c->via = value;
                break;
        case ARG_PERSIST:
                c->keep = true;
                break;
        case ARG_JSON:
                return parse_json(c, value);
        case 'j':
                c->json = c->output.tty ? JSON_PRETTY : JSON_SHORT;
                break;
        case 'q':
                c->quiet = true;
                break;
        case 'l':
                c->full = true;
                break;
        case ARG_NO_LEGEND:
                c->legend = false;
                break;
        case ARG_NO_PAGER:
                c->use_pager = false;
                break;
        case ARG_NO_ASK_PASSWORD:
                c->client.ask_password = false;
                break;
        case 'f':
                c->follow = true;
                break;
        case 'n':
                return parse_lines(c, value);
        case ARG_SINCE:
                return time_parse(value, (uint64_t) time(NULL) * USEC_PER_SEC, &c->since_usec) < 0
                               ? usage(value, "invalid time; cargowallctl(1) lists the formats")
                               : STATUS_OK;
        case ARG_DENIED:
        case ARG_UNIT:
        case ARG_PROCESS:
        case ARG_DEST:
        case ARG_JOB:
        case ARG_BY:
                return parse_filter(c, option, value);
        case ARG_FORMAT:
                c->has_format = true;
                return event_format_from_string(value, &c->format) < 0 ? usage(value, "--format must be ndjson, ocsf or ecs") : STATUS_OK;
        case ARG_EXIT_CODE:
                c->exit_code = true;
                break;
        case ARG_AT_LEAST:
        case ARG_KEEP_DENIED:
        case ARG_KEEP_SHARED:
                return parse_suggest(c, option, value);
        case ARG_LABEL:
                return parse_label(c, value);
        case ARG_FOR:
                return span_parse(value, &c->for_usec) < 0 || c->for_usec == 0
                               ? usage(value, "--for must be a time span, such as 10min") : STATUS_OK;
        case ARG_WAIT:
                return span_parse(value, &c->wait_usec) < 0 ? usage(value, "--wait must be a number of seconds")
                                                            : STATUS_OK;
        default: /* getopt_long() has printed the error */
                return STATUS_USAGE;
        }
        return STATUS_OK;
}

/* Returns an exit status, or -1 if the verb should run. *seen: the masks of all options that were given. */
static int parse_options(Ctl *c, int argc, char **argv, unsigned *seen) {
        int option;

        while ((option = getopt_long(argc, argv, "hjqlfn:", long_options, NULL)) >= 0) {
                if (option == 'h')
                        return verb_help(c, 0, NULL);
                if (option == ARG_VERSION) {
                        (void) puts("cargowallctl " CARGOWALL_VERSION);
                        return STATUS_OK;
                }
                int status = parse_option(c, option, optarg);
                if (status != STATUS_OK)
                        return status;
                *seen |= option_mask(option);
        }
        return -1;
}

static int unknown_verb(const char *name) {
        char list[256], reason[320];

        bool incomplete = verb_list(name, list, sizeof(list));
        (void) snprintf(reason, sizeof(reason), incomplete ? "a word is missing or wrong after it: %s" :
                                                             "unknown verb; expected %s", list);
        return usage(name, reason);
}

static int run(Ctl *c, int argc, char **argv) {
        unsigned seen = 0;
        int words;

        int status = parse_options(c, argc, argv, &seen);
        if (status >= 0)
                return status;
        argc -= optind;
        argv += optind;
        const Verb *v = verb_find(argc, argv, &words);
        if (!v)
                return unknown_verb(argv[0]);
        argc -= words;
        argv += words;
        if (argc < v->min_arguments)
                return usage(v->name, "missing argument");
        if (argc > v->max_arguments)
                return usage(argv[v->max_arguments], "too many arguments");
        if (seen & ~v->options)
                return usage(v->name, "does not support all of these options");
        if (argc > 0 && c->scope && (v->run == verb_status || v->run == verb_is_enforcing))
                return usage(argv[0], "scope given twice");
        return v->run(c, argc, argv);
}

int main(int argc, char **argv) {
        Ctl c = { .legend = true, .use_pager = true, .client.ask_password = true };

        (void) setlocale(LC_CTYPE, ""); /* dates and numbers do not depend on the locale */
        output_init(&c.output);
        int status = run(&c, argc, argv);
        bus_client_done(&c.client);

        bool paged = c.pager.pid > 0;
        if (!paged && (fflush(stdout) != 0 || ferror(stdout))) {
                complain("cannot write to standard output");
                status = status == STATUS_OK ? STATUS_FAILED : status;
        }
        pager_close(&c.pager);
        return status;
}
