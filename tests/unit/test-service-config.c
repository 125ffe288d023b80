/* SPDX-License-Identifier: Apache-2.0 */
#include "config/service-config.h"

#include <stdio.h>
#include <string.h>

#include <check.h>

#include "bpf/api.h"
#include "config/conf-file.h"

static const char defaults[] = "enforce fdstore 7fff keep info [] bpf+resolved [systemd-resolved.service] "
                               "/var/log/cargowall/events.ndjson denied";

static const char *join(char **list, size_t n, char *buf, size_t size) {
        size_t at = (size_t) snprintf(buf, size, "[");

        for (size_t i = 0; i < n; i++)
                at += (size_t) snprintf(buf + at, size - at, "%s%s", i > 0 ? "," : "", list[i]);
        (void) snprintf(buf + at, size - at, "]");
        return buf;
}

/* All of it as one line. */
static const char *format(const ServiceConfig *c, char *buf, size_t size) {
        static const char *const modes[] = { "enforce", "audit", "off" };
        char upstreams[512], forwarders[512];

        (void) snprintf(buf, size, "%s %s %x %s %s %s %s %s %s %s", modes[c->mode], persist_to_string(c->persist),
                        c->required_hooks, existing_connections_to_string(c->existing_connections),
                        log_level_to_string(c->log_level),
                        join(c->upstreams, c->n_upstreams, upstreams, sizeof(upstreams)),
                        dns_wiring_to_string(c->dns_wiring),
                        join(c->forwarders, c->n_forwarders, forwarders, sizeof(forwarders)), c->events_file ?: "none",
                        journal_events_to_string(c->journal_events));
        return buf;
}

static const struct {
        const char *text;
        const char *expected; /* NULL: the defaults */
} good[] = {
        { "", NULL },
        { "[Service]\n[DNS]\n[Log]\n[Service]\n", NULL },
        { "[Service]\nMode=off\nPersist=pin\nExistingConnections=judge\nLogLevel=debug\n"
          "RequiredHooks=connect4 ingress\n"
          "[DNS]\nUpstream=192.0.2.1\nWiring=bpf\nForwarders=a.service\n[Log]\nEventsFile=none\nJournalEvents=all\n",
          "off pin 4001 judge debug [192.0.2.1] bpf [a.service] none all" },
        { "[Service]\nMode=off\nMode=audit\nLogLevel=err\nLogLevel=warning\n[Log]\nEventsFile=none\nEventsFile=/a/b\n",
          "audit fdstore 7fff keep warning [] bpf+resolved [systemd-resolved.service] /a/b denied" },
        { "[DNS]\nUpstream=192.0.2.1 \t192.0.2.2:5353\nUpstream=[2001:db8::1]:53 2001:db8::2 [2001:db8::3]\n"
          "Forwarders=\n",
          "enforce fdstore 7fff keep info [192.0.2.1,192.0.2.2:5353,[2001:db8::1]:53,2001:db8::2,[2001:db8::3]] "
          "bpf+resolved [] /var/log/cargowall/events.ndjson denied" },
        { "[DNS]\nUpstream=192.0.2.1\nUpstream=\nUpstream=192.0.2.2\nForwarders=a.service\n"
          "Forwarders=b@x\\x2dy.service c.service\n",
          "enforce fdstore 7fff keep info [192.0.2.2] bpf+resolved [a.service,b@x\\x2dy.service,c.service] "
          "/var/log/cargowall/events.ndjson denied" },
        { "[Service]\nRequiredHooks=\n[Log]\nJournalEvents=none\n",
          "enforce fdstore 0 keep info [] bpf+resolved [systemd-resolved.service] /var/log/cargowall/events.ndjson "
          "none" },
        { "[Service]\nRequiredHooks=connect4\nRequiredHooks=connect6 connect4\n",
          "enforce fdstore 3 keep info [] bpf+resolved [systemd-resolved.service] /var/log/cargowall/events.ndjson "
          "denied" },
        { "[Service]\nRequiredHooks=egress\nRequiredHooks=\nRequiredHooks=sendmsg4\n",
          "enforce fdstore 4 keep info [] bpf+resolved [systemd-resolved.service] /var/log/cargowall/events.ndjson "
          "denied" },
};

START_TEST(name_services) {
        _cleanup_(service_config_done) ServiceConfig c = {};
        const char *reason;

        ck_assert_int_eq(service_config_init(&c), 0);
        ck_assert_str_eq(name_services_to_string(c.name_services), "refuse");
        ck_assert_int_eq(service_config_apply("DNS", "NameServices", "allow", &reason, &c), 0);
        ck_assert_str_eq(name_services_to_string(c.name_services), "allow");
        ck_assert_int_eq(service_config_apply("DNS", "NameServices", "Refuse", &reason, &c), -EINVAL);
        ck_assert_str_eq(name_services_to_string(c.name_services), "allow");
}
END_TEST

