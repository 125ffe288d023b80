/* SPDX-License-Identifier: Apache-2.0 */

/* cargowalld: the engine as a system service. */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "bus/bus.h"
#include "daemon/service-life.h"
#include "host/allocator.h"
#include "host/config-files.h"
#include "host/device-filter.h"
#include "host/socket-holder.h"

static const char usage[] =
        "Usage: cargowalld [OPTION]\n"
        "\n"
        "Controls what the processes of this machine may reach. Started by systemd, see\n"
        "cargowalld(8).\n"
        "\n"
        "  --dns-wiring      print the configured DNS wiring and exit\n"
        "  --free-dns-ports  kill processes of ordinary users that hold the DNS proxy's\n"
        "                    ports, and exit\n"
        "  --remove-filters  remove the filters of network devices and exit\n"
        "  --version         print the version and exit\n"
        "  -h, --help        this text\n";

static int print_dns_wiring(void) {
        _cleanup_(fault_list_done) FaultList faults = {};
        ServiceConfig config;

        if (config_files_load("", &config, &faults) < 0)
                return EXIT_FAILURE;
        puts(dns_wiring_to_string(config.dns_wiring));
        service_config_done(&config);
        return EXIT_SUCCESS;
}

/* The service manager reads the priority from the prefix of the line, sd-daemon(3). */
static void log_line(int priority, const char *line) {
        fprintf(stderr, "<%d>%s\n", priority, line);
}

static int free_dns_ports(void) {
        DnsEndpoint endpoints[DNS_ENDPOINTS_SERVICE];
        int r;

        dns_endpoints_of_service(endpoints);
        r = socket_holders_end(endpoints, ELEMENTSOF(endpoints), log_line);
        if (r < 0)
                fprintf(stderr, "<%d>cannot list the sockets at the DNS proxy's ports: %s\n", LOG_ERR, strerror(-r));
        return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Those of a service that was stopped: they pass everything, but stay on their devices. */
static int remove_filters(void) {
        int r = device_filters_remove();

        if (r < 0)
                fprintf(stderr, "<%d>cannot remove the filters of network devices: %s\n", LOG_ERR, strerror(-r));
        return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Returns -1 if there is no option and the service is to run. */
static int parse_options(int argc, char **argv) {
        if (argc == 1)
                return -1;
        if (argc == 2 && strcmp(argv[1], "--dns-wiring") == 0)
                return print_dns_wiring();
        if (argc == 2 && strcmp(argv[1], "--free-dns-ports") == 0)
                return free_dns_ports();
        if (argc == 2 && strcmp(argv[1], "--remove-filters") == 0)
                return remove_filters();
        if (argc == 2 && strcmp(argv[1], "--version") == 0) {
                puts("cargowalld " CARGOWALL_VERSION);
                return EXIT_SUCCESS;
        }
        bool help = argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
        fputs(usage, help ? stdout : stderr);
        return help ? EXIT_SUCCESS : 2;
}

/* sd_event_add_signal() needs them blocked. SIGPIPE is ignored: a log reader that goes away must not end the
 * service. */
static int take_signals(void) {
        sigset_t mask;

        sigemptyset(&mask);
        sigaddset(&mask, SIGHUP);
        sigaddset(&mask, SIGUSR1);
        sigaddset(&mask, SIGUSR2);
        sigaddset(&mask, SIGTERM);
        sigaddset(&mask, SIGINT);
        if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;
        return 0;
}

static void on_bus_log(int priority, const char *text, void *userdata) {
        log_message(userdata, priority, "%s", text);
}

/* Enforcement does not depend on the bus. */
static void start_bus(sd_event *event, Service *service, ServiceLog *log, Bus **ret) {
        int r = bus_new(event, NULL, service, ret);

        if (r < 0) {
                log_message(log, LOG_ERR, "cannot set up the bus interface: %s; cargowallctl cannot reach the service",
                            strerror(-r));
                return;
        }
        bus_set_options(*ret, &(BusOptions) { .log = on_bus_log, .userdata = log });
}

static int run(ServiceLog *log) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(service_freep) Service *service = NULL;
        _cleanup_(bus_freep) Bus *bus = NULL; /* freed before the service, which it observes */
        int r;

        r = take_signals();
        if (r >= 0)
                r = sd_event_new(&event);
        if (r < 0) {
                log_message(log, LOG_ERR, "cannot create the event loop: %s", strerror(-r));
                return EXIT_FAILURE;
        }
        if (service_new(event, log, &service) < 0)
                return EXIT_FAILURE;
        start_bus(event, service, log, &bus);
        r = sd_event_loop(event);
        if (r < 0) {
                log_message(log, LOG_ERR, "the event loop failed: %s", strerror(-r));
                return EXIT_FAILURE;
        }
        service_stop(service); /* while the last denials can still be sent */
        return service_exit_status(service);
}

int main(int argc, char **argv) {
        _cleanup_(service_log_freep) ServiceLog *log = NULL;
        int r;

        allocator_init();
        r = parse_options(argc, argv);
        if (r >= 0)
                return r;
        if (service_log_new(STDERR_FILENO, getenv("JOURNAL_STREAM"), NULL, "cargowalld", &log) < 0)
                return EXIT_FAILURE;
        return run(log);
}
