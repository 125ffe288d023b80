/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The context of every verb: options, terminal, connection to the service. */

#include <limits.h>

#include "cli/suggest-table.h"
#include "ctl/bus-client.h"
#include "ctl/event-filter.h"
#include "ctl/event-line.h"
#include "ctl/json-value.h"
#include "ctl/output.h"
#include "ctl/pager.h"
#include "event/event-format.h"

#define LABELS_MAX 16
#define EVENTS_PER_CALL 1000U /* the service returns no more in one call */

typedef struct Ctl {
        Output output;
        Pager pager;
        BusClient client;

        JsonFormat json;
        bool use_pager;
        bool legend;
        bool quiet;
        bool full;
        bool follow;
        bool exit_code;
        bool has_lines;
        uint32_t lines;
        uint64_t wait_usec;
        uint64_t for_usec;     /* 0: not given */
        uint64_t since_usec;   /* CLOCK_REALTIME; 0: from the beginning */
        const char *scope;     /* borrowed; NULL: not given */
        bool keep;             /* --persist */
        const char *via;       /* the same */
        EventFilter filter;    /* of events, but for the scope */
        EventPart by;
        bool has_format;
        EventFormat format;     /* of events */
        char host[HOST_NAME_MAX + 1];
        SuggestOptions suggest; /* at_least: 0 if not given */
        const char *labels[LABELS_MAX]; /* "key=value"; borrowed */
        size_t n_labels;
} Ctl;

/* Verbs. argv[0] is the first argument after the verb; argc has been checked. Each returns the exit status. */
int verb_status(Ctl *c, int argc, char **argv);
int verb_is_enforcing(Ctl *c, int argc, char **argv);
int verb_scopes(Ctl *c, int argc, char **argv);
int verb_mode(Ctl *c, int argc, char **argv);
int verb_reload(Ctl *c, int argc, char **argv);
int verb_log_level(Ctl *c, int argc, char **argv);
int verb_policy_show(Ctl *c, int argc, char **argv);
int verb_policy_load(Ctl *c, int argc, char **argv);
int verb_policy_check(Ctl *c, int argc, char **argv);
int verb_policy_lint(Ctl *c, int argc, char **argv);
int verb_policy_diff(Ctl *c, int argc, char **argv);
int verb_explain(Ctl *c, int argc, char **argv);
int verb_events(Ctl *c, int argc, char **argv);
int verb_dns(Ctl *c, int argc, char **argv);
int verb_dns_flush(Ctl *c, int argc, char **argv);
int verb_job_begin(Ctl *c, int argc, char **argv);
int verb_job_end(Ctl *c, int argc, char **argv);
int verb_job_allow(Ctl *c, int argc, char **argv);
int verb_job_list(Ctl *c, int argc, char **argv);
int verb_job_show(Ctl *c, int argc, char **argv);
int verb_suggest(Ctl *c, int argc, char **argv);
int verb_check(Ctl *c, int argc, char **argv);
int verb_version(Ctl *c, int argc, char **argv);
int verb_help(Ctl *c, int argc, char **argv);

/* One JSON value on stdout. Returns the exit status. */
int ctl_print_json(const Ctl *c, JsonObject *o);
/* "      Mode: enforce", the value escaped. Prints nothing if it is "". The label "" continues the previous field. */
int ctl_print_field(const Ctl *c, const char *label, const char *value);
/* Prints a local error (negative errno), and returns the exit status. */
int ctl_fail(int r);
/* Starts the pager unless options disable it. */
void ctl_page(Ctl *c);
/* The object whose key has the wanted value, in an array from bus_client_objects(). NULL if there is none. Borrowed. */
JsonObject *ctl_find(JsonObject *objects, const char *key, const char *wanted);
/* The last component of an object path. */
const char *ctl_path_id(const char *path);
/* Whether every required hook is attached. */
bool ctl_hooks_complete(JsonObject *properties);
/* The footer of a table: "N scopes listed." */
void ctl_print_listed(const Ctl *c, size_t n, const char *one, const char *many);
