/* SPDX-License-Identifier: Apache-2.0 */

/* Documents that say the same of whom they are for: only one of them applies. */

#include <errno.h>
#include <string.h>

#include "ctl/preflight.h"
#include "host/policy-files.h"

static const MatchPattern *shared_pattern(const MatchList *a, const MatchList *b) {
        for (size_t i = 0; i < a->n; i++)
                for (size_t k = 0; k < b->n; k++)
                        if (a->patterns[i].kind == b->patterns[k].kind && strcmp(a->patterns[i].text, b->patterns[k].text) == 0)
                                return &a->patterns[i];
        return NULL;
}

static bool warn_of_pair(CheckTable *t, const PolicyFile *first, const PolicyFile *second) {
        const MatchPattern *p = shared_pattern(&first->document.match, &second->document.match);

        if (!p)
                return false;
        check_advise(check_add(t, "documents", CHECK_WARN, "%.60s and %.60s both match \"%.80s\"", first->document.name,
                               second->document.name, p->text),
                     "only %.60s applies there, since its file name sorts first: remove the match from one of them", first->document.name);
        return true;
}

void check_documents(CheckTable *t) {
        _cleanup_(policy_files_done) PolicyFiles files = {};
        _cleanup_(fault_list_done) FaultList faults = {};
        char text[FAULT_TEXT_MAX];

        int r = policy_files_load(t->root, &files, &faults);
        if (r < 0) {
                if (faults.n > 0 && !strstr(faults.faults[0].reason, strerror(EACCES))) /* that, other rows say */
                        check_advise(check_add(t, "documents", CHECK_FAIL, "%.250s", fault_format(&faults.faults[0], NULL, text)),
                                     "repair it, and run \"cargowallctl reload\": until then, no changed document is taken");
                return;
        }
        for (size_t i = 0; i < files.n; i++)
                for (size_t k = i + 1; k < files.n; k++)
                        if (warn_of_pair(t, &files.files[i], &files.files[k]))
                                return;
        (void) check_add(t, "documents", CHECK_OK, "%zu, without errors; no two match the same", files.n);
}
