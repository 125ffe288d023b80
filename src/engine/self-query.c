/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/self-query.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

int self_query_renew(SelfQuery *q) {
        uint64_t secret[2];
        InAddr answer;

        assert(q);

        if (getrandom(secret, sizeof(secret), 0) != sizeof(secret) ||
            getrandom(answer.b, sizeof(answer.b), 0) != sizeof(answer.b))
                return -EIO;
        (void) snprintf(q->name, sizeof(q->name), "%016llx%016llx." SELF_QUERY_ZONE, (unsigned long long) secret[0],
                        (unsigned long long) secret[1]);
        q->answer = answer;
        return 0;
}

bool self_query_answer(const SelfQuery *s, const DnsQuery *question, DnsAnswer *ret) {
        assert(s);
        assert(question);
        assert(ret);

        if (question->type != DNS_TYPE_AAAA || s->name[0] == '\0' || strcmp(question->name, s->name) != 0)
                return false;
        dns_answer_init(ret, DNS_TYPE_AAAA);
        ret->n_addrs = 1;
        ret->addrs[0] = s->answer;
        return true;
}

bool self_query_owns(const char *name) {
        size_t n = strlen(name), zone = strlen(SELF_QUERY_ZONE);

        return n >= zone && strcmp(name + n - zone, SELF_QUERY_ZONE) == 0 && (n == zone || name[n - zone - 1] == '.');
}
