/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "basic/macro.h"
#include "policy/json-text.h"
#include "policy/policy.h"

#define PIECE_MAX 32U /* rules that are a tree at one time */

/* Collects what is wrong. Readers return 0 when reading goes on, faults or not, and negative to stop. */
typedef struct Reader {
        PolicySource *source;
        PolicyFault *faults;
        size_t max;
        size_t n;
} Reader;

typedef int (*read_fn)(Reader *r, const JsonStep *at, json_object *o, void *into);

enum {
        IS_BOOL = 1U << json_type_boolean,
        IS_INT = 1U << json_type_int,
        IS_OBJECT = 1U << json_type_object,
        IS_ARRAY = 1U << json_type_array,
        IS_STRING = 1U << json_type_string,
};

typedef struct Key {
        const char *name;
        unsigned types;
        const char *wrong_type;
        read_fn read;
} Key;

typedef json_object JsonObject;
typedef json_tokener JsonTokener;
DEFINE_CLEANUP_FUNC(JsonObject *, json_object_put)
DEFINE_CLEANUP_FUNC(JsonTokener *, json_tokener_free)

static void fault(Reader *r, const JsonStep *at, const char *reason) {
        if (r->n < r->max) {
                PolicyFault *f = &r->faults[r->n];

                *f = (PolicyFault) {};
                (void) json_step_format(at, f->path, sizeof(f->path));
                (void) snprintf(f->reason, sizeof(f->reason), "%s", reason);
        }
        r->n++;
}

static bool type_is(json_object *o, unsigned types) {
        return (types & 1U << json_object_get_type(o)) != 0;
}

/* A string with a NUL inside would end there for us and go on for others. */
static bool has_nul(json_object *o) {
        return json_object_is_type(o, json_type_string) &&
               strlen(json_object_get_string(o)) != (size_t) json_object_get_string_len(o);
}

static int read_object(Reader *r, const JsonStep *at, json_object *o, const Key *keys, size_t n_keys, void *into) {
        json_object_object_foreach(o, name, value) {
                const JsonStep inner = { .outer = at, .key = name, .n = strlen(name) };
                size_t i = 0;

                while (i < n_keys && strcmp(keys[i].name, name) != 0)
                        i++;
                if (i == n_keys) {
                        fault(r, &inner, "unknown key");
                        continue;
                }
                if (!type_is(value, keys[i].types) || has_nul(value)) {
                        fault(r, &inner, keys[i].wrong_type);
                        continue;
                }
                int k = keys[i].read(r, &inner, value, into);
                if (k < 0)
                        return k;
        }
        return 0;
}

static int read_array(Reader *r, const JsonStep *at, json_object *o, unsigned types, const char *wrong_type,
                      read_fn read, void *into) {
        JsonStep inner = { .outer = at };

        for (size_t n = json_object_array_length(o); inner.n < n; inner.n++) {
                json_object *value = json_object_array_get_idx(o, inner.n);

                if (!type_is(value, types) || has_nul(value)) {
                        fault(r, &inner, wrong_type);
                        continue;
                }
                int k = read(r, &inner, value, into);
                if (k < 0)
                        return k;
        }
        return 0;
}

/* ------------------------------------------------------------------ rules */

typedef struct RuleText {
        const char *value; /* borrowed */
        RuleType type;
        Action action;
        bool has_type;
        bool has_action;
        bool has_allow_private;
        bool allow_private;
        PortRange ports[RULE_PORTS_MAX];
        size_t n_ports;
} RuleText;

typedef struct PortText {
        json_object *port;    /* borrowed */
        const char *protocol; /* borrowed */
} PortText;

static bool protocol_is_known(const char *name) {
        char text[32];
        PortRange range;

        return snprintf(text, sizeof(text), "1/%s", name) < (int) sizeof(text) &&
               port_range_parse(text, &range) != -EINVAL;
}

static void add_range(Reader *r, const JsonStep *at, const PortRange *range, RuleText *rule) {
        if (rule->n_ports == RULE_PORTS_MAX)
                fault(r, at, "a rule can list at most 32 ports");
        else
                rule->ports[rule->n_ports++] = *range;
}

