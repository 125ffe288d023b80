/* SPDX-License-Identifier: Apache-2.0 */

#include "policy/document.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void document_done(Document *d) {
        free(d->name);
        free(d->source);
        free(d->text);
        match_list_done(&d->match);
        job_match_list_done(&d->jobs);
        policy_free(d->policy);
        *d = (Document) {};
}

void documents_done(Documents *d) {
        for (size_t i = 0; i < d->n; i++)
                document_done(&d->items[i]);
        free(d->items);
        *d = (Documents) {};
}

void document_fault_too_dense(FaultList *faults) {
        (void) fault_list_add(faults, "$.rules", 0, "more port rules cover one address than fit");
}

int document_init_none(Document *ret) {
        _cleanup_(document_done) Document d = { .origin = DOCUMENT_NONE, .inbound = true };

        assert(ret);

        d.name = strdup(POLICY_HOST_NAME);
        if (!d.name)
                return -ENOMEM;
        *ret = d;
        d = (Document) {};
        return 0;
}

int document_fill(Document *d, PolicyDocument *parsed, size_t size) {
        int r;

        assert(d);
        assert(parsed);

        if (!d->name)
                d->name = TAKE_PTR(parsed->name);
        d->has_mode = parsed->source.has_mode;
        d->mode = parsed->source.mode;
        d->match = parsed->match;
        parsed->match = (MatchList) {};
        d->follow = parsed->follow;
        d->jobs = parsed->jobs;
        parsed->jobs = (JobMatchList) {};
        d->inbound = parsed->has_inbound ? parsed->inbound : d->jobs.n > 0 || (d->name && document_is_host(d));
        d->size = size;
        r = policy_new(&parsed->source, &d->policy);
        if (r < 0)
                return r;
        d->n_rules = (uint32_t) policy_n_rules(d->policy);
        return 0;
}

static int copy_match(const Document *from, Document *to) {
        const char *reason;

        for (size_t i = 0; i < from->match.n; i++) {
                int r = match_list_add(&to->match, from->match.patterns[i].kind, from->match.patterns[i].text, &reason);
                if (r < 0)
                        return r;
        }
        to->follow = from->follow;
        return job_match_list_copy(&from->jobs, &to->jobs);
}

int document_replace(const Document *d, const char *text, size_t size, const char *digest, Document *ret,
                     FaultList *faults) {
        _cleanup_(policy_document_done) PolicyDocument parsed = {};
        _cleanup_(document_done) Document new = { .origin = DOCUMENT_BUS };
        bool is_host = document_is_host(d);
        int r;

        assert(d);
        assert(text);
        assert(digest);
        assert(ret);
        assert(faults);

        r = policy_document_from_json(&parsed, text, size, d->name, faults);
        if (r < 0)
                return r;
        if ((is_host && (parsed.match.n > 0 || parsed.jobs.n > 0)) || strcmp(parsed.name, d->name) != 0) {
                (void) fault_list_add(faults, "$", 0,
                                      is_host ? "the host's policy cannot have a name or a match" :
                                                "its name is that of another scope");
                return -EINVAL;
        }
        r = document_fill(&new, &parsed, size);
        if (r == -E2BIG)
                document_fault_too_dense(faults);
        if (r >= 0 && new.match.n == 0 && new.jobs.n == 0)
                r = copy_match(d, &new);
        if (r < 0)
                return r;
        new.inbound = parsed.has_inbound ? parsed.inbound : is_host || new.jobs.n > 0;
        new.source = strdup(DOCUMENT_SOURCE_BUS);
        new.text = strndup(text, size);
        if (!new.source || !new.text)
                return -ENOMEM;
        (void) snprintf(new.digest, sizeof(new.digest), "%s", digest);
        *ret = new;
        new = (Document) {};
        return 0;
}

int document_validate(const char *text, size_t size, FaultList *faults) {
        _cleanup_(policy_document_done) PolicyDocument parsed = {};
        _cleanup_(policy_freep) Policy *policy = NULL;
        int r;

        r = policy_document_from_json(&parsed, text, size, NULL, faults);
        if (r < 0)
                return r;
        r = policy_new(&parsed.source, &policy);
        if (r == -E2BIG)
                document_fault_too_dense(faults);
        return r;
}
