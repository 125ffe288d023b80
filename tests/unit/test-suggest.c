/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"
#include "cli/suggest-format.h"
#include "policy/metadata.h"
#include "policy/shared-domain.h"

static const uint8_t key[16] = { 1, 2, 3 };

static RecordedEvent connection(RecordedVerdict verdict, const char *destination, const char *name) {
        RecordedEvent e = {
                .kind = RECORDED_CONNECTION,
                .verdict = verdict,
                .count = 1,
                .time = "2023-11-14T22:13:20.000000Z",
                .process = "curl",
                .reason = "rule",
        };
        const char *reason;

        ck_assert_int_eq(destination_parse(destination, &e.destination, &reason), 0);
        if (name) {
                snprintf(e.names[0], sizeof(e.names[0]), "%s", name);
                e.n_names = 1;
        }
        return e;
}

static RecordedEvent query(RecordedVerdict verdict, const char *name) {
        RecordedEvent e = connection(verdict, "0.0.0.0", name);

        e.kind = RECORDED_QUERY;
        e.for_addresses = true;
        e.destination = (Destination) {};
        return e;
}

static void start(SuggestTable *t, const SuggestOptions *options, size_t n_max) {
        ck_assert_int_eq(suggest_table_init(t, options, n_max, key), 0);
}

static void add(SuggestTable *t, RecordedEvent e) {
        ck_assert_int_eq(suggest_table_add(t, RECORDED_LINE_EVENT, &e), 0);
}

/* The document of what was added. */
static SuggestDocument make(SuggestTable *t) {
        const SuggestEntry *wrong;
        SuggestDocument d;

        suggest_table_finish(t);
        ck_assert_int_eq(suggest_document_make(t, &d, &wrong), 0);
        return d;
}

/* ------------------------------------------------------------------ reasons */

#define A RECORDED_ALLOWED
#define D RECORDED_DENIED
#define W RECORDED_WOULD_DENY

static const struct {
        RecordedVerdict verdict;
        const char *destination, *name;
        bool automatic, keep_denied, keep_shared;
        SuggestGroup group;
} cases[] = {
        { A, "203.0.113.5", "github.com", false, false, false, SUGGEST_KEPT },
        { W, "203.0.113.5", "github.com", false, false, false, SUGGEST_KEPT },
        { A, "203.0.113.5", NULL, false, false, false, SUGGEST_KEPT },
        { A, "[2001:db8::1]:8000/udp", NULL, false, false, false, SUGGEST_KEPT },
        { A, "10.1.2.3:5432", NULL, false, false, false, SUGGEST_KEPT },
        { A, "10.1.2.3:5432", "db.corp.example", false, false, false, SUGGEST_KEPT },
        { A, "203.0.113.5", "mirror", false, false, false, SUGGEST_KEPT }, /* a name of one label, which is no registry's */
        { D, "203.0.113.5", "github.com", false, false, false, SUGGEST_REFUSED },
        { D, "203.0.113.5", "github.com", false, true, false, SUGGEST_KEPT },
        { A, "203.0.113.5:8443", NULL, true, false, false, SUGGEST_AUTOMATIC },
        { D, "203.0.113.5:8443", NULL, true, true, false, SUGGEST_KEPT }, /* automatic rules only allow */
        { W, "127.0.0.1", NULL, false, false, false, SUGGEST_AUTOMATIC },
        { W, "169.254.169.254:80", NULL, false, false, false, SUGGEST_METADATA },
        { W, "169.254.169.254:80", "innocent.example", false, false, false, SUGGEST_METADATA },
        { W, "169.254.7.7:80", NULL, false, false, false, SUGGEST_METADATA },
        { W, "[fe80::1]:80", NULL, false, false, false, SUGGEST_METADATA },
        { W, "[fd00:ec2::254]:80", NULL, false, false, false, SUGGEST_METADATA },
        { W, "[64:ff9b::a9fe:a9fe]:80", NULL, false, false, false, SUGGEST_METADATA }, /* through NAT64 */
        { W, "168.63.129.16:80", NULL, false, true, true, SUGGEST_METADATA },
        { W, "100.100.100.200:80", "x.example", false, true, true, SUGGEST_METADATA },
        { W, "203.0.113.5:80", "metadata.google.internal", false, true, true, SUGGEST_METADATA },
        { A, "203.0.113.5", "co.uk", false, true, true, SUGGEST_REGISTRY },
        { A, "203.0.113.5", "com", false, false, false, SUGGEST_REGISTRY },
        { A, "203.0.113.5", "someone.github.io", false, false, false, SUGGEST_SHARED },
        { A, "203.0.113.5", "github.io", false, false, false, SUGGEST_SHARED },
        { A, "203.0.113.5", "b.s3.eu-west-1.amazonaws.com", false, false, false, SUGGEST_SHARED },
        { A, "203.0.113.5", "account.blob.core.windows.net", false, false, false, SUGGEST_SHARED },
        { A, "203.0.113.5", "account.blob.core.windows.net", false, false, true, SUGGEST_KEPT },
        { A, "203.0.113.5/icmp", NULL, false, false, false, SUGGEST_NO_PORT },
        { A, "224.0.0.251:5353/udp", NULL, false, false, false, SUGGEST_MULTICAST },
        { A, "[ff02::fb]:5353/udp", NULL, false, false, false, SUGGEST_MULTICAST },
        { A, "255.255.255.255:67/udp", NULL, false, false, false, SUGGEST_MULTICAST },
        { W, "198.18.0.7", "x.example", false, false, false, SUGGEST_SPECIAL },
        { W, "203.0.113.53:53/udp", NULL, false, false, false, SUGGEST_NO_RULE },
        { W, "203.0.113.5", "x.123", false, false, false, SUGGEST_NO_RULE },
};

