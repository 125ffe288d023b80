/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/preflight.h"

#include <assert.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <systemd/sd-bus.h>

#include "basic/in-addr.h"
#include "basic/macro.h"
#include "ctl/unit-helpers.h"
#include "host/cgroup-mount.h"
#include "host/config-files.h"
#include "host/device-filter.h"
#include "host/existing-sockets.h"
#include "host/read-file.h"
#include "host/resolv-conf.h"
#include "host/socket-cgroup.h"
#include "host/upstreams.h"
#include "net/dns-endpoint.h"

#define TEXT_MAX (4U * 1024 * 1024)
#define PATH_TEXT_MAX 512
#define SERVERS_MAX DNS_SERVERS_MAX
#define BUS_TIMEOUT_USEC (2 * USEC_PER_SEC)
#define SYSTEMD "org.freedesktop.systemd1"

CheckRow *check_add(CheckTable *t, const char *name, CheckState state, const char *format, ...) {
        va_list ap;

        assert(t->n < CHECK_ROWS_MAX);
        CheckRow *row = &t->rows[t->n++];
        *row = (CheckRow) { .name = name, .state = state };
        va_start(ap, format);
        (void) vsnprintf(row->detail, sizeof(row->detail), format, ap);
        va_end(ap);
        return row;
}

void check_advise(CheckRow *row, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(row->advice, sizeof(row->advice), format, ap);
        va_end(ap);
}

CheckRow *check_opens(CheckRow *row) {
        row->opens = true;
        return row;
}

bool check_has(const CheckTable *t, const char *path) {
        char whole[PATH_TEXT_MAX];
        struct stat st;

        int n = snprintf(whole, sizeof(whole), "%s%s", t->root, path);
        return n > 0 && (size_t) n < sizeof(whole) && stat(whole, &st) >= 0;
}

char *check_read(const CheckTable *t, const char *path) {
        char whole[PATH_TEXT_MAX], *text = NULL;

        int n = snprintf(whole, sizeof(whole), "%s%s", t->root, path);
        if (n < 0 || (size_t) n >= sizeof(whole) || read_file_at(AT_FDCWD, whole, TEXT_MAX, &text, NULL) < 0)
                return NULL;
        return text;
}

/* ------------------------------------------------------------------ kernel */

static void check_kernel(CheckTable *t) {
        unsigned major = 0, minor = 0;

        if (sscanf(t->facts->kernel, "%u.%u", &major, &minor) == 2 && (major > 5 || (major == 5 && minor >= 10)))
                (void) check_add(t, "kernel", CHECK_OK, "%s", t->facts->kernel);
        else
                check_advise(check_add(t, "kernel", CHECK_FAIL, "%s", t->facts->kernel), "boot Linux 5.10 or later");
}

static void check_bpf(CheckTable *t) {
        switch (t->facts->bpf_error) {
        case ENOSYS:
                check_advise(check_add(t, "bpf", CHECK_FAIL, "the kernel has no bpf() system call"),
                       "boot a kernel with CONFIG_BPF_SYSCALL and CONFIG_CGROUP_BPF");
                break;
        default:
                (void) check_add(t, "bpf", CHECK_OK, "the bpf() system call is available");
        }
        (void) check_add(t, "btf", CHECK_OK, "%s",
                   check_has(t, "/sys/kernel/btf/vmlinux") ? "present" : "absent, but not required");
}

static void check_unprivileged_bpf(CheckTable *t) {
        _cleanup_free_ char *text = check_read(t, "/proc/sys/kernel/unprivileged_bpf_disabled");

        if (!text)
                (void) check_add(t, "unprivileged bpf", CHECK_OK, "not supported by this kernel");
        else if (text[0] == '0')
                check_advise(check_add(t, "unprivileged bpf", CHECK_WARN, "any user may load BPF programs"),
                       "set kernel.unprivileged_bpf_disabled=2 with sysctl; recommended, but not required");
        else
                (void) check_add(t, "unprivileged bpf", CHECK_OK, "disabled");
}

