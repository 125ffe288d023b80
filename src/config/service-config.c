/* SPDX-License-Identifier: Apache-2.0 */
#include "config/service-config.h"

#include <assert.h>
#include <string.h>

#include "basic/endpoint.h"
#include "bpf/api.h"

#define BLANKS " \t"
#define WORD_MAX 255U /* per word of a list; the limit of systemd.unit(5) */
#define LOG_LEVEL_FIRST 3
#define LOG_LEVEL_DEFAULT 6
#define EVENTS_FILE_DEFAULT "/var/log/cargowall/events.ndjson"
#define EVENTS_FILE_DEFAULT_SIZE (100ULL << 20)
#define EVENTS_FILE_DEFAULT_KEEP 3
#define EVENTS_FILE_MIN_SIZE (1ULL << 20) /* bytes */
#define EVENTS_FILE_KEEP_MAX 99
#define FORWARDERS_DEFAULT "systemd-resolved.service"
#define PATH_MAX_BYTES 4095U

static const char *const mode_words[] = {
        [MODE_ENFORCE] = "enforce",
        [MODE_AUDIT] = "audit",
        [MODE_OFF] = "off",
};

static const char *const persist_words[_PERSIST_MAX] = {
        [PERSIST_FDSTORE] = "fdstore",
        [PERSIST_PIN] = "pin",
};

static const char *const existing_words[_EXISTING_MAX] = {
        [EXISTING_KEEP] = "keep",
        [EXISTING_JUDGE] = "judge",
};

static const char *const refusal_words[] = { "nxdomain", "refused", "nodata" };
static const char *const wiring_words[_DNS_WIRING_MAX] = {
        [DNS_WIRING_BPF] = "bpf",
        [DNS_WIRING_BPF_RESOLVED] = "bpf+resolved",
};

static const char *const name_service_words[_NAME_SERVICES_MAX] = {
        [NAME_SERVICES_REFUSE] = "refuse",
        [NAME_SERVICES_ALLOW] = "allow",
};

static const char *const journal_words[_JOURNAL_EVENTS_MAX] = {
        [JOURNAL_EVENTS_DENIED] = "denied",
        [JOURNAL_EVENTS_ALL] = "all",
        [JOURNAL_EVENTS_NONE] = "none",
};

static const char *const level_words[] = { "err", "warning", "notice", "info", "debug" }; /* from LOG_LEVEL_FIRST on */

static const char *const hook_words[] = {
#define HOOK(hook, function, attach_type, required) [CW_HOOK_BIT_##hook] = #hook,
        CW_HOOKS(HOOK)
#undef HOOK
};

static int refuse(const char **ret_reason, const char *reason) {
        *ret_reason = reason;
        return -EINVAL;
}

static int word_find(const char *const *words, size_t n, const char *s) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(words[i], s) == 0)
                        return (int) i;
        return -EINVAL;
}

static const char *word_at(const char *const *words, size_t n, unsigned i) {
        return i < n ? words[i] : "unknown";
}

const char *persist_to_string(Persist p) {
        return word_at(persist_words, ELEMENTSOF(persist_words), p);
}

const char *existing_connections_to_string(ExistingConnections e) {
        return word_at(existing_words, ELEMENTSOF(existing_words), e);
}

const char *dns_wiring_to_string(DnsWiring w) {
        return word_at(wiring_words, ELEMENTSOF(wiring_words), w);
}

const char *name_services_to_string(NameServices n) {
        return word_at(name_service_words, ELEMENTSOF(name_service_words), n);
}

const char *journal_events_to_string(JournalEvents e) {
        return word_at(journal_words, ELEMENTSOF(journal_words), e);
}

const char *log_level_to_string(int level) {
        size_t i = (size_t) level - LOG_LEVEL_FIRST;

        return level >= LOG_LEVEL_FIRST && i < ELEMENTSOF(level_words) ? level_words[i] : NULL;
}

int log_level_from_string(const char *s, int *ret) {
        assert(s);
        assert(ret);

        int i = word_find(level_words, ELEMENTSOF(level_words), s);
        if (i < 0)
                return i;

        *ret = LOG_LEVEL_FIRST + i;
        return 0;
}

/* ------------------------------------------------------------------ lists */

static void strings_free(char ***list, size_t *n) {
        for (size_t i = 0; i < *n; i++)
                free((*list)[i]);
        free(*list);
        *list = NULL;
        *n = 0;
}