START_TEST(test_cases) {
        const SuggestOptions options = {
                .at_least = 1, .denied = cases[_i].keep_denied, .shared_domains = cases[_i].keep_shared,
        };
        RecordedEvent e = connection(cases[_i].verdict, cases[_i].destination, cases[_i].name);
        SuggestTable t;

        e.automatic = cases[_i].automatic;
        start(&t, &options, 8);
        add(&t, e);
        SuggestDocument d = make(&t);
        for (SuggestGroup g = 0; g < _SUGGEST_GROUP_MAX; g++)
                ck_assert_msg(t.destinations.n[g] == (g == cases[_i].group), "%s %s: group %d", cases[_i].destination,
                              cases[_i].name ?: "", (int) g);
        ck_assert_uint_eq(d.n_rules, cases[_i].group == SUGGEST_KEPT);
        suggest_document_done(&d);
        suggest_table_done(&t);
}
END_TEST

/* What a rule denies is not suggested because audit mode let it pass. */
START_TEST(test_by_rule) {
        static const struct {
                RecordedVerdict verdict;
                bool keep_denied;
                SuggestGroup group;
        } verdicts[] = {
                { A, false, SUGGEST_KEPT }, { W, false, SUGGEST_RULE }, { D, false, SUGGEST_RULE },
                { W, true, SUGGEST_KEPT },  { D, true, SUGGEST_KEPT },
        };

        for (size_t i = 0; i < ELEMENTSOF(verdicts); i++) {
                const SuggestOptions options = { .at_least = 1, .denied = verdicts[i].keep_denied };
                RecordedEvent e = connection(verdicts[i].verdict, "203.0.113.5", "github.com");
                SuggestTable t;

                e.by_rule = true;
                start(&t, &options, 8);
                add(&t, e);
                ck_assert_uint_eq(t.destinations.n[verdicts[i].group], 1);
                suggest_table_done(&t);
        }
}
END_TEST

START_TEST(test_queries) {
        const SuggestOptions options = { .at_least = 1 };
        RecordedEvent fixed = { .count = 3, .time = "2023-11-14T22:13:20.000000Z", .reason = "raw_socket" };
        SuggestTable t;

        start(&t, &options, 8);
        add(&t, query(W, "only.example"));
        add(&t, query(W, "used.example"));
        add(&t, connection(W, "203.0.113.5", "used.example"));
        add(&t, query(D, "refused.example"));
        fixed.verdict = A;
        ck_assert_int_eq(suggest_table_add(&t, RECORDED_LINE_FIXED, &fixed), 0);
        fixed.verdict = D;
        ck_assert_int_eq(suggest_table_add(&t, RECORDED_LINE_FIXED, &fixed), 0);
        ck_assert_int_eq(suggest_table_add(&t, RECORDED_LINE_CUT, NULL), 0);
        SuggestDocument d = make(&t);
        ck_assert_uint_eq(t.n_looked_up, 1);
        ck_assert_uint_eq(t.destinations.n[SUGGEST_LOOKUP], 1);
        ck_assert_str_eq(suggest_table_entry(&t, SUGGEST_LOOKUP, 0)->base.destination.name, "only.example");
        ck_assert_uint_eq(t.destinations.n[SUGGEST_REFUSED], 1);
        ck_assert_uint_eq(t.destinations.n[SUGGEST_AUTOMATIC], 1);
        ck_assert_uint_eq(suggest_table_entry(&t, SUGGEST_NO_RULE, 0)->base.count, 3);
        ck_assert_uint_eq(t.lines.n_lines[RECORDED_LINE_CUT], 1);
        ck_assert_uint_eq(d.n_rules, 1);
        suggest_document_done(&d);
        suggest_table_done(&t);
}
END_TEST