static void check_cgroup(CheckTable *t) {
        _cleanup_free_ char *text = check_read(t, "/proc/self/mountinfo");
        _cleanup_free_ char *root = NULL, *point = NULL;
        const char *cursor = text ?: "";

        if (cgroup_mount_next(&cursor, &root, &point) <= 0)
                check_advise(check_add(t, "cgroup2", CHECK_FAIL, "not mounted"),
                       "boot with systemd.unified_cgroup_hierarchy=1, or mount cgroup2 before the service starts");
        else if (strcmp(point, "/sys/fs/cgroup") != 0)
                check_advise(check_add(t, "cgroup2", CHECK_WARN, "mounted at %.200s, in addition to cgroup v1", point),
                       "boot with systemd.unified_cgroup_hierarchy=1; containers may use cgroup v1 only");
        else
                (void) check_add(t, "cgroup2", CHECK_OK, "mounted at %.200s", point);
}

/* Linux 5.15 has both in each socket. */
static void check_sockets(CheckTable *t) {
        _cleanup_free_ char *text = check_read(t, "/proc/cgroups");
        unsigned major = 0, minor = 0;
        CheckRow *row;

        (void) sscanf(t->facts->kernel, "%u.%u", &major, &minor);
        if (t->facts->sockets_lost)
                row = check_add(t, "sockets", CHECK_FAIL, "their cgroup is not known: net_cls or net_prio of cgroup v1 was used");
        else if ((major < 5 || (major == 5 && minor < 15)) && text && cgroup_marks_sockets(text))
                row = check_add(t, "sockets", CHECK_WARN, "net_cls or net_prio of cgroup v1 is mounted: their first use takes the "
                                "cgroup of all new sockets away");
        else {
                (void) check_add(t, "sockets", CHECK_OK, "the kernel knows the cgroup of each");
                return;
        }
        check_advise(row, SOCKET_CGROUP_ADVICE "; the service does not start without");
}

static void check_connections(CheckTable *t) {
        if (t->facts->connections_error == 0)
                (void) check_add(t, "connections", CHECK_OK, "the kernel can end those that are denied");
        else
                check_advise(check_add(t, "connections", CHECK_WARN, "the kernel cannot end those that are denied"),
                       "boot a kernel with CONFIG_INET_TCP_DIAG and CONFIG_INET_DIAG_DESTROY; without it, programs wait longer "
                       "for a refusal, and data for a denied destination may be sent when the service is stopped");
}

/* ------------------------------------------------------------------ system */

static void check_systemd(CheckTable *t) {
        unsigned version = 0;

        if (!check_has(t, "/run/systemd/system"))
                check_advise(check_add(t, "systemd", CHECK_FAIL, "not the init system of this host"),
                       "cargowalld needs systemd; \"cargowall run\" does not");
        else if (sscanf(t->facts->systemd, "%u", &version) != 1)
                (void) check_add(t, "systemd", CHECK_WARN, "running, but its version cannot be determined");
        else if (version < 252)
                check_advise(check_add(t, "systemd", CHECK_WARN, "version %s", t->facts->systemd),
                       "upgrade to version 252 or later, the oldest that is tested");
        else
                (void) check_add(t, "systemd", CHECK_OK, "version %s", t->facts->systemd);
}

static void check_polkit(CheckTable *t) {
        if (check_has(t, "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service"))
                (void) check_add(t, "polkit", CHECK_OK, "present");
        else
                check_advise(check_add(t, "polkit", CHECK_WARN, "not installed; only root can change the mode or the policy"),
                       "install polkit, or use sudo");
}

