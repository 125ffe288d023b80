/* SPDX-License-Identifier: Apache-2.0 */

/* What stands in the place of a faulty document: if it is a document at all, it has no rules, denies only in enforce mode,
 * and is for whom a sound document says. */

#include <assert.h>
#include <string.h>

#include "policy/document-outline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_same_match(const PolicyDocument *a, const PolicyDocument *b) {
        assert(a->match.n == b->match.n && a->jobs.n == b->jobs.n);
        for (size_t i = 0; i < a->match.n; i++)
                assert(strcmp(a->match.patterns[i].text, b->match.patterns[i].text) == 0);
}

static void check(const char *text, size_t size, bool is_host, const char *name, const PolicyDocument *sound) {
        _cleanup_(policy_document_done) PolicyDocument d = {};
        _cleanup_(fault_list_done) FaultList faults = {};
        _cleanup_free_ char *outline = NULL;

        int r = document_outline(text, size, is_host, MODE_ENFORCE, name, &outline);
        assert(r == 0 || r == 1 || r == -ENOMEM);
        bool has_match = sound && (sound->match.n > 0 || sound->jobs.n > 0);
        assert(!sound || r != 0 || is_host == has_match);
        if (r <= 0)
                return;
        r = policy_document_from_json(&d, outline, strlen(outline), "file", &faults);
        assert(!sound || r != -EINVAL);
        if (r < 0)
                return;
        Mode mode = d.source.has_mode ? d.source.mode : MODE_ENFORCE;
        assert(d.source.rules.n == 0);
        assert((d.source.default_action == ACTION_DENY) == (mode == MODE_ENFORCE));
        assert(!name || strcmp(d.name, name) == 0);
        if (!sound)
                return;
        assert_same_match(&d, sound);
        assert(mode == (sound->source.has_mode ? sound->source.mode : MODE_ENFORCE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(policy_document_done) PolicyDocument sound = {};
        _cleanup_(fault_list_done) FaultList faults = {};
        const char *text = (const char *) data;

        int r = policy_document_from_json(&sound, text, size, "file", &faults);
        if (r == -ENOMEM)
                return 0;
        for (int i = 0; i < 4; i++)
                check(text, size, (i & 1) != 0, (i & 2) != 0 ? "other" : NULL, r == 0 ? &sound : NULL);
        return 0;
}
