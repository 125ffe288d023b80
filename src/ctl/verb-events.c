/* SPDX-License-Identifier: Apache-2.0 */

/* events: recent denials and changes from the memory of the service, and new denials as they occur. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/time-text.h"
#include "ctl/ctl.h"
#include "ctl/event-groups.h"
#include "ctl/event-line.h"
#include "ctl/table.h"
#include "ctl/variant-json.h"
#include "event/event-fields.h"

#define LINES_BEFORE_FOLLOW 10

/* ------------------------------------------------------------------ printing */

/* The bus carries nested values as JSON text; parse them, so that they are values as in docs/events.md. */
static int unpack(JsonObject *event) {
        static const EventFieldId nested[] = { EVENT_FIELD_ID_PARENTS, EVENT_FIELD_ID_JOB };

        for (size_t i = 0; i < ELEMENTSOF(nested); i++) {
                const char *name = event_field_infos[nested[i]].name, *text = json_value_text(event, name);
                JsonObject *value = text[0] == '[' || text[0] == '{' ? json_tokener_parse(text) : NULL;

                if (value && json_value_add(event, name, value) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int print_line(const Ctl *c, JsonObject *event, uint64_t count, bool with_pid) {
        char text[EVENT_TEXT_MAX], stamp[TIME_TEXT_MAX] = "?", repeated[40] = "";
        uint64_t usec = event_line_time(event);
        _cleanup_free_ char *line = NULL, *safe = NULL;
        Color color;

        const char *verdict = event_line_verdict(event, &color);
        if (usec > 0)
                (void) time_format_short(usec, stamp);
        if (count > 1)
                (void) snprintf(repeated, sizeof(repeated), " (%" PRIu64 " times)", count);
        size_t used = strlen(stamp) + 1 + 7 + 1, room = c->output.columns > used ? c->output.columns - used : 0;
        bool fit = room > 0 && !c->full;
        if (fit)
                (void) event_line_fit(event, with_pid, room > strlen(repeated) ? room - strlen(repeated) : 0, text);
        else
                (void) event_line_text(event, with_pid, text);
        if (asprintf(&line, "%s%s", text, repeated) < 0 ||
            !(safe = output_safe(&c->output, line)))
                return ctl_fail(-ENOMEM);

        if (fit)
                output_cut(&c->output, safe, room);
        (void) printf("%s %s%-7s%s %s\n", stamp, output_color(&c->output, color), verdict,
                      output_color(&c->output, COLOR_NORMAL), safe);
        return STATUS_OK;
}

static int print_event(const Ctl *c, JsonObject *event, uint64_t count, bool with_pid) {
        _cleanup_(json_object_putp) JsonObject *converted = NULL;

        if (c->quiet)
                return STATUS_OK;
        if (c->json == JSON_OFF)
                return print_line(c, event, count, with_pid);
        int r = unpack(event);
        if (r >= 0)
                r = event_format_convert(event, c->format, c->has_format ? c->host : NULL, &converted);
        /* One object per line where events come one by one, as in the log. */
        if (r >= 0)
                r = json_value_print(stdout, converted, c->json);
        return r < 0 ? ctl_fail(r) : STATUS_OK;
}

/* Whether two consecutive events differ only in time and process id. */
static bool is_repeated(JsonObject *a, JsonObject *b) {
        char x[EVENT_TEXT_MAX], y[EVENT_TEXT_MAX];
        Color color;

        return strcmp(event_line_verdict(a, &color), event_line_verdict(b, &color)) == 0 &&
               json_value_text(a, "verdict")[0] != '\0' &&
               strcmp(event_line_text(a, false, x), event_line_text(b, false, y)) == 0;
}

/* Programs look up both versions of an address in one attempt: of what they ask for, the more frequent counts. */
typedef struct Attempts {
        uint64_t n_v6, n_others;
} Attempts;

static void attempts_add(Attempts *a, JsonObject *event) {
        uint64_t *n = strcmp(json_value_text(event, "query_type"), "AAAA") == 0 ? &a->n_v6 : &a->n_others;

        if (__builtin_add_overflow(*n, event_line_count(event), n))
                *n = UINT64_MAX;
}

static int print_list(const Ctl *c, JsonObject *events) {
        size_t n = json_value_length(events);
        int status = STATUS_OK;

        for (size_t i = 0; i < n && status == STATUS_OK;) {
                JsonObject *event = json_object_array_get_idx(events, i);
                Attempts attempts = {};
                bool one_process = true;
                size_t k = i + 1;

                attempts_add(&attempts, event);

                for (; c->json == JSON_OFF && k < n; k++) {
                        JsonObject *next = json_object_array_get_idx(events, k);

                        if (!is_repeated(event, next))
                                break;
                        attempts_add(&attempts, next);
                        one_process = one_process && json_value_u64(event, "pid") == json_value_u64(next, "pid");
                }
                status = print_event(c, event, MAX(attempts.n_v6, attempts.n_others), one_process);
                i = k;
        }
        return status;
}

/* ------------------------------------------------------------------ groups */

static const char *const part_names[_EVENT_PART_MAX] = {
        [EVENT_PART_DESTINATION] = "destination",
        [EVENT_PART_PROCESS] = "process",
        [EVENT_PART_RULE] = "rule",
};

static int group_to_json(const Ctl *c, const EventGroup *g, JsonObject *o) {
        char stamp[TIME_TEXT_MAX];

        int r = json_value_add(o, part_names[c->by], json_object_new_string(g->text));
        if (r >= 0)
                r = json_value_add(o, "verdict", json_object_new_string(g->verdict));
        if (r >= 0)
                r = json_value_add(o, "count", json_object_new_uint64(g->count));
        if (r >= 0 && g->first_usec > 0)
                r = json_value_add(o, "first", json_object_new_string(time_format_rfc3339(g->first_usec, stamp)));
        if (r >= 0 && g->last_usec > 0)
                r = json_value_add(o, "last", json_object_new_string(time_format_rfc3339(g->last_usec, stamp)));
        return r;
}

static int print_groups_json(const Ctl *c, const EventGroups *g) {
        _cleanup_(json_object_putp) JsonObject *array = json_object_new_array();
        int r = array ? 0 : -ENOMEM;

        for (size_t i = 0; i < g->n && r >= 0; i++) {
                JsonObject *o = json_object_new_object();

                if (!o || json_object_array_add(array, o) < 0) {
                        json_object_put(o);
                        return ctl_fail(-ENOMEM);
                }
                r = group_to_json(c, &g->groups[i], o);
        }
        return r < 0 ? ctl_fail(r) : ctl_print_json(c, array);
}

static int add_row(Table *t, const EventGroup *g) {
        char first[TIME_TEXT_MAX] = "", last[TIME_TEXT_MAX] = "";

        if (g->first_usec > 0)
                (void) time_format_short(g->first_usec, first);
        if (g->last_usec > 0)
                (void) time_format_short(g->last_usec, last);
        int r = table_add_u64(t, g->count);
        if (r >= 0)
                r = table_add_color(t, g->color, g->verdict);
        if (r >= 0)
                r = table_add(t, first);
        if (r >= 0)
                r = table_add(t, last);
        return r >= 0 ? table_add(t, g->text) : r;
}

static int print_groups(const Ctl *c, JsonObject *events) {
        const char *headers[] = { "COUNT", "VERDICT", "FIRST", "LAST", "" };
        static const char *const titles[_EVENT_PART_MAX] = {
                [EVENT_PART_DESTINATION] = "DESTINATION",
                [EVENT_PART_PROCESS] = "PROCESS",
                [EVENT_PART_RULE] = "RULE OR REASON",
        };
        _cleanup_(event_groups_done) EventGroups g = {};
        _cleanup_(table_freep) Table *t = NULL;

        int r = event_groups_make(events, c->by, &g);
        if (r < 0)
                return ctl_fail(r);
        if (c->quiet)
                return STATUS_OK;
        if (c->json != JSON_OFF)
                return print_groups_json(c, &g);
        headers[ELEMENTSOF(headers) - 1] = titles[c->by];
        r = table_new(&c->output, headers, ELEMENTSOF(headers), &t);
        for (size_t i = 0; i < g.n && r >= 0; i++)
                r = add_row(t, &g.groups[i]);
        if (r < 0)
                return ctl_fail(r);
        table_print(t, stdout, c->legend, c->full);
        return STATUS_OK;
}

/* ------------------------------------------------------------------ fetching */

static int list_events(Ctl *c, uint64_t since, JsonObject **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        int status = bus_client_call(&c->client, "ListEvents", CALL_PRIVILEGED, &reply, "tu", since, EVENTS_PER_CALL);
        if (status != STATUS_OK)
                return status;
        int r = variant_to_json(reply, ret);
        if (r >= 0 && !json_object_is_type(*ret, json_type_array))
                r = -EBADMSG;
        return r < 0 ? bus_client_fail(&c->client, "ListEvents", NULL, r) : STATUS_OK;
}

/* Sequence numbers increase. Appends the events after *last, and advances it. */
static int append_new(const Ctl *c, JsonObject *found, uint64_t *last, JsonObject *events) {
        for (size_t i = 0; i < json_value_length(found); i++) {
                JsonObject *event = json_object_array_get_idx(found, i);
                uint64_t sequence = json_value_u64(event, "sequence");

                if (!json_object_is_type(event, json_type_object) || sequence <= *last)
                        continue;
                *last = sequence;
                if (!event_filter_matches(&c->filter, event))
                        continue;
                if (json_object_array_add(events, json_object_get(event)) < 0) {
                        json_object_put(event);
                        return -ENOMEM;
                }
        }
        return 0;
}

/* The events that the service has, and of these the last c->lines. *last: number of the newest event. */
static int fetch(Ctl *c, uint64_t *last, JsonObject **ret) {
        _cleanup_(json_object_putp) JsonObject *events = json_object_new_array(), *found = NULL;
        int r;

        if (!events)
                return ctl_fail(-ENOMEM);
        int status = list_events(c, c->since_usec, &found);
        if (status != STATUS_OK)
                return status;
        r = append_new(c, found, last, events);
        if (r < 0)
                return ctl_fail(r);
        if (c->has_lines && json_value_length(events) > c->lines &&
            json_object_array_del_idx(events, 0, json_value_length(events) - c->lines) < 0)
                return ctl_fail(-EINVAL);
        *ret = TAKE_PTR(events);
        return STATUS_OK;
}

/* ------------------------------------------------------------------ following */

typedef struct Follow {
        Ctl *c;          /* borrowed */
        const char *sender; /* the service's unique name; borrowed */
        uint64_t last;   /* number of the newest event that was printed */
        int status;
        bool done;
} Follow;

static int on_denied(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error) {
        _cleanup_(json_object_putp) JsonObject *event = NULL;
        Follow *f = userdata;

        /* Anybody on the bus can send us any signal. */
        if (!f->sender || strcmp(sd_bus_message_get_sender(m) ?: "", f->sender) != 0)
                return 0;
        if (variant_to_json(m, &event) < 0 || !json_object_is_type(event, json_type_object))
                return 0;
        uint64_t sequence = json_value_u64(event, "sequence"), dropped = json_value_u64(event, "bus_events_dropped");
        if (dropped > 0)
                complain("%" PRIu64 " events dropped: they occurred faster than the service may send them", dropped);
        if (sequence > 0 && sequence <= f->last)
                return 0;
        f->last = MAX(f->last, sequence);
        if (!event_filter_matches(&f->c->filter, event))
                return 0;
        f->status = print_event(f->c, event, event_line_count(event), true);
        f->done = f->status != STATUS_OK || fflush(stdout) != 0;
        return 0;
}

static int on_owner_changed(_unused_ sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error) {
        Follow *f = userdata;

        complain("the service has disconnected from the bus");
        f->status = STATUS_UNREACHABLE;
        f->done = true;
        return 0;
}

static int add_matches(sd_bus *bus, Follow *f) {
        int r = sd_bus_add_match(bus, NULL,
                                 "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                                 "member='NameOwnerChanged',arg0='" BUS_NAME "'",
                                 on_owner_changed, f);
        if (r < 0)
                return r;
        return sd_bus_match_signal(bus, NULL, BUS_NAME, BUS_PATH, BUS_MANAGER, "ConnectionDenied", on_denied, f);
}

static int loop(Ctl *c, Follow *f) {
        sd_bus *bus = c->client.bus;

        while (!f->done) {
                int r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, UINT64_MAX);
                if (r < 0 && r != -EINTR)
                        return bus_client_fail(&c->client, "ConnectionDenied", NULL, r);
        }
        return f->status;
}

static int follow(Ctl *c) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(json_object_putp) JsonObject *events = NULL;
        Follow f = { .c = c };

        int status = bus_client_connect(&c->client);
        if (status != STATUS_OK)
                return status;
        int r = add_matches(c->client.bus, &f);
        if (r < 0)
                return bus_client_fail(&c->client, "Subscribe", NULL, r);
        /* Subscribe before listing, so that no event is missed; sequence numbers reveal duplicates. */
        status = bus_client_call(&c->client, "Subscribe", CALL_PRIVILEGED, &reply, NULL);
        if (status == STATUS_OK)
                status = fetch(c, &f.last, &events);
        if (status == STATUS_OK)
                status = print_list(c, events);
        if (status != STATUS_OK || fflush(stdout) != 0)
                return status != STATUS_OK ? status : STATUS_FAILED;
        f.sender = sd_bus_message_get_sender(reply);
        return loop(c, &f);
}

int verb_events(Ctl *c, _unused_ int argc, _unused_ char **argv) {
        _cleanup_(json_object_putp) JsonObject *events = NULL;
        uint64_t last = 0;
        bool found = false;

        if (c->follow && (c->exit_code || c->by)) {
                complain("--follow cannot be combined with --exit-code or --by");
                return STATUS_USAGE;
        }
        if (c->has_format && c->by) {
                complain("--format cannot be combined with --by");
                return STATUS_USAGE;
        }
        if (c->has_format && c->json == JSON_OFF)
                c->json = JSON_SHORT;
        if (gethostname(c->host, sizeof(c->host) - 1) < 0)
                return ctl_fail(-errno);
        c->filter.scope = c->scope;
        if (c->follow && !c->has_lines && c->since_usec == 0) {
                c->has_lines = true;
                c->lines = LINES_BEFORE_FOLLOW;
        }
        if (c->follow)
                return follow(c);

        int status = fetch(c, &last, &events);
        if (status != STATUS_OK)
                return status;
        for (size_t i = 0; i < json_value_length(events) && !found; i++)
                found = event_line_is_denial(json_object_array_get_idx(events, i));
        ctl_page(c);
        status = c->by ? print_groups(c, events) : print_list(c, events);
        return status != STATUS_OK ? status : found && c->exit_code ? STATUS_FAILED : STATUS_OK;
}