/* What a document for containers matches is named by their engine; rootless ones belong to their user's manager. */
static void check_containers(CheckTable *t) {
        const OpenContainers *c = &t->facts->containers;

        if (c->error != 0)
                (void) check_add(t, "containers", CHECK_WARN, "not known: the policy documents cannot be read");
        else if (c->n == 0)
                (void) check_add(t, "containers", CHECK_OK, "none exist");
        else if (c->n_open == 0 || c->has_host)
                (void) check_add(t, "containers", CHECK_OK, "%zu exist; documents match %zu of them%s", c->n, c->n - c->n_open,
                                 c->n_open > 0 ? ", the host's judges the others" : "");
        else
                check_advise(check_opens(check_add(t, "containers", CHECK_WARN, "%zu of %zu belong to no document and are not judged, "
                                                   "such as %.180s", c->n_open, c->n, c->first)),
                             "match them with \"containers\", or those of a user with \"units\": [\"user@UID.service\"]; see MATCH in "
                             "cargowall-policy(5)");
}

/* ------------------------------------------------------------------ names */

/* Whether the "hosts" line lists the service. nsswitch.conf(5) */
static bool hosts_line_has(const char *text, const char *service) {
        size_t length = strlen(service);

        for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                if (strncmp(line, "hosts:", 6) != 0)
                        continue;
                for (const char *p = line + 6; *p && *p != '\n' && *p != '#';) {
                        size_t n = strcspn(p, " \t\n#[");

                        if (n == length && strncmp(p, service, n) == 0)
                                return true;
                        p += n > 0 ? n : 1;
                }
        }
        return false;
}

static void check_resolved(CheckTable *t) {
        _cleanup_free_ char *text = check_read(t, "/etc/nsswitch.conf");
        bool running = check_has(t, "/run/systemd/resolve/stub-resolv.conf"), used = text && hosts_line_has(text, "resolve");

        if (running)
                (void) check_add(t, "resolved", CHECK_OK, "running%s", used ? "; nsswitch.conf uses it for hosts" : "");
        else if (used)
                check_advise(check_add(t, "resolved", CHECK_WARN, "not running, but nsswitch.conf uses it for hosts"),
                       "start systemd-resolved.service, or remove \"resolve\" from /etc/nsswitch.conf");
        else
                (void) check_add(t, "resolved", CHECK_OK, "not used");
}

static void check_resolved_is_refused(CheckTable *t) {
        _cleanup_free_ char *text = check_read(t, "/etc/nsswitch.conf");

        if (text && hosts_line_has(text, "resolve") && !hosts_line_has(text, "dns"))
                check_advise(check_add(t, "resolved in units", CHECK_WARN, "its sockets are closed to units whose policy is enforced, "
                                       "and nsswitch.conf has nothing else"),
                             "names do not resolve in these units: add \"dns\" to the line \"hosts:\" of /etc/nsswitch.conf, after "
                             "\"resolve [!UNAVAIL=return]\"");
        else
                (void) check_add(t, "resolved in units", CHECK_OK, "its sockets are closed to units whose policy is enforced");
}

/* It answers over its own sockets, and asks as itself. */
static void check_resolved_in_units(CheckTable *t) {
        const OpenUnits *u = &t->facts->units;

        if (t->facts->name_services_refused && check_has(t, "/run/systemd/resolve/stub-resolv.conf")) {
                check_resolved_is_refused(t);
                return;
        }
        if (u->error != 0 || u->n_policy == 0 || !check_has(t, "/run/systemd/resolve/stub-resolv.conf"))
                return;
        if (u->n_resolved == 0)
                (void) check_add(t, "resolved in units", CHECK_OK, "%zu running units have a policy, and do not reach its sockets",
                                 u->n_policy);
        else
                check_advise(check_opens(check_add(t, "resolved in units", CHECK_WARN, "%zu of %zu running units with a policy reach its "
                                                   "sockets, such as %s", u->n_resolved, u->n_policy, u->first_resolved)),
                             "names that they look up there (nss-resolve) are not judged by their own policy: see NAME SERVICES "
                             "in cargowalld(8)");
}