static void add_port(Reader *r, const JsonStep *at, const char *text, RuleText *rule) {
        PortRange range;

        const char *slash = strchr(text, '/');
        int k = port_range_parse(text, &range);
        if (k == -ERANGE)
                fault(r, at, "a port is out of range (1 to 65535, low before high; 0 for icmp)");
        else if (k < 0 && slash && !protocol_is_known(slash + 1))
                fault(r, at, "unknown protocol: it is tcp, udp, icmp or all");
        else if (k < 0)
                fault(r, at, "malformed port: it is PORT or LOW-HIGH, then nothing, /tcp, /udp, /icmp or /all");
        else
                add_range(r, at, &range, rule);
}

static int read_port_number(_unused_ Reader *r, _unused_ const JsonStep *at, json_object *o, void *into) {
        PortText *text = into;

        text->port = o;
        return 0;
}

static int read_port_protocol(_unused_ Reader *r, _unused_ const JsonStep *at, json_object *o, void *into) {
        PortText *text = into;

        text->protocol = json_object_get_string(o);
        return 0;
}

static int read_port_object(Reader *r, const JsonStep *at, json_object *o, RuleText *rule) {
        static const Key keys[] = {
                { "port", IS_INT | IS_STRING, "port is a number, or a range such as \"8000-8100\"", read_port_number },
                { "protocol", IS_STRING, "protocol is a string: tcp, udp, icmp or all", read_port_protocol },
        };
        PortText text = {};
        char joined[64];
        size_t before = r->n;

        int k = read_object(r, at, o, keys, ELEMENTSOF(keys), &text);
        if (k < 0 || r->n > before)
                return k;

        const char *protocol = text.protocol ?: "all";
        const char *port = text.port                             ? json_object_get_string(text.port)
                           : strcasecmp(protocol, "icmp") == 0 ? "0" /* ICMP has none to give */
                                                                 : NULL;
        if (!port)
                fault(r, at, "port is missing");
        else if (strchr(port, '/') ||
                 snprintf(joined, sizeof(joined), "%s/%s", port, protocol) >= (int) sizeof(joined))
                fault(r, at, "malformed port");
        else
                add_port(r, at, joined, rule);
        return 0;
}

static int read_port(Reader *r, const JsonStep *at, json_object *o, void *into) {
        if (json_object_is_type(o, json_type_object))
                return read_port_object(r, at, o, into);

        int64_t number = json_object_is_type(o, json_type_int) ? json_object_get_int64(o) : 0;
        if (number > 0 && number <= UINT16_MAX) { /* most ports are: not by way of their text */
                const PortRange range = { (uint16_t) number, (uint16_t) number, PROTOCOL_ALL };

                add_range(r, at, &range, into);
        } else
                add_port(r, at, json_object_get_string(o), into);
        return 0;
}

static int read_ports(Reader *r, const JsonStep *at, json_object *o, void *into) {
        return read_array(r, at, o, IS_INT | IS_STRING | IS_OBJECT, "a port is a number, a string or an object",
                          read_port, into);
}

static int read_type(Reader *r, const JsonStep *at, json_object *o, void *into) {
        const char *s = json_object_get_string(o);
        RuleText *rule = into;

        rule->has_type = true;
        if (strcmp(s, "hostname") == 0)
                rule->type = RULE_HOSTNAME;
        else if (strcmp(s, "cidr") == 0)
                rule->type = RULE_CIDR;
        else
                fault(r, at, "unknown type: it is hostname or cidr");
        return 0;
}

static int read_value(_unused_ Reader *r, _unused_ const JsonStep *at, json_object *o, void *into) {
        RuleText *rule = into;

        rule->value = json_object_get_string(o);
        return 0;
}

static int read_action(Reader *r, const JsonStep *at, json_object *o, void *into) {
        RuleText *rule = into;

        rule->has_action = true;
        if (action_from_string(json_object_get_string(o), &rule->action) < 0)
                fault(r, at, "unknown action: it is allow or deny");
        return 0;
}

