/* SPDX-License-Identifier: Apache-2.0 */

#include "policy/grant-table.h"

#include <assert.h>
#include <string.h>

void grant_table_done(GrantTable *t) {
        assert(t);

        for (size_t i = 0; i < t->n; i++)
                free(t->grants[i].host);
        free(t->grants);
        *t = (GrantTable) {};
}

static RuleType type_of(const char *host) {
        InAddr addr;

        return in_addr_parse(host, &addr) >= 0 ? RULE_CIDR : RULE_HOSTNAME;
}

static Grant *find(const GrantTable *t, uint64_t job, const char *host) {
        for (size_t i = 0; i < t->n; i++)
                if (t->grants[i].job == job && strcmp(t->grants[i].host, host) == 0)
                        return &t->grants[i];
        return NULL;
}

int grant_table_add(GrantTable *t, uint64_t job, const char *host, uint64_t until_nsec) {
        _cleanup_free_ char *copy = NULL;
        const char *reason;
        RuleValue value;
        Grant *grants;
        int r;

        assert(t);
        assert(job != 0);
        assert(host);

        Grant *old = find(t, job, host);
        if (old) {
                old->until_nsec = MAX(old->until_nsec, until_nsec);
                return 0;
        }
        r = rule_value_parse(type_of(host), host, &value, &reason);
        if (r < 0)
                return r;
        if (grant_table_count(t, job) >= GRANTS_PER_JOB_MAX)
                return -ENOSPC;
        copy = strdup(host);
        grants = copy ? reallocarray(t->grants, t->n + 1, sizeof(*grants)) : NULL;
        if (!grants)
                return -ENOMEM;
        t->grants = grants;
        size_t i = t->n;
        for (size_t k = 0; k < t->n; k++)
                if (grants[k].job == job)
                        i = k + 1;
        memmove(&grants[i + 1], &grants[i], (t->n++ - i) * sizeof(*grants));
        grants[i] = (Grant) { .job = job, .until_nsec = until_nsec, .host = TAKE_PTR(copy) };
        return 0;
}

size_t grant_table_count(const GrantTable *t, uint64_t job) {
        size_t n = 0;

        assert(t);

        for (size_t i = 0; i < t->n; i++)
                n += t->grants[i].job == job;
        return n;
}

uint64_t grant_table_job(const GrantTable *t, size_t i) {
        assert(t);

        for (size_t k = 0; k < t->n; k++)
                if ((k == 0 || t->grants[k].job != t->grants[k - 1].job) && i-- == 0)
                        return t->grants[k].job;
        return 0;
}

/* Removes the job's grants that have expired. */
static size_t end(GrantTable *t, uint64_t job, uint64_t now_nsec) {
        size_t kept = 0, n = t->n;

        for (size_t i = 0; i < n; i++)
                if (t->grants[i].job == job && t->grants[i].until_nsec <= now_nsec)
                        free(t->grants[i].host);
                else
                        t->grants[kept++] = t->grants[i];
        t->n = kept;
        return n - kept;
}

size_t grant_table_revoke(GrantTable *t, uint64_t job) {
        assert(t);

        return end(t, job, UINT64_MAX);
}

uint64_t grant_table_expire(GrantTable *t, uint64_t now_nsec) {
        assert(t);

        for (size_t i = 0; i < t->n; i++)
                if (t->grants[i].until_nsec <= now_nsec) {
                        uint64_t job = t->grants[i].job;

                        (void) end(t, job, now_nsec);
                        return job;
                }
        return 0;
}

uint64_t grant_table_next_end(const GrantTable *t) {
        uint64_t first = UINT64_MAX;

        assert(t);

        for (size_t i = 0; i < t->n; i++)
                first = MIN(first, t->grants[i].until_nsec);
        return first;
}

int grant_table_policy(const GrantTable *t, uint64_t job, Policy **ret) {
        _cleanup_(policy_source_done) PolicySource source = { .default_action = ACTION_DENY };
        const char *reason;
        size_t n = 0;

        assert(t);
        assert(ret);

        for (size_t i = 0; i < t->n; i++) {
                const Grant *g = &t->grants[i];

                if (g->job != job)
                        continue;
                /* On all ports: an administrator who grants a host rarely knows which ports the job uses. */
                int r = rule_list_add(&source.rules, type_of(g->host), g->host, ACTION_ALLOW, TIER_USER, NULL, 0, false,
                                      &reason);
                if (r < 0)
                        return r;
                n++;
        }
        return n == 0 ? -ENOENT : policy_new(&source, ret);
}