/* As the service finds them. */
static void check_upstream(CheckTable *t) {
        char conf[PATH_TEXT_MAX], list[PATH_TEXT_MAX], drop_in[PATH_TEXT_MAX], text[DNS_SERVER_TEXT_MAX];
        const UpstreamFiles files = { .resolv_conf = conf, .resolved_list = list, .drop_in = drop_in };
        _cleanup_(service_config_done) ServiceConfig config = {};
        _cleanup_(fault_list_done) FaultList faults = {};
        DnsServer servers[SERVERS_MAX];
        size_t n = 0;

        (void) snprintf(conf, sizeof(conf), "%s%s", t->root, upstream_files_default.resolv_conf);
        (void) snprintf(list, sizeof(list), "%s%s", t->root, upstream_files_default.resolved_list);
        (void) snprintf(drop_in, sizeof(drop_in), "%s%s", t->root, upstream_files_default.drop_in);
        if (config_files_load(t->root, &config, &faults) >= 0 && config.n_upstreams > 0)
                (void) check_add(t, "upstream", CHECK_OK, "%.100s, configured", config.upstreams[0]);
        else if (upstreams_read(&files, upstream_locals(&config), servers, SERVERS_MAX, &n) < 0 || n == 0)
                check_advise(check_add(t, "upstream", CHECK_WARN, "no resolver known yet that the proxy can query: names do not resolve"),
                             "see /etc/resolv.conf; a resolver on this machine must be named in Forwarders= of the section "
                             "[DNS] in /etc/cargowall/cargowall.conf");
        else if (n == 1 && resolv_conf_is_stub(&servers[0].addr))
                check_advise(check_add(t, "upstream", CHECK_WARN, "systemd-resolved, which has no server yet on port 53"),
                             "see \"resolvectl dns\": what it sends to other ports, or over TLS, must be allowed by the policy of "
                             "systemd-resolved.service%s", t->facts->name_services_refused ? "" :
                             ", and the names that units look up over its own interfaces are not judged");
        else
                (void) check_add(t, "upstream", CHECK_OK, "%s%s", dns_server_format(&servers[0], text),
                           n > 1 ? ", and others" : "");
}

/* Local address and port of a line of /proc/net/udp, tcp, udp6 or tcp6, proc_pid_net(5): the address is a sequence of
 * 32-bit words in host byte order. */
static bool socket_parse(const char *line, InAddr *ret_addr, unsigned *ret_port, char ret_state[static 3]) {
        char addr[33];
        uint32_t word;

        if (sscanf(line, " %*d: %32[0-9A-F]:%4X %*32[0-9A-F]:%*4X %2s", addr, ret_port, ret_state) != 3)
                return false;
        size_t length = strlen(addr);
        if (length != 8 && length != 32)
                return false;
        *ret_addr = (InAddr) {};
        if (length == 8)
                memset(ret_addr->b + 10, 0xff, 2);
        for (size_t i = 0; i < length; i += 8) {
                char hex[9] = "";

                memcpy(hex, addr + i, 8);
                word = (uint32_t) strtoul(hex, NULL, 16);
                memcpy(ret_addr->b + sizeof(ret_addr->b) - length / 2 + i / 2, &word, sizeof(word));
        }
        return true;
}

/* Whether a socket is bound to the endpoint, or to its port at all addresses. A bound UDP socket has state 07, a
 * listening TCP socket 0A. */
static bool endpoint_taken(const char *text, const DnsEndpoint *e) {
        static const InAddr any_v4 = { .b = { [10] = 0xff, [11] = 0xff } }, any_v6 = {};

        for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                unsigned port;
                char state[3];
                InAddr addr;

                if (socket_parse(line, &addr, &port, state) && port == e->port &&
                    strcmp(state, e->protocol == IPPROTO_UDP ? "07" : "0A") == 0 &&
                    (in_addr_equal(&addr, &e->addr) || in_addr_equal(&addr, &any_v6) ||
                     (in_addr_equal(&addr, &any_v4) && in_addr_is_v4(&e->addr))))
                        return true;
        }
        return false;
}