static int strings_add(char ***list, size_t *n, const char *word) {
        _cleanup_free_ char *copy = strdup(word);
        char **bigger = realloc(*list, (*n + 1) * sizeof(char *));

        if (bigger)
                *list = bigger;
        if (!copy || !bigger)
                return -ENOMEM;
        bigger[(*n)++] = TAKE_PTR(copy);
        return 0;
}

/* Copies the next word of the list at *s to word, truncated to WORD_MAX + 1 bytes, which no valid word has. Returns
 * false if none is left. */
static bool word_next(const char **s, char word[static WORD_MAX + 2]) {
        *s += strspn(*s, BLANKS);
        size_t n = strcspn(*s, BLANKS), kept = MIN(n, (size_t) WORD_MAX + 1);

        memcpy(word, *s, kept);
        word[kept] = '\0';
        *s += n;
        return n > 0;
}

/* Returns 0, or -EINVAL with a reason. */
typedef int (*word_check_fn)(const char *word, const char **ret_reason);

typedef struct Strings {
        char ***list;
        size_t *n;
        size_t max;
        word_check_fn check;
        const char *too_many;
} Strings;

static int strings_parse(const Strings *strings, const char *value, const char **ret_reason) {
        char word[WORD_MAX + 2];
        size_t n = *strings->n;

        for (const char *s = value; word_next(&s, word); n++) {
                int r = strings->check(word, ret_reason);
                if (r < 0)
                        return r;
                if (n == strings->max)
                        return refuse(ret_reason, strings->too_many);
        }
        for (const char *s = value; word_next(&s, word);) {
                int r = strings_add(strings->list, strings->n, word);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Replaces or extends the list. On -EINVAL it is unchanged. */
static int strings_assign(ServiceConfig *c, ConfigList which, const Strings *strings, const char *value,
                          const char **ret_reason) {
        bool replaces = (c->assigned & which) == 0 || *value == '\0';
        char **list = NULL;
        size_t n = 0;

        Strings target = *strings;
        if (replaces) {
                target.list = &list;
                target.n = &n;
        }
        int r = strings_parse(&target, value, ret_reason);
        if (r < 0) {
                strings_free(&list, &n);
                return r;
        }
        if (replaces) {
                strings_free(strings->list, strings->n);
                *strings->list = list;
                *strings->n = n;
        }
        c->assigned |= which;
        return 0;
}

/* ------------------------------------------------------------------ words of lists */

static int check_upstream(const char *word, const char **ret_reason) {
        const char *zone = strchr(word, '%');
        char text[WORD_MAX + 1];
        Endpoint e;
        size_t n;

        if (strlen(word) > WORD_MAX)
                return refuse(ret_reason, "an upstream must be ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT");
        n = zone ? (size_t) (zone - word) : strlen(word);
        memcpy(text, word, n);
        (void) strcpy(text + n, zone ? zone + strcspn(zone, "]") : "");
        if (endpoint_parse(text, 1, &e) < 0 || (zone && (e.addr.b[0] != 0xfe || (e.addr.b[1] & 0xc0) != 0x80)))
                return refuse(ret_reason, "an upstream must be ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT");
        return 0;
}

static int check_forwarder(const char *word, const char **ret_reason) {
        static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@";
        size_t n = strlen(word), ending = strlen(".service");

        if (n > WORD_MAX || n <= ending || strcmp(word + n - ending, ".service") != 0 || strspn(word, safe) != n)
                return refuse(ret_reason, "a forwarder must be the name of a service, as systemd-resolved.service");
        return 0;
}

/* ------------------------------------------------------------------ keys */

typedef int (*apply_fn)(ServiceConfig *c, const char *value, const char **ret_reason);

static int apply_mode(ServiceConfig *c, const char *value, const char **ret_reason) {
        int i = word_find(mode_words, ELEMENTSOF(mode_words), value);
        if (i < 0)
                return refuse(ret_reason, "unknown mode, expected enforce, audit or off");
        c->mode = (Mode) i;
        return 0;
}

static int apply_persist(ServiceConfig *c, const char *value, const char **ret_reason) {
        int i = word_find(persist_words, ELEMENTSOF(persist_words), value);
        if (i < 0)
                return refuse(ret_reason, "unknown value, expected fdstore or pin");
        c->persist = (Persist) i;
        return 0;
}

static int apply_required_hooks(ServiceConfig *c, const char *value, const char **ret_reason) {
        uint32_t hooks = c->assigned & CONFIG_REQUIRED_HOOKS && *value != '\0' ? c->required_hooks : 0;
        char word[WORD_MAX + 2];

        for (const char *s = value; word_next(&s, word);) {
                int i = word_find(hook_words, ELEMENTSOF(hook_words), word);
                if (i < 0)
                        return refuse(ret_reason, "unknown hook: see cargowall.conf(5) for their names");
                hooks |= 1U << i;
        }
        c->required_hooks = hooks;
        c->assigned |= CONFIG_REQUIRED_HOOKS;
        return 0;
}

static int apply_existing_connections(ServiceConfig *c, const char *value, const char **ret_reason) {
        int i = word_find(existing_words, ELEMENTSOF(existing_words), value);
        if (i < 0)
                return refuse(ret_reason, "unknown value, expected keep or judge");
        c->existing_connections = (ExistingConnections) i;
        return 0;
}

static int apply_log_level(ServiceConfig *c, const char *value, const char **ret_reason) {
        if (log_level_from_string(value, &c->log_level) < 0)
                return refuse(ret_reason, "unknown level, expected debug, info, notice, warning or err");
        return 0;
}

static int apply_upstream(ServiceConfig *c, const char *value, const char **ret_reason) {
        const Strings strings = { &c->upstreams, &c->n_upstreams, CONFIG_UPSTREAMS_MAX, check_upstream,
                                  "at most 8 upstreams can be given" };

        return strings_assign(c, CONFIG_UPSTREAM, &strings, value, ret_reason);
}

static int apply_wiring(ServiceConfig *c, const char *value, const char **ret_reason) {
        int i = word_find(wiring_words, ELEMENTSOF(wiring_words), value);
        if (i < 0)
                return refuse(ret_reason, "unknown wiring, expected bpf or bpf+resolved");
        c->dns_wiring = (DnsWiring) i;
        return 0;
}

static int apply_refusal(ServiceConfig *c, const char *value, const char **ret_reason) {
        int i = word_find(refusal_words, ELEMENTSOF(refusal_words), value);
        if (i < 0)
                return refuse(ret_reason, "unknown refusal, expected nxdomain, refused or nodata");
        c->dns_refusal = (DnsRefusal) i;
        return 0;
}

static int apply_name_services(ServiceConfig *c, const char *value, const char **ret_reason) {
        int i = word_find(name_service_words, ELEMENTSOF(name_service_words), value);
        if (i < 0)
                return refuse(ret_reason, "unknown value, expected refuse or allow");
        c->name_services = (NameServices) i;
        return 0;
}

static int apply_forwarders(ServiceConfig *c, const char *value, const char **ret_reason) {
        const Strings strings = { &c->forwarders, &c->n_forwarders, CONFIG_FORWARDERS_MAX, check_forwarder,
                                  "at most 16 forwarders can be given" };

        return strings_assign(c, CONFIG_FORWARDERS, &strings, value, ret_reason);
}

/* A path without components that redirect it. */
static bool is_plain_path(const char *s) {
        size_t n = strnlen(s, PATH_MAX_BYTES + 1);

        if (n > PATH_MAX_BYTES || *s != '/' || s[strcspn(s, BLANKS)] != '\0')
                return false;
        while (*s) {
                size_t length = strcspn(++s, "/");

                if (length == 0 || (length <= 2 && strspn(s, ".") >= length))
                        return false;
                s += length;
        }
        return true;
}

static int apply_events_file(ServiceConfig *c, const char *value, const char **ret_reason) {
        char *path = NULL;

        if (strcmp(value, "none") != 0) {
                if (!is_plain_path(value))
                        return refuse(ret_reason, "expected none or an absolute path without blanks, . and ..");
                path = strdup(value);
                if (!path)
                        return -ENOMEM;
        }
        free(c->events_file);
        c->events_file = path;
        return 0;
}

static int number_parse(const char **s, uint64_t max, uint64_t *ret) {
        uint64_t n = 0;

        if (**s < '0' || **s > '9')
                return -EINVAL;
        for (; **s >= '0' && **s <= '9'; (*s)++)
                if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t) (**s - '0'), &n) || n > max)
                        return -EINVAL;
        *ret = n;
        return 0;
}