static int read_allow_private(_unused_ Reader *r, _unused_ const JsonStep *at, json_object *o, void *into) {
        RuleText *rule = into;

        rule->has_allow_private = true;
        rule->allow_private = json_object_get_boolean(o);
        return 0;
}

/* What only the keys together tell. *ret_value is good where there was no fault. */
static void check_rule(Reader *r, const JsonStep *at, const RuleText *rule, RuleValue *ret_value) {
        const JsonStep value = { .outer = at, .key = "value", .n = strlen("value") };
        const char *reason;

        if (!rule->has_type)
                fault(r, at, "type is missing");
        if (!rule->has_action)
                fault(r, at, "action is missing");
        if (!rule->value)
                fault(r, at, "value is missing");
        if (rule->has_allow_private && rule->has_type && rule->type != RULE_HOSTNAME)
                fault(r, at, "allowPrivate is for rules of type hostname");
        if (rule->value && rule->has_type && rule_value_parse(rule->type, rule->value, ret_value, &reason) < 0)
                fault(r, &value, reason);
}

static int read_rule(Reader *r, const JsonStep *at, json_object *o, _unused_ void *into) {
        static const Key keys[] = {
                { "type", IS_STRING, "type is a string: hostname or cidr", read_type },
                { "value", IS_STRING, "value is a string", read_value },
                { "action", IS_STRING, "action is a string: allow or deny", read_action },
                { "ports", IS_ARRAY, "ports is an array", read_ports },
                { "allowPrivate", IS_BOOL, "allowPrivate is true or false", read_allow_private },
        };
        RuleText rule = {};
        RuleValue value;
        const char *reason;
        size_t before = r->n;

        int k = read_object(r, at, o, keys, ELEMENTSOF(keys), &rule);
        if (k < 0 || r->n > before)
                return k;
        check_rule(r, at, &rule, &value);
        if (r->n > before)
                return 0;

        k = rule_list_add_value(&r->source->rules, &value, rule.action, TIER_USER, rule.ports, rule.n_ports,
                                rule.allow_private, &reason);
        if (k == -EINVAL || k == -E2BIG)
                fault(r, at, reason);
        return k == -EINVAL ? 0 : k;
}

/* ------------------------------------------------------------------ the other keys */

static int read_rules(Reader *r, const JsonStep *at, json_object *o, void *into) {
        return read_array(r, at, o, IS_OBJECT, "a rule is an object", read_rule, into);
}

static int read_default_action(Reader *r, const JsonStep *at, json_object *o, _unused_ void *into) {
        if (action_from_string(json_object_get_string(o), &r->source->default_action) < 0)
                fault(r, at, "unknown action: it is allow or deny");
        return 0;
}

static int read_mode(Reader *r, const JsonStep *at, json_object *o, _unused_ void *into) {
        r->source->has_mode = true;
        if (mode_from_string(json_object_get_string(o), &r->source->mode) < 0)
                fault(r, at, "unknown mode: it is enforce or audit");
        return 0;
}

static int read_search_domain(Reader *r, const JsonStep *at, json_object *o, _unused_ void *into) {
        const char *reason;

        int k = policy_source_add_search_domain(r->source, json_object_get_string(o), &reason);
        if (k == -EINVAL)
                fault(r, at, reason);
        return k == -EINVAL ? 0 : k;
}

static int read_search_domains(Reader *r, const JsonStep *at, json_object *o, void *into) {
        return read_array(r, at, o, IS_STRING, "a search domain is a string", read_search_domain, into);
}

static int read_enabled(Reader *r, _unused_ const JsonStep *at, json_object *o, _unused_ void *into) {
        r->source->sudo_lockdown = json_object_get_boolean(o);
        return 0;
}

/* sudo takes arguments and wildcards as part of the command: such an entry would grant something else than it says. */
static int read_command(Reader *r, const JsonStep *at, json_object *o, _unused_ void *into) {
        static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-";
        const char *s = json_object_get_string(o);

        if (s[0] != '/' || s[strspn(s, safe)] != '\0')
                fault(r, at, "a command is an absolute path, without arguments or special characters");
        return 0;
}