static void check_ports(CheckTable *t) {
        static const char *const files[] = { "/proc/net/udp", "/proc/net/tcp", "/proc/net/udp6", "/proc/net/tcp6" };
        DnsEndpoint endpoints[DNS_ENDPOINTS_SERVICE];
        char endpoint[DNS_ENDPOINT_TEXT_MAX];

        if (t->facts->dns_socket_active) {
                (void) check_add(t, "dns port", CHECK_OK, "cargowalld-dns.socket is active");
                return;
        }
        dns_endpoints_of_service(endpoints);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *text = check_read(t, files[i]);

                if (!text && i < 2) { /* without IPv6 the others do not exist */
                        (void) check_add(t, "dns port", CHECK_WARN, "cannot read %s", files[i]);
                        return;
                }
                for (size_t k = 0; k < ELEMENTSOF(endpoints); k++)
                        if (text && endpoints[k].protocol == (i % 2 == 0 ? IPPROTO_UDP : IPPROTO_TCP) &&
                            endpoint_taken(text, &endpoints[k])) {
                                check_advise(check_add(t, "dns port", CHECK_WARN, "%s is used by another program",
                                           dns_endpoint_format(&endpoints[k], endpoint)),
                                       "bind the other program to a different address; until then, the DNS proxy uses a "
                                       "free port");
                                return;
                        }
        }
        (void) check_add(t, "dns port", CHECK_OK, DNS_ENDPOINT_ADDR4 ":53 and [" DNS_ENDPOINT_ADDR6 "]:253 are free");
}

/* Units with filters of systemd's own, which the kernel asks as well. */
static void check_unit_queries(CheckTable *t) {
        const OpenUnits *u = &t->facts->units;
        CheckRow *row;

        if (u->error != 0) /* see the row about their families */
                return;
        if (u->n_closed == 0) {
                (void) check_add(t, "queries of units", CHECK_OK, "no running unit with a policy drops its own");
                return;
        }
        row = check_add(t, "queries of units", CHECK_WARN, "%zu of %zu running units with a policy cannot reach the DNS proxy "
                        "(%s), such as %s", u->n_closed, u->n_policy,
                        u->closed_by == UNIT_FIREWALL_ADDRESS ? "IPAddressDeny=" : "RestrictNetworkInterfaces=", u->first_closed);
        check_advise(row, "all queries are sent to it: add a drop-in to the unit or slice with %s",
                     u->closed_by == UNIT_FIREWALL_ADDRESS ? "[Service] (or [Slice]) IPAddressAllow=127.0.0.155 ::1" :
                                                             "[Service] (or [Slice]) RestrictNetworkInterfaces=lo, or without ~lo");
}

static void check_helpers(CheckTable *t) {
        const OpenUnits *u = &t->facts->units;
        char text[96];

        if (u->error != 0 || u->n_enforced == 0)
                return;
        if (u->n_helped == 0)
                (void) check_add(t, "helpers", CHECK_OK, "what users of units with an enforced policy can have others do is judged");
        else
                check_advise(check_opens(check_add(t, "helpers", CHECK_WARN, "%zu of %zu running units with an enforced policy can have "
                                                   "others act, such as %.60s (%s)", u->n_helped, u->n_enforced, u->first_helped,
                                                   unit_helpers_format(u->helpers, text, sizeof(text)))),
                             "what these do is not judged: match them (containers, user@UID.service, atd.service, cron.service), or "
                             "take the rights from the user; see HELPERS in cargowalld(8)");
}

/* ------------------------------------------------------------------ all */

