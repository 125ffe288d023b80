/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rule-shape.h"

#include <assert.h>
#include <string.h>

#define N_SHAPES 256U /* a power of two */
#define N_PROBES 4U

typedef struct Shape {
        JsonElement rule; /* with it; end 0: none */
        RuleText read;    /* without its value */
} Shape;

struct RuleShapes {
        const char *text; /* borrowed */
        Shape shapes[N_SHAPES];
};

int rule_shapes_new(const char *text, RuleShapes **ret) {
        assert(text);
        assert(ret);

        RuleShapes *s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->text = text;
        *ret = s;
        return 0;
}

RuleShapes *rule_shapes_free(RuleShapes *s) {
        free(s);
        return NULL;
}

/* Within a string, these bytes stand for themselves, whatever is around them. */
static bool is_plain(const char *s, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (s[i] < 0x20 || s[i] > 0x7e || s[i] == '"' || s[i] == '\\')
                        return false;
        return true;
}

/* Is the value a string that json-c hands on as it is? */
static bool has_plain_value(const RuleShapes *s, const JsonElement *e) {
        size_t n = e->string_end - e->string;

        return e->string_end > 0 && n <= RULE_SHAPE_VALUE_MAX && is_plain(s->text + e->string, n);
}

static uint64_t hash_bytes(uint64_t hash, const char *s, size_t n) {
        uint64_t word = 0;

        for (; n >= sizeof(word); s += sizeof(word), n -= sizeof(word)) {
                memcpy(&word, s, sizeof(word));
                hash = (hash ^ word ^ hash >> 29) * 0x9e3779b97f4a7c15ULL;
        }
        word = 0;
        memcpy(&word, s, n);
        return (hash ^ word ^ hash >> 29) * 0x9e3779b97f4a7c15ULL;
}

static size_t first_place(const RuleShapes *s, const JsonElement *e) {
        uint64_t hash = hash_bytes(0, s->text + e->begin, e->string - e->begin);

        return (size_t) (hash_bytes(hash, s->text + e->string_end, e->end - e->string_end) >> 32);
}

static bool is_like(const RuleShapes *s, const JsonElement *a, const JsonElement *b) {
        size_t before = a->string - a->begin, behind = a->end - a->string_end;

        return before == b->string - b->begin && behind == b->end - b->string_end &&
               memcmp(s->text + a->begin, s->text + b->begin, before) == 0 &&
               memcmp(s->text + a->string_end, s->text + b->string_end, behind) == 0;
}

bool rule_shapes_find(const RuleShapes *s, const JsonElement *e, char buf[static RULE_SHAPE_VALUE_MAX + 1],
                      RuleText *ret) {
        assert(s);
        assert(e);
        assert(ret);

        if (!has_plain_value(s, e))
                return false;
        size_t place = first_place(s, e), n = e->string_end - e->string;
        for (size_t i = 0; i < N_PROBES; i++) {
                const Shape *shape = &s->shapes[(place + i) % N_SHAPES];

                if (shape->rule.end == 0)
                        return false;
                if (!is_like(s, &shape->rule, e))
                        continue;
                memcpy(buf, s->text + e->string, n);
                buf[n] = '\0';
                *ret = shape->read;
                ret->value = buf;
                return true;
        }
        return false;
}

void rule_shapes_add(RuleShapes *s, const JsonElement *e, const RuleText *rule) {
        assert(s);
        assert(e);
        assert(rule);

        if (!has_plain_value(s, e))
                return;
        size_t place = first_place(s, e), i = 0;
        while (i < N_PROBES - 1 && s->shapes[(place + i) % N_SHAPES].rule.end > 0)
                i++;
        s->shapes[(place + i) % N_SHAPES] = (Shape) { .rule = *e, .read = *rule };
        s->shapes[(place + i) % N_SHAPES].read.value = NULL;
}