START_TEST(test_rare) {
        const SuggestOptions options = { .at_least = 3 };
        SuggestTable t;

        start(&t, &options, 8);
        for (int i = 0; i < 3; i++)
                add(&t, connection(A, "203.0.113.5", "often.example"));
        for (int i = 0; i < 2; i++)
                add(&t, connection(A, "203.0.113.5", "rare.example"));
        SuggestDocument d = make(&t);
        ck_assert_uint_eq(t.destinations.n[SUGGEST_KEPT], 1);
        ck_assert_str_eq(suggest_table_entry(&t, SUGGEST_RARE, 0)->base.destination.name, "rare.example");
        suggest_document_done(&d);
        suggest_table_done(&t);
}
END_TEST

/* ------------------------------------------------------------------ documents */

static const char golden[] =
        "{\n"
        "    \"defaultAction\": \"deny\",\n"
        "    \"rules\": [\n"
        "        { \"type\": \"hostname\", \"value\": \"a.example\", \"action\": \"allow\", \"ports\": [\"22/tcp\", \"443/tcp\", "
        "\"443/udp\"] },\n"
        "        { \"type\": \"hostname\", \"value\": \"db.example\", \"action\": \"allow\", \"ports\": [\"5432/tcp\"], "
        "\"allowPrivate\": true },\n"
        "        { \"type\": \"cidr\", \"value\": \"192.0.2.9\", \"action\": \"allow\", \"ports\": [\"80/tcp\"] },\n"
        "        { \"type\": \"cidr\", \"value\": \"2001:db8::1\", \"action\": \"allow\", \"ports\": [\"443/tcp\"] }\n"
        "    ]\n"
        "}\n";

/* Whatever the order of the events, and of the random key. */
START_TEST(test_document) {
        const SuggestOptions options = { .at_least = 1 };
        static const char *const events[][2] = {
                { "[2001:db8::1]:443", NULL }, { "203.0.113.5:443", "a.example" }, { "203.0.113.6:443", "a.example" },
                { "192.0.2.9:80", NULL },      { "203.0.113.5:22", "a.example" },  { "203.0.113.5:443/udp", "a.example" },
                { "203.0.113.8:5432", "db.example" }, { "10.0.0.8:5432", "db.example" },
        };
        uint8_t other_key[16] = { (uint8_t) _i };
        SuggestTable t;

        ck_assert_int_eq(suggest_table_init(&t, &options, 8, other_key), 0);
        for (size_t i = 0; i < ELEMENTSOF(events); i++) {
                const char *const *e = events[(i * 3 + (size_t) _i) % ELEMENTSOF(events)];

                add(&t, connection(A, e[0], e[1]));
        }
        SuggestDocument d = make(&t);
        ck_assert_str_eq(d.text, golden);
        suggest_document_done(&d);
        suggest_table_done(&t);
}
END_TEST