size_t preflight_check(const PreflightFacts *facts, const char *root, CheckRow ret[static CHECK_ROWS_MAX]) {
        CheckTable t = { .facts = facts, .root = root, .rows = ret };

        assert(facts && root);

        check_kernel(&t);
        check_bpf(&t);
        check_unprivileged_bpf(&t);
        check_cgroup(&t);
        check_sockets(&t);
        check_connections(&t);
        check_families(&t);
        check_systemd(&t);
        check_resolved(&t);
        check_resolved_in_units(&t);
        check_upstream(&t);
        check_unbound(&t);
        check_ports(&t);
        check_unit_queries(&t);
        check_helpers(&t);
        check_polkit(&t);
        check_documents(&t);
        check_containers(&t);
        return t.n;
}

/* Does not start the service. */
static bool service_has_hook(sd_bus *bus, const char *hook) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        bool found = false;
        const char *name;

        int r = sd_bus_message_new_method_call(bus, &call, "org.cargowall1", "/org/cargowall1", "org.freedesktop.DBus.Properties",
                                               "Get");
        if (r >= 0)
                r = sd_bus_message_append(call, "ss", "org.cargowall1.Manager", "AchievedHooks");
        if (r >= 0)
                r = sd_bus_message_set_auto_start(call, false);
        if (r >= 0)
                r = sd_bus_call(bus, call, 0, NULL, &reply);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read(reply, "s", &name)) > 0)
                found = found || strcmp(name, hook) == 0;
        return found;
}

/* unit: as in the path of its object. */
static bool unit_is_active(sd_bus *bus, const char *unit) {
        _cleanup_free_ char *state = NULL;
        char path[128];

        (void) snprintf(path, sizeof(path), "/org/freedesktop/systemd1/unit/%s", unit);
        return sd_bus_get_property_string(bus, SYSTEMD, path, SYSTEMD ".Unit", "ActiveState", NULL, &state) >= 0 &&
               strcmp(state, "active") == 0;
}

static void ask_systemd(PreflightFacts *facts) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_free_ char *version = NULL;

        if (sd_bus_open_system(&bus) < 0 || sd_bus_set_method_call_timeout(bus, BUS_TIMEOUT_USEC) < 0)
                return;
        if (sd_bus_get_property_string(bus, SYSTEMD, "/org/freedesktop/systemd1", SYSTEMD ".Manager", "Version", NULL,
                                       &version) >= 0)
                (void) snprintf(facts->systemd, sizeof(facts->systemd), "%s", version);
        facts->dns_socket_active = unit_is_active(bus, "cargowalld_2ddns_2esocket");
        facts->unbound_active = unit_is_active(bus, "unbound_2eservice");
        facts->name_services_refused = service_has_hook(bus, "unix_stream_connect") || service_has_hook(bus, "connect_unix");
        open_units_find(bus, &facts->units);
}

static void count_devices(PreflightFacts *facts) {
        DeviceFilterCount c;

        if (device_filters_count(&c) < 0)
                return;
        facts->n_devices = c.n_devices;
        facts->n_filtered = c.n_filtered;
        if (c.first_unfiltered != 0 && !if_indextoname(c.first_unfiltered, facts->unfiltered))
                facts->n_devices--; /* gone meanwhile */
}

void preflight_facts(PreflightFacts *ret) {
        struct utsname name;

        assert(ret);

        *ret = (PreflightFacts) {};
        if (uname(&name) >= 0)
                (void) snprintf(ret->kernel, sizeof(ret->kernel), "%s", name.release);
        /* An invalid command: EINVAL, E2BIG or EPERM if the call exists, ENOSYS if not. */
        if (syscall(__NR_bpf, -1, NULL, 0) < 0)
                ret->bpf_error = errno;
        ret->sockets_lost = socket_cgroup_is_known() == 0;
        ret->connections_error = -existing_sockets_can_end();
        ret->families = preflight_families();
        count_devices(ret);
        open_containers_find("", &ret->containers);
        ask_systemd(ret);
}

const char *check_state_to_string(CheckState s) {
        return s == CHECK_OK ? "ok" : s == CHECK_WARN ? "warn" : "fail";
}
