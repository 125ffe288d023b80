/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The settings of cargowall.conf(5) and their defaults, and the only place where they are parsed. */

#include "basic/macro.h"
#include "event/event-format.h"
#include "policy/verdict.h"

typedef enum Persist {
        PERSIST_FDSTORE, /* the service manager keeps the enforcing objects across restarts */
        PERSIST_PIN,     /* they are also pinned, and survive a stop */
        _PERSIST_MAX,
} Persist;

typedef enum ExistingConnections {
        EXISTING_KEEP,
        EXISTING_JUDGE,
        _EXISTING_MAX,
} ExistingConnections;

/* What clients get for names that are denied. */
typedef enum DnsRefusal {
        DNS_REFUSAL_NXDOMAIN, /* the default */
        DNS_REFUSAL_REFUSED,
        DNS_REFUSAL_NODATA,
        _DNS_REFUSAL_MAX,
} DnsRefusal;

typedef enum DnsWiring {
        DNS_WIRING_BPF,
        DNS_WIRING_BPF_RESOLVED, /* in addition, a drop-in for systemd-resolved */
        _DNS_WIRING_MAX,
} DnsWiring;

/* Connections of units whose policy is enforced to the sockets of systemd-resolved, nscd and avahi-daemon. */
typedef enum NameServices {
        NAME_SERVICES_REFUSE,
        NAME_SERVICES_ALLOW,
        _NAME_SERVICES_MAX,
} NameServices;

typedef enum JournalEvents {
        JOURNAL_EVENTS_DENIED,
        JOURNAL_EVENTS_ALL,
        JOURNAL_EVENTS_NONE,
        _JOURNAL_EVENTS_MAX,
} JournalEvents;

#define CONFIG_UPSTREAMS_MAX 8
#define CONFIG_FORWARDERS_MAX 16

/* A list keeps its default until the first assignment, which starts a new list; later ones append, an empty one
 * resets. */
typedef enum ConfigList {
        CONFIG_REQUIRED_HOOKS = 1U << 0,
        CONFIG_UPSTREAM = 1U << 1,
        CONFIG_FORWARDERS = 1U << 2,
} ConfigList;

typedef struct ServiceConfig {
        Mode mode;
        Persist persist;
        uint32_t required_hooks; /* mask, bits of enum cw_hook_bit (bpf/api.h) */
        ExistingConnections existing_connections;
        int log_level;     /* of syslog(3): 3 err to 7 debug (RFC 5424 6.2.1) */
        char **upstreams;  /* "192.0.2.1:5353", "[2001:db8::1]:53", "2001:db8::1"; none: those of the system */
        size_t n_upstreams;
        DnsWiring dns_wiring;
        DnsRefusal dns_refusal;
        NameServices name_services;
        char **forwarders; /* names of services */
        size_t n_forwarders;
        char *events_file; /* absolute; NULL: none */
        EventFormat events_file_format;
        uint64_t events_file_max_size; /* bytes; 0: no limit */
        unsigned events_file_keep;     /* older files */
        JournalEvents journal_events;
        unsigned assigned; /* ConfigList */
} ServiceConfig;

/* Sets all defaults. -ENOMEM. */
int service_config_init(ServiceConfig *ret);
void service_config_done(ServiceConfig *c);

/* Applies one statement; a conf_file_fn with userdata = the ServiceConfig. Later statements override earlier ones.
 * -EINVAL with a constant sentence: unknown section, key or value; *c is unchanged. -ENOMEM. */
int service_config_apply(const char *section, const char *key, const char *value, const char **ret_reason,
                         void *userdata);

/* As spelled in the configuration; "unknown" if out of range. */
const char *persist_to_string(Persist p);
const char *existing_connections_to_string(ExistingConnections e);
const char *dns_wiring_to_string(DnsWiring w);
const char *name_services_to_string(NameServices n);
const char *journal_events_to_string(JournalEvents e);
/* "err", "warning", "notice", "info" or "debug"; NULL for other levels. */
const char *log_level_to_string(int level);
int log_level_from_string(const char *s, int *ret); /* -EINVAL */