static int read_commands(Reader *r, const JsonStep *at, json_object *o, void *into) {
        return read_array(r, at, o, IS_STRING, "a command is a string", read_command, into);
}

static int read_sudo_lockdown(Reader *r, const JsonStep *at, json_object *o, void *into) {
        static const Key keys[] = {
                { "enabled", IS_BOOL, "enabled is true or false", read_enabled },
                { "allowCommands", IS_ARRAY, "allowCommands is an array", read_commands },
        };

        return read_object(r, at, o, keys, ELEMENTSOF(keys), into);
}

static int read_root(Reader *r, json_object *root) {
        static const Key keys[] = {
                { "defaultAction", IS_STRING, "defaultAction is a string: allow or deny", read_default_action },
                { "mode", IS_STRING, "mode is a string: enforce or audit", read_mode },
                { "rules", IS_ARRAY, "rules is an array", read_rules },
                { "searchDomains", IS_ARRAY, "searchDomains is an array", read_search_domains },
                { "sudoLockdown", IS_OBJECT, "sudoLockdown is an object", read_sudo_lockdown },
        };

        return read_object(r, NULL, root, keys, ELEMENTSOF(keys), NULL);
}

static JsonTokener *tokener_new(void) {
        JsonTokener *t = json_tokener_new_ex(JSON_TEXT_DEPTH_MAX);

        if (t)
                json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        return t;
}

/* ------------------------------------------------------------------ good text */

typedef struct Part {
        const char *text; /* borrowed */
        size_t length;
} Part;

/* The parts one after the other are one JSON value. */
static int parse_parts(JsonTokener *t, const Part *parts, size_t n, json_object **ret) {
        json_tokener_reset(t);
        for (size_t i = 0; i < n; i++) {
                _cleanup_(json_object_putp) JsonObject *o =
                        json_tokener_parse_ex(t, parts[i].text, (int) parts[i].length);
                enum json_tokener_error e = json_tokener_get_error(t);

                if (e == json_tokener_success && i == n - 1 && json_tokener_get_parse_end(t) == parts[i].length)
                        *ret = TAKE_PTR(o);
                else if (e != json_tokener_continue || i == n - 1)
                        return -EINVAL;
        }
        return 0;
}

/* A tree of every rule at once takes fifteen times the room of the text, and more time to make and to free than all
 * else here. So the rules are cut out of the text and become trees by the piece, and the rest is a tree of its own. */
typedef struct Pieces {
        Reader *reader;
        JsonTokener *tokener;
        const char *text;
        size_t begin; /* of the first rule */
        size_t end;   /* of the last rule so far, 0 before any */
        size_t piece; /* where the rules begin that are still to be read, */
        size_t n;     /* and how many they are */
} Pieces;

static int read_piece(Pieces *p) {
        const Part parts[] = { { "[", 1 }, { p->text + p->piece, p->end - p->piece }, { "]", 1 } };
        _cleanup_(json_object_putp) JsonObject *rules = NULL;

        if (p->n == 0)
                return 0;
        int k = parse_parts(p->tokener, parts, ELEMENTSOF(parts), &rules);
        if (k < 0)
                return k;
        if (!json_object_is_type(rules, json_type_array) || json_object_array_length(rules) != p->n)
                return -EINVAL;
        p->n = 0;
        k = read_rules(p->reader, NULL, rules, NULL);
        return k < 0 ? k : p->reader->n > 0 ? -EINVAL : 0;
}

static int on_rule(size_t begin, size_t end, void *userdata) {
        Pieces *p = userdata;

        if (p->end == 0)
                p->begin = begin;
        if (p->n == 0)
                p->piece = begin;
        p->end = end;
        p->n++;
        return p->n < PIECE_MAX ? 0 : read_piece(p);
}

