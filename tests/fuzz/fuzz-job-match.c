/* SPDX-License-Identifier: Apache-2.0 */

/* Lines: "p:", a label's key, "=" and a glob, gathered into a pattern; "n:" ends it, "d:" ends the document; others are
 * labels of the job. A copy of the documents says the same. */

#include <assert.h>
#include <string.h>

#include "policy/job-match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LISTS_MAX 4
#define LABELS_MAX 16

static void add_glob(JobPattern *p, char *text) {
        const char *reason = NULL;
        char *glob = strchr(text, '=');

        if (!glob)
                return;
        *glob++ = '\0';
        int r = job_pattern_add(p, text, glob, &reason);
        assert(r == 0 || (r == -EINVAL && reason));
}

static void end_pattern(JobMatchList *l, JobPattern *p) {
        const char *reason = NULL;
        int r = job_match_list_add(l, p, &reason);

        assert(r == 0 || (r == -EINVAL && reason));
        job_pattern_done(p);
}

static void check_copy(const JobMatchList *const *lists, size_t n, const char *const *labels, size_t n_labels) {
        JobMatchList copies[LISTS_MAX] = {};
        const JobMatchList *pointers[LISTS_MAX];
        int found = job_match_documents(lists, n, labels, n_labels);

        assert(found < (int) n && (found >= 0 || found == -ENOENT));
        for (size_t i = 0; i < n; i++) {
                assert(job_match_list_copy(lists[i], &copies[i]) == 0);
                pointers[i] = &copies[i];
        }
        assert(job_match_documents(pointers, n, labels, n_labels) == found);
        for (size_t i = 0; i < n; i++)
                job_match_list_done(&copies[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = calloc(1, size + 1);
        JobMatchList lists[LISTS_MAX] = {};
        const JobMatchList *pointers[LISTS_MAX] = { &lists[0], &lists[1], &lists[2], &lists[3] };
        const char *labels[LABELS_MAX];
        size_t n = 0, n_labels = 0;
        JobPattern p = {};

        if (!text)
                return 0;
        if (size > 0)
                memcpy(text, data, size);
        char *rest = text;
        for (char *line; (line = strsep(&rest, "\n"));) {
                if (line[0] == 'p' && line[1] == ':')
                        add_glob(&p, line + 2);
                else if (line[0] == 'n' && line[1] == ':' && n < LISTS_MAX)
                        end_pattern(&lists[n], &p);
                else if (line[0] == 'd' && line[1] == ':' && n < LISTS_MAX)
                        n++;
                else if (n_labels < LABELS_MAX)
                        labels[n_labels++] = line;
        }
        check_copy(pointers, n, labels, n_labels);
        for (size_t i = 0; i < LISTS_MAX; i++)
                job_match_list_done(&lists[i]);
        job_pattern_done(&p);
        return 0;
}