/* What is left out, and allowed because of what is kept. */
START_TEST(test_still_allowed) {
        const SuggestOptions options = { .at_least = 1 };
        SuggestTable t;
        char *text = NULL;
        size_t size;

        start(&t, &options, 8);
        add(&t, connection(A, "203.0.113.5", "github.com"));
        add(&t, connection(D, "203.0.113.5", "github.com"));
        add(&t, connection(D, "203.0.113.5:22", "github.com"));
        add(&t, connection(D, "203.0.113.5", "evil.github.com"));
        add(&t, query(D, "other.github.com"));
        SuggestDocument d = make(&t);
        FILE *f = open_memstream(&text, &size);
        suggest_write_report(f, &t, &d);
        fclose(f);
        ck_assert_ptr_nonnull(strstr(d.text,
                "        { \"type\": \"hostname\", \"value\": \"evil.github.com\", \"action\": \"deny\", \"ports\": [\"443/tcp\"] },\n"
                "        { \"type\": \"hostname\", \"value\": \"other.github.com\", \"action\": \"deny\" }\n"));
        ck_assert_str_eq(text,
                "Allowed, 1 destination in 1 rule:\n"
                "  github.com:443/tcp: 1 event, 2023-11-14T22:13:20.000000Z, curl: was allowed\n"
                "Left out, 4 destinations:\n"
                "  evil.github.com:443/tcp: 1 event, 2023-11-14T22:13:20.000000Z, curl: denied when it was recorded; --keep-denied "
                "keeps it; has a rule that denies it, since another rule would allow it\n"
                "  github.com:22/tcp: 1 event, 2023-11-14T22:13:20.000000Z, curl: denied when it was recorded; --keep-denied keeps "
                "it\n"
                "  github.com:443/tcp: 1 event, 2023-11-14T22:13:20.000000Z, curl: denied when it was recorded; --keep-denied keeps "
                "it; STILL ALLOWED by the rule \"allow github.com:443/tcp\"\n"
                "  other.github.com (DNS query): 1 event, 2023-11-14T22:13:20.000000Z, curl: denied when it was recorded; "
                "--keep-denied keeps it; has a rule that denies it, since another rule would allow it\n");
        free(text);
        suggest_document_done(&d);
        suggest_table_done(&t);
}
END_TEST

/* ------------------------------------------------------------------ exactness */

/* As `cargowall replay` judges it. */
static bool allows(const SuggestDocument *d, const RecordedEvent *e) {
        const char *names[RECORDED_NAMES_MAX];
        Explanation x;

        for (size_t i = 0; i < e->n_names; i++)
                names[i] = e->names[i];
        int r = e->kind == RECORDED_QUERY ? policy_explain_query(d->policy, MODE_ENFORCE, e->names[0], e->for_addresses, &x) :
                                            policy_explain_aliases(d->policy, MODE_ENFORCE, &e->destination, names, e->n_names, &x);
        ck_assert_int_eq(r, 0);
        return x.verdict == ACTION_ALLOW;
}

/* What was denied in another scope, or later in the same, is left out. What was allowed after it was denied is kept. */
START_TEST(test_elsewhere) {
        static const struct {
                const char *scope, *time;
                bool query, kept;
        } denials[] = {
                { "runners", "2023-11-14T22:13:19.000000Z", false, true },
                { "runners", "2023-11-14T22:13:21.000000Z", false, false },
                { "host", "2023-11-14T22:13:19.000000Z", false, false },
                { "host", "2023-11-14T22:13:19.000000Z", true, false },
                { "runners", "2023-11-14T22:13:19.000000Z", true, true },
        };
        const SuggestOptions options = { .at_least = 1 };

        for (size_t i = 0; i < ELEMENTSOF(denials); i++) {
                RecordedEvent e = connection(W, "203.0.113.5", "a.example");
                RecordedEvent denied = denials[i].query ? query(D, "a.example") : connection(D, "203.0.113.9", "a.example");
                SuggestTable t;

                strcpy(e.scope, "runners");
                strcpy(denied.scope, denials[i].scope);
                strcpy(denied.time, denials[i].time);
                start(&t, &options, 8);
                add(&t, denied);
                add(&t, e);
                SuggestDocument d = make(&t);
                ck_assert_msg(t.destinations.n[SUGGEST_KEPT] == denials[i].kept, "%zu", i);
                ck_assert_uint_eq(t.destinations.n[SUGGEST_ELSEWHERE], !denials[i].kept);
                ck_assert(allows(&d, &e) == denials[i].kept);
                suggest_document_done(&d);
                suggest_table_done(&t);
        }
}
END_TEST