/* Negative for text at fault, without a word about it. */
static int read_good_text(PolicySource *source, const char *text, size_t length) {
        _cleanup_(json_tokener_freep) JsonTokener *tokener = tokener_new();
        _cleanup_(json_object_putp) JsonObject *root = NULL;
        Reader reader = { .source = source };
        Pieces p = { .reader = &reader, .tokener = tokener, .text = text };

        if (!tokener)
                return -ENOMEM;
        int k = json_text_for_each(text, length, "rules", on_rule, &p);
        if (k >= 0)
                k = read_piece(&p);
        if (k < 0)
                return k;

        const Part rest[] = { { text, p.begin }, { text + p.end, length - p.end } };
        k = parse_parts(tokener, rest, ELEMENTSOF(rest), &root);
        if (k < 0)
                return k;
        if (!json_object_is_type(root, json_type_object))
                return -EINVAL;
        k = read_root(&reader, root);
        return k < 0 ? k : reader.n > 0 ? -EINVAL : 0;
}

/* ------------------------------------------------------------------ text at fault */

static int text_fault(Reader *r, const char *path, const char *reason, unsigned line) {
        r->n++;
        if (r->n <= r->max) {
                PolicyFault *f = &r->faults[r->n - 1];

                *f = (PolicyFault) { .line = line };
                (void) snprintf(f->path, sizeof(f->path), "%s", path);
                (void) snprintf(f->reason, sizeof(f->reason), "%s", reason);
        }
        return -EINVAL;
}

static int parse_text(Reader *r, const char *text, size_t length, json_object **ret) {
        const char *reason;

        _cleanup_(json_tokener_freep) JsonTokener *tokener = tokener_new();
        if (!tokener)
                return -ENOMEM;

        _cleanup_(json_object_putp) JsonObject *o = json_tokener_parse_ex(tokener, text, (int) length);
        enum json_tokener_error e = json_tokener_get_error(tokener);
        size_t end = json_tokener_get_parse_end(tokener);

        if (e == json_tokener_success && end == length) {
                *ret = TAKE_PTR(o);
                return 0;
        }
        if (e == json_tokener_success)
                reason = "not JSON: text follows the value";
        else if (e == json_tokener_continue)
                reason = "not JSON: the text ends too early";
        else
                reason = json_tokener_error_desc(e);
        return text_fault(r, "$", reason, json_text_line(text, length, end));
}

/* All of it once more, as one tree, for the faults in their order and for their places. A rule that has been added
 * already is one that is equal, so that nothing but time is lost. */
static int read_faults(Reader *r, const char *text, size_t length) {
        _cleanup_(json_object_putp) JsonObject *root = NULL;
        JsonTextFault text_faults;

        int k = parse_text(r, text, length, &root);
        if (k < 0)
                return k;
        if (json_text_check(text, length, &text_faults) < 0)
                return text_fault(r, text_faults.path, text_faults.reason, text_faults.line);
        if (!json_object_is_type(root, json_type_object))
                return text_fault(r, "$", "a policy is an object", 1);

        k = read_root(r, root);
        for (size_t i = 0; i < MIN(r->n, r->max); i++)
                r->faults[i].line = json_text_locate(text, length, r->faults[i].path);
        return k < 0 ? k : r->n > 0 ? -EINVAL : 0;
}

/* ------------------------------------------------------------------ text */

static int read_text(Reader *r, const char *text, size_t length) {
        while (length > 0 && memchr(" \t\r\n", text[length - 1], 4))
                length--; /* json-c in strict mode takes even a final newline for more text */
        if (length > POLICY_TEXT_MAX)
                return text_fault(r, "$", "the text is larger than 32 MiB", 0);
        if (length == 0)
                return text_fault(r, "$", "the text is empty", 0);
        const char *nul = memchr(text, '\0', length);
        if (nul)
                return text_fault(r, "$", "not JSON: a NUL byte", json_text_line(text, length, (size_t) (nul - text)));

        int k = read_good_text(r->source, text, length);
        return k == 0 || k == -ENOMEM ? k : read_faults(r, text, length);
}

int policy_source_from_json(PolicySource *source, const char *text, size_t length, PolicyFault *faults,
                            size_t n_faults, size_t *ret_n_faults) {
        Reader reader = { .source = source, .faults = faults, .max = n_faults };

        assert(source);
        assert(text || length == 0);
        assert(faults || n_faults == 0);
        assert(ret_n_faults);

        int r = read_text(&reader, text, length);
        *ret_n_faults = reader.n;
        return r;
}