START_TEST(good_settings) {
        ServiceConfig c;
        _cleanup_(fault_list_done) FaultList list = {};
        char buf[2048];

        ck_assert_int_eq(service_config_init(&c), 0);
        int r = conf_file_parse(good[_i].text, strlen(good[_i].text), service_config_apply, &c, &list);
        ck_assert_msg(r == 0, "%u: %s: %s", list.faults[0].line, list.faults[0].item, list.faults[0].reason);
        ck_assert_str_eq(format(&c, buf, sizeof(buf)), good[_i].expected ?: defaults);
        service_config_done(&c);
}
END_TEST

static const struct {
        const char *section;
        const char *key;
        const char *value;
} bad[] = {
        { "service", "Mode", "audit" },
        { "Unit", NULL, NULL },
        { "", "Mode", "audit" },
        { "Service", "mode", "audit" },
        { "Service", "Upstream", "192.0.2.1" },
        { "Service", "Mode", "" },
        { "Service", "Mode", "Audit" },
        { "Service", "Mode", "audit off" },
        { "Service", "Persist", "yes" },
        { "Service", "ExistingConnections", "drop" },
        { "Service", "LogLevel", "crit" },
        { "Service", "LogLevel", "6" },
        { "Service", "RequiredHooks", "connect4 connect" },
        { "Service", "RequiredHooks", "connect4,connect6" },
        { "DNS", "Wiring", "resolved" },
        { "DNS", "Upstream", "192.0.2.1 resolver.example" },
        { "DNS", "Upstream", "192.0.2" },
        { "DNS", "Upstream", "192.0.2.1:" },
        { "DNS", "Upstream", "192.0.2.1:0" },
        { "DNS", "Upstream", "192.0.2.1:053" },
        { "DNS", "Upstream", "192.0.2.1:65536" },
        { "DNS", "Upstream", "192.0.2.1:+53" },
        { "DNS", "Upstream", "[192.0.2.1]:53" },
        { "DNS", "Upstream", "[2001:db8::1" },
        { "DNS", "Upstream", "[2001:db8::1]x" },
        { "DNS", "Upstream", "[2001:db8::1]:" },
        { "DNS", "Upstream", "[]" },
        { "DNS", "Upstream", "192.0.2.1%eth0" },
        { "DNS", "Upstream", "[2001:db8::1%eth0]:53" },
        { "DNS", "Upstream", "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb" },
        { "DNS", "Upstream", "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 192.0.2.6 192.0.2.7 192.0.2.8 ::1" },
        { "DNS", "NameServices", "" },
        { "DNS", "NameServices", "no" },
        { "DNS", "Forwarders", "systemd-resolved" },
        { "DNS", "Forwarders", ".service" },
        { "DNS", "Forwarders", "a/b.service" },
        { "DNS", "Forwarders", "*.service" },
        { "Log", "EventsFile", "" },
        { "Log", "EventsFile", "events.ndjson" },
        { "Log", "EventsFile", "/" },
        { "Log", "EventsFile", "/var/log/../events" },
        { "Log", "EventsFile", "/var/./events" },
        { "Log", "EventsFile", "/var//events" },
        { "Log", "EventsFile", "/var/events/" },
        { "Log", "EventsFile", "/var/events # here" },
        { "Log", "EventsFileFormat", "" },
        { "Log", "EventsFileFormat", "json" },
        { "Log", "EventsFileMaxSize", "" },
        { "Log", "EventsFileMaxSize", "1023K" },
        { "Log", "EventsFileMaxSize", "0" },
        { "Log", "EventsFileMaxSize", "-1M" },
        { "Log", "EventsFileMaxSize", "100MB" },
        { "Log", "EventsFileMaxSize", "100 M" },
        { "Log", "EventsFileMaxSize", "M" },
        { "Log", "EventsFileMaxSize", "18446744073709551615G" },
        { "Log", "EventsFileMaxSize", "18446744073709551616" },
        { "Log", "EventsFileMaxSize", "none" },
        { "Log", "EventsFileKeep", "" },
        { "Log", "EventsFileKeep", "100" },
        { "Log", "EventsFileKeep", "-1" },
        { "Log", "EventsFileKeep", "3 " },
        { "Log", "JournalEvents", "yes" },
};

static const struct {
        const char *key, *value;
        uint64_t size;
        unsigned keep;
} files[] = {
        { NULL, NULL, 100 << 20, 3 },
        { "EventsFileMaxSize", "1M", 1 << 20, 3 },
        { "EventsFileMaxSize", "1048576", 1 << 20, 3 },
        { "EventsFileMaxSize", "1024K", 1 << 20, 3 },
        { "EventsFileMaxSize", "2G", 2ULL << 30, 3 },
        { "EventsFileMaxSize", "infinity", 0, 3 },
        { "EventsFileKeep", "0", 100 << 20, 0 },
        { "EventsFileKeep", "99", 100 << 20, 99 },
};

START_TEST(files_of_events) {
        const char *reason = NULL;
        ServiceConfig c;

        ck_assert_int_eq(service_config_init(&c), 0);
        if (files[_i].key)
                ck_assert_int_eq(service_config_apply("Log", files[_i].key, files[_i].value, &reason, &c), 0);
        ck_assert_uint_eq(c.events_file_max_size, files[_i].size);
        ck_assert_uint_eq(c.events_file_keep, files[_i].keep);
        service_config_done(&c);
}
END_TEST