/* A replay of the events allows what is kept, and nothing else, whatever the order of the events. */
START_TEST(test_exact) {
        static const struct {
                RecordedVerdict verdict;
                const char *destination, *name;
                unsigned count;
                bool kept;
        } events[] = {
                { W, "203.0.113.5", "forge.example", 2, true },
                { W, "203.0.113.5:22", "forge.example", 1, false },
                { W, "203.0.113.6", "gist.forge.example", 1, false },
                { W, "203.0.113.6", "a.gist.forge.example", 2, true },
                { W, "203.0.113.7", "b.gist.forge.example", 1, false },
                { D, "203.0.113.8", "evil.forge.example", 5, false },
                { D, "203.0.113.8:80", "evil.forge.example", 5, false },
                { W, "169.254.169.254", "forge.example", 5, false },
                { W, "168.63.129.16", "forge.example", 5, false },
                { W, "10.1.2.3:5432", NULL, 2, true },
                { W, "10.1.2.3:5433", NULL, 1, false },
                { W, "203.0.113.5/icmp", "forge.example", 3, false },
                { W, "203.0.113.9", "someone.github.io", 3, false },
        };
        const SuggestOptions options = { .at_least = 2 };
        SuggestTable t;

        start(&t, &options, 32);
        for (size_t i = 0; i < ELEMENTSOF(events); i++) {
                size_t k = _i == 0 ? i : ELEMENTSOF(events) - 1 - i;
                RecordedEvent e = connection(events[k].verdict, events[k].destination, events[k].name);

                e.count = events[k].count;
                add(&t, e);
        }
        SuggestDocument d = make(&t);
        for (size_t i = 0; i < ELEMENTSOF(events); i++) {
                RecordedEvent e = connection(events[i].verdict, events[i].destination, events[i].name);

                ck_assert_msg(allows(&d, &e) == events[i].kept, "%s %s\n%s", events[i].destination, events[i].name, d.text);
        }
        suggest_document_done(&d);
        suggest_table_done(&t);
}
END_TEST

/* The denial of an alias would deny what leads to it: what is left out stays allowed, which is said. */
START_TEST(test_alias) {
        const SuggestOptions options = { .at_least = 2 };
        RecordedEvent e = connection(A, "203.0.113.5", "www.example.com"), cdn = connection(A, "203.0.113.5", "cdn.example.com");
        RecordedEvent parent = connection(A, "203.0.113.5", "example.com");
        SuggestTable t;

        strcpy(e.names[1], "edge.cdn.example.com");
        e.n_names = 2;
        e.count = parent.count = 2;
        start(&t, &options, 8);
        add(&t, e);
        add(&t, parent);
        add(&t, cdn);
        SuggestDocument d = make(&t);
        ck_assert(allows(&d, &e));
        ck_assert_uint_eq(d.n_rules, 2);
        ck_assert_uint_ne(suggest_table_entry(&t, SUGGEST_RARE, 0)->allowed_by, RULE_NONE);
        suggest_document_done(&d);
        suggest_table_done(&t);
}
END_TEST

/* A name that is kept for other addresses does not open a metadata service. */
START_TEST(test_metadata_behind_name) {
        const SuggestOptions options = { .at_least = 1 };
        RecordedEvent e = connection(W, "168.63.129.16:80", "a.example");
        SuggestTable t;

        start(&t, &options, 8);
        add(&t, connection(W, "203.0.113.5:80", "a.example"));
        add(&t, e);
        SuggestDocument d = make(&t);
        ck_assert_ptr_nonnull(strstr(d.text, "{ \"type\": \"cidr\", \"value\": \"168.63.129.16\", \"action\": \"deny\" }"));
        ck_assert(!allows(&d, &e));
        suggest_document_done(&d);
        suggest_table_done(&t);
}
END_TEST

/* 40 ports: the nearest become ranges, which is said; 32 stay as they are. */
START_TEST(test_many_ports) {
        const SuggestOptions options = { .at_least = 1 };
        int n = _i == 0 ? 32 : 40;
        SuggestTable t;
        char *text = NULL, destination[32];
        size_t size;

        start(&t, &options, 64);
        for (int i = 0; i < n; i++) {
                snprintf(destination, sizeof(destination), "203.0.113.5:%d", i < 10 ? 1000 + 2 * i : 10000 + 100 * i);
                add(&t, connection(A, destination, "many.example"));
        }
        SuggestDocument d = make(&t);
        ck_assert_uint_eq(d.n_rules, 1);
        ck_assert_uint_eq(policy_rule(d.policy, 0)->n_ports, 32);
        ck_assert(suggest_rule_is_widened(&t, policy_rule(d.policy, 0)) == (n > 32));
        ck_assert((strstr(d.text, "\"1000-1016/tcp\", \"1018/tcp\", \"11000/tcp\"") != NULL) == (n > 32));
        FILE *f = open_memstream(&text, &size);
        suggest_write_report(f, &t, &d);
        fclose(f);
        ck_assert((strstr(text, "many.example has more ports than the 32") != NULL) == (n > 32));
        free(text);
        suggest_document_done(&d);
        suggest_table_done(&t);
}
END_TEST