/* Bytes, or with K, M, G: to the base of 1024, as in systemd.directives(7). */
static int size_parse(const char *s, uint64_t *ret) {
        uint64_t n;

        if (number_parse(&s, UINT64_MAX, &n) < 0)
                return -EINVAL;
        const char *unit = *s ? strchr("KMG", *s) : NULL;
        if (*s && (!unit || s[1] != '\0'))
                return -EINVAL;
        for (const char *u = "KMG"; unit && u <= unit; u++)
                if (__builtin_mul_overflow(n, 1024, &n))
                        return -EINVAL;
        *ret = n;
        return 0;
}

static int apply_events_file_max_size(ServiceConfig *c, const char *value, const char **ret_reason) {
        uint64_t n = 0;

        if (strcmp(value, "infinity") != 0 && (size_parse(value, &n) < 0 || n < EVENTS_FILE_MIN_SIZE || n > INT64_MAX))
                return refuse(ret_reason, "expected infinity or a size of at least 1M, as 100M or 2G");
        c->events_file_max_size = n;
        return 0;
}

static int apply_events_file_keep(ServiceConfig *c, const char *value, const char **ret_reason) {
        uint64_t n;

        if (number_parse(&value, EVENTS_FILE_KEEP_MAX, &n) < 0 || *value)
                return refuse(ret_reason, "expected a number from 0 to 99");
        c->events_file_keep = (unsigned) n;
        return 0;
}

