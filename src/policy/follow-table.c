/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/follow-table.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define UID_NOBODY 65534U
#define UID_DYNAMIC_MIN 61184U /* systemd's, on every distribution: UIDS-GIDS of its documentation */
#define UID_DYNAMIC_MAX 65519U

void follow_table_done(FollowTable *t) {
        assert(t);

        free(t->entries);
        *t = (FollowTable) {};
}

bool follow_user_is_valid(uint32_t uid) {
        return uid != 0 && uid != UID_NOBODY && uid != UINT16_MAX && uid != UINT32_MAX;
}

/* ------------------------------------------------------------------ the table */

static size_t find_place(const FollowTable *t, uint32_t uid, const char *scope, bool *ret_found) {
        size_t i = 0;

        while (i < t->n && (t->entries[i].uid < uid || (t->entries[i].uid == uid && strcmp(t->entries[i].scope, scope) < 0)))
                i++;
        *ret_found = i < t->n && t->entries[i].uid == uid && strcmp(t->entries[i].scope, scope) == 0;
        return i;
}

int follow_table_add(FollowTable *t, uint32_t uid, const char *scope) {
        FollowEntry *entries;
        bool found;

        assert(t);
        assert(scope && strlen(scope) <= POLICY_NAME_MAX);

        if (!follow_user_is_valid(uid))
                return -EINVAL;
        size_t i = find_place(t, uid, scope, &found);
        if (found) {
                t->entries[i].seen = true;
                return 0;
        }
        if (t->n == FOLLOW_USERS_MAX)
                return -ENOSPC;
        entries = reallocarray(t->entries, t->n + 1, sizeof(*entries));
        if (!entries)
                return -ENOMEM;
        t->entries = entries;
        memmove(&entries[i + 1], &entries[i], (t->n - i) * sizeof(*entries));
        t->n++;
        entries[i] = (FollowEntry) { .uid = uid, .seen = true };
        (void) snprintf(entries[i].scope, sizeof(entries[i].scope), "%s", scope);
        return 1;
}

static void remove_at(FollowTable *t, size_t i) {
        memmove(&t->entries[i], &t->entries[i + 1], (t->n - i - 1) * sizeof(*t->entries));
        t->n--;
}

bool follow_table_retain(FollowTable *t, const PolicySet *s) {
        size_t before;

        assert(t);
        assert(s);

        before = t->n;
        for (size_t i = t->n; i-- > 0;) {
                const Document *d = policy_set_find(s, t->entries[i].scope);
                if (!d || !d->follow)
                        remove_at(t, i);
        }
        return t->n < before;
}

bool follow_table_sweep(FollowTable *t) {
        size_t before;

        assert(t);

        before = t->n;
        for (size_t i = t->n; i-- > 0;) {
                FollowEntry *e = &t->entries[i];

                if (!e->seen && e->uid >= UID_DYNAMIC_MIN && e->uid <= UID_DYNAMIC_MAX)
                        remove_at(t, i);
                else
                        e->seen = false;
        }
        return t->n < before;
}

int follow_table_documents(const FollowTable *t, const PolicySet *s, uint32_t uid, const Document *ret[static CW_CHAIN_MAX]) {
        size_t n = 0;

        assert(t);
        assert(s);
        assert(ret);

        for (size_t i = 0; i < t->n; i++) {
                const Document *d = t->entries[i].uid == uid ? policy_set_find(s, t->entries[i].scope) : NULL;

                if (!d)
                        continue;
                if (n == CW_CHAIN_MAX)
                        return -E2BIG;
                ret[n++] = d;
        }
        return (int) n;
}

int follow_table_next(const FollowTable *t, uint32_t uid, uint32_t *ret) {
        assert(t);
        assert(ret);

        for (size_t i = 0; i < t->n; i++)
                if (uid == UINT32_MAX || t->entries[i].uid > uid) {
                        *ret = t->entries[i].uid;
                        return 0;
                }
        return -ENOENT;
}

/* ------------------------------------------------------------------ texts */

const Document *follow_document_of(const PolicySet *s, const char *cgroup) {
        const MatchList *lists[POLICY_DOCUMENTS_MAX];
        int i;

        assert(s);
        assert(cgroup);
        assert(s->documents.n <= POLICY_DOCUMENTS_MAX);

        for (size_t k = 0; k < s->documents.n; k++)
                lists[k] = &s->documents.items[k].match;
        i = match_documents(lists, s->documents.n, cgroup);
        return i >= 0 && s->documents.items[i].follow && !match_is_container(cgroup) ? &s->documents.items[i] : NULL;
}

/* Decimal, as the kernel and systemd write it. Returns what follows; NULL: it is no number. */
static const char *read_number(const char *s, uint32_t *ret) {
        uint64_t n = 0;
        const char *start = s;

        for (; *s >= '0' && *s <= '9'; s++) {
                n = n * 10 + (uint64_t) (*s - '0');
                if (n > UINT32_MAX)
                        return NULL;
        }
        if (s == start || (*start == '0' && s > start + 1))
                return NULL;
        *ret = (uint32_t) n;
        return s;
}

int follow_manager_of(const char *cgroup, uint32_t *ret_uid) {
        static const char before[] = "/user.slice/user-", between[] = ".slice/user@", after[] = ".service";
        uint32_t slice = 0, manager = 0;
        const char *s;

        assert(cgroup);
        assert(ret_uid);

        if (strncmp(cgroup, before, strlen(before)) != 0)
                return -ENOENT;
        s = read_number(cgroup + strlen(before), &slice);
        if (!s || strncmp(s, between, strlen(between)) != 0)
                return -ENOENT;
        s = read_number(s + strlen(between), &manager);
        if (!s || strncmp(s, after, strlen(after)) != 0 || (s[strlen(after)] != '\0' && s[strlen(after)] != '/') || slice != manager)
                return -ENOENT;
        *ret_uid = manager;
        return 0;
}

/* The value of a line; the name of the process, in the first one, has no line breaks: the kernel escapes them. */
static const char *find_value(const char *text, const char *key) {
        const char *line = text;

        while (line && strncmp(line, key, strlen(key)) != 0) {
                line = strchr(line, '\n');
                line = line ? line + 1 : NULL;
        }
        return line ? line + strlen(key) : NULL;
}

int follow_user_of_status(const char *text, uint32_t *ret_uid) {
        const char *parent, *user;
        uint32_t ppid = 0, uid = 0;

        assert(text);
        assert(ret_uid);

        parent = find_value(text, "PPid:\t");
        user = find_value(text, "Uid:\t");
        parent = parent ? read_number(parent, &ppid) : NULL;
        user = user ? read_number(user, &uid) : NULL;
        if (!parent || *parent != '\n' || !user || *user != '\t')
                return -EBADMSG;
        if (ppid != 1)
                return -ENOENT;
        *ret_uid = uid;
        return 0;
}
