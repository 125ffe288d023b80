/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shared by the files of the bus. Each file implements one interface, with its vtable at the end. */

#include "bus/bus.h"
#include "bus/call-budget.h"
#include "bus/polkit.h"
#include "bus/validator.h"

#define BUS_NAME "org.cargowall1"
#define BUS_PATH "/org/cargowall1"
#define BUS_PATH_SCOPE BUS_PATH "/scope"
#define BUS_PATH_JOB BUS_PATH "/job"
#define BUS_INTERFACE_MANAGER "org.cargowall1.Manager"
#define BUS_INTERFACE_SCOPE "org.cargowall1.Scope"
#define BUS_INTERFACE_JOB "org.cargowall1.Job"

/* polkit/org.cargowall1.policy */
#define ACTION_SET_MODE "org.cargowall1.set-mode"
#define ACTION_SET_POLICY "org.cargowall1.set-policy"
#define ACTION_DISABLE "org.cargowall1.disable"
#define ACTION_RELOAD "org.cargowall1.reload"
#define ACTION_FLUSH_DNS "org.cargowall1.flush-dns"
#define ACTION_MANAGE_JOBS "org.cargowall1.manage-jobs"
#define ACTION_VIEW_EVENTS "org.cargowall1.view-events"

#define SUBSCRIBERS_MAX 32

/* A larger reply could be refused by the bus, which then closes the connection: the limit of dbus-daemon(1) is 32
 * MiB. */
#define BUS_REPLY_TEXT_MAX (16U * 1024 * 1024)

typedef struct Subscriber {
        Bus *bus; /* borrowed */
        char *name;
        sd_bus_slot *watch, *question;
} Subscriber;

/* A client that has read something, and its user. */
#define SENDERS_MAX 256
typedef struct BusSender {
        char name[32]; /* unique name; "": none */
        uint32_t uid;
} BusSender;

/* The object whose properties are being read. */
typedef struct FoundScope {
        Service *service; /* borrowed */
        size_t i;
} FoundScope;

struct Bus {
        sd_event *event;
        Service *service; /* borrowed */
        sd_bus *bus;      /* NULL: not connected */
        bool own;         /* connected by us, and so reconnected when lost */
        sd_event_source *retry;
        uint64_t retry_usec;
        char failure[256]; /* logged last; "": none since the name was acquired */
        BusOptions options;
        Polkit *polkit;
        Validator *validator;
        CallBudget budget;
        uint64_t n_refusals_unrecorded; /* since the last recorded one */

        Subscriber subscribers[SUBSCRIBERS_MAX];
        size_t n_subscribers;
        struct RateTable *units; /* events of each */
        double tokens;        /* available for events now */
        uint64_t tokens_usec; /* CLOCK_MONOTONIC */
        uint64_t n_dropped;   /* since the last event sent */

        /* As last announced on the bus, to find what was added and removed. */
        uint64_t jobs[SERVICE_JOBS_MAX];
        size_t n_jobs;
        char **scopes; /* object paths, NULL-terminated */

        FoundScope found_scope;
        BusSender senders[SENDERS_MAX]; /* the last ones */
        size_t next_sender;

        BusStats stats;
};

/* The bus if messages can be sent, otherwise NULL. */
sd_bus *bus_ready(const Bus *b);
char **bus_strv_free(char **strv);
_printf_(3, 4) void bus_log(const Bus *b, int priority, const char *format, ...);

/* Emits PropertiesChanged for properties of org.cargowall1.Manager; the list ends with NULL. */
void bus_properties_changed(Bus *b, const char *name, ...) __attribute__((sentinel));

/* -- bus-auth.c */

/* polkit_check(), which also records refusals. A call it allowed must end in bus_note_result(). -ENOBUFS is not
 * recorded. */
int bus_authorize(Bus *b, sd_bus_message *m, const char *action, const char *const *details,
                  sd_bus_message_handler_t handler, Caller *ret, sd_bus_error *error);
/* Records the outcome of the call, r and *error, unless it was only to look and succeeded, and returns r. */
int bus_note_result(Bus *b, const char *action, const Caller *caller, int r, const sd_bus_error *error);
/* The unit of the process with the caller's pid. For the record, and for data that is not sensitive: without
 * Caller.pidfd it may be another process than the one that connected. */
int bus_unit_of(const Bus *b, const Caller *caller, char **ret_unit, char **ret_cgroup);
/* The unit of the process that connected. Call after bus_authorize() returned 1; returns as polkit_prove() does, and
 * -ENODATA without *error if the process is in no unit or has ended. */
int bus_prove_unit(Bus *b, sd_bus_message *m, const Caller *caller, int proof_fd, char **ret_unit, char **ret_cgroup,
                   sd_bus_error *error);
/* Charges one call to the caller's budget. -ENOBUFS with *error set. */
int bus_spend(Bus *b, const Caller *caller, sd_bus_error *error);
int bus_spend_tokens(Bus *b, uint32_t uid, unsigned cost, sd_bus_error *error);

/* -- one object or interface each */
int bus_add_reads(Bus *b); /* of all of them */
int bus_add_manager(Bus *b);
int bus_add_scopes(Bus *b);
int bus_add_jobs(Bus *b);
int bus_add_log_control(Bus *b);

const char *bus_mode_to_string(ModeSetting mode); /* "unknown" */
int bus_mode_from_string(const char *s, ModeSetting *ret);

int bus_scope_path(const char *name, char **ret);
int bus_scope_paths(const Service *m, char ***ret); /* *ret: a strv */
/* Finds which scopes were added and removed since the last call, and announces them if emit is set. */
int bus_scopes_update(Bus *b, bool emit);
void bus_scopes_emit_changed(Bus *b);
int bus_get_scopes(sd_bus *bus, const char *path, const char *interface, const char *property,
                   sd_bus_message *reply, void *userdata, sd_bus_error *error);
int bus_get_jobs(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                 void *userdata, sd_bus_error *error);

void bus_jobs_update(Bus *b, bool emit);
int bus_subscribers_init(Bus *b); /* negative errno */
void bus_subscribers_clear(Bus *b);
/* ServiceObserver.denial, n_denials_lost */
void bus_send_denial(const Event *e, void *userdata);
uint64_t bus_n_denials_lost(void *userdata);

/* The options a{sv} of a call whose only option is "scope": *ret is borrowed from m, SCOPE_HOST if it is absent. */
int bus_read_scope_option(sd_bus_message *m, const char **ret, sd_bus_error *error);
/* Reads an a{sv} of string options with the n given keys and no others. values[i] is unchanged if the option is
 * absent; the strings belong to the message. */
int bus_read_options(sd_bus_message *m, const char *const *keys, const char **values, size_t n, sd_bus_error *error);
/* -ENOENT with *error set. */
int bus_find_scope(const Bus *b, const char *name, size_t *ret, sd_bus_error *error);

/* -- methods of org.cargowall1.Manager */
#define BUS_MODE_KEEP UINT64_C(1) /* a flag of the next two */
int bus_method_set_mode(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_method_set_scope_mode(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_method_reload(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_method_explain(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_method_list_events(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_method_list_leases(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_method_get_dns_status(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_method_flush_dns_cache(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_method_load_policy(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_method_load_policy_string(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_method_validate_policy(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_method_validate_policy_string(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_method_get_policy(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_method_subscribe(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_method_unsubscribe(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_method_begin_job(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_method_allow_once(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_method_end_job(sd_bus_message *m, void *userdata, sd_bus_error *error);
