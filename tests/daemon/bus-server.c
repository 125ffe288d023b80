/* SPDX-License-Identifier: Apache-2.0 */

/* The service's bus side over a fake service, on the bus that DBUS_SYSTEM_BUS_ADDRESS names. Takes one word a line on
 * stdin: event, notes, stats, job; ends when stdin does. Arguments: the timeout for polkit in milliseconds, and
 * "trust-nobody". BUS_SERVER_POLICY: a document to explain with. */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "bus/bus.h"
#include "host/read-file.h"
#include "fake-service.h"

typedef struct Server {
        Service *service;
        Bus *bus;
} Server;

static int fixed_unit(_unused_ uint32_t pid, char **ret_unit, char **ret_cgroup) {
        *ret_unit = strdup("test.service");
        *ret_cgroup = strdup("/system.slice/test.service");
        return *ret_unit && *ret_cgroup ? 0 : -ENOMEM;
}

static void on_log(int priority, const char *text, _unused_ void *userdata) {
        printf("log %d %s\n", priority, text);
        fflush(stdout);
}

static void command(Server *s, const char *word) {
        static const Event denial = {
                .type = EVENT_CONNECTION_BLOCKED, .has_verdict = true, .rule = RULE_NONE, .dst_port = 443,
                .process = "caf\xc3\xa9\xff", .hostname = "a.example", .cname_chain = "b.example",
        };
        BusStats stats;

        bus_stats(s->bus, &stats);
        if (strcmp(word, "event") == 0)
                s->service->observer.denial(&denial, s->service->observer.userdata);
        else if (strcmp(word, "stats") == 0)
                printf("stats %zu %zu %" PRIu64 "\n", stats.subscribers, stats.calls_pending, stats.connections);
        else if (strcmp(word, "notes") == 0) {
                for (size_t i = 0; i < MIN(s->service->n_notes, (size_t) FAKE_NOTES_MAX); i++)
                        printf("note %s %u %s\n", s->service->notes[i].action, s->service->notes[i].uid,
                               s->service->notes[i].result);
                s->service->n_notes = 0;
        }
        printf("ok\n");
        fflush(stdout);
}

static int on_input(sd_event_source *source, int fd, _unused_ uint32_t revents, void *userdata) {
        char buf[256];

        ssize_t n = read(fd, buf, sizeof(buf) - 1);
        if (n <= 0)
                return sd_event_exit(sd_event_source_get_event(source), 0);
        buf[n] = '\0';
        for (char *rest = buf, *word; (word = strtok_r(rest, "\n", &rest));)
                command(userdata, word);
        return 0;
}

/* The document that BUS_SERVER_POLICY names is that of every scope. */
static int load_policy(Service *m) {
        _cleanup_(policy_source_done) PolicySource source = {};
        const char *path = getenv("BUS_SERVER_POLICY");
        _cleanup_free_ char *text = NULL;
        _cleanup_(fault_list_done) FaultList faults = {};
        size_t size;

        if (!path)
                return 0;
        int r = read_file_at(AT_FDCWD, path, 1024 * 1024, &text, &size);
        if (r >= 0)
                r = policy_source_from_json(&source, text, size, &faults);
        return r < 0 ? r : policy_new(&source, &m->policy);
}

int main(int argc, char **argv) {
        _cleanup_(fake_service_freep) Service *m = fake_service_new();
        _cleanup_(policy_freep) Policy *policy = NULL;
        _cleanup_(bus_freep) Bus *b = NULL;
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        Server server = { .service = m };

        if (load_policy(m) < 0)
                return EXIT_FAILURE;
        policy = m->policy; /* which the service borrows */
        if (sd_event_default(&event) < 0 || bus_new(event, NULL, m, &b) < 0)
                return EXIT_FAILURE;
        bus_set_options(b, &(BusOptions) {
                .polkit_timeout_usec = (argc > 1 ? strtoull(argv[1], NULL, 10) : 1000) * USEC_PER_MSEC,
                .trust_nobody = argc > 2 && strcmp(argv[2], "trust-nobody") == 0,
                .unit_of = fixed_unit,
                .log = on_log,
        });
        server.bus = b;
        m->observer.ready(m->observer.userdata);
        if (sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN, on_input, &server) < 0)
                return EXIT_FAILURE;
        return sd_event_loop(event) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