/* Beyond the limit, destinations are counted; those of the table still have a policy. */
START_TEST(test_limit) {
        const SuggestOptions options = { .at_least = 1 };
        SuggestTable t;
        char name[32], *text = NULL;
        size_t size;

        start(&t, &options, 3);
        for (int i = 0; i < 5; i++) {
                snprintf(name, sizeof(name), "n%d.example", i);
                add(&t, connection(A, "203.0.113.5", name));
        }
        SuggestDocument d = make(&t);
        ck_assert_uint_eq(d.n_rules, 3);
        FILE *f = open_memstream(&text, &size);
        suggest_write_report(f, &t, &d);
        fclose(f);
        ck_assert_ptr_nonnull(strstr(text, "MISSING in the policy, of destinations beyond the limit (select fewer events): 2 events\n"));
        free(text);
        suggest_document_done(&d);
        suggest_table_done(&t);
}
END_TEST

/* The largest document fits into the limits of the format. */
START_TEST(test_largest) {
        const SuggestOptions options = { .at_least = 1 };
        char name[HOST_NAME_TEXT_MAX];
        SuggestTable t;

        start(&t, &options, DESTINATIONS_MAX);
        for (int i = 0; i < DESTINATIONS_MAX; i++) {
                snprintf(name, sizeof(name), "%060d.%060d.%060d.%060d.example", i, i, i, i);
                add(&t, connection(A, "203.0.113.5:65535", name));
        }
        SuggestDocument d = make(&t);
        ck_assert_uint_eq(d.n_rules, DESTINATIONS_MAX);
        ck_assert_uint_lt(d.length, POLICY_TEXT_MAX);
        suggest_document_done(&d);
        suggest_table_done(&t);
}
END_TEST

/* Names below more others than a policy can judge are left out: a job can choose such names, and still gets a policy. */
START_TEST(test_too_deep) {
        const SuggestOptions options = { .at_least = 1 };
        char name[HOST_NAME_TEXT_MAX] = "example";
        SuggestTable t;

        start(&t, &options, 128);
        for (int i = 0; i < 70; i++) {
                memmove(name + 2, name, strlen(name) + 1);
                memcpy(name, "a.", 2);
                add(&t, connection(A, "203.0.113.5", name));
        }
        SuggestDocument d = make(&t);
        ck_assert_uint_gt(t.destinations.n[SUGGEST_TOO_DEEP], 0);
        ck_assert_uint_eq(t.destinations.n[SUGGEST_TOO_DEEP] + t.destinations.n[SUGGEST_KEPT], 70);
        ck_assert_uint_gt(d.n_rules, 40);
        suggest_document_done(&d);
        suggest_table_done(&t);
}
END_TEST

START_TEST(test_domains) {
        static const struct { const char *name, *shared; bool registry; } names[] = {
                { "github.com", NULL, false },
                { "com", NULL, true },
                { "co.uk", NULL, true },
                { "localhost", NULL, false },
                { "svc.cluster.local", NULL, false },
                { "a.b.github.io", "github.io", false },
                { "sts.amazonaws.com", "amazonaws.com", false },
                { "notamazonaws.com", NULL, false },
        };
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const char *shared = name_shared_domain(names[i].name);

                ck_assert_str_eq(shared ?: "", names[i].shared ?: "");
                ck_assert(name_is_registry(names[i].name) == names[i].registry);
        }
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("suggest");
        TCase *t = tcase_create("suggest");

        tcase_add_loop_test(t, test_cases, 0, ELEMENTSOF(cases));
        tcase_add_test(t, test_by_rule);
        tcase_add_test(t, test_queries);
        tcase_add_test(t, test_rare);
        tcase_add_loop_test(t, test_document, 0, 8);
        tcase_add_test(t, test_still_allowed);
        tcase_add_loop_test(t, test_many_ports, 0, 2);
        tcase_add_test(t, test_limit);
        tcase_add_test(t, test_largest);
        tcase_add_test(t, test_too_deep);
        tcase_add_test(t, test_elsewhere);
        tcase_add_loop_test(t, test_exact, 0, 2);
        tcase_add_test(t, test_alias);
        tcase_add_test(t, test_metadata_behind_name);
        tcase_add_test(t, test_domains);
        suite_add_tcase(s, t);
        return s;
}

#include "check-main.h"