START_TEST(bad_settings) {
        const char *reason = NULL;
        ServiceConfig c;
        char buf[2048];

        ck_assert_int_eq(service_config_init(&c), 0);
        int r = service_config_apply(bad[_i].section, bad[_i].key, bad[_i].value, &reason, &c);
        ck_assert_msg(r == -EINVAL && reason, "[%s] %s=%s: %d", bad[_i].section, bad[_i].key, bad[_i].value, r);
        ck_assert_str_eq(format(&c, buf, sizeof(buf)), defaults);
        service_config_done(&c);
}
END_TEST

/* One more than fit is refused whole; names and paths at their longest are taken, and not beyond. */
START_TEST(limits) {
        char name[300], path[4200];
        const char *reason = NULL;
        ServiceConfig c;

        ck_assert_int_eq(service_config_init(&c), 0);
        for (size_t i = 0; i < CONFIG_UPSTREAMS_MAX; i++)
                ck_assert_int_eq(service_config_apply("DNS", "Upstream", "192.0.2.1", &reason, &c), 0);
        ck_assert_int_eq(service_config_apply("DNS", "Upstream", "192.0.2.1", &reason, &c), -EINVAL);
        ck_assert_uint_eq(c.n_upstreams, CONFIG_UPSTREAMS_MAX);
        for (size_t i = 0; i < CONFIG_FORWARDERS_MAX; i++)
                ck_assert_int_eq(service_config_apply("DNS", "Forwarders", "a.service", &reason, &c), 0);
        ck_assert_int_eq(service_config_apply("DNS", "Forwarders", "a.service", &reason, &c), -EINVAL);
        ck_assert_uint_eq(c.n_forwarders, CONFIG_FORWARDERS_MAX);
        ck_assert_int_eq(service_config_apply("DNS", "Forwarders", "", &reason, &c), 0);
        ck_assert_uint_eq(c.n_forwarders, 0);

        memset(name, 'a', sizeof(name));
        strcpy(name + 255 - strlen(".service"), ".service");
        ck_assert_int_eq(service_config_apply("DNS", "Forwarders", name, &reason, &c), 0);
        strcpy(name + 256 - strlen(".service"), ".service");
        name[255 - strlen(".service")] = 'a';
        ck_assert_int_eq(service_config_apply("DNS", "Forwarders", name, &reason, &c), -EINVAL);

        memset(path, 'a', sizeof(path));
        path[0] = '/';
        path[4095] = '\0';
        ck_assert_int_eq(service_config_apply("Log", "EventsFile", path, &reason, &c), 0);
        path[4095] = 'a';
        path[4096] = '\0';
        ck_assert_int_eq(service_config_apply("Log", "EventsFile", path, &reason, &c), -EINVAL);
        ck_assert_uint_eq(strlen(c.events_file), 4095);
        service_config_done(&c);
}
END_TEST

/* Each hook by its name, alone and after all the others. */
START_TEST(hooks) {
        static const char *const names[] = {
#define HOOK(hook, function, attach_type, required) #hook,
                CW_HOOKS(HOOK)
#undef HOOK
        };
        const char *reason;
        ServiceConfig c;
        uint32_t all = 0;

        ck_assert_int_eq(service_config_init(&c), 0);
        ck_assert_uint_eq(c.required_hooks, CW_HOOKS_REQUIRED);
        for (uint32_t i = 0; i < ELEMENTSOF(names); i++) {
                ck_assert_int_eq(service_config_apply("Service", "RequiredHooks", names[i], &reason, &c), 0);
                all |= 1U << i;
                ck_assert_uint_eq(c.required_hooks, all);
        }
        ck_assert_uint_eq(all, CW_HOOKS_ALL);
        ck_assert_int_eq(service_config_apply("Service", "RequiredHooks", "connect4 connect", &reason, &c), -EINVAL);
        ck_assert_uint_eq(c.required_hooks, CW_HOOKS_ALL);
        service_config_done(&c);
}
END_TEST

START_TEST(names) {
        int level = -1;

        for (int i = 3; i <= 7; i++) {
                ck_assert_int_eq(log_level_from_string(log_level_to_string(i), &level), 0);
                ck_assert_int_eq(level, i);
        }
        ck_assert_ptr_null(log_level_to_string(2));
        ck_assert_ptr_null(log_level_to_string(8));
        ck_assert_ptr_null(log_level_to_string(-1));
        ck_assert_int_eq(log_level_from_string("emerg", &level), -EINVAL);
        ck_assert_str_eq(persist_to_string(_PERSIST_MAX), "unknown");
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("service-config");
        TCase *t = tcase_create("service-config");

        tcase_add_test(t, name_services);
        tcase_add_loop_test(t, good_settings, 0, ELEMENTSOF(good));
        tcase_add_loop_test(t, bad_settings, 0, ELEMENTSOF(bad));
        tcase_add_loop_test(t, files_of_events, 0, ELEMENTSOF(files));
        tcase_add_test(t, limits);
        tcase_add_test(t, hooks);
        tcase_add_test(t, names);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