static int apply_events_file_format(ServiceConfig *c, const char *value, const char **ret_reason) {
        if (event_format_from_string(value, &c->events_file_format) < 0)
                return refuse(ret_reason, "unknown value, expected ndjson, ocsf or ecs");
        return 0;
}

static int apply_journal_events(ServiceConfig *c, const char *value, const char **ret_reason) {
        int i = word_find(journal_words, ELEMENTSOF(journal_words), value);
        if (i < 0)
                return refuse(ret_reason, "unknown value, expected denied, all or none");
        c->journal_events = (JournalEvents) i;
        return 0;
}

static const struct {
        const char *section;
        const char *key;
        apply_fn apply;
} settings[] = {
        { "Service", "Mode", apply_mode },
        { "Service", "Persist", apply_persist },
        { "Service", "RequiredHooks", apply_required_hooks },
        { "Service", "ExistingConnections", apply_existing_connections },
        { "Service", "LogLevel", apply_log_level },
        { "DNS", "Upstream", apply_upstream },
        { "DNS", "Wiring", apply_wiring },
        { "DNS", "Refusal", apply_refusal },
        { "DNS", "NameServices", apply_name_services },
        { "DNS", "Forwarders", apply_forwarders },
        { "Log", "EventsFile", apply_events_file },
        { "Log", "EventsFileFormat", apply_events_file_format },
        { "Log", "EventsFileMaxSize", apply_events_file_max_size },
        { "Log", "EventsFileKeep", apply_events_file_keep },
        { "Log", "JournalEvents", apply_journal_events },
};

int service_config_apply(const char *section, const char *key, const char *value, const char **ret_reason,
                         void *userdata) {
        bool known = false;

        assert(section);
        assert((key == NULL) == (value == NULL));
        assert(ret_reason);
        assert(userdata);

        for (size_t i = 0; i < ELEMENTSOF(settings); i++) {
                if (strcmp(settings[i].section, section) != 0)
                        continue;
                known = true;
                if (key && strcmp(settings[i].key, key) == 0)
                        return settings[i].apply(userdata, value, ret_reason);
        }
        if (!known)
                return refuse(ret_reason, "unknown section, expected [Service], [DNS] or [Log]");
        return key ? refuse(ret_reason, "unknown key") : 0;
}

void service_config_done(ServiceConfig *c) {
        assert(c);

        strings_free(&c->upstreams, &c->n_upstreams);
        strings_free(&c->forwarders, &c->n_forwarders);
        free(c->events_file);
        *c = (ServiceConfig) {};
}

int service_config_init(ServiceConfig *ret) {
        _cleanup_(service_config_done) ServiceConfig c = {
                .mode = MODE_ENFORCE,
                .persist = PERSIST_FDSTORE,
                .required_hooks = CW_HOOKS_REQUIRED,
                .existing_connections = EXISTING_KEEP,
                .log_level = LOG_LEVEL_DEFAULT,
                .dns_wiring = DNS_WIRING_BPF_RESOLVED,
                .events_file_max_size = EVENTS_FILE_DEFAULT_SIZE,
                .events_file_keep = EVENTS_FILE_DEFAULT_KEEP,
                .journal_events = JOURNAL_EVENTS_DENIED,
        };

        assert(ret);

        c.events_file = strdup(EVENTS_FILE_DEFAULT);
        if (!c.events_file || strings_add(&c.forwarders, &c.n_forwarders, FORWARDERS_DEFAULT) < 0)
                return -ENOMEM;

        *ret = c;
        c = (ServiceConfig) {};
        return 0;
}
