/* SPDX-License-Identifier: Apache-2.0 */

/* A client of the service's bus interface on one connection, so that only calls are timed:
 *   bench-bus explain COUNT DESTINATION...   COUNT calls of Explain for each DESTINATION, in turn, port 443 of TCP
 *   bench-bus ping COUNT                     COUNT calls of Peer.Ping: what the bus takes without us
 *   bench-bus reload                         one call of Reload
 * Prints the ns of each call on a line of its own. */

#include <inttypes.h>
#include <systemd/sd-bus.h>

#include "bench.h"

#define DESTINATION "org.cargowall1"
#define OBJECT "/org/cargowall1"
#define INTERFACE "org.cargowall1.Manager"
#define COUNT_MAX 100000U
#define WARM_UP 50U
#define EXPLAIN_PORT 443
#define RELOAD_USEC (30 * USEC_PER_SEC)

/* message is taken. The clock runs from before it is sent to after its reply is here. */
static uint64_t time_call(sd_bus *bus, sd_bus_message *message) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;

        uint64_t begin = bench_now();
        int r = sd_bus_call(bus, message, RELOAD_USEC, &error, &reply);
        uint64_t end = bench_now();
        if (r < 0)
                bench_die("%s: %s", error.name ?: "call", error.message ?: strerror(-r));
        sd_bus_message_unref(reply);
        sd_bus_message_unref(message);
        return end - begin;
}

static sd_bus_message *new_call(sd_bus *bus, const char *interface, const char *method) {
        sd_bus_message *m;
        int r = sd_bus_message_new_method_call(bus, &m, DESTINATION, OBJECT, interface, method);

        if (r < 0)
                bench_die("no message: %s", strerror(-r));
        return m;
}

static uint64_t time_explain(sd_bus *bus, const char *destination) {
        sd_bus_message *m = new_call(bus, INTERFACE, "Explain");
        int r = sd_bus_message_append(m, "sqsa{sv}", destination, (uint16_t) EXPLAIN_PORT, "tcp", 0);

        if (r < 0)
                bench_die("%s: %s", destination, strerror(-r));
        return time_call(bus, m);
}

static void print_ns(uint64_t ns) {
        (void) printf("%" PRIu64 "\n", ns);
}

static void explain(sd_bus *bus, unsigned n, char *const *destinations, int n_destinations) {
        for (int k = 0; k < n_destinations; k++)
                for (unsigned i = 0; i < WARM_UP; i++)
                        (void) time_explain(bus, destinations[k]);
        for (unsigned i = 0; i < n; i++)
                for (int k = 0; k < n_destinations; k++)
                        print_ns(time_explain(bus, destinations[k]));
}

static void ping(sd_bus *bus, unsigned n) {
        for (unsigned i = 0; i < WARM_UP + n; i++) {
                uint64_t ns = time_call(bus, new_call(bus, "org.freedesktop.DBus.Peer", "Ping"));
                if (i >= WARM_UP)
                        print_ns(ns);
        }
}

int main(int argc, char **argv) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        int r = sd_bus_open_system(&bus);

        if (r < 0)
                bench_die("no system bus: %s", strerror(-r));
        if (argc > 3 && strcmp(argv[1], "explain") == 0)
                explain(bus, bench_number(argv[2], COUNT_MAX), argv + 3, argc - 3);
        else if (argc == 3 && strcmp(argv[1], "ping") == 0)
                ping(bus, bench_number(argv[2], COUNT_MAX));
        else if (argc == 2 && strcmp(argv[1], "reload") == 0) {
                (void) time_call(bus, new_call(bus, "org.freedesktop.DBus.Peer", "Ping"));
                print_ns(time_call(bus, new_call(bus, INTERFACE, "Reload")));
        } else
                bench_die("explain COUNT DESTINATION..., ping COUNT or reload");
        return EXIT_SUCCESS;
}
