/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/pattern.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "basic/macro.h"

#define NAME_MAX_TEXT 253 /* RFC 1035 2.3.4, without the final dot */
#define LABEL_MAX 63
#define LABELS_MAX ((NAME_MAX_TEXT + 1) / 2)

typedef enum LabelKind {
        LABEL_LITERAL,
        LABEL_ONE,  /* "*" */
        LABEL_MANY, /* "**": one or more */
} LabelKind;

typedef struct Label {
        const char *s; /* borrowed, not terminated */
        uint8_t length;
        uint8_t kind;
} Label;

struct Pattern {
        bool has_wildcard;
        size_t n_labels;
        Label *labels; /* allocated after the struct; they point into the text after them */
};

static int refuse(const char **ret_reason, const char *reason) {
        *ret_reason = reason;
        return -EINVAL;
}

static int label_check(const char *s, size_t n, bool allow_wildcards, const char **ret_reason) {
        if (n == 0)
                return refuse(ret_reason, "the name has an empty label");
        if (n > LABEL_MAX)
                return refuse(ret_reason, "the name has a label longer than 63 bytes");

        size_t stars = strspn(s, "*");
        if (stars > 0 && stars <= 2 && stars == n)
                return allow_wildcards ? 0 : refuse(ret_reason, "a wildcard is not allowed here");

        for (size_t i = 0; i < n; i++) {
                uint8_t c = (uint8_t) s[i];

                if (c >= 0x80)
                        return refuse(ret_reason, "write an international name as A-labels (xn--...)");
                if (c == '*')
                        return refuse(ret_reason, "a wildcard stands for whole labels: * for one, ** for one or more");
                if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
                        return refuse(ret_reason, "a host name can only have letters, digits, hyphens and underscores");
        }
        return 0;
}

static int labels_check(const char *name, bool allow_wildcards, const char **ret_reason) {
        for (const char *s = name;; s++) {
                size_t n = strcspn(s, ".");

                int r = label_check(s, n, allow_wildcards, ret_reason);
                if (r < 0)
                        return r;
                s += n;
                if (*s == '\0')
                        return 0;
        }
}

bool text_is_url(const char *s) {
        assert(s);

        return strstr(s, "://") != NULL;
}

int hostname_canonical(const char *s, bool allow_wildcards, char ret[static 254], const char **ret_reason) {
        char name[NAME_MAX_TEXT + 1];

        assert(s);
        assert(ret_reason);

        size_t n = strnlen(s, NAME_MAX_TEXT + 2);
        if (n > 1 && n <= NAME_MAX_TEXT + 1 && s[n - 1] == '.')
                n--;
        if (n == 0)
                return refuse(ret_reason, "the name is empty");
        if (n > NAME_MAX_TEXT)
                return refuse(ret_reason, "the name is longer than 253 bytes");

        for (size_t i = 0; i < n; i++)
                name[i] = s[i] >= 'A' && s[i] <= 'Z' ? (char) (s[i] - 'A' + 'a') : s[i];
        name[n] = '\0';

        int r = labels_check(name, allow_wildcards, ret_reason);
        if (r < 0)
                return text_is_url(s) ? refuse(ret_reason, URL_REFUSED) : r;

        memcpy(ret, name, n + 1);
        return 0;
}

/* Splits a canonical name of at most LABELS_MAX labels. Returns the number of labels. */
static size_t split(const char *name, Label labels[static LABELS_MAX]) {
        size_t n = 0;

        while (n < LABELS_MAX) {
                size_t length = strcspn(name, ".");

                labels[n++] = (Label) { .s = name, .length = (uint8_t) length };
                if (name[length] == '\0')
                        break;
                name += length + 1;
        }
        return n;
}

static LabelKind label_kind(const Label *l) {
        if (l->length == 1 && l->s[0] == '*')
                return LABEL_ONE;
        if (l->length == 2 && l->s[0] == '*' && l->s[1] == '*')
                return LABEL_MANY;
        return LABEL_LITERAL;
}

int pattern_new(const char *text, Pattern **ret, const char **ret_reason) {
        Label labels[LABELS_MAX];
        char canonical[NAME_MAX_TEXT + 1];

        assert(text);
        assert(ret);
        assert(ret_reason);

        int r = hostname_canonical(text, true, canonical, ret_reason);
        if (r < 0)
                return r;

        size_t n = split(canonical, labels), size = strlen(canonical) + 1;
        _cleanup_(pattern_freep) Pattern *p = calloc(1, sizeof(Pattern) + n * sizeof(Label) + size);
        if (!p)
                return -ENOMEM;

        p->labels = (Label *) (p + 1);
        p->n_labels = split(memcpy(p->labels + n, canonical, size), labels);
        for (size_t i = 0; i < n; i++) {
                p->labels[i] = labels[i];
                p->labels[i].kind = (uint8_t) label_kind(&labels[i]);
                p->has_wildcard = p->has_wildcard || p->labels[i].kind != LABEL_LITERAL;
                if (i > 0 && p->labels[i].kind == LABEL_MANY && p->labels[i - 1].kind == LABEL_MANY)
                        return refuse(ret_reason, "two ** in a row mean the same as one");
        }

        *ret = TAKE_PTR(p);
        return 0;
}

Pattern *pattern_free(Pattern *p) {
        free(p);
        return NULL;
}

bool pattern_has_wildcard(const Pattern *p) {
        assert(p);

        return p->has_wildcard;
}

static bool label_matches(const Label *pattern, const Label *name) {
        return pattern->kind == LABEL_ONE ||
               (pattern->length == name->length && memcmp(pattern->s, name->s, name->length) == 0);
}

bool pattern_matches(const Pattern *p, const char *name) {
        Label labels[LABELS_MAX];

        assert(p);
        assert(name);

        /* Only the last "**" is ever widened: whatever an earlier one could take, this one can take as well. The
         * work is bounded by labels of the name times labels of the pattern. */
        size_t n = split(name, labels), i = 0, j = 0, many = SIZE_MAX, taken = 0;
        while (i < n) {
                if (j < p->n_labels && p->labels[j].kind == LABEL_MANY) {
                        many = j++;
                        taken = ++i;
                } else if (j < p->n_labels && label_matches(&p->labels[j], &labels[i])) {
                        i++;
                        j++;
                } else if (many != SIZE_MAX) {
                        i = ++taken;
                        j = many + 1;
                } else
                        return false;
        }
        return j == p->n_labels;
}
