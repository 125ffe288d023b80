/* SPDX-License-Identifier: Apache-2.0 */
#include "event/summary.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/endpoint.h"
#include "event/summary-internal.h"
#include "policy/port.h"

_Static_assert(offsetof(SummaryEntry, item) == 0, "an item's address is its entry's");

uint64_t add_saturated(uint64_t a, uint64_t b) {
        uint64_t sum;
        return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static SummaryEntry *summary_entry_free(SummaryEntry *e) {
        if (!e)
                return NULL;

        free(e->hostname);
        free(e->rule);
        free(e);
        return NULL;
}

DEFINE_CLEANUP_FUNC(SummaryEntry *, summary_entry_free)

int summary_new(Mode mode, const uint8_t key[static 16], Summary **ret) {
        assert(ret);

        Summary *s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;

        s->mode = mode;
        int r = hash_index_init(&s->index, SUMMARY_DESTINATIONS_MAX, key);
        if (r < 0) {
                free(s);
                return r;
        }

        *ret = s;
        return 0;
}

Summary *summary_free(Summary *s) {
        if (!s)
                return NULL;

        for (size_t i = 0; i < s->n_entries; i++)
                summary_entry_free(s->entries[i]);
        for (size_t i = 0; i < s->n_failures; i++)
                free(s->failures[i]);
        hash_index_done(&s->index);
        free(s);
        return NULL;
}

static void copy_text(char *to, size_t size, const char *from) {
        if (from)
                strncat(to, from, size - 1);
}

/* Two events with the same key share a line. Hashed and compared as bytes, so every byte is set. */
typedef struct Key {
        uint8_t bytes[6 + sizeof((SummaryEntry) {}.query_type) + SUMMARY_NAME_MAX];
        size_t length;
} Key;

static Key summary_key(SummaryClass class, SummaryKind kind, const char *query_type, const char *name, const InAddr *addr,
                       uint8_t protocol, uint16_t port) {
        Key k = {
                .bytes = { (uint8_t) class, (uint8_t) kind, name != NULL, protocol, (uint8_t) (port >> 8),
                           (uint8_t) port },
                .length = 6,
        };

        if (query_type) {
                copy_text((char *) k.bytes + k.length, sizeof((SummaryEntry) {}.query_type), query_type);
                k.length += sizeof((SummaryEntry) {}.query_type);
        }
        size_t n = name ? strnlen(name, SUMMARY_NAME_MAX) : addr ? sizeof(addr->b) : 0;
        if (n > 0)
                memcpy(k.bytes + k.length, name ? (const void *) name : addr->b, n);
        k.length += n;
        return k;
}

static SummaryEntry *summary_find(const Summary *s, const Key *key, uint64_t hash) {
        for (HashItem *i = hash_index_next(&s->index, hash, NULL); i; i = hash_index_next(&s->index, hash, i)) {
                SummaryEntry *e = (SummaryEntry *) i;
                Key k = summary_key(e->class, e->kind, e->kind == SUMMARY_DNS ? e->query_type : NULL, e->hostname,
                                    e->has_addr ? &e->addr : NULL, e->protocol, e->port);
                if (k.length == key->length && memcmp(k.bytes, key->bytes, k.length) == 0)
                        return e;
        }
        return NULL;
}

static int summary_entry_new(SummaryClass class, SummaryKind kind, const Event *e, SummaryEntry **ret) {
        _cleanup_(summary_entry_freep) SummaryEntry *n = calloc(1, sizeof(*n));
        if (!n)
                return -ENOMEM;

        n->class = class;
        n->kind = kind;
        n->reason = e->reason;
        n->pid = e->pid;
        n->first_usec = e->time_usec;
        copy_text(n->process, sizeof(n->process), e->process);
        copy_text(n->query_type, sizeof(n->query_type), e->query_type);
        copy_text(n->dns_reason, sizeof(n->dns_reason), e->dns_reason);
        copy_text(n->detail, sizeof(n->detail), e->detail);
        if (kind != SUMMARY_DNS) { /* for a query the address is the resolver's */
                n->has_addr = e->has_dst;
                n->addr = e->dst;
                n->protocol = e->protocol;
                n->port = e->dst_port;
        }
        if (e->hostname && *e->hostname) {
                n->hostname = strndup(e->hostname, SUMMARY_NAME_MAX);
                if (!n->hostname)
                        return -ENOMEM;
        }
        if (e->matched_rule) {
                n->rule = strndup(e->matched_rule, 2 * SUMMARY_NAME_MAX);
                if (!n->rule)
                        return -ENOMEM;
        }

        *ret = TAKE_PTR(n);
        return 0;
}

/* NULL in *ret: the limit is reached. */
static int find_or_add(Summary *s, SummaryClass class, SummaryKind kind, const Event *e, SummaryEntry **ret) {
        bool dns = kind == SUMMARY_DNS;
        const char *name = e->hostname && *e->hostname ? e->hostname : NULL;
        const InAddr *addr = e->has_dst && !dns ? &e->dst : NULL;
        Key key = summary_key(class, kind, dns ? e->query_type ?: "" : NULL, name, addr, dns ? 0 : e->protocol,
                              dns ? 0 : e->dst_port);
        uint64_t hash = hash_index_hash(&s->index, key.bytes, key.length);
        size_t *n_listed = &s->n_listed[class != SUMMARY_ALLOWED];

        SummaryEntry *entry = summary_find(s, &key, hash);
        if (!entry && *n_listed < SUMMARY_DESTINATIONS_MAX / 2) {
                int r = summary_entry_new(class, kind, e, &entry);
                if (r < 0)
                        return r;

                hash_index_insert(&s->index, &entry->item, hash);
                s->entries[s->n_entries++] = entry;
                (*n_listed)++;
        }
        *ret = entry;
        return 0;
}

static bool summary_kind(const Event *e, SummaryKind *ret) {
        switch (e->type) {
        case EVENT_CONNECTION_ALLOWED:
        case EVENT_CONNECTION_BLOCKED:
        case EVENT_CONNECTION_CLOSED:
        case EVENT_EXISTING_CONNECTION:
                *ret = SUMMARY_CONNECTION;
                return true;
        case EVENT_DNS_BLOCKED:
                *ret = SUMMARY_DNS;
                return true;
        case EVENT_PROTOCOL_BLOCKED:
                *ret = SUMMARY_PROTOCOL;
                return true;
        default:
                return false;
        }
}

/* Their destinations are unknown. */
static void add_suppressed(Summary *s, const Event *e) {
        SummaryClass class = e->mode == MODE_AUDIT ? SUMMARY_WOULD_DENY : SUMMARY_DENIED;
        uint64_t n = event_n_denied(e);

        s->n_events[class] = add_saturated(s->n_events[class], n);
        s->n_unlisted[class] = add_saturated(s->n_unlisted[class], n);
}

/* Each name and cause once. */
static int add_failure(Summary *s, const Event *e) {
        char *text;

        if (!e->hostname || !e->detail) {
                s->n_more_failures += e->count;
                return 0;
        }
        if (asprintf(&text, "%s: %s", e->hostname, e->detail) < 0)
                return -ENOMEM;
        size_t i = 0;
        while (i < s->n_failures && strcmp(s->failures[i], text) != 0)
                i++;
        if (i == s->n_failures && i < SUMMARY_FAILURES_MAX) {
                s->failures[s->n_failures++] = text;
                return 0;
        }
        s->n_more_failures += i == SUMMARY_FAILURES_MAX;
        free(text);
        return 0;
}

int summary_add(Summary *s, const Event *e) {
        assert(s);
        assert(e);

        SummaryKind kind;
        if (e->type == EVENT_UPSTREAM_FAILED)
                return add_failure(s, e);
        if (!summary_kind(e, &kind)) {
                add_suppressed(s, e);
                return 0;
        }

        SummaryClass class = SUMMARY_ALLOWED;
        if (e->has_verdict && e->verdict == ACTION_DENY)
                class = e->mode == MODE_AUDIT ? SUMMARY_WOULD_DENY : SUMMARY_DENIED;

        bool closed = e->type == EVENT_CONNECTION_CLOSED;
        uint64_t n = closed ? 0 : e->count > 0 ? e->count : 1;
        s->n_events[class] = add_saturated(s->n_events[class], n);
        if (class == SUMMARY_ALLOWED && e->automatic)
                s->n_automatic = add_saturated(s->n_automatic, n);

        SummaryEntry *entry = NULL;
        int r = find_or_add(s, class, kind, e, &entry);
        if (!entry) {
                s->n_unlisted[class] = add_saturated(s->n_unlisted[class], n);
                return r;
        }

        entry->n_opened = add_saturated(entry->n_opened, n);
        entry->last_usec = e->time_usec;
        if (closed) {
                entry->n_closed = add_saturated(entry->n_closed, 1);
                entry->bytes_out = add_saturated(entry->bytes_out, e->bytes_out);
                entry->bytes_in = add_saturated(entry->bytes_in, e->bytes_in);
        }
        return 0;
}

void summary_add_lost(Summary *s, uint64_t n_events, const char *where) {
        assert(s);
        assert(where);

        if (n_events == 0)
                return;

        size_t i = 0;
        while (i < s->n_losses && strcmp(s->losses[i].where, where) != 0)
                i++;
        if (i == SUMMARY_LOSSES_MAX)
                i--; /* the count matters more than the order */
        else if (i == s->n_losses)
                s->losses[s->n_losses++].where = where;
        s->losses[i].n = add_saturated(s->losses[i].n, n_events);
}

uint64_t summary_n_denied(const Summary *s) {
        assert(s);

        return add_saturated(s->n_events[SUMMARY_DENIED], s->n_events[SUMMARY_WOULD_DENY]);
}

/* A name that neither a shell, an option parser nor a policy can misread. */
static bool name_is_plain(const char *name) {
        size_t n = 0;

        for (; name[n]; n++) {
                char c = name[n];
                bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
                if (!word && (n == 0 || (c != '-' && c != '.')))
                        return false;
        }
        return n > 0 && n <= SUMMARY_NAME_MAX;
}

static const char *rule_protocol(const Event *e) {
        switch (e->protocol) {
        case PROTOCOL_TCP:
                return e->dst_port > 0 ? "" : NULL;
        case PROTOCOL_UDP:
                return e->dst_port > 0 ? "/udp" : NULL;
        case PROTOCOL_ICMP:
                return "/icmp"; /* it has port 0 */
        default:
                return NULL; /* a later fragment, or a protocol that rules do not support */
        }
}

static int suggest_name(const Event *e, char *buf, size_t size) {
        if (!e->hostname || !name_is_plain(e->hostname))
                return -EOPNOTSUPP;
        if (e->dns_reason && strcmp(e->dns_reason, "policy") != 0)
                return -EOPNOTSUPP;

        return snprintf(buf, size, "--allow %s", e->hostname);
}

static int suggest_destination(const Event *e, char *buf, size_t size) {
        const char *protocol = rule_protocol(e);
        char addr[IN_ADDR_TEXT_MAX];

        if (e->protocol == PROTOCOL_IGMP && e->has_dst) /* a group: joined if a port of it is allowed */
                return snprintf(buf, size, "--allow-cidr %s", in_addr_format(&e->dst, addr));
        if (!protocol)
                return -EOPNOTSUPP;

        if (e->hostname && name_is_plain(e->hostname))
                return snprintf(buf, size, "--allow %s:%u%s", e->hostname, e->dst_port, protocol);
        if (!e->has_dst)
                return -EOPNOTSUPP;

        char text[ENDPOINT_TEXT_MAX];
        return snprintf(buf, size, "--allow-cidr %s%s",
                        endpoint_format(&(Endpoint) { .addr = e->dst, .port = e->dst_port }, text), protocol);
}

int summary_suggest(const Event *e, char *buf, size_t size) {
        assert(e);
        assert(buf);

        if (!event_is_denial(e))
                return -EOPNOTSUPP;

        int n = -EOPNOTSUPP;
        if (e->type == EVENT_DNS_BLOCKED && e->reason != CW_REASON_RULE)
                n = suggest_name(e, buf, size);
        else if (e->type != EVENT_PROTOCOL_BLOCKED && e->reason == CW_REASON_DEFAULT)
                n = suggest_destination(e, buf, size);
        if (n < 0)
                return n;
        return (size_t) n >= size ? -ENOBUFS : 0;
}

int summary_format_from_string(const char *s, SummaryFormat *ret) {
        static const char *const names[] = {
                [SUMMARY_NONE] = "none",
                [SUMMARY_TEXT] = "text",
                [SUMMARY_JSON] = "json",
                [SUMMARY_MARKDOWN] = "markdown",
        };

        assert(s);
        assert(ret);

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcmp(s, names[i]) == 0) {
                        *ret = (SummaryFormat) i;
                        return 0;
                }
        return -EINVAL;
}
